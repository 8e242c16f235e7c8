//! A bridge with some ports, carried by a datapath in a namespace of the test's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use nix::sched::{CloneFlags, unshare};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;
use weft_agent::hot::{Event, Hot, Limits, Start};
use weft_agent::worker;
use weft_ovs::kernel::{KernelDatapath, OpenMode};
use weft_ovs::{Datapath, NewVport, VportKind};
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_tests::wait;
use weft_topology::bridge::Bridge;
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::{Change, LocalPort, MacAddr, Snapshot};

use super::SOON;

pub(crate) struct Stage {
    pub(crate) hot: Arc<dyn Hot>,
    pub(crate) peers: Vec<Peer>,
    _events: UnboundedReceiver<Event>,
}

pub(crate) fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, n)
}

impl Stage {
    /// A bridge whose `count` ports are taps; their owners have the MACs 1, 2, ….
    pub(crate) fn new(count: u8) -> Self {
        assert!(
            std::env::var_os("WEFT_GUEST").is_some(),
            "run it by `make test-guest`"
        );
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let mut datapath = KernelDatapath::open("weft-hot", OpenMode::Create).unwrap();
        let (sender, events) = unbounded_channel();
        let hot = worker::start(Start {
            datapath: datapath.fork().unwrap(),
            snapshot: Arc::new(Snapshot::default()),
            limits: Limits {
                flows_per_port: 1_000,
                connections_per_zone: 1,
                punts_per_port: 100,
                fragments_per_port: 100,
                logs_per_port: 1,
                log_burst: 2,
            },
            exact_flows: false,
            audit: true,
            accounts: weft_agent::accounts::Accounts::default(),
            conversations: None,
            events: sender,
        })
        .unwrap();
        let (mut changes, mut local, mut peers) =
            (vec![Change::Put(bridge().into())], vec![], vec![]);
        for n in 1..=count {
            let tap = format!("tap{n}");
            run(&["ip", "tuntap", "add", &tap, "mode", "tap"]).unwrap();
            run(&["ip", "link", "set", &tap, "addrgenmode", "none", "up"]).unwrap();
            let port = port(n);
            let id = port.id;
            changes.push(Change::Put(port.into()));
            let upcall_pids = hot.attach(id, &tap).unwrap();
            let vport = NewVport {
                name: tap.clone(),
                kind: VportKind::Netdev,
                port_no: None,
                upcall_pids,
            };
            let number = datapath.add_port(&vport).unwrap().port_no;
            hot.attached(id, number);
            local.push(LocalPort {
                port: id,
                number,
                interface: tap.clone(),
            });
            peers.push(Peer::open(&tap, mac(n)).unwrap());
        }
        let (snapshot, _) = Snapshot::default().apply(1, &changes);
        let (snapshot, tags) = snapshot.with_local(&local);
        hot.publish(
            Arc::new(snapshot),
            Arc::new(tags.into_iter().collect::<BTreeSet<_>>()),
        );
        for Peer { tap, .. } in &peers {
            is_up(tap);
        }
        Self {
            hot,
            peers,
            _events: events,
        }
    }
}

/// Waits until the kernel has noticed that somebody holds the tap: what leaves by it before is dropped.
fn is_up(tap: &str) {
    wait::until("the tap to be up", SOON, || {
        run(&["ip", "link", "show", tap]).is_ok_and(|said| said.contains("state UP"))
    })
    .unwrap();
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.hot.stop();
    }
}

fn bridge() -> Bridge {
    Bridge {
        id: BridgeId(Uuid::from_u128(1)),
        tenant_id: None,
        name: "hot".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

fn port(n: u8) -> Port {
    Port {
        id: PortId(Uuid::from_u128(100 + u128::from(n))),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: BridgeId(Uuid::from_u128(1)),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: u32::from(n),
        vlan: None,
        security: None,
    }
}
