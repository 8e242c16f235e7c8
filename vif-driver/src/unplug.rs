//! Unplug and list. An interface or port that nobody knows is no error: the caller's aim is met.

use std::time::Duration;

use weft_topology::id::PortId;
use weft_topology::validate::is_interface_name;
use weft_wire::control::{BindingInfo, Verb};
use weft_wire::host::BindingPhase;
use weft_wire::plug_file::{PlugFile, Wish};

use crate::agent;
use crate::error::Error;
use crate::places::Places;
use crate::plug::{read_all, write};
use crate::{device, link};

/// Releases an interface, and deletes it if it is a tap that this program made.
pub fn unplug(interface: &str, places: &Places, limit: Duration) -> Result<(), Error> {
    if !is_interface_name(interface) {
        return Err(Error::InterfaceName(interface.to_owned()));
    }
    release(interface, places, limit)?;
    if device::is_ours(interface) {
        link::delete(interface).map_err(|source| Error::Device {
            attempt: "delete the tap",
            interface: interface.to_owned(),
            source,
        })?;
    }
    Ok(())
}

/// Releases an interface; the interface stays.
pub(crate) fn release(interface: &str, places: &Places, limit: Duration) -> Result<(), Error> {
    let verb = |_| Verb::Unplug {
        interface: interface.to_owned(),
    };
    if agent::ask_again(&places.socket, limit, verb)?.is_none() {
        defer(places, |file| file.interface == interface)?;
    }
    Ok(())
}

/// Releases a port from whatever interface of this host has it; the interface stays.
pub fn unbind_port(port: PortId, places: &Places, limit: Duration) -> Result<(), Error> {
    if agent::ask_again(&places.socket, limit, |_| Verb::UnbindPort { port })?.is_none() {
        defer(places, |file| file.port == port)?;
    }
    Ok(())
}

/// The bindings of this host: from the agent, or, with the agent down, those that wait for it.
pub fn list(places: &Places, limit: Duration) -> Result<Vec<BindingInfo>, Error> {
    match agent::ask_again(&places.socket, limit, |_| Verb::Bindings)? {
        Some(answer) => answer
            .items
            .into_iter()
            .map(|item| {
                serde_json::from_value(item).map_err(|error| Error::Protocol {
                    path: places.socket.clone(),
                    problem: error.to_string(),
                })
            })
            .collect(),
        None => Ok(read_all(&places.state_dir)?
            .into_iter()
            .filter(|file| file.wish == Wish::Plugged)
            .map(|file| BindingInfo {
                interface: file.interface,
                port: file.port,
                state: BindingPhase::Requested,
                number: None,
                problem: Some("the agent is down".to_owned()),
            })
            .collect()),
    }
}

/// Leaves the wish to unplug on disk, for the agent to tell the service when it starts.
fn defer(places: &Places, which: impl Fn(&PlugFile) -> bool) -> Result<(), Error> {
    for file in read_all(&places.state_dir)?
        .into_iter()
        .filter(|file| which(file))
    {
        write(
            &places.state_dir,
            &PlugFile {
                wish: Wish::Unplugged,
                ..file
            },
        )?;
    }
    Ok(())
}
