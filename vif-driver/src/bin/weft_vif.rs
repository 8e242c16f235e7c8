//! `weft-vif`: plugs network interfaces into virtual ports, for libvirt, Nova and people.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use weft_topology::id::PortId;
use weft_topology::validate::is_interface_name;
use weft_vif_driver::places::{CONFIG, Places};
use weft_vif_driver::plug::{self, Plug, Plugged};
use weft_vif_driver::tap::TapOptions;
use weft_vif_driver::{Error, agent, unplug};
use weft_wire::control::Verb;

/// Plug network interfaces into Weft's virtual ports.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 timed out.
#[derive(Parser)]
#[command(name = "weft-vif", version)]
struct Cli {
    #[command(subcommand)]
    verb: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bind an interface to a port; an interface that is absent is made, a persistent tap.
    Plug(PlugArgs),
    /// Release an interface; a tap that `plug` made is deleted. An unknown interface is no error.
    Unplug {
        /// The interface.
        #[arg(long)]
        interface: String,
        #[command(flatten)]
        place: Place,
    },
    /// Show the bindings of this host.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// libvirt's `<script>`: bind the tap to the port whose id its name carries (`tap` + id).
    ///
    /// libvirt runs a script with the tap's name alone, so point `<script path='…'/>` at a link to
    /// this program that is called `libvirt-script`.
    LibvirtScript {
        /// The tap.
        interface: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct PlugArgs {
    /// The virtual port's id.
    #[arg(long)]
    port: PortId,
    /// The interface: 1 to 15 bytes.
    #[arg(long)]
    interface: String,
    /// Who may open a tap that is made: a user's id, and a group's.
    #[arg(long, value_name = "UID[:GID]", value_parser = parse_owner)]
    owner: Option<(u32, Option<u32>)>,
    /// MTU in bytes; by default the network's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(68..))]
    mtu: Option<u16>,
    /// How many queues a tap that is made shall take.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    queues: u16,
    /// Make a tap whose frames carry a virtio header.
    #[arg(long)]
    vnet_hdr: bool,
    /// Bind by the topology service at this address and not by the agent.
    #[arg(long, value_name = "URL", conflicts_with = "socket")]
    api: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Place {
    /// The agent's control socket.
    #[arg(long, value_name = "PATH", env = "WEFT_SOCKET")]
    socket: Option<PathBuf>,
    /// The agent's configuration, for its socket and state directory.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "S", default_value_t = 30)]
    timeout: u64,
}

impl Place {
    fn find(&self) -> Result<Places, Error> {
        Places::find(&self.config, self.socket.clone())
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args_os().collect();
    if called_as_libvirt_script(args.first().map(Path::new)) {
        args.insert(1, "libvirt-script".into());
    }
    match run(Cli::parse_from(args).verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("weft-vif: {error}"));
            ExitCode::from(error.exit_status())
        }
    }
}

fn run(verb: Command) -> Result<(), Error> {
    match verb {
        Command::Plug(args) => run_plug(args),
        Command::Unplug { interface, place } => {
            unplug::unplug(&interface, &place.find()?, place.limit())
        }
        Command::List { json, place } => run_list(json, &place),
        Command::LibvirtScript { interface, place } => run_script(interface, &place),
    }
}

fn run_plug(args: PlugArgs) -> Result<(), Error> {
    let (owner, group) = args
        .owner
        .map_or((None, None), |(owner, group)| (Some(owner), group));
    let wanted = Plug {
        port: args.port,
        interface: args.interface,
        tap: TapOptions {
            owner,
            group,
            multi_queue: args.queues > 1,
            vnet_header: args.vnet_hdr,
        },
        mtu: args.mtu,
        api: args.api,
        limit: args.place.limit(),
    };
    let places = args.place.find()?;
    report(&wanted, &plug::plug(&wanted, &places)?, &places);
    Ok(())
}

fn run_script(interface: String, place: &Place) -> Result<(), Error> {
    if !is_interface_name(&interface) {
        return Err(Error::InterfaceName(interface));
    }
    let places = place.find()?;
    let prefix = interface
        .strip_prefix("tap")
        .unwrap_or(&interface)
        .to_owned();
    let verb = |_| Verb::FindPort {
        prefix: prefix.clone(),
    };
    let port = match agent::ask_again(&places.socket, place.limit(), verb)? {
        Some(answer) => serde_json::from_value(answer.result).map_err(|error| Error::Protocol {
            path: places.socket.clone(),
            problem: error.to_string(),
        })?,
        None => {
            let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            return Err(Error::Socket {
                path: places.socket,
                source,
            });
        }
    };
    let wanted = Plug {
        port,
        interface,
        tap: TapOptions::default(),
        mtu: None,
        api: None,
        limit: place.limit(),
    };
    report(&wanted, &plug::plug(&wanted, &places)?, &places);
    Ok(())
}

fn run_list(json: bool, place: &Place) -> Result<(), Error> {
    let bindings = unplug::list(&place.find()?, place.limit())?;
    let mut out = String::new();
    if json {
        out = serde_json::to_string_pretty(&bindings).unwrap_or_default();
        out.push('\n');
    } else {
        for binding in bindings {
            let state = serde_json::to_value(binding.state).unwrap_or_default();
            let state = state.as_str().unwrap_or_default();
            let problem = binding.problem.unwrap_or_default();
            out.push_str(
                format!(
                    "{:<16}{}  {state}  {problem}",
                    binding.interface, binding.port
                )
                .trim_end(),
            );
            out.push('\n');
        }
    }
    // A reader that closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(out.as_bytes());
    Ok(())
}

fn report(plug: &Plug, plugged: &Plugged, places: &Places) {
    let (port, interface) = (plug.port, &plug.interface);
    match plugged {
        Plugged::Active(result) => say(&format!(
            "{interface} carries port {port} (vport {}, MTU {})",
            result.number, result.mtu
        )),
        Plugged::Deferred => say(&format!(
            "no agent at {}: {interface} is kept for port {port} in {}, the agent binds it when it \
             starts",
            places.socket.display(),
            places.state_dir.display()
        )),
        Plugged::Bound => say(&format!("the service bound {interface} to port {port}")),
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn parse_owner(text: &str) -> Result<(u32, Option<u32>), String> {
    let number = |part: &str| {
        part.parse()
            .map_err(|_| format!("'{part}' is not a numeric id"))
    };
    match text.split_once(':') {
        None => Ok((number(text)?, None)),
        Some((owner, group)) => Ok((number(owner)?, Some(number(group)?))),
    }
}

fn called_as_libvirt_script(name: Option<&Path>) -> bool {
    name.and_then(Path::file_name)
        .is_some_and(|name| name == "libvirt-script")
}
