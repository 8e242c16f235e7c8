//! Absolute addresses in answers, as the client sees the service: from `Host`, or from what a proxy
//! says it was (`X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Prefix`).

use axum::http::{HeaderMap, header};

/// The path below which the API lies.
pub(crate) const BASE_PATH: &str = "/midonet-api";

/// Makes addresses for the answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Urls {
    /// Scheme, host and port.
    origin: String,
    base: String,
}

impl Urls {
    /// From a request's headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            // A chain of proxies lists what each saw; the first is the client's.
            let first = value.split(',').next()?.trim();
            (!first.is_empty()).then_some(first)
        };
        let scheme = match text("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        };
        let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str()));
        let prefix = text("x-forwarded-prefix")
            .unwrap_or("")
            .trim_end_matches('/');
        let origin = format!("{scheme}://{}", host.unwrap_or("localhost"));
        Self {
            base: format!("{origin}{prefix}{BASE_PATH}"),
            origin,
        }
    }

    /// Whether an `Origin` is the service itself.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        self.origin.eq_ignore_ascii_case(origin)
    }

    /// The address of a path below the base, which begins with `/` or is empty.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// A text as one part of a path, or as a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(headers: &[(&'static str, &'static str)]) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Urls::of(&headers).to("")
    }

    #[test]
    fn addresses_are_as_the_client_sees_them() {
        assert_eq!(
            base(&[("host", "10.0.0.1:8181")]),
            "http://10.0.0.1:8181/midonet-api"
        );
        assert_eq!(
            base(&[
                ("host", "127.0.0.1:8181"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "cloud.example, inner.example"),
                ("x-forwarded-prefix", "/net/"),
            ]),
            "https://cloud.example/net/midonet-api"
        );
    }
}
