//! A number in a body, which some clients send as text.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// A number: read from `24` and from `"24"`, written as `24`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number<T>(pub(crate) T);

impl<T: Serialize> Serialize for Number<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData))
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<T: FromStr> Visitor<'_> for NumberVisitor<T> {
    type Value = Number<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number ({})", type_name::<T>())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.trim()
            .parse()
            .map(Number)
            .map_err(|_| E::custom(format_args!("'{text}' is no number ({})", type_name::<T>())))
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    fn read(json: &str) -> Option<u8> {
        serde_json::from_str::<Number<u8>>(json)
            .ok()
            .map(|number| number.0)
    }

    #[test]
    fn a_number_may_be_sent_as_text_and_is_written_as_a_number() {
        assert_eq!(read("24"), Some(24));
        assert_eq!(read("\"24\""), Some(24));
        assert_eq!(serde_json::json!(Number(24)).to_string(), "24");
    }

    #[test]
    fn what_is_no_number_of_the_type_is_refused() {
        for text in [
            "256", "-1", "\"256\"", "\"x\"", "\"\"", "true", "1.5", "null", "[]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
