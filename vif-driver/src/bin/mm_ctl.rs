//! `mm-ctl`: MidoNet's command, as Nova's and Neutron's code calls it.
//!
//! Exit status as MidoNet's: 0 done, 1 invalid command, 2 no host id, 3 state or storage failed, 13 not
//! root, 255 anything else.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use weft_topology::id::PortId;
use weft_vif_driver::places::{CONFIG, Places};
use weft_vif_driver::plug::{self, Plug};
use weft_vif_driver::tap::TapOptions;
use weft_vif_driver::{Error, device, unplug};

const USAGE: &str = "usage: mm-ctl --bind-port PORT_ID INTERFACE
       mm-ctl --unbind-port PORT_ID

Bind an existing interface of this host to a virtual port, or release the port.
The agent is found by WEFT_SOCKET, else by /etc/weft/agent.toml.";

const LIMIT: Duration = Duration::from_secs(30);

enum Command {
    Bind(PortId, String),
    Unbind(PortId),
    Help,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let command = match parse(&args) {
        Ok(command) => command,
        Err(problem) => {
            say(&format!("mm-ctl: {problem}\n{USAGE}"));
            return ExitCode::from(1);
        }
    };
    if let Command::Help = command {
        let _ = writeln!(std::io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    if !nix::unistd::geteuid().is_root() {
        say("mm-ctl: must be run as root");
        return ExitCode::from(13);
    }
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("mm-ctl: {error}"));
            ExitCode::from(status_of(&error))
        }
    }
}

fn parse(args: &[String]) -> Result<Command, String> {
    let id = |text: &String| {
        text.parse()
            .map_err(|_| format!("'{text}' is not a port's id"))
    };
    match args {
        [flag, port, interface] if flag == "--bind-port" => {
            Ok(Command::Bind(id(port)?, interface.clone()))
        }
        [flag, port] if flag == "--unbind-port" => Ok(Command::Unbind(id(port)?)),
        [flag] if flag == "--help" || flag == "-h" => Ok(Command::Help),
        _ => Err("want --bind-port with a port's id and an interface, or --unbind-port".to_owned()),
    }
}

fn run(command: Command) -> Result<(), Error> {
    let socket = std::env::var_os("WEFT_SOCKET").map(Into::into);
    let places = Places::find(Path::new(CONFIG), socket)?;
    match command {
        Command::Bind(port, interface) => {
            if !device::exists(&interface) {
                let source = std::io::Error::from_raw_os_error(nix::libc::ENODEV);
                return Err(Error::Device {
                    attempt: "find the device",
                    interface,
                    source,
                });
            }
            let wanted = Plug {
                port,
                interface,
                tap: TapOptions::default(),
                mtu: None,
                api: None,
                limit: LIMIT,
            };
            plug::plug(&wanted, &places).map(drop)
        }
        Command::Unbind(port) => unplug::unbind_port(port, &places, LIMIT),
        Command::Help => Ok(()),
    }
}

fn status_of(error: &Error) -> u8 {
    match error {
        Error::NoHostId(_) => 2,
        Error::Refused(_)
        | Error::File { .. }
        | Error::Api { .. }
        | Error::AlreadyPlugged { .. } => 3,
        Error::InterfaceName(_) => 1,
        _ => 255,
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
