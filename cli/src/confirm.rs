//! Asks a person before something is changed.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::error::Error;
use crate::output::Form;

/// How a change is agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// `--yes`: it was.
    Given,
    /// A person is asked.
    Ask,
}

impl Consent {
    /// By `--yes` or not. Where nobody can be asked, that is told before any work.
    pub fn of(yes: bool, form: Form, verb: &'static str) -> Result<Self, Error> {
        if yes {
            return Ok(Consent::Given);
        }
        let can_ask = io::stdin().is_terminal() && form == Form::People;
        can_ask
            .then_some(Consent::Ask)
            .ok_or(Error::Unasked { verb })
    }

    /// Whether it shall be done. The question is on stderr: stdout may go elsewhere.
    pub fn ask(self, question: &str) -> Result<(), Error> {
        if self == Consent::Given {
            return Ok(());
        }
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{question} [y/N] ");
        let _ = stderr.flush();
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let is_yes = matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        match read {
            Ok(_) if is_yes => Ok(()),
            _ => Err(Error::Declined),
        }
    }
}
