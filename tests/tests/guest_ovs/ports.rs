//! Ports of every kind.

use nix::errno::Errno;
use weft_ovs::{Datapath, Error, NewVport, VportKind};

use super::support::{Port, Tap, datapath};

fn new(name: &str, kind: VportKind) -> NewVport {
    NewVport {
        name: name.to_owned(),
        kind,
        port_no: None,
        upcall_pids: Vec::new(),
    }
}

#[test]
fn ports_of_every_kind_are_listed_as_they_were_added() {
    let mut datapath = datapath();
    let _tap = Tap::new("tap0");
    let wanted = [
        NewVport {
            port_no: Some(7),
            upcall_pids: vec![11, 12],
            ..new("tap0", VportKind::Netdev)
        },
        new("int0", VportKind::Internal),
        new("vxlan0", VportKind::Vxlan { dst_port: 4789 }),
        new("geneve0", VportKind::Geneve { dst_port: 6081 }),
    ];
    let added: Vec<_> = wanted
        .iter()
        .map(|port| datapath.add_port(port).unwrap())
        .collect();
    assert_eq!(added[0].port_no, 7);
    let listed = datapath.ports().unwrap();
    let own = listed.iter().find(|port| port.port_no == 0).unwrap();
    assert_eq!(
        (own.name.as_str(), own.kind),
        ("weft0", VportKind::Internal)
    );
    assert_eq!(own.ifindex, Some(datapath.ifindex()));
    assert_eq!(listed.len(), 1 + wanted.len());
    for (wanted, added) in wanted.iter().zip(&added) {
        let listed = listed
            .iter()
            .find(|port| port.port_no == added.port_no)
            .unwrap();
        assert_eq!(listed.name, wanted.name);
        assert_eq!(listed.kind, wanted.kind);
        assert_eq!(listed.upcall_pids, wanted.upcall_pids);
        assert!(listed.ifindex.is_some_and(|index| index > 0));
    }
}

#[test]
fn upcall_sockets_of_a_port_can_be_set_and_taken_away() {
    let mut datapath = datapath();
    let port = Port::new(&mut datapath, "tap0");
    let pids = |datapath: &mut dyn Datapath| {
        let ports = datapath.ports().unwrap();
        ports
            .into_iter()
            .find(|it| it.name == "tap0")
            .unwrap()
            .upcall_pids
    };
    assert_eq!(pids(&mut datapath), [port.upcalls.pid()]);
    // More than there can be processors are refused.
    let count = std::thread::available_parallelism().unwrap().get() as u32;
    let several: Vec<u32> = (1..=count).collect();
    datapath.set_upcall_pids(port.number(), &several).unwrap();
    assert_eq!(pids(&mut datapath), several);
    let error = datapath.set_upcall_pids(port.number(), &[1; 4096]);
    assert_eq!(error.unwrap_err().errno(), Some(Errno::EINVAL));
    assert_eq!(pids(&mut datapath), several);
    datapath.set_upcall_pids(port.number(), &[]).unwrap();
    assert!(pids(&mut datapath).is_empty());
}

#[test]
fn what_is_wrong_with_a_port_is_said() {
    let mut datapath = datapath();
    let port = Port::new(&mut datapath, "tap0");
    let taken = datapath
        .add_port(&new("tap0", VportKind::Netdev))
        .unwrap_err();
    assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken:?}");
    let number = datapath
        .add_port(&NewVport {
            port_no: Some(port.number()),
            ..new("int0", VportKind::Internal)
        })
        .unwrap_err();
    assert!(matches!(number, Error::AlreadyExists { .. }), "{number:?}");
    let missing = datapath
        .add_port(&new("nosuch0", VportKind::Netdev))
        .unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    assert!(
        missing.to_string().contains("add port nosuch0 (weft0)"),
        "{missing}"
    );
    for result in [datapath.delete_port(99), datapath.set_upcall_pids(99, &[1])] {
        assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
    }
    let long = datapath
        .add_port(&new("a-name-of-16-chr", VportKind::Internal))
        .unwrap_err();
    assert!(matches!(long, Error::Refused { .. }), "{long:?}");
}

#[test]
fn a_port_is_deleted_by_number_and_goes_with_its_device() {
    let mut datapath = datapath();
    let first = Port::new(&mut datapath, "tap0");
    let second = Port::new(&mut datapath, "tap1");
    datapath.delete_port(first.number()).unwrap();
    let left: Vec<_> = datapath
        .ports()
        .unwrap()
        .into_iter()
        .map(|port| port.name)
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    drop(second.tap);
    weft_tests::wait::until("the port to go", super::support::PATIENCE, || {
        datapath.ports().unwrap().len() == 1
    })
    .unwrap();
}
