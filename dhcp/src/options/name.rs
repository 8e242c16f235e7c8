//! Host names and lists of domain names (RFC 1035 §3.1 and §4.1.4, RFC 1123 §2.1, RFC 3397).

use std::collections::HashMap;

/// The longest host name in characters (RFC 1123 §2.1).
const MAX_NAME: usize = 253;
/// The longest label in bytes.
const MAX_LABEL: usize = 63;
/// How far back a compression pointer can point.
const MAX_POINTER: usize = 0x3fff;

/// Whether a text is a host name: labels of letters, digits and inner hyphens.
pub(crate) fn is_host_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('.').all(|label| {
            (1..=MAX_LABEL).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// Writes domain names one after another, each suffix that stood before as a pointer to it. None when
/// one is not a domain name; underscores are allowed, and a dot at its end.
pub(crate) fn encode_domains<'a>(names: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut suffixes: HashMap<String, u16> = HashMap::new();
    for name in names {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if !is_host_name(&name.replace('_', "x")) {
            return None;
        }
        let mut rest = Some(name.as_str());
        while let Some(suffix) = rest {
            if let Some(at) = suffixes.get(suffix) {
                out.extend((0xc000 | at).to_be_bytes());
                break;
            }
            if let Some(at) = u16::try_from(out.len())
                .ok()
                .filter(|&at| usize::from(at) <= MAX_POINTER)
            {
                suffixes.insert(suffix.to_owned(), at);
            }
            let (label, after) = suffix
                .split_once('.')
                .map_or((suffix, None), |(label, after)| (label, Some(after)));
            out.push(u8::try_from(label.len()).ok()?);
            out.extend(label.as_bytes());
            rest = after;
        }
        if rest.is_none() {
            out.push(0);
        }
    }
    Some(out)
}
