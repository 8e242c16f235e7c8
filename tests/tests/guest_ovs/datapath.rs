//! Creating, adopting, destroying, and asking.

use weft_ovs::kernel::OptionalAction;
use weft_ovs::{Datapath, Error, KernelDatapath, OpenMode};

use super::support::{Match, Port, apply, datapath, enter, ip};
use weft_flow::Action;
use weft_ovs::PutMode;

#[test]
fn a_datapath_is_created_once() {
    let mut datapath = datapath();
    let info = datapath.info().unwrap();
    assert_eq!(info.name, "weft0");
    assert_eq!(info.ifindex, datapath.ifindex());
    assert_eq!((info.flows, info.missed, info.lost), (0, 0, 0));
    let again = KernelDatapath::open("weft0", OpenMode::Create).unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again:?}");
    assert!(
        again.to_string().contains("create datapath (weft0)"),
        "{again}"
    );
}

#[test]
fn an_adopted_datapath_keeps_its_ports_and_flows() {
    let mut first = datapath();
    let port = Port::new(&mut first, "tap0");
    let flow = Match::port(port.number());
    apply(&mut first, flow.put(&[], PutMode::Create)).unwrap();
    drop(first);
    for mode in [OpenMode::Adopt, OpenMode::CreateOrAdopt] {
        let mut adopted = KernelDatapath::open("weft0", mode).unwrap();
        let names: Vec<_> = adopted
            .ports()
            .unwrap()
            .into_iter()
            .map(|port| port.name)
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"tap0".to_owned()), "{names:?}");
        assert!(adopted.flow(flow.ufid()).unwrap().is_some());
        assert_eq!(
            adopted.writes().datapath,
            0,
            "adopting wrote to a datapath that was right"
        );
    }
}

#[test]
fn a_datapath_that_is_not_there_cannot_be_adopted() {
    enter();
    let error = KernelDatapath::open("nosuch0", OpenMode::Adopt).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("nosuch0"), "{error}");
}

#[test]
fn a_device_that_is_no_datapath_is_not_taken_for_one() {
    enter();
    ip("link add weft0 type dummy");
    let error = KernelDatapath::open("weft0", OpenMode::CreateOrAdopt).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[test]
fn a_destroyed_datapath_is_gone_for_every_handle() {
    let datapath = datapath();
    let mut other = datapath.fork().unwrap();
    datapath.destroy().unwrap();
    assert!(matches!(other.info(), Err(Error::NotFound { .. })));
    assert!(matches!(
        other.flow(Match::port(1).ufid()),
        Err(Error::NotFound { .. })
    ));
    let flow = Match::port(1);
    let error = apply(&mut *other, flow.put(&[Action::Output(1)], PutMode::Create)).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[test]
fn a_probe_says_what_the_running_kernel_has_and_leaves_nothing() {
    let mut datapath = datapath();
    let capabilities = datapath.probe().unwrap();
    println!("{capabilities}");
    let release = &capabilities.kernel;
    let newer = !release.starts_with("6.1.");
    for (action, expected) in [
        (OptionalAction::Ct, true),
        (OptionalAction::Meter, true),
        (OptionalAction::CheckPktLen, true),
        (OptionalAction::DecTtl, true),
        (OptionalAction::Drop, newer),
        (OptionalAction::Psample, newer),
    ] {
        assert_eq!(
            capabilities.has(action),
            expected,
            "{action:?} on {release}"
        );
    }
    assert!(capabilities.ct_limit && capabilities.ipv6_exthdrs);
    assert!(capabilities.max_meters > 1000 && capabilities.max_bands >= 1);
    let families: Vec<_> = capabilities
        .families
        .iter()
        .map(|family| family.name)
        .collect();
    assert_eq!(
        families,
        [
            "ovs_datapath",
            "ovs_vport",
            "ovs_flow",
            "ovs_packet",
            "ovs_meter",
            "ovs_ct_limit"
        ]
    );
    assert!(
        capabilities
            .families
            .iter()
            .all(|family| !family.commands.is_empty())
    );
    assert_eq!(datapath.info().unwrap().flows, 0);
}
