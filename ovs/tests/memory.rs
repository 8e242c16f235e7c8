//! The datapath in memory, held to what the kernel's does: `tests/tests/guest_ovs/conformance.rs` runs the same
//! scenarios there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;

use conformance::Bench;
use weft_ovs::{Datapath, MemoryDatapath, NewVport, UpcallSource, VportKind};

struct MemoryBench {
    datapath: MemoryDatapath,
    ports: Vec<(u32, Box<dyn UpcallSource>)>,
    arrived: Vec<std::collections::VecDeque<Vec<u8>>>,
}

impl MemoryBench {
    fn new() -> Self {
        Self {
            datapath: MemoryDatapath::new("weft0"),
            ports: Vec::new(),
            arrived: Vec::new(),
        }
    }
}

impl Bench for MemoryBench {
    fn datapath(&mut self) -> &mut dyn Datapath {
        &mut self.datapath
    }

    fn add_port(&mut self) -> usize {
        let upcalls = self.datapath.upcall_socket(1 << 20).unwrap();
        let port = NewVport {
            name: format!("tap{}", self.ports.len()),
            kind: VportKind::Netdev,
            port_no: None,
            upcall_pids: vec![upcalls.pid()],
        };
        let number = self.datapath.add_port(&port).unwrap().port_no;
        self.ports.push((number, upcalls));
        self.arrived.push(Default::default());
        self.ports.len() - 1
    }

    fn number(&self, port: usize) -> u32 {
        self.ports[port].0
    }

    fn send(&mut self, port: usize, frame: &[u8]) {
        self.datapath.inject(self.number(port), frame).unwrap();
    }

    fn receive(&mut self, port: usize) -> Vec<u8> {
        let sent = self.datapath.sent(self.number(port));
        self.arrived[port].extend(sent);
        self.arrived[port].pop_front().unwrap()
    }

    fn upcalls(&mut self, port: usize) -> &mut dyn UpcallSource {
        &mut *self.ports[port].1
    }
}

conformance::scenarios!(MemoryBench::new());
