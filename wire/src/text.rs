//! A value that people write as text, or as a number where its text is one: `"tcp"`, `89`, `"80-90"`, `80`.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// A value by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        match text.parse() {
            Ok(number) => serializer.serialize_u64(number),
            Err(_) => serializer.serialize_str(&text),
        }
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use weft_topology::chain::PortRange;
    use weft_topology::text::Protocol;

    use super::Text;

    #[test]
    fn a_number_is_written_as_one_and_read_in_either_form() {
        let written = |protocol| serde_json::json!(Text(Protocol(protocol))).to_string();
        assert_eq!((written(6), written(89)), ("\"tcp\"".into(), "89".into()));
        let read = |json: &str| serde_json::from_str::<Text<PortRange>>(json).ok();
        let port = |first, last| Some(Text(PortRange { first, last }));
        assert_eq!(read("80"), port(80, 80));
        assert_eq!(read("\"80\""), port(80, 80));
        assert_eq!(read("\"80-90\""), port(80, 90));
        for wrong in ["-1", "70000", "1.5", "true", "null", "\"\""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
