//! A host: a datapath and a table of connections in a network namespace of their own.

use std::fs::File;

use nix::sched::{CloneFlags, setns};
use weft_flow::{Action, Ufid, parse_actions, parse_flow};
use weft_ovs::conntrack::{Conntrack, Entry, Filter, Outcome};
use weft_ovs::{Datapath, KernelDatapath, NewVport, Op, OpenMode, PutMode, VportKind};
use weft_tests::command::run;

use super::connection::Connection;
use super::programs::Flows;

/// A datapath, and the table of connections of its namespace.
pub(crate) struct Host {
    pub(crate) datapath: KernelDatapath,
    pub(crate) conntrack: Box<dyn Conntrack>,
    namespace: File,
}

/// The name of a host's network namespace.
pub(crate) fn namespace(host: usize) -> String {
    format!("programs{host}")
}

/// The host's address in the network between hosts.
pub(crate) fn underlay(host: usize) -> String {
    format!("192.0.2.{}", host + 1)
}

impl Host {
    /// In a fresh network namespace, which the calling thread is in from now on. What an earlier test left under its
    /// name goes first.
    pub(crate) fn new(number: usize) -> Self {
        assert!(
            std::env::var_os("WEFT_GUEST").is_some(),
            "this test needs a kernel with openvswitch: run it in the guest (tests/guest/run -- …)"
        );
        let name = namespace(number);
        let _ = run(&["ip", "netns", "del", &name]);
        run(&["ip", "netns", "add", &name]).unwrap();
        let namespace = File::open(format!("/run/netns/{name}")).unwrap();
        setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
        // No frames of the host's own.
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        let datapath = KernelDatapath::open("weft0", OpenMode::Create).unwrap();
        Self {
            conntrack: datapath.conntrack().unwrap(),
            datapath,
            namespace,
        }
    }

    pub(crate) fn enter(&self) {
        setns(&self.namespace, CloneFlags::CLONE_NEWNET).unwrap();
    }

    pub(crate) fn add_port(&mut self, name: &str, number: u32, kind: VportKind) {
        let port = NewVport {
            name: name.to_owned(),
            kind,
            port_no: Some(number),
            upcall_pids: Vec::new(),
        };
        self.datapath.add_port(&port).unwrap();
    }

    /// Puts flows, of which none is there.
    #[track_caller]
    pub(crate) fn put(&mut self, flows: &Flows) {
        for (matches, actions) in &flows.0 {
            let (key, mask) = parse_flow(matches).unwrap_or_else(|it| panic!("{matches}: {it}"));
            let ufid = Ufid::of(&key, &mask);
            let actions = parse(actions);
            let op = Op::Put {
                ufid,
                key: &key,
                mask: &mask,
                actions: &actions,
                mode: PutMode::Create,
            };
            self.apply(op, matches);
        }
    }

    /// Gives flows that are there other actions.
    #[track_caller]
    pub(crate) fn change(&mut self, flows: &Flows) {
        for (matches, actions) in &flows.0 {
            let (key, mask) = parse_flow(matches).unwrap_or_else(|it| panic!("{matches}: {it}"));
            let op = Op::SetActions {
                ufid: Ufid::of(&key, &mask),
                key: &key,
                mask: &mask,
                actions: &parse(actions),
                anew: false,
            };
            self.apply(op, matches);
        }
    }

    /// Takes a flow away that was put.
    #[track_caller]
    pub(crate) fn remove(&mut self, matches: &str) {
        let (key, mask) = parse_flow(matches).unwrap();
        let ufid = Ufid::of(&key, &mask);
        self.apply(Op::Delete { ufid }, matches);
    }

    #[track_caller]
    fn apply(&mut self, op: Op<'_>, about: &str) {
        let mut results = Vec::new();
        self.datapath.apply(&[op], &mut results);
        if let Err(error) = &results[0] {
            panic!("{about}: {error}");
        }
    }

    /// Packets that a flow has seen.
    pub(crate) fn packets(&mut self, matches: &str) -> u64 {
        let (key, mask) = parse_flow(matches).unwrap();
        let flow = self.datapath.flow(Ufid::of(&key, &mask)).unwrap();
        flow.unwrap().stats.packets
    }

    pub(crate) fn entries(&mut self, filter: Filter) -> Vec<Entry> {
        let mut entries = Vec::new();
        let visit = &mut |entry: Result<Entry, _>| entries.push(entry.unwrap());
        self.conntrack.list(filter, visit).unwrap();
        // The tunnel's own packets are tracked, too, in no zone, where the module makes the namespace track.
        entries.retain(|it| it.zone != 0);
        entries
    }

    pub(crate) fn entry(&mut self, zone: u16, connection: &Connection) -> Option<Entry> {
        self.conntrack.entry(zone, &connection.tuple()).unwrap()
    }

    pub(crate) fn knows(&mut self, zone: u16, connection: &Connection) -> bool {
        self.entry(zone, connection).is_some()
    }

    #[track_caller]
    pub(crate) fn forget(&mut self, zone: u16, connection: &Connection) {
        let outcome = self.conntrack.delete(zone, &connection.tuple()).unwrap();
        assert_eq!(outcome, Outcome::Done, "zone {zone}");
    }
}

fn parse(actions: &str) -> Vec<Action> {
    parse_actions(actions).unwrap_or_else(|it| panic!("{actions}: {it}"))
}
