//! From an option as an operator writes it to what it makes the server do.

use super::code;
use super::table::{self, Kind};
use super::value;

/// The longest value in bytes. A longer one would fit in no reply where the MTU is the usual 1,500.
pub const MAX_VALUE: usize = 1024;
/// How much of a wrong value a message shows, in characters.
const SHOWN: usize = 60;

/// Names of what is not an option, but configured like one.
const NEXT_SERVER: &[&str] = &["server-ip-address", "next-server", "siaddr"];
const BOOTFILE_ALT: &[&str] = &["bootfile-name-alt"];

/// An option that cannot be configured.
struct Owned {
    code: u8,
    names: &'static [&'static str],
    why: &'static str,
}

const fn owned(code: u8, names: &'static [&'static str], why: &'static str) -> Owned {
    Owned { code, names, why }
}

const COMPUTED: &str = "the server computes it for each reply";
const FROM_CLIENT: &str = "only clients send it";
const STRUCTURE: &str = "it is a part of the message's structure \
    (the server that a client boots from next is called server-ip-address)";

#[rustfmt::skip]
static OWNED: &[Owned] = &[
    owned(code::PAD, &["pad"], STRUCTURE),
    owned(code::REQUESTED_ADDRESS, &["requested-address", "address-request"], FROM_CLIENT),
    owned(code::OVERLOAD, &["option-overload", "overload"], COMPUTED),
    owned(code::MESSAGE_TYPE, &["message-type", "dhcp-message-type"], COMPUTED),
    owned(code::SERVER_ID, &["server-identifier", "server-id"], "it is the server's address, which the subnet gives"),
    owned(code::PARAMETER_REQUEST_LIST, &["parameter-request-list", "parameter-request"], FROM_CLIENT),
    owned(code::MAX_MESSAGE_SIZE, &["max-message-size"], FROM_CLIENT),
    owned(code::CLIENT_ID, &["client-id", "client-identifier"], "the server gives back what the client sent"),
    owned(code::RAPID_COMMIT, &["rapid-commit"], "the server always answers in four messages"),
    owned(code::RELAY_AGENT, &["agent-id", "relay-agent-information"], "only relay agents send it"),
    owned(code::END, &["end"], STRUCTURE),
];

/// What a configured option sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// An option of the reply.
    Option(u8),
    /// The fixed field `siaddr`: the server that a client boots from next.
    NextServer,
}

/// Which clients a configured option is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Condition {
    /// All.
    Always,
    /// Those that run iPXE.
    Ipxe,
    /// Those that do not.
    NotIpxe,
}

/// A valid configured option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsedOption {
    /// What it sets.
    pub target: Target,
    /// For whom.
    pub condition: Condition,
    /// Its bytes, at most [`MAX_VALUE`]; none when the option shall not be sent.
    pub value: Option<Vec<u8>>,
}

/// Why a configured option is not valid.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionError {
    /// Neither a number nor a known name.
    #[error(
        "there is no DHCP option called '{name}': give its number, or its name at IANA or in dnsmasq"
    )]
    UnknownName {
        /// As written, shortened.
        name: String,
    },
    /// A number that is no code.
    #[error("option {number}: codes of DHCP options are 1 to 254")]
    BadNumber {
        /// As written, shortened.
        number: String,
    },
    /// A tag other than `ipxe` and `!ipxe`.
    #[error("tag '{tag}': the only tags are ipxe and !ipxe")]
    UnknownTag {
        /// As written, shortened.
        tag: String,
    },
    /// An option that the protocol itself needs, or that only clients and relay agents send.
    #[error("option {code} cannot be configured: {why}")]
    Owned {
        /// Which.
        code: u8,
        /// Who sets it, and how.
        why: &'static str,
    },
    /// An empty value for an option without which clients take no lease.
    #[error("{option} cannot be left out: clients need it")]
    Needed {
        /// Number and name.
        option: String,
    },
    /// A value that is not written as its type is.
    #[error("{option} wants {wants}, not '{got}'")]
    Value {
        /// Number and name.
        option: String,
        /// What it looks like.
        wants: String,
        /// As written, shortened.
        got: String,
    },
    /// A newline or another control character.
    #[error("{option} contains a control character: '{got}'")]
    Control {
        /// Number and name.
        option: String,
        /// As written, escaped and shortened.
        got: String,
    },
    /// More than [`MAX_VALUE`] bytes.
    #[error("{option} has {len} bytes, but at most {MAX_VALUE} fit in a reply")]
    TooLong {
        /// Number and name.
        option: String,
        /// How many.
        len: usize,
    },
}

/// Reads a configured option.
///
/// `code` is `[tag:ipxe,|tag:!ipxe,][option:]NUMBER-or-NAME`, as in Neutron's extra DHCP options. Besides
/// the names of [`table::TABLE`] there are `server-ip-address` (or `next-server`), which sets `siaddr`,
/// and OVN's `bootfile-name-alt`, the boot file of clients that are not iPXE.
///
/// `value` is written as the option's type says ([`OptionError::Value`] says how); `hex:` gives bytes,
/// `text:` a text whatever it looks like; an empty value withholds the option.
///
/// # Errors
/// The option does not exist, is the server's own, or its value is not of its type.
pub fn parse(code: &str, value: &str) -> Result<ParsedOption, OptionError> {
    let (condition, name) = condition(code.trim())?;
    let name = strip_prefix(name, "option:").unwrap_or(name);
    let (target, condition) = if table::is_one_of(name, NEXT_SERVER) {
        (Target::NextServer, condition)
    } else if table::is_one_of(name, BOOTFILE_ALT) {
        (Target::Option(code::BOOTFILE), Condition::NotIpxe)
    } else {
        (Target::Option(number(name)?), condition)
    };
    Ok(ParsedOption {
        target,
        condition,
        value: bytes(target, value)?,
    })
}

fn condition(code: &str) -> Result<(Condition, &str), OptionError> {
    let Some(tagged) = strip_prefix(code, "tag:") else {
        return Ok((Condition::Always, code));
    };
    let (tag, name) = tagged.split_once(',').unwrap_or((tagged, ""));
    match tag {
        "ipxe" => Ok((Condition::Ipxe, name)),
        "!ipxe" => Ok((Condition::NotIpxe, name)),
        tag => Err(OptionError::UnknownTag { tag: show(tag) }),
    }
}

/// The code that a number or a name says, if it may be configured.
fn number(name: &str) -> Result<u8, OptionError> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let owned = OWNED.iter().find(|owned| {
        if is_number {
            name.parse() == Ok(owned.code)
        } else {
            table::is_one_of(name, owned.names)
        }
    });
    if let Some(&Owned { code, why, .. }) = owned {
        Err(OptionError::Owned { code, why })
    } else if is_number {
        let bad = |_| OptionError::BadNumber { number: show(name) };
        name.parse().map_err(bad)
    } else {
        let entry =
            table::by_name(name).ok_or_else(|| OptionError::UnknownName { name: show(name) })?;
        Ok(entry.code)
    }
}

/// The bytes of a value, or none to withhold the option.
fn bytes(target: Target, text: &str) -> Result<Option<Vec<u8>>, OptionError> {
    let option = label(target);
    if text.chars().any(char::is_control) {
        let got = show(text);
        return Err(OptionError::Control { option, got });
    }
    let text = text.trim();
    if text.is_empty() {
        return match target {
            Target::Option(code::SUBNET_MASK | code::LEASE_TIME) => {
                Err(OptionError::Needed { option })
            }
            _ => Ok(None),
        };
    }
    let kind = kind(target);
    let bytes = if let Some(digits) = strip_prefix(text, "hex:") {
        value::hex(digits).filter(|bytes| value::allows(kind, bytes))
    } else if let Some(text) = strip_prefix(text, "text:") {
        Some(text.into()).filter(|bytes: &Vec<u8>| value::allows(kind, bytes))
    } else {
        value::encode(kind, text)
    };
    match bytes {
        None => Err(OptionError::Value {
            option,
            wants: value::wants(kind),
            got: show(text),
        }),
        Some(bytes) if bytes.len() > MAX_VALUE => Err(OptionError::TooLong {
            option,
            len: bytes.len(),
        }),
        Some(bytes) => Ok(Some(bytes)),
    }
}

fn kind(target: Target) -> Kind {
    match target {
        Target::NextServer => Kind::Ip,
        Target::Option(code) => table::by_code(code).map_or(Kind::Unknown, |entry| entry.kind),
    }
}

/// An option as messages name it.
fn label(target: Target) -> String {
    match target {
        Target::NextServer => "server-ip-address".into(),
        Target::Option(code) => match table::by_code(code).and_then(|entry| entry.names.first()) {
            Some(name) => format!("option {code} ({name})"),
            None => format!("option {code}"),
        },
    }
}

/// Removes a prefix, whatever its case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// An operator's text, made fit for a message: escaped and shortened.
fn show(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(SHOWN).collect();
    if text.escape_debug().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
