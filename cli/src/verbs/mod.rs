//! One file a verb.

pub mod show;
pub mod status;
pub mod sync;
pub mod trace;

use crate::agent::Agent;
use crate::api::Api;
use crate::args::{Cli, Verb};
use crate::error::Error;
use crate::output::Form;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<(), Error> {
    let form = if cli.json { Form::Json } else { Form::People };
    let (agent, api) = (Agent::at(&cli.socket), Api::at(&cli.api));
    match cli.verb {
        Verb::Status => status::run(&agent, form),
        Verb::Show { what } => show::run(what, &agent, &api, form),
        Verb::Trace { port, packet } => trace::run(port, &packet, &agent, form),
        Verb::Sync { timeout } => sync::run(timeout, &api, form),
    }
}
