//! Plug: the tap is made, the agent is asked, and what was made goes when the answer is no.
//!
//! No link is set up here: that is the agent's, once the vport is there, for until then what a guest
//! sends would reach the hypervisor. A device that was there before is not touched at all before the
//! answer is yes: a refused plug leaves it as it was.
//!
//! Races:
//! - Two plugs of one port at once: the agent takes one request after the other; the second gets a
//!   conflict that names the first's interface, and takes its own tap away.
//! - Two plugs of one interface at once: the name is free for one `create` only in effect (the second
//!   joins the tap of the first and asks for the same binding, which is no change). The one that
//!   finds the tap there does not delete it when refused.
//! - The agent starts between our look at its socket and our writing of the file: it looks at the
//!   folder again and again, so the file is found.
//! - The agent is stopped while it plugs: it is asked again, and if it does not come back, the file is
//!   left for it. It plugs what is plugged without a change.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use weft_topology::id::PortId;
use weft_topology::validate::is_interface_name;
use weft_wire::control::{PlugResult, Verb};
use weft_wire::plug_file::{self, PlugFile, Wish};

use crate::agent;
use crate::error::Error;
use crate::places::Places;
use crate::tap::{self, TapOptions};
use crate::{api, device, link, unplug};

/// The agent gives up by itself at the limit and says why; one that hangs is cut off this much later.
const GRACE: Duration = Duration::from_secs(2);

/// What to plug, and how.
#[derive(Clone, Debug)]
pub struct Plug {
    /// The virtual port.
    pub port: PortId,
    /// The interface: absent (a tap is made), a tap, or any other device.
    pub interface: String,
    /// How a tap is made.
    pub tap: TapOptions,
    /// MTU in bytes; absent: the network's.
    pub mtu: Option<u16>,
    /// Bind by this service and not by the agent.
    pub api: Option<String>,
    /// How long to wait.
    pub limit: Duration,
}

/// How a plug ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plugged {
    /// The kernel has the vport.
    Active(PlugResult),
    /// The agent is down; the binding waits for it on disk.
    Deferred,
    /// The service has taken the binding; its agent will carry it out.
    Bound,
}

/// Plugs an interface into a port.
pub fn plug(plug: &Plug, places: &Places) -> Result<Plugged, Error> {
    if !is_interface_name(&plug.interface) {
        return Err(Error::InterfaceName(plug.interface.clone()));
    }
    let made = !device::exists(&plug.interface);
    let prepared = if made { make(plug) } else { Ok(()) };
    let outcome = prepared.and_then(|()| match &plug.api {
        Some(base) => bind_by_service(plug, base, made, places),
        None => bind_by_agent(plug, places),
    });
    if outcome.is_err() && made {
        // What failed is the news; a tap that cannot be deleted on top of it would only hide that.
        let _ = link::delete(&plug.interface);
    }
    outcome
}

/// Makes the tap, with the hypervisor's stack off it and the link down.
fn make(plug: &Plug) -> Result<(), Error> {
    let interface = &plug.interface;
    let failed = |attempt| {
        move |source| Error::Device {
            attempt,
            interface: interface.clone(),
            source,
        }
    };
    tap::create(interface, plug.tap).map_err(failed("make a tap"))?;
    device::mark_as_ours(interface).map_err(failed("set the alias"))?;
    device::disable_ipv6(interface).map_err(failed("turn IPv6 off"))?;
    set_mtu(plug)
}

fn set_mtu(plug: &Plug) -> Result<(), Error> {
    let Some(mtu) = plug.mtu else { return Ok(()) };
    tap::set_mtu_of(&plug.interface, mtu).map_err(|source| Error::Device {
        attempt: "set the MTU",
        interface: plug.interface.clone(),
        source,
    })
}

/// The service's request carries no MTU, so that of a device that was there is set here, after the
/// yes.
fn bind_by_service(plug: &Plug, base: &str, made: bool, places: &Places) -> Result<Plugged, Error> {
    let host = places.host_id()?;
    api::bind(base, &host, plug.port, &plug.interface, plug.limit)?;
    if !made {
        set_mtu(plug)?;
    }
    Ok(Plugged::Bound)
}

fn bind_by_agent(plug: &Plug, places: &Places) -> Result<Plugged, Error> {
    let verb = |left: Duration| Verb::Plug {
        port: plug.port,
        interface: plug.interface.clone(),
        mtu: plug.mtu,
        timeout_ms: u64::try_from(left.saturating_sub(GRACE).as_millis()).unwrap_or(u64::MAX),
    };
    match agent::ask_again(&places.socket, plug.limit.saturating_add(GRACE), verb) {
        Ok(Some(answer)) => serde_json::from_value(answer.result)
            .map(Plugged::Active)
            .map_err(|error| Error::Protocol {
                path: places.socket.clone(),
                problem: error.to_string(),
            }),
        Ok(None) => {
            defer(plug, &places.state_dir)?;
            Ok(Plugged::Deferred)
        }
        Err(error) => {
            if error.is_timeout() {
                // The agent may yet succeed: take the wish back, for the caller believes it failed.
                let _ = unplug::release(&plug.interface, places, GRACE);
            }
            Err(error)
        }
    }
}

/// Leaves the binding on disk for the agent to find.
fn defer(plug: &Plug, state_dir: &Path) -> Result<(), Error> {
    if let Some(other) = read_all(state_dir)?.into_iter().find(|file| {
        file.port == plug.port
            && file.interface != plug.interface
            && file.wish == Wish::Plugged
            && device::exists(&file.interface)
    }) {
        return Err(Error::AlreadyPlugged {
            port: plug.port,
            interface: other.interface,
        });
    }
    write(
        state_dir,
        &PlugFile {
            v: 1,
            interface: plug.interface.clone(),
            port: plug.port,
            mtu: plug.mtu,
            wish: Wish::Plugged,
            granted: None,
        },
    )
}

/// Writes a binding's file whole or not at all.
pub fn write(state_dir: &Path, file: &PlugFile) -> Result<(), Error> {
    let path = plug_file::path_of(state_dir, &file.interface);
    let failed = |source| Error::File {
        attempt: "write",
        path: path.clone(),
        source,
    };
    let folder = state_dir.join(plug_file::FOLDER);
    fs::create_dir_all(&folder).map_err(failed)?;
    let fresh = folder.join(format!(".{}.{}", file.interface, std::process::id()));
    let text = serde_json::to_vec_pretty(file).map_err(|error| failed(error.into()))?;
    let written = fs::File::create(&fresh)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, &path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written.map_err(failed)
}

/// The bindings on disk. A file that is not one of ours is passed over: it must not keep others from
/// being plugged, and the agent reports it.
pub fn read_all(state_dir: &Path) -> Result<Vec<PlugFile>, Error> {
    let folder = state_dir.join(plug_file::FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(Error::File {
                attempt: "read",
                path: folder,
                source,
            });
        }
    };
    let mut files: Vec<PlugFile> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|suffix| suffix == "json")
        })
        .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
        .collect();
    files.sort_by(|a, b| a.interface.cmp(&b.interface));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(interface: &str, port: u128) -> PlugFile {
        PlugFile {
            v: 1,
            interface: interface.to_owned(),
            port: PortId(uuid::Uuid::from_u128(port)),
            mtu: None,
            wish: Wish::Plugged,
            granted: None,
        }
    }

    #[test]
    fn a_binding_left_on_disk_reads_back_and_a_broken_neighbour_does_not_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_all(dir.path()).unwrap(), []);
        write(dir.path(), &file("tap0", 1)).unwrap();
        write(dir.path(), &file("tap0", 2)).unwrap();
        fs::write(dir.path().join("bindings/bad.json"), "{").unwrap();
        assert_eq!(read_all(dir.path()).unwrap(), [file("tap0", 2)]);
    }

    #[test]
    fn an_interface_name_that_leaves_the_folder_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            socket: dir.path().join("s"),
            state_dir: dir.path().to_owned(),
        };
        let plug_it = Plug {
            port: PortId(uuid::Uuid::nil()),
            interface: "../evil".to_owned(),
            tap: TapOptions::default(),
            mtu: None,
            api: None,
            limit: Duration::from_secs(1),
        };
        assert!(matches!(
            plug(&plug_it, &places),
            Err(Error::InterfaceName(_))
        ));
        assert!(!dir.path().join("bindings").exists());
    }
}
