//! Reads a text from left to right and says where it went wrong.

use crate::present::HeadersError;

/// A text that is no key, flow or list of actions.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("column {}: {problem}", .at + 1)]
pub struct ParseError {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// Something else should stand there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// No field, header or action has this name.
    #[error("{what} is called \"{name}\"")]
    UnknownName {
        /// What was looked for, with "no" before it.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It was given before.
    #[error("\"{0}\" is given twice")]
    Twice(String),
    /// The number has more bits than its field.
    #[error("the number has more than {0} bits")]
    TooLarge(u32),
    /// The headers contradict each other.
    #[error(transparent)]
    Headers(#[from] HeadersError),
    /// A key has no mask.
    #[error("a mask in a key that has none")]
    MaskInKey,
    /// Actions are nested too deep.
    #[error("actions are nested more than {} deep", crate::codec::MAX_DEPTH)]
    TooDeep,
    /// The value and its mask are not of the same length.
    #[error("value and mask differ in length")]
    MaskLength,
}

/// A place in a text.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn fail<T>(&self, problem: Problem) -> Result<T, ParseError> {
        Err(ParseError {
            at: self.at,
            problem,
        })
    }

    pub(super) fn fail_at<T>(&self, at: usize, problem: Problem) -> Result<T, ParseError> {
        Err(ParseError { at, problem })
    }

    /// Takes a token if it stands here.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    /// Takes a token that must stand here.
    pub(super) fn expect(&mut self, token: &'static str) -> Result<(), ParseError> {
        if self.eat(token) {
            Ok(())
        } else {
            self.fail(Problem::Expected(token))
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    /// Takes the longest run of matching characters, perhaps none.
    pub(super) fn take_while(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !matches(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Takes the name of a field, header or action.
    pub(super) fn name(&mut self, expected: &'static str) -> Result<&'a str, ParseError> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() {
            return self.fail(Problem::Expected(expected));
        }
        Ok(name)
    }

    /// Takes a decimal number, or a hexadecimal one after `0x`, of at most `bits` bits.
    pub(super) fn number(&mut self, bits: u32) -> Result<u128, ParseError> {
        let start = self.at;
        let (radix, digits) = if self.eat("0x") {
            (16, self.take_while(|c| c.is_ascii_hexdigit()))
        } else {
            (10, self.take_while(|c| c.is_ascii_digit()))
        };
        if digits.is_empty() {
            return self.fail_at(start, Problem::Expected("a number"));
        }
        match u128::from_str_radix(digits, radix) {
            Ok(number) if number <= u128::MAX >> (128 - bits) => Ok(number),
            _ => self.fail_at(start, Problem::TooLarge(bits)),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, ParseError> {
        let start = self.at;
        let number = self.number(16)?;
        u16::try_from(number).or_else(|_| self.fail_at(start, Problem::TooLarge(16)))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ParseError> {
        let start = self.at;
        let number = self.number(32)?;
        u32::try_from(number).or_else(|_| self.fail_at(start, Problem::TooLarge(32)))
    }

    /// Takes bytes in hex, perhaps none.
    pub(super) fn hex_bytes(&mut self) -> Result<Vec<u8>, ParseError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        if !digits.len().is_multiple_of(2) {
            return self.fail_at(start, Problem::Expected("an even number of hex digits"));
        }
        Ok(digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                pair.iter().fold(0, |byte, &digit| {
                    let value = char::from(digit).to_digit(16).unwrap_or(0);
                    byte << 4 | u8::try_from(value).unwrap_or(0)
                })
            })
            .collect())
    }

    /// Reads items with commas between them up to a closing parenthesis, which is taken, too.
    pub(super) fn list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        if self.eat(")") {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.eat(")") {
                return Ok(());
            }
            if !self.eat(",") {
                return self.fail(Problem::Expected("\",\" or \")\""));
            }
        }
    }
}
