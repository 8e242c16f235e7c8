//! Reading is what masks.

use weft_flow::{Field, FlowKey, FlowMask};

use super::extract::extract;
use super::frame::{Body, Frame};
use super::net::{addr, station};
use crate::{Install, NothingLearned, Outcome, Probe, Reason, Scratch, Time};

/// What is read of a key by some questions.
fn reading(key: &FlowKey, ask: impl FnOnce(&mut Probe<'_>)) -> Outcome {
    let mut scratch = Scratch::new();
    let mut probe = Probe::new(key, b"bytes", &NothingLearned, Time(1000), &mut scratch);
    probe.begin();
    ask(&mut probe);
    probe.finish(Reason::NoSuchPort(0))
}

fn mask(key: &FlowKey, ask: impl FnOnce(&mut Probe<'_>)) -> Vec<(Field, u128)> {
    reading(key, ask).mask.fields().collect()
}

fn udp() -> FlowKey {
    let (sport, dport) = (1000, 0x1234);
    let body = Body::Udp {
        src: addr(1),
        dst: addr(2),
        sport,
        dport,
    };
    extract(&Frame::new(station(1), station(2), body).bytes(), 1).unwrap()
}

#[test]
fn a_comparison_reads_down_to_the_first_bit_that_differs() {
    let mut key = FlowKey::new();
    key.set(Field::EthSrc, 0x0a00_0000_0001);
    let cases = [
        (0x0a00_0000_0001, true, Field::EthSrc.full()),
        (0x0a00_0000_0000, false, Field::EthSrc.full()),
        (0x8a00_0000_0001, false, 0x8000_0000_0000),
        (0x0b00_0000_0001, false, 0xff00_0000_0000),
    ];
    for (value, equal, read) in cases {
        let mask = mask(&key, |probe| {
            assert_eq!(probe.is(Field::EthSrc, value), equal)
        });
        assert_eq!(mask, [(Field::EthSrc, read)], "{value:#x}");
    }
}

#[test]
fn a_comparison_under_bits_reads_no_others() {
    let mut key = FlowKey::new();
    key.set(Field::EthSrc, 0x0a00_0000_0001);
    let mask = mask(&key, |probe| {
        assert!(probe.is_in(Field::EthSrc, 0x0a00_ffff_ffff, 0xff00_0000_0000));
        assert!(!probe.is_in(Field::EthSrc, 0x0000_0000_0000, 0x0000_0000_00ff));
    });
    assert_eq!(mask, [(Field::EthSrc, 0xff00_0000_00ff)]);
}

#[test]
fn the_absence_of_a_port_is_read_off_the_fields_that_decide_it() {
    let mut later = udp();
    later.set(Field::IpFrag, 2);
    later.clear(Field::TpSrc).clear(Field::TpDst);
    let outcome = reading(&later, |probe| assert_eq!(probe.read(Field::TpDst), None));
    assert!(!outcome.mask.agree(&later, &udp()));
    assert_eq!(
        outcome.mask.get(Field::TpDst),
        0,
        "it is not there to be matched"
    );
}

#[test]
fn absent_is_not_zero() {
    let mut untagged = FlowKey::new();
    untagged.set(Field::EthSrc, 1);
    let mut tagged = untagged.clone();
    tagged.set(Field::VlanTci, 0x1000);
    let ask = |probe: &mut Probe<'_>| assert!(!probe.is_in(Field::VlanTci, 0, 0x0fff));
    let outcome = reading(&untagged, ask);
    assert!(!outcome.mask.agree(&untagged, &tagged));

    let mut llc = FlowKey::new();
    llc.set(Field::EthSrc, 1);
    let outcome = reading(&llc, |probe| assert!(!probe.is(Field::EthType, 0)));
    let mut typed = llc.clone();
    typed.set(Field::EthType, 0);
    assert!(!outcome.mask.agree(&llc, &typed));
}

#[test]
fn what_is_not_read_is_not_in_the_mask() {
    assert_eq!(reading(&udp(), |_| ()).mask, FlowMask::new());
    let port = mask(&udp(), |probe| assert_eq!(probe.in_port(), 1));
    assert_eq!(port, [(Field::InPort, Field::InPort.full())]);
    let bit = mask(&udp(), |probe| {
        assert_eq!(probe.is_group(Field::EthDst), Some(false))
    });
    assert_eq!(bit, [(Field::EthDst, 1 << 40)]);
}

#[test]
fn reading_bytes_keeps_the_verdict_from_becoming_a_flow() {
    let outcome = reading(&udp(), |probe| assert_eq!(probe.packet(), b"bytes"));
    assert_eq!(outcome.install, Install::PerPacket);
    assert_eq!(reading(&udp(), |_| ()).install, Install::Flow);
}

#[test]
fn a_verdict_ends_at_the_first_deadline_that_it_looked_at_and_is_yet_to_come() {
    let outcome = reading(&udp(), |probe| {
        assert!(probe.reached(Time(1000)), "now is the time");
        assert!(!probe.reached(Time(3000)));
        assert!(!probe.reached(Time(2000)));
        assert!(!probe.reached(Time(4000)));
    });
    assert_eq!(outcome.valid_until, Some(Time(2000)));
    let outcome = reading(&udp(), |probe| assert!(probe.reached(Time(999))));
    assert_eq!(outcome.valid_until, None);
}

#[test]
fn a_packet_that_came_by_no_port_has_the_kernels_number_for_it() {
    let outcome = mask(&FlowKey::new(), |probe| assert_eq!(probe.in_port(), 65535));
    assert_eq!(outcome, [(Field::InPort, Field::InPort.full())]);
}
