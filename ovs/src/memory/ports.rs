//! The ports of a datapath in memory.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::forward::Sent;
use super::state::IFINDEX;
use crate::vport::{NewVport, Vport, VportKind, VportStats};

/// A port and what left by it.
pub(super) struct Port {
    pub(super) vport: Vport,
    /// What left, until somebody asks.
    pub(super) sent: Vec<Sent>,
}

/// All ports by number.
pub(super) struct Ports {
    by_number: BTreeMap<u32, Port>,
    last_ifindex: u32,
}

/// The number of the datapath's own device (`OVSP_LOCAL`).
pub(super) const LOCAL: u32 = 0;
/// `DP_MAX_PORTS` of `net/openvswitch/datapath.h`.
pub(super) const MAX_PORTS: u32 = 65_535;
/// `IFNAMSIZ`, less the final zero.
const MAX_NAME: usize = 15;

impl Ports {
    /// The datapath's own device alone.
    pub(super) fn new(name: &str) -> Self {
        let mut ports = Self {
            by_number: BTreeMap::new(),
            last_ifindex: IFINDEX,
        };
        ports.insert(LOCAL, name, VportKind::Internal, &[], IFINDEX);
        ports
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Port> {
        self.by_number.get_mut(&number)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Vport> {
        Some(&self.by_number.get(&number)?.vport)
    }

    pub(super) fn list(&self) -> Vec<Vport> {
        let ports = self.by_number.values();
        ports.map(|port| port.vport.clone()).collect()
    }

    /// Adds a port, under the lowest free number if it asks for none.
    pub(super) fn add(&mut self, new: &NewVport) -> Result<Vport, Errno> {
        if new.name.len() > MAX_NAME {
            return Err(Errno::ERANGE);
        }
        let mut others = self.by_number.values();
        if others.any(|port| port.vport.name == new.name) {
            return Err(Errno::EEXIST);
        }
        let number = match new.port_no {
            Some(number) if number >= MAX_PORTS => return Err(Errno::EFBIG),
            Some(number) if self.by_number.contains_key(&number) => return Err(Errno::EBUSY),
            Some(number) => number,
            None => (1..MAX_PORTS)
                .find(|number| !self.by_number.contains_key(number))
                .ok_or(Errno::EFBIG)?,
        };
        self.last_ifindex += 1;
        let ifindex = self.last_ifindex;
        Ok(self.insert(number, &new.name, new.kind, &new.upcall_pids, ifindex))
    }

    /// Sets a port's upcall sockets.
    pub(super) fn set_pids(&mut self, number: u32, pids: &[u32]) -> Result<Vport, Errno> {
        let port = self.by_number.get_mut(&number).ok_or(Errno::ENODEV)?;
        port.vport.upcall_pids = pids.to_vec();
        Ok(port.vport.clone())
    }

    /// Takes a port out; the datapath's own device stays.
    pub(super) fn remove(&mut self, number: u32) -> Result<Vport, Errno> {
        if number == LOCAL {
            return Err(Errno::EINVAL);
        }
        let port = self.by_number.remove(&number).ok_or(Errno::ENODEV)?;
        Ok(port.vport)
    }

    pub(super) fn clear(&mut self) {
        self.by_number.clear();
    }

    fn insert(
        &mut self,
        port_no: u32,
        name: &str,
        kind: VportKind,
        pids: &[u32],
        ifindex: u32,
    ) -> Vport {
        let vport = Vport {
            port_no,
            kind,
            name: name.to_owned(),
            upcall_pids: pids.to_vec(),
            ifindex: Some(ifindex),
            stats: VportStats::default(),
        };
        let port = Port {
            vport: vport.clone(),
            sent: Vec::new(),
        };
        self.by_number.insert(port_no, port);
        vport
    }
}
