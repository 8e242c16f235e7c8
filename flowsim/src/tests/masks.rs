//! Every packet under an outcome's mask meets the same verdict.
//!
//! From a key and the bits that were read of it other keys are made that a kernel could have extracted
//! and that agree in those bits: values change where they may, and headers come and go where nothing
//! that was read says that they are there.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use weft_evaluator::World;
use weft_flow::present::{VLAN_PRESENT, ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey, FlowMask, encode_mask, key};
use weft_topology::Snapshot;
use weft_topology::dhcp::SERVER_MAC;

use super::extract::extract;
use super::net::{addr, addr6, snapshot, station};
use super::random::{NOW, any_world, cases, config};
use super::random_frames::any_arrival;
use super::run::{judge, judge_in, key_of_some_pass};
use crate::{Install, Scratch};

/// Frames for each world, and other keys for each frame.
const FRAMES: u32 = 20;
const VARIANTS: u32 = 5;

proptest! {
    #![proptest_config(config(cases(1_000_000) / FRAMES / VARIANTS))]

    #[test]
    fn every_packet_under_the_mask_meets_the_same_verdict(
        world in any_world(),
        arrivals in proptest::collection::vec(any_arrival(), FRAMES as usize),
        rng in any::<u64>(),
    ) {
        let snapshot = snapshot(&world);
        let mut vary = Vary::new(rng);
        for (in_port, frame, known) in arrivals {
            let Some(key) = key_of_some_pass(&snapshot, in_port, &frame, known) else { continue };
            holds_under_the_mask(&world, &snapshot, &key, &mut vary)?;
        }
    }
}

/// Judges a key, and others that agree with it in the bits that were read.
pub(super) fn holds_under_the_mask(
    world: &World,
    snapshot: &Snapshot,
    key: &FlowKey,
    vary: &mut Vary,
) -> Result<(), TestCaseError> {
    let scratch = &mut Scratch::new();
    let outcome = judge_in(scratch, world, snapshot, key, NOW);
    if outcome.install == Install::PerPacket {
        return Ok(());
    }
    let installed = outcome.flow_mask(key);
    prop_assert!(
        installed.covers(&outcome.mask),
        "{installed:?}\n{:?}",
        outcome.mask
    );
    let encoded = encode_mask(&installed, key, &mut Vec::new());
    prop_assert!(encoded.is_ok(), "{encoded:?}: {key:?} {installed:?}");
    for _ in 0..VARIANTS {
        let other = vary.under(key, &outcome.mask);
        prop_assert!(
            outcome.mask.agree(key, &other),
            "what was read does not tell which headers there are:\n{key:?}\n{other:?}\n{:?}",
            outcome.mask,
        );
        let again = judge_in(scratch, world, snapshot, &other, NOW);
        prop_assert_eq!(
            (&again.actions, again.reason, again.install),
            (&outcome.actions, outcome.reason, outcome.install),
            "{:?}\n{:?}\n{:?}",
            key,
            other,
            outcome.mask
        );
        scratch.recycle(again);
    }
    Ok(())
}

/// Makes other keys.
pub(super) struct Vary(pub(super) TestRng);

impl Vary {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        // Any will do: one that is quick. Its state must not be 0.
        bytes[8] = 1;
        let algorithm = RngAlgorithm::XorShift;
        Self(TestRng::from_seed(algorithm, &bytes))
    }

    fn coin(&mut self) -> bool {
        self.0.next_u32() & 1 == 0
    }

    /// A value that some rule might care for, or any.
    fn value(&mut self, field: Field) -> u128 {
        let likely: &[u128] = match field {
            Field::EthType => &[0x0800, 0x0806, 0x86dd, 0x8035, 0x88cc, 0x8100],
            Field::IpProto => &[1, 6, 17, 58, 132, 0],
            Field::TpSrc | Field::TpDst => &[67, 68, 0],
            Field::IpFrag => &[0, 1, 2],
            Field::ArpOp => &[0, 1, 2],
            Field::VlanTci | Field::InnerVlanTci => &[0x1000, 0x1005, 0x1006, 0x7000, 0x1fff],
            Field::VlanTpid | Field::InnerVlanTpid => &[0x8100, 0x88a8],
            _ => &[],
        };
        let n = self.0.next_u32() as usize;
        let small = u8::try_from(n % 8).unwrap();
        match field {
            _ if !likely.is_empty() => likely[n % likely.len()],
            Field::IcmpCode => u128::from(small / 4),
            Field::IcmpType => [1, 8, 128, 131, 134, 135, 136, 143][n % 8],
            Field::NdSll | Field::NdTll if self.coin() => key::mac_to_bits(station(small)),
            Field::Ipv6Src | Field::Ipv6Dst | Field::NdTarget if self.coin() => {
                addr6(small).to_bits()
            }
            Field::EthSrc | Field::EthDst | Field::ArpSha | Field::ArpTha if self.coin() => {
                let mac = if small < 6 {
                    station(small)
                } else {
                    SERVER_MAC
                };
                key::mac_to_bits(mac)
            }
            Field::Ipv4Src | Field::Ipv4Dst | Field::ArpSip | Field::ArpTip if self.coin() => {
                addr(small).to_bits().into()
            }
            Field::InPort => u128::from(small),
            _ => u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64()),
        }
    }

    /// A key that agrees with `key` under `mask`.
    fn under(&mut self, key: &FlowKey, mask: &FlowMask) -> FlowKey {
        let mut other = FlowKey::new();
        for field in [
            Field::RecircId,
            Field::InPort,
            Field::SkbPriority,
            Field::SkbMark,
            Field::DpHash,
            Field::CtState,
            Field::CtZone,
            Field::CtMark,
            Field::CtLabels,
            Field::EthSrc,
            Field::EthDst,
        ] {
            self.put(&mut other, key, mask, field);
        }
        for (tpid, tci) in [
            (Field::VlanTpid, Field::VlanTci),
            (Field::InnerVlanTpid, Field::InnerVlanTci),
        ] {
            if !self.is_there(key, mask, tci) {
                break;
            }
            self.put(&mut other, key, mask, tci);
            self.put(&mut other, key, mask, tpid);
            if other.get_or_zero(tci) & u128::from(VLAN_PRESENT) == 0 {
                // Cut short: no contents, nothing after it.
                other.set(tci, 0).set(tpid, 0);
                return other;
            }
        }
        if self.is_there(key, mask, Field::EthType) {
            self.put(&mut other, key, mask, Field::EthType);
            self.network(&mut other, key, mask);
        }
        other
    }

    fn is_there(&mut self, key: &FlowKey, mask: &FlowMask, field: Field) -> bool {
        if mask.get(field) != 0 || self.coin() {
            key.has(field)
        } else {
            self.coin()
        }
    }

    fn put(&mut self, other: &mut FlowKey, key: &FlowKey, mask: &FlowMask, field: Field) {
        let bits = mask.get(field);
        let free = if self.coin() {
            key.get_or_zero(field)
        } else {
            self.value(field)
        };
        other.set(field, key.get_or_zero(field) & bits | free & !bits);
    }

    /// What the Ethernet type says is there.
    fn network(&mut self, other: &mut FlowKey, key: &FlowKey, mask: &FlowMask) {
        let (ip4, ip6) = (
            [Field::Ipv4Src, Field::Ipv4Dst],
            [Field::Ipv6Src, Field::Ipv6Dst, Field::Ipv6Label],
        );
        let arp = [
            Field::ArpOp,
            Field::ArpSip,
            Field::ArpTip,
            Field::ArpSha,
            Field::ArpTha,
        ];
        let own: &[Field] = match other.u16(Field::EthType) {
            Some(ethertype::IPV4) => &ip4,
            Some(ethertype::IPV6) => &ip6,
            Some(ethertype::ARP | ethertype::RARP) => &arp,
            _ => &[],
        };
        for &field in own {
            self.put(other, key, mask, field);
        }
        if own.is_empty() || own == arp {
            return;
        }
        for field in [Field::IpTos, Field::IpTtl, Field::IpProto, Field::IpFrag] {
            self.put(other, key, mask, field);
        }
        if other.get(Field::IpFrag) == Some(u128::from(fragment::LATER)) {
            return;
        }
        let is_v6 = own == ip6;
        let transport: &[Field] = match u8::try_from(other.get_or_zero(Field::IpProto)).unwrap() {
            protocol::TCP => &[Field::TpSrc, Field::TpDst, Field::TcpFlags],
            protocol::UDP | protocol::SCTP => &[Field::TpSrc, Field::TpDst],
            protocol::ICMP if !is_v6 => &[Field::IcmpType, Field::IcmpCode],
            protocol::ICMPV6 if is_v6 => &[Field::IcmpType, Field::IcmpCode],
            _ => &[],
        };
        for &field in transport {
            self.put(other, key, mask, field);
        }
        let kind = (other.get(Field::IcmpType), other.get(Field::IcmpCode));
        if is_v6 && matches!(kind, (Some(135 | 136), Some(0))) {
            for field in [Field::NdTarget, Field::NdSll, Field::NdTll] {
                self.put(other, key, mask, field);
            }
        }
    }
}

/// Traffic that no service cares for stays out of layer 4.
#[test]
fn tcp_reads_one_bit_of_the_protocol_and_no_address_or_port() {
    let world = super::net::office();
    let body = super::frame::Body::Tcp {
        src: addr(1),
        dst: addr(2),
        sport: 68,
        dport: 67,
    };
    let frame = super::frame::Frame::new(station(1), station(2), body);
    let key = extract(&frame.bytes(), 1).unwrap();
    let outcome = judge(&world, &snapshot(&world), &key, NOW);
    let read: Vec<_> = outcome.mask.fields().collect();
    let whole = |field: Field| (field, field.full());
    let expected = [
        whole(Field::RecircId),
        whole(Field::InPort),
        whole(Field::EthSrc),
        whole(Field::EthDst),
        whole(Field::EthType),
        // That there is no tag.
        whole(Field::VlanTci),
        whole(Field::VlanTpid),
        whole(Field::InnerVlanTci),
        whole(Field::InnerVlanTpid),
        (Field::IpProto, 0xf0),
        whole(Field::IpFrag),
    ];
    assert_eq!(read, expected);
}
