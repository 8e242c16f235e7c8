//! MidoNet's media types: `application/vnd.org.midonet.Bridge-v4+json`, for a list
//! `application/vnd.org.midonet.collection.Bridge-v4+json`. Plain `application/json` and no type at
//! all are taken for the resource's own; any other is answered with 406, a body's type, too.

use axum::http::{HeaderMap, HeaderName, header};

use crate::error::ApiError;

const PREFIX: &str = "application/vnd.org.midonet.";
const PLAIN: &str = "application/json";

/// The media type of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    /// `Bridge`, or `collection.Bridge`.
    name: &'static str,
    /// Versions that are served alike; the first is the one of the answers.
    versions: &'static [u8],
    collection: bool,
}

impl Media {
    /// A resource's type.
    pub(crate) const fn new(name: &'static str, versions: &'static [u8]) -> Self {
        Self {
            name,
            versions,
            collection: false,
        }
    }

    /// The type of a list of the resource.
    pub(crate) const fn collection(self) -> Self {
        Self {
            collection: true,
            ..self
        }
    }

    /// The type that an answer has, for a request's `Accept`.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Result<String, ApiError> {
        let own = || self.text(self.versions.first().copied().unwrap_or(1));
        let mut given = headers.get_all(header::ACCEPT).iter();
        if given.all(|value| value.is_empty()) {
            return Ok(own());
        }
        for wanted in values(headers, &header::ACCEPT) {
            match wanted.as_str() {
                "*/*" | "application/*" => return Ok(own()),
                other if is_plain(other) => return Ok(PLAIN.to_owned()),
                other if self.is(other) => return Ok(wanted),
                _ => {}
            }
        }
        let own = own();
        Err(ApiError::NotAcceptable(format!(
            "this is served as {own} or {PLAIN}, and Accept takes neither"
        )))
    }

    /// Checks the type of a request's body.
    pub(crate) fn check_body(self, headers: &HeaderMap) -> Result<(), ApiError> {
        for sent in values(headers, &header::CONTENT_TYPE) {
            if !is_plain(&sent) && !self.is(&sent) {
                return Err(ApiError::NotAcceptable(format!(
                    "a body of type {sent} is not taken here; send {} or {PLAIN}",
                    self.text(self.versions.first().copied().unwrap_or(1))
                )));
            }
        }
        Ok(())
    }

    fn is(self, text: &str) -> bool {
        self.versions
            .iter()
            .any(|version| text.eq_ignore_ascii_case(&self.text(*version)))
    }

    fn text(self, version: u8) -> String {
        let collection = if self.collection { "collection." } else { "" };
        format!("{PREFIX}{collection}{}-v{version}+json", self.name)
    }
}

fn is_plain(text: &str) -> bool {
    text.eq_ignore_ascii_case(PLAIN)
}

/// The media types in a header, without their parameters; those with `q=0` are left out.
fn values(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next()?;
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            (!kind.is_empty() && !refused).then(|| kind.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRIDGE: Media = Media::new("Bridge", &[4, 5]);

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn answer(media: Media, accept: &'static str) -> Option<String> {
        media.answer(&headers(header::ACCEPT, accept)).ok()
    }

    #[test]
    fn an_answer_has_the_type_that_was_asked_for() {
        let v4 = "application/vnd.org.midonet.Bridge-v4+json";
        let v5 = "application/vnd.org.midonet.Bridge-v5+json";
        assert_eq!(answer(BRIDGE, v5).as_deref(), Some(v5));
        assert_eq!(
            answer(BRIDGE, "application/json").as_deref(),
            Some("application/json")
        );
        assert_eq!(answer(BRIDGE, "*/*").as_deref(), Some(v4));
        assert_eq!(answer(BRIDGE, "text/html, */*; q=0.1").as_deref(), Some(v4));
        assert_eq!(BRIDGE.answer(&HeaderMap::new()).ok().as_deref(), Some(v4));
    }

    #[test]
    fn a_type_of_another_resource_is_refused() {
        assert_eq!(
            answer(BRIDGE, "application/vnd.org.midonet.Port-v3+json"),
            None
        );
        assert_eq!(
            answer(BRIDGE, "application/vnd.org.midonet.Bridge-v9+json"),
            None
        );
        assert_eq!(
            answer(
                BRIDGE,
                "application/vnd.org.midonet.collection.Bridge-v4+json"
            ),
            None
        );
        assert_eq!(
            answer(
                BRIDGE.collection(),
                "application/vnd.org.midonet.Bridge-v4+json"
            ),
            None
        );
    }

    #[test]
    fn a_client_that_takes_nothing_gets_nothing_and_an_empty_header_says_nothing() {
        assert_eq!(answer(BRIDGE, "*/*;q=0"), None);
        assert!(answer(BRIDGE, "").is_some());
    }

    #[test]
    fn a_body_may_have_no_type_or_parameters() {
        let check = |value| BRIDGE.check_body(&headers(header::CONTENT_TYPE, value));
        assert!(BRIDGE.check_body(&HeaderMap::new()).is_ok());
        assert!(check("application/json; charset=utf-8").is_ok());
        assert!(check("application/vnd.org.midonet.Bridge-v4+json").is_ok());
        assert!(check("application/vnd.org.midonet.Port-v3+json").is_err());
        assert!(check("text/plain").is_err());
    }
}
