//! `weft-vif`: plugs network interfaces into virtual ports, for libvirt, Nova and people.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use weft_topology::validate::is_interface_name;
use weft_vif_driver::args::{Cli, Command, Place, PlugArgs};
use weft_vif_driver::places::Places;
use weft_vif_driver::plug::{self, Plug, Plugged};
use weft_vif_driver::tap::TapOptions;
use weft_vif_driver::{Error, agent, unplug};
use weft_wire::control::Verb;

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

fn called_as_libvirt_script(name: Option<&Path>) -> bool {
    name.and_then(Path::file_name)
        .is_some_and(|name| name == "libvirt-script")
}
