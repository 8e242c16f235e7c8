//! The scenarios that the datapath in memory passes, on the kernel's.

#![allow(
    clippy::unwrap_used,
    clippy::module_inception,
    reason = "a test fails by panicking; the scenarios find one another by this name"
)]

use weft_ovs::{Datapath, KernelDatapath, UpcallSource};

use super::support::{Port, datapath};

#[path = "../../../ovs/tests/conformance/mod.rs"]
mod conformance;

use conformance::Bench;

struct KernelBench {
    datapath: KernelDatapath,
    ports: Vec<Port>,
}

impl KernelBench {
    fn new() -> Self {
        Self {
            datapath: datapath(),
            ports: Vec::new(),
        }
    }
}

impl Bench for KernelBench {
    fn datapath(&mut self) -> &mut dyn Datapath {
        &mut self.datapath
    }

    fn add_port(&mut self) -> usize {
        let name = format!("tap{}", self.ports.len());
        let port = Port::new(&mut self.datapath, &name);
        self.ports.push(port);
        self.ports.len() - 1
    }

    fn number(&self, port: usize) -> u32 {
        self.ports[port].number()
    }

    fn send(&mut self, port: usize, frame: &[u8]) {
        self.ports[port].tap.send(frame);
    }

    fn receive(&mut self, port: usize) -> Vec<u8> {
        self.ports[port].tap.receive()
    }

    fn upcalls(&mut self, port: usize) -> &mut dyn UpcallSource {
        &mut *self.ports[port].upcalls
    }
}

conformance::scenarios!(KernelBench::new());
