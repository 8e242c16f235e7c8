//! The key that a kernel extracts from a frame is the one that we extract from its bytes.

use proptest::prop_assert_eq;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use weft_flow::{Field, FlowKey};
use weft_ovs::extract;

use super::support::{Port, datapath};

#[path = "../../../ovs/src/extract/frames.rs"]
mod frames;

/// How many frames are tried.
const CASES: u32 = 4000;

/// Destination of the frame that follows each.
const MARKED: u64 = 0x02_00_00_00_00_fe;

/// Fields that a kernel adds to a frame's.
const METADATA: [Field; 9] = [
    Field::RecircId,
    Field::InPort,
    Field::SkbPriority,
    Field::SkbMark,
    Field::DpHash,
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::CtLabels,
];

/// A kernel leaves these as they were in its memory, where the header ends too early or where they have no
/// meaning.
fn undefined(key: &FlowKey) -> Vec<Field> {
    let mut fields = Vec::new();
    let six = key.get(Field::EthType) == Some(0x86dd);
    if six && key.get(Field::Ipv6Src) == Some(0) && key.get(Field::IpTtl) == Some(0) {
        fields.extend([Field::Ipv6Label, Field::Ipv6Exthdrs]);
    }
    if key.get_or_zero(Field::IcmpCode) != 0 {
        fields.extend([Field::NdTarget, Field::NdSll, Field::NdTll]);
    }
    fields
}

/// What never reaches the datapath: a tag with less than two bytes after its ethertype, which is cut to the
/// kernel, and an NSH header that is not one.
fn is_lost(frame: &[u8]) -> bool {
    let ethertype = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    matches!(ethertype(12), 0x8100 | 0x88a8) && frame.len() < 20
        || extract(frame).unwrap().get(Field::EthType) == Some(0x894f)
}

#[test]
fn the_kernels_key_of_a_frame_is_ours() {
    let mut datapath = datapath();
    let mut port = Port::new(&mut datapath, "tap0");
    let port = std::cell::RefCell::new(&mut port);
    let marker = super::support::frame(MARKED, b"behind");
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    });
    let same = runner.run(&frames::frame(), |frame| {
        if is_lost(&frame) {
            return Ok(());
        }
        let mut port = port.borrow_mut();
        port.tap.send(&frame);
        // What comes behind it shows that it was lost, without waiting.
        port.tap.send(&marker);
        let upcall = port.upcall();
        prop_assert_eq!(upcall.packet, &frame, "another frame came up");
        let mut kernels = upcall.key;
        let mut ours = extract(&frame).unwrap();
        for field in METADATA {
            assert!(kernels.has(field), "{field:?}");
            kernels.clear(field);
        }
        kernels.unknown.clear(); // MPLS
        for field in undefined(&ours) {
            kernels.clear(field);
            ours.clear(field);
        }
        let behind = port.upcall();
        prop_assert_eq!(behind.packet, &marker, "the frame came up twice");
        prop_assert_eq!(kernels, ours);
        Ok(())
    });
    if let Err(error) = same {
        panic!("{error}");
    }
}
