//! The page is what Prometheus reads, and has what the families say.

use std::collections::{BTreeMap, BTreeSet};

use weft_observe::metrics::{Distribution, Histogram};
use weft_ovs::{DatapathInfo, VportKind, Writes};
use weft_wire::control::{DropInfo, Status};
use weft_wire::host::BindingPhase;

use super::super::all;
use super::*;
use crate::core::Repairs;
use crate::measures::UPCALL_BOUNDS;
use crate::worker::FAMILIES;

fn port(n: u128) -> PortId {
    PortId(uuid::Uuid::from_u128(n))
}

fn core() -> CoreMeasures {
    let binding = |n: u32| BindingInfo {
        interface: format!("tap{n}"),
        port: port(n.into()),
        state: BindingPhase::Active,
        number: Some(n),
        problem: None,
    };
    CoreMeasures {
        status: Status {
            version: "1".to_owned(),
            host_id: "h".to_owned(),
            host_name: "hv1".to_owned(),
            datapath: "weft".to_owned(),
            uptime_seconds: 61,
            api: None,
            api_silence_seconds: Some(7),
            revision: 12,
            revision_in_force: 11,
            established: weft_topology::policy::Established::Sever,
            bindings_active: 2,
            bindings_pending: 1,
            flows: 99,
            counters: BTreeMap::new(),
        },
        bindings: vec![binding(1), binding(2)],
        starts: 4,
        inbox: 3,
        settle: Histogram::new(&[1_000]).read(),
        repairs: Repairs {
            dispatch_restored: 1,
            rebuilt: 2,
            events_lost: 3,
        },
    }
}

fn hot() -> Measures {
    let vport = |port_no| Vport {
        port_no,
        kind: VportKind::Netdev,
        name: format!("tap{port_no}"),
        upcall_pids: Vec::new(),
        ifindex: None,
        stats: VportStats {
            rx_packets: 1_000,
            tx_errors: 2,
            tx_dropped: 3,
            ..VportStats::default()
        },
    };
    let drop = |port, reason: &str, packets| DropInfo {
        port,
        reason: reason.to_owned(),
        packets,
    };
    let is = PortMeasures {
        flows: 20,
        upcalls: 30,
        overflows: 1,
    };
    Measures {
        datapath: DatapathInfo {
            lost: 8,
            masks: 9,
            ..DatapathInfo::default()
        },
        vports: vec![vport(0), vport(1), vport(2)],
        ports: [(port(1), is)].into(),
        drops: vec![
            drop(Some(port(1)), "tagged", 5),
            drop(Some(port(77)), "tagged", 6),
            drop(None, "a \"\\\n", 4),
        ],
        counters: FAMILIES.iter().map(|family| (family, 6)).collect(),
        writes: Writes::default(),
        upcall_delay: Distribution::empty(UPCALL_BOUNDS),
        inboxes: vec![0, 5],
        parked_packets: 1,
        parked_bytes: 2,
        flows: 99,
        flow_limit: 20,
        macs: 2,
    }
}

fn lines() -> Lines {
    Lines {
        errors: 1,
        warnings: 2,
        others: 3,
        left_out: 4,
    }
}

/// The families of a page, each with its kind.
fn families(text: &str) -> BTreeMap<&str, &str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split_once(' ')).collect()
}

#[test]
fn the_page_has_every_family_once_and_no_other() {
    let text = page("6.12", Some(lines()), &core(), Some(&hot()));
    let described = text.matches("# TYPE ").count();
    let found = families(&text);
    assert_eq!(found.len(), described, "one is there twice");
    let wanted: BTreeMap<&str, &str> = all()
        .map(|family| (family.name, family.kind.word()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn counters_are_named_so_and_every_sample_belongs_to_a_family() {
    let text = page("6.12", Some(lines()), &core(), Some(&hot()));
    let families = families(&text);
    for (name, kind) in &families {
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
        assert!(name.starts_with("weft_"), "{name}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .filter(|base| families.get(base) == Some(&"histogram"));
        assert!(families.contains_key(base.unwrap_or(name)), "{line}");
    }
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let unique: BTreeSet<&str> = samples
        .iter()
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    assert_eq!(unique.len(), samples.len(), "a series is there twice");
}

#[test]
fn samples_say_what_was_measured_and_ports_that_are_gone_have_none() {
    let text = page("6.12", Some(lines()), &core(), Some(&hot()));
    let one = port(1);
    let of_one = format!("port=\"{one}\",interface=\"tap1\"");
    for expected in [
        "weft_build_info{version=\"1\",kernel=\"6.12\"} 1".to_owned(),
        "weft_starts_total 4".to_owned(),
        "weft_service_silence_seconds 7".to_owned(),
        "weft_revision_in_force 11".to_owned(),
        "weft_flow_masks 9".to_owned(),
        "weft_upcalls_lost_total 8".to_owned(),
        "weft_ports_at_flow_limit 1".to_owned(),
        "weft_port_flows_highest 20".to_owned(),
        "weft_worker_inbox{worker=\"1\"} 5".to_owned(),
        "weft_datapath_repairs_total{kind=\"rebuilt\"} 2".to_owned(),
        "weft_dropped_packets_total{reason=\"tagged\"} 11".to_owned(),
        "weft_dropped_packets_total{reason=\"a \\\"\\\\\\n\"} 4".to_owned(),
        format!("weft_port_rx_packets_total{{{of_one}}} 1000"),
        format!("weft_port_tx_lost_packets_total{{{of_one}}} 5"),
        format!("weft_port_dropped_packets_total{{{of_one},reason=\"tagged\"}} 5"),
        format!("weft_port_upcalls_total{{{of_one}}} 30"),
    ] {
        assert!(
            text.lines().any(|line| line == expected),
            "no {expected} in\n{text}"
        );
    }
    assert!(!text.contains(&port(77).to_string()));
}

#[test]
fn what_is_not_known_is_absent_and_not_0() {
    let mut core = core();
    core.status.api_silence_seconds = None;
    let text = page("6.12", None, &core, None);
    for absent in ["silence", "weft_flows", "weft_port_", "weft_log_"] {
        assert!(!text.contains(absent), "{absent}");
    }
    assert!(text.contains("weft_uptime_seconds 61"));
}

#[test]
fn docs_have_the_table_of_metrics() {
    weft_docs::hold("docs/metrics.md", "weft-agent", &weft_docs::metrics(all()));
}
