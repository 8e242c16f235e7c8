//! Which flows a datapath takes.

use nix::errno::Errno;
use weft_flow::action::Ct;
use weft_flow::{Action, Field, Ufid};
use weft_ovs::{Error, Op, PutMode};

use super::{Bench, Line, apply, put};

fn exists(result: Result<weft_ovs::OpReply, Error>) -> Errno {
    match result {
        Err(Error::FlowExists { errno, .. }) => errno,
        other => panic!("{other:?}"),
    }
}

fn flows(bench: &mut dyn Bench) -> u64 {
    bench.datapath().info().unwrap().flows
}

pub(crate) fn a_put_finds_flows_by_id_and_by_its_own_key(bench: &mut dyn Bench) {
    let wide = "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)";
    put(bench, wide, "drop");
    let narrow = "recirc_id(0),in_port(1),eth(dst=02:00:00:00:00:02),eth_type(0x88b5)";
    let covered = Line::new(narrow, "drop");
    assert_eq!(exists(covered.put(bench, PutMode::Create)), Errno::EEXIST);
    assert_eq!(
        exists(covered.put(bench, PutMode::CreateOrModify)),
        Errno::ENOENT
    );
    let mut same_id = Line::new("recirc_id(0),in_port(2),eth(),eth_type(0x88b5)", "drop");
    same_id.ufid = Line::new(wide, "drop").ufid;
    assert_eq!(exists(same_id.put(bench, PutMode::Create)), Errno::EEXIST);
    assert_eq!(
        exists(same_id.put(bench, PutMode::CreateOrModify)),
        Errno::ENOENT
    );
    assert_eq!(flows(bench), 1);
}

pub(crate) fn flows_may_overlap_where_no_key_meets_the_other(bench: &mut dyn Bench) {
    put(
        bench,
        "recirc_id(0),in_port(1),eth(dst=02:00:00:00:00:02),eth_type(0x88b5)",
        "drop",
    );
    // Its own key has the destination 0.
    put(
        bench,
        "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)",
        "drop",
    );
    let mut met = Line::new("recirc_id(0),eth(),eth_type(0x88b5)", "drop");
    met.key.set(Field::InPort, 1);
    assert_eq!(exists(met.put(bench, PutMode::Create)), Errno::EEXIST);
    assert_eq!(bench.datapath().info().unwrap().masks, 2);
    // One for packets without an Ethernet header meets no frame.
    put(bench, "recirc_id(0),in_port(1),eth_type(0x88b5)", "drop");
    assert_eq!(flows(bench), 3);
}

pub(crate) fn a_changed_put_must_repeat_the_masked_key(bench: &mut dyn Bench) {
    let wide = "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)";
    put(bench, wide, "drop");
    let changed = Line::new(wide, "2");
    changed.put(bench, PutMode::CreateOrModify).unwrap();
    let actions = |bench: &mut dyn Bench| {
        let found = bench.datapath().flow(changed.ufid).unwrap().unwrap();
        found.actions
    };
    assert_eq!(actions(bench), [Action::Output(2)]);
    // Bits that do not count must be 0: the kernel compares with the flow's masked key.
    let mut spare_bits = Line::new(wide, "3");
    spare_bits.key.set(Field::EthDst, 7);
    assert_eq!(
        exists(spare_bits.put(bench, PutMode::CreateOrModify)),
        Errno::ENOENT
    );
    assert_eq!(actions(bench), [Action::Output(2)]);
    // A change by id does not compare keys.
    let change = Op::SetActions {
        ufid: spare_bits.ufid,
        key: &spare_bits.key,
        mask: &spare_bits.mask,
        actions: &spare_bits.actions,
        anew: false,
    };
    apply(bench, change).unwrap();
    assert_eq!(actions(bench), [Action::Output(3)]);
    // Nor does a put compare masks: the flow keeps its own.
    let mut other_mask = Line::new(wide, "5");
    other_mask.mask.add_field(Field::EthDst);
    other_mask.put(bench, PutMode::CreateOrModify).unwrap();
    assert_eq!(actions(bench), [Action::Output(5)]);
    let found = bench.datapath().flow(changed.ufid).unwrap().unwrap();
    assert_eq!(found.mask, changed.mask);
    // The id may be another: the kernel finds the flow by its key, and that is the same.
    let mut other_id = Line::new(wide, "4");
    other_id.ufid = Ufid([9; 16]);
    other_id.put(bench, PutMode::CreateOrModify).unwrap();
    assert_eq!(actions(bench), [Action::Output(4)]);
    assert_eq!(flows(bench), 1);
}

pub(crate) fn bad_flows_are_refused(bench: &mut dyn Bench) {
    let tcp = "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80)";
    let refused = |bench: &mut dyn Bench, line: Line| {
        let error = line.put(bench, PutMode::Create).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINVAL), "{error:?}");
    };
    let mut undecided = Line::new(tcp, "drop");
    undecided.mask.set(Field::IpProto, 0);
    refused(bench, undecided);
    let mut no_header = Line::new(tcp, "drop");
    for field in [Field::TpSrc, Field::TpDst, Field::TcpFlags] {
        no_header.key.clear(field);
        no_header.mask.set(field, 0);
    }
    refused(bench, no_header);
    let tag = "in_port(1),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x88b5))";
    let mut no_tag = Line::new(tag, "drop");
    no_tag.key.set(Field::VlanTci, 5);
    refused(bench, no_tag);
    let mut no_port = Line::new("eth(),eth_type(0x88b5)", "drop");
    no_port.key.set(Field::InPort, 65_535);
    no_port.mask.add_field(Field::InPort);
    refused(bench, no_port);
    let mut orphan = Line::new("in_port(1),eth(),eth_type(0x88b5)", "drop");
    orphan.key.set(Field::TpSrc, 1);
    let error = orphan.put(bench, PutMode::Create).unwrap_err();
    assert!(matches!(error, Error::BadRequest { .. }), "{error:?}");
    put(bench, tcp, "drop");
    assert_eq!(flows(bench), 1);
}

pub(crate) fn bad_actions_are_refused(bench: &mut dyn Bench) {
    let arp = "recirc_id(0),in_port(1),eth(),eth_type(0x0806),arp(op=1)";
    let any_ip = "recirc_id(0),in_port(2),eth(),eth_type(0x0800),ipv4(frag=no)";
    let udp = "recirc_id(0),in_port(2),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=53)";
    for (matches, actions) in [
        (arp, "set(ipv4(ttl=63))"),
        (arp, "ct(zone=1)"),
        (any_ip, "set(udp(dst=54))"),
        (udp, "set(tcp(dst=54))"),
        (udp, "set(ipv6(hlimit=3))"),
    ] {
        let error = Line::new(matches, actions).put(bench, PutMode::Create);
        let error = error.unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINVAL), "{actions}: {error:?}");
    }
    let no_tag = Action::PushVlan {
        tpid: 0x8100,
        tci: 5,
    };
    let tag_of_no_kind = Action::PushVlan {
        tpid: 0x9100,
        tci: 0x1005,
    };
    let marked = Action::Ct(Ct {
        mark: Some((1, 1)), // without commit
        ..Ct::default()
    });
    for action in [no_tag, tag_of_no_kind, Action::Output(65_535), marked] {
        let mut line = Line::new(udp, "drop");
        line.actions = vec![action];
        assert!(
            line.put(bench, PutMode::Create).is_err(),
            "{:?}",
            line.actions
        );
    }
    assert_eq!(flows(bench), 0);
    for actions in [
        "set(udp(dst=54)),3",
        "set(ipv4(ttl=63)),3",
        "ct(zone=1),recirc(1)",
    ] {
        let line = put(bench, udp, actions);
        apply(bench, Op::Delete { ufid: line.ufid }).unwrap();
    }
}

pub(crate) fn changes_and_deletions_need_a_flow(bench: &mut dyn Bench) {
    let line = Line::new("recirc_id(0),in_port(1),eth(),eth_type(0x88b5)", "2");
    let change = Op::SetActions {
        ufid: line.ufid,
        key: &line.key,
        mask: &line.mask,
        actions: &line.actions,
        anew: false,
    };
    for op in [change, Op::Delete { ufid: line.ufid }] {
        let error = apply(bench, op).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
    assert_eq!(bench.datapath().flow(line.ufid).unwrap(), None);
}
