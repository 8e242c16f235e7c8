//! Hosts, and machines behind taps that the test holds.
//!
//! Every frame is followed by a marker on the same path, forwarded by flows of its own. The kernel does all of a
//! frame's way before the next is begun, so when the marker is there, the frame is there or lost: no test waits
//! for what must not come. A packet that no flow is for fails the test: a drop is a flow that says so.

use std::net::IpAddr;
use std::slice::from_ref;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use weft_ovs::{Datapath, VportKind};
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_vif_driver::tap::set_up;

use super::connection::{Connection, End, Family, Speech, What};
use super::host::{Host, namespace, underlay};
use super::packet::Packet;
use super::programs::{Flows, MARKER};

/// Longest time to wait for a marker.
const PATIENCE: Duration = Duration::from_secs(20);
/// MTU of the network between hosts: room for a tunnelled frame of 1500 bytes.
const UNDERLAY_MTU: usize = 1600;

/// A machine behind a tap.
pub(crate) struct Machine {
    host: usize,
    peer: Peer,
    pub(crate) v4: IpAddr,
    pub(crate) v6: IpAddr,
}

pub(crate) struct Stage {
    pub(crate) hosts: Vec<Host>,
    pub(crate) machines: Vec<Machine>,
    serial: u64,
    next_port: u16,
    /// Packets for which there was no flow that the test knows of.
    pub(crate) missed: u64,
}

/// The machine's MAC, by its place: `A`, `B`, `C`.
pub(crate) fn mac(machine: usize) -> String {
    format!("02:00:00:00:00:{:02x}", machine + 1)
}

impl Stage {
    /// One host with machines A and B on ports 1 and 2.
    pub(crate) fn one_host() -> Self {
        let mut stage = Self::new(1);
        stage.add_machine(0, 0, 1);
        stage.add_machine(0, 1, 2);
        stage.put_markers();
        stage
    }

    /// Two hosts with a tunnel between their ports 10: A on port 1 of the first, C on port 3 of the second.
    pub(crate) fn two_hosts() -> Self {
        let mut stage = Self::new(2);
        stage.connect();
        stage.add_machine(0, 0, 1);
        stage.add_machine(1, 2, 3);
        stage.put_markers();
        stage
    }

    fn new(hosts: usize) -> Self {
        // What follows one another on a path through queues of the processor stays in order on one of them.
        let mut first = CpuSet::new();
        first.set(0).unwrap();
        sched_setaffinity(Pid::from_raw(0), &first).unwrap();
        Self {
            hosts: (0..hosts).map(Host::new).collect(),
            machines: Vec::new(),
            serial: 0,
            next_port: 10_000,
            missed: 0,
        }
    }

    fn add_machine(&mut self, host: usize, number: usize, port: u32) {
        let name = format!("tap{port}");
        self.hosts[host].enter();
        let peer = Peer::open(&name, mac(number).parse().unwrap()).unwrap();
        set_up(&name).unwrap();
        self.hosts[host].add_port(&name, port, VportKind::Netdev);
        self.machines.push(Machine {
            host,
            peer,
            v4: format!("10.0.0.{}", number + 1).parse().unwrap(),
            v6: format!("fd00::{:x}", number + 1).parse().unwrap(),
        });
    }

    /// A wire between the two hosts, and a tunnel port on either.
    fn connect(&mut self) {
        let mac = |host| format!("02:00:00:00:02:{host:02x}");
        self.hosts[0].enter();
        ip(&format!(
            "link add u0 address {} mtu {UNDERLAY_MTU} type veth peer name u0 address {} mtu {UNDERLAY_MTU} netns {}",
            mac(0),
            mac(1),
            namespace(1)
        ));
        for (at, host) in self.hosts.iter_mut().enumerate() {
            let other = 1 - at;
            host.enter();
            ip(&format!("addr add {}/24 dev u0", underlay(at)));
            ip("link set u0 up");
            // So that no ARP is in between.
            let (address, lladdr) = (underlay(other), mac(other));
            ip(&format!("neigh replace {address} lladdr {lladdr} dev u0"));
            host.add_port("vxlan0", 10, VportKind::Vxlan { dst_port: 4789 });
        }
    }

    fn put_markers(&mut self) {
        for host in 0..self.hosts.len() {
            let mut flows = Flows::default();
            for machine in &self.machines {
                flows.marker(host, machine.host, machine.port(), &machine.peer.mac);
            }
            self.hosts[host].put(&flows);
        }
    }

    /// A connection from one machine to another.
    pub(crate) fn connection(
        &mut self,
        speech: Speech,
        family: Family,
        ends: [usize; 2],
    ) -> Connection {
        self.connection_to(speech, family, ends, None)
    }

    /// The same to another port than 53 and 80.
    pub(crate) fn connection_to(
        &mut self,
        speech: Speech,
        family: Family,
        ends: [usize; 2],
        port: Option<u16>,
    ) -> Connection {
        self.next_port += 1;
        let [from, to] = ends.map(|end| (end, self.machines[end].address(family)));
        Connection::new(speech, from, to, self.next_port, port)
    }

    /// An end sends, and the other gets it.
    #[track_caller]
    pub(crate) fn pass(&mut self, connection: &mut Connection, by: End, what: What) -> Packet {
        let Some(packet) = self.try_send(connection, by, what) else {
            panic!("{what:?} by the {by:?} of {} was lost", connection.tuple());
        };
        packet
    }

    /// An end sends, and the other does not get it.
    #[track_caller]
    pub(crate) fn drop(&mut self, connection: &mut Connection, by: End, what: What) {
        if let Some(packet) = self.try_send(connection, by, what) {
            panic!(
                "{what:?} by the {by:?} of {} passed: {packet:?}",
                connection.tuple()
            );
        }
    }

    #[track_caller]
    fn try_send(&mut self, connection: &mut Connection, by: End, what: What) -> Option<Packet> {
        let packet = connection.packet(by, what);
        let [me, peer] = by.and_peer().map(|end| connection.machines[end]);
        let mut arrived = self.carry([me, peer], from_ref(&packet));
        assert!(arrived.len() <= 1, "it came more than once: {arrived:?}");
        let arrived = arrived.pop()?;
        assert_eq!(arrived, packet, "it was changed");
        connection.arrived(by, what, arrived.clone());
        Some(arrived)
    }

    /// There and back, twice.
    #[track_caller]
    pub(crate) fn establish(&mut self, connection: &mut Connection) {
        for _ in 0..2 {
            self.pass(connection, End::Originator, What::Next);
            self.pass(connection, End::Responder, What::Next);
        }
    }

    /// Sends packets from one machine to another, and gives what of them arrived. Nobody else may get any.
    #[track_caller]
    pub(crate) fn carry(&mut self, ends: [usize; 2], packets: &[Packet]) -> Vec<Packet> {
        let [from, to] = ends;
        for machine in &mut self.machines {
            machine.peer.drain();
        }
        for packet in packets {
            let frame = self.frame([from, to], packet);
            self.machines[from].peer.send_raw(&frame).unwrap();
        }
        self.collect(ends)
    }

    /// A packet in a frame from one machine to another.
    pub(crate) fn frame(&self, [from, to]: [usize; 2], packet: &Packet) -> Vec<u8> {
        let [from, to] = [from, to].map(|machine| self.machines[machine].peer.mac.octets());
        let kind: u16 = if packet.source.is_ipv4() {
            0x0800
        } else {
            0x86dd
        };
        [&to[..], &from, &kind.to_be_bytes(), &packet.bytes()].concat()
    }

    /// Gives what has arrived at the second machine, after a marker from the first.
    #[track_caller]
    pub(crate) fn collect(&mut self, [from, to]: [usize; 2]) -> Vec<Packet> {
        self.serial += 1;
        let marker = [&self.serial.to_be_bytes()[..], &[0; 40]].concat();
        let to_mac = self.machines[to].peer.mac;
        let sender = &mut self.machines[from].peer;
        sender.send(to_mac, MARKER, &marker).unwrap();
        let mut arrived = Vec::new();
        let receiver = &mut self.machines[to].peer;
        loop {
            let frame = receiver.receive(PATIENCE).expect("no marker arrived");
            match Packet::of_frame(&frame) {
                Some(packet) => arrived.push(packet),
                None if frame[14..22] == marker[..8] => break,
                None => panic!("what is this: {frame:02x?}"),
            }
        }
        for (other, machine) in self.machines.iter_mut().enumerate() {
            let strays = machine.peer.drain();
            assert!(strays == 0, "machine {other} got {strays} frames");
        }
        let missed: u64 = self
            .hosts
            .iter_mut()
            .map(|host| host.datapath.info().unwrap().missed)
            .sum();
        assert_eq!(missed, self.missed, "a packet met no flow");
        arrived
    }
}

impl Machine {
    pub(crate) fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    fn port(&self) -> u32 {
        self.peer.tap.trim_start_matches("tap").parse().unwrap()
    }
}

fn ip(words: &str) {
    let words: Vec<&str> = std::iter::once("ip")
        .chain(words.split_whitespace())
        .collect();
    run(&words).unwrap();
}
