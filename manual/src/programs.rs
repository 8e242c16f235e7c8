//! The programs that are installed.

use clap::{Arg, Command, CommandFactory};

/// A program.
pub(crate) struct Program {
    /// Its command line.
    pub(crate) command: Command,
    /// The section of its pages: 1 for people, 8 for the machine's administrator.
    pub(crate) section: &'static str,
}

/// All of them.
pub(crate) fn programs() -> Vec<Program> {
    let program = |command, section| Program { command, section };
    vec![
        program(weft_cli::args::Cli::command(), "1"),
        program(weft_agent::args::Cli::command(), "8"),
        program(weft_api::args::Cli::command(), "8"),
        program(weft_vif_driver::args::Cli::command(), "8"),
        program(mm_ctl(), "8"),
    ]
}

/// `mm-ctl` reads its two words itself, as MidoNet's does: it has no definition of its own.
fn mm_ctl() -> Command {
    let about = "Bind an existing interface of this host to a virtual port, or release the port";
    let more = "The agent is found by WEFT_SOCKET, else by /etc/weft/agent.toml.\n\nExit status as \
                MidoNet's: 0 done, 1 invalid command, 2 no host id, 3 state or storage failed, 13 not \
                root, 255 anything else.";
    Command::new("mm-ctl")
        .about(about)
        .long_about(format!("{about}.\n\n{more}"))
        .arg(
            Arg::new("bind-port")
                .long("bind-port")
                .num_args(2)
                .value_names(["PORT_ID", "INTERFACE"])
                .conflicts_with("unbind-port")
                .help("Bind the interface to the port"),
        )
        .arg(
            Arg::new("unbind-port")
                .long("unbind-port")
                .value_name("PORT_ID")
                .help("Release the port"),
        )
}
