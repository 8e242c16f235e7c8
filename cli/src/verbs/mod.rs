//! One file a verb.

pub mod apply;
pub mod backup;
pub mod capture;
pub mod completion;
pub mod doctor;
pub mod export;
pub mod impact;
pub mod log_level;
pub mod show;
pub mod show_filters;
pub mod status;
pub mod sync;
pub mod top;
pub mod trace;
pub mod why;

use crate::agent::Agent;
use crate::api::Api;
use crate::args::{Cli, Verb};
use crate::doctor::Places;
use crate::error::Error;
use crate::output::Form;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<(), Error> {
    let form = if cli.json { Form::Json } else { Form::People };
    // What the command line leaves open, the agent's configuration says; of other verbs the usual places do.
    let places = match &cli.verb {
        Verb::Doctor { config } => Places::by(config),
        _ => Places::default(),
    };
    let agent = Agent::at(cli.socket.as_ref().unwrap_or(&places.socket));
    let api = Api::at(cli.api.as_ref().unwrap_or(&places.api));
    match cli.verb {
        Verb::Status => status::run(&agent, form),
        Verb::Show { what } => show::run(what, &agent, &api, form),
        Verb::Trace {
            port,
            pcap: Some(path),
            packet,
            connection,
            ..
        } => {
            let from = trace::From::new(port, connection);
            trace::capture(from, &path, packet, &agent, form)
        }
        Verb::Trace {
            port,
            words,
            connection,
            ..
        } => trace::run(trace::From::new(port, connection), &words, &agent, form),
        Verb::Why { port, follow } => why::run(&port, follow, &agent, &api, form),
        Verb::Sync { timeout } => sync::run(timeout, &api, form),
        Verb::Apply { file, yes, dry_run } => apply::apply(&file, yes, dry_run, &api, form),
        Verb::Impact { file, seconds } => impact::run(&file, seconds, &agent, &api, form),
        Verb::Diff { file } => apply::diff(&file, &api, form),
        Verb::Export {
            file,
            name,
            bindings,
        } => export::export(file.as_deref(), name.as_deref(), bindings, &api, form),
        Verb::Forget { name } => export::forget(&name, &api, form),
        Verb::Backup { file } => backup::backup(&file, &api, form),
        Verb::Restore { file, yes, dry_run } => backup::restore(&file, yes, dry_run, &api, form),
        Verb::Completion { shell } => {
            completion::run(shell);
            Ok(())
        }
        Verb::Doctor { .. } => doctor::run(&places, &agent, &api, form),
        Verb::Top(arguments) => top::run(arguments.into(), &agent, form),
        Verb::Capture(arguments) => capture::run(&arguments.into(), &agent, form),
        Verb::LogLevel { filter, service } => log_level::run(filter, service, &agent, &api, form),
    }
}
