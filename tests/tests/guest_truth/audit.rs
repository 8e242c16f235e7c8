//! The auditor on a real kernel: flows that somebody changes behind the agent's back.

use weft_flow::{Action, Field, FlowMask, key::mac_to_bits};
use weft_ovs::{Datapath, DumpedFlow, Op, PutMode};
use weft_tests::site::{Plugged, Site, mac};
use weft_tests::wait;

use super::{LIMIT, datapath, flows};

fn meddle(op: Op<'_>) {
    let mut results = Vec::new();
    datapath().apply(&[op], &mut results);
    assert!(results[0].is_ok(), "{results:?}");
}

/// The flow of frames of a kind from one machine to another.
fn between(a: &Plugged, b: &Plugged) -> Option<DumpedFlow> {
    let (from, to) = (mac_to_bits(a.peer.mac), mac_to_bits(b.peer.mac));
    flows().into_iter().find(|flow| {
        flow.key.get(Field::EthSrc) == Some(from) && flow.key.get(Field::EthDst) == Some(to)
    })
}

/// Frames that keep both flows in use.
fn talk(site: &Site, a: &mut Plugged, b: &mut Plugged) {
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
}

fn repaired(site: &Site) -> u64 {
    site.counter("audit_repaired").unwrap()
}

#[test]
fn flows_that_somebody_changed_widened_or_deleted_are_found_and_right_again() {
    let site = Site::start("audit").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let mut c = site.plug(&network, "tap-c", mac(3)).unwrap();
    talk(&site, &mut a, &mut b);
    talk(&site, &mut a, &mut c);
    wait::until("the auditor to have looked", LIMIT, || {
        site.counter("audit_checked")
            .is_ok_and(|checked| checked >= 4)
    })
    .unwrap();
    assert_eq!(site.counter("audit_disagreed").unwrap(), 0);

    // Other actions: what is for b goes to c, too.
    talk(&site, &mut a, &mut b);
    let (right, to_c) = (between(&a, &b).unwrap(), between(&a, &c).unwrap());
    let both: Vec<Action> = [&right.actions[..], &to_c.actions].concat();
    let ufid = right.ufid.unwrap();
    meddle(Op::SetActions {
        ufid,
        key: &right.key,
        mask: &right.mask,
        actions: &both,
        anew: false,
    });
    let is_right = || {
        let now = datapath().flow(ufid).unwrap();
        now.is_none_or(|now| now.actions == right.actions && now.mask == right.mask)
    };
    assert!(!is_right());
    wait::until("the actions to be put right", LIMIT, || {
        repaired(&site) >= 1 && is_right()
    })
    .unwrap();

    // A wider mask under the flow's own id: whatever the destination is.
    talk(&site, &mut a, &mut b);
    meddle(Op::Delete { ufid });
    let mut wide = FlowMask::new();
    for (field, bits) in right
        .mask
        .fields()
        .filter(|(field, _)| *field != Field::EthDst)
    {
        wide.set(field, bits);
    }
    meddle(Op::Put {
        ufid,
        key: &right.key,
        mask: &wide,
        actions: &right.actions,
        mode: PutMode::Create,
    });
    assert!(!is_right());
    wait::until("the wide flow to go", LIMIT, || {
        repaired(&site) >= 2 && is_right()
    })
    .unwrap();
    assert_eq!(site.counter("audit_disagreed").unwrap(), 2);

    // One that goes is missed, and comes back with its packets.
    talk(&site, &mut a, &mut b);
    meddle(Op::Delete { ufid });
    wait::until("the flow to be missed", LIMIT, || {
        site.counter("flows_vanished")
            .is_ok_and(|vanished| vanished >= 1)
    })
    .unwrap();
    talk(&site, &mut a, &mut b);
    assert_eq!(between(&a, &b).unwrap().actions, right.actions);
    let log = site.agent.log();
    assert_eq!(
        log.matches("a flow in the kernel is not right: somebody changed it")
            .count(),
        2,
        "{log}"
    );
}
