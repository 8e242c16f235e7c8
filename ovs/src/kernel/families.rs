//! The generic netlink families of openvswitch, and the module that brings them.

use std::process::Command;

use crate::error::{Attempt, Error, What};
use crate::nl::family::{Family, LookUpFailure, name};

/// The families of the running kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Families {
    /// `ovs_datapath`.
    pub datapath: Family,
    /// `ovs_vport`.
    pub vport: Family,
    /// `ovs_flow`.
    pub flow: Family,
    /// `ovs_packet`.
    pub packet: Family,
    /// `ovs_meter`, since Linux 4.15.
    pub meter: Option<Family>,
    /// `ovs_ct_limit`, since Linux 4.18, where connection tracking is built in.
    pub ct_limit: Option<Family>,
}

impl Families {
    /// Looks them up; where there are none, tries to load the module first.
    pub fn look_up() -> Result<Self, Error> {
        let datapath = match find(name::DATAPATH)? {
            Some(family) => family,
            None => {
                let load = load_module();
                need(name::DATAPATH, &load)?
            }
        };
        let load = "it is there, but incomplete";
        Ok(Self {
            datapath,
            vport: need(name::VPORT, load)?,
            flow: need(name::FLOW, load)?,
            packet: need(name::PACKET, load)?,
            meter: find(name::METER)?,
            ct_limit: find(name::CT_LIMIT)?,
        })
    }

    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        [&self.datapath, &self.vport, &self.flow, &self.packet]
            .into_iter()
            .chain(&self.meter)
            .chain(&self.ct_limit)
    }
}

fn find(family: &'static str) -> Result<Option<Family>, Error> {
    match Family::look_up(family) {
        Ok(found) => Ok(Some(found)),
        Err(LookUpFailure::NoFamily) => Ok(None),
        Err(LookUpFailure::Other(reason)) => Err(Error::Malformed {
            attempt: Box::new(Attempt {
                datapath: String::new(),
                what: What::Family(family),
            }),
            reason,
        }),
    }
}

fn need(family: &'static str, load: &str) -> Result<Family, Error> {
    find(family)?.ok_or_else(|| Error::NoModule {
        family,
        load: load.to_owned(),
    })
}

/// Tries, and says in words what came of it.
fn load_module() -> String {
    match Command::new("modprobe").arg("openvswitch").output() {
        Ok(output) if output.status.success() => "modprobe loaded it".to_owned(),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("modprobe openvswitch: {}", said.trim())
        }
        Err(error) => format!("cannot run modprobe: {error}"),
    }
}
