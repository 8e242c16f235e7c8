//! Reading a field puts it into the mask; reading one that is not there puts in what proves its absence.

use crate::field::Field;
use crate::key::{FlowKey, TUNNEL_FIELDS};
use crate::mask::FlowMask;
use crate::present::{askable_tuple, ethertype, fragment, protocol};

/// What a flow must compare so that it matches no packet that has a field which its key lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// These fields, in full.
    Fields(&'static [Field]),
    /// The field itself: the kernel can be asked for its absence.
    Itself,
    /// Nothing: the kernel compares it in every flow.
    Implied,
}

impl FlowMask {
    /// Notes that bits of a field were read.
    ///
    /// Of a field that the key lacks, its absence was read, whatever the bits: added are the fields that
    /// decide it, such as the ethertype for an ARP operation, or the port for a tunnel key. All that is
    /// added can be encoded.
    #[inline]
    pub fn add_read(&mut self, key: &FlowKey, field: Field, bits: u128) -> &mut Self {
        match key.has(field) {
            true => self.add(field, bits),
            false => self.add_absence(key, field),
        }
    }

    fn add_absence(&mut self, key: &FlowKey, field: Field) -> &mut Self {
        match absence_proof(key, field) {
            Proof::Fields(fields) => {
                for &field in fields {
                    self.add_field(field);
                }
            }
            Proof::Itself => {
                self.add_field(field);
            }
            Proof::Implied => {
                self.add_implied(key);
            }
        }
        self
    }

    /// The mask with bits of absent fields replaced by what proves their absence.
    pub fn resolved(&self, key: &FlowKey) -> FlowMask {
        let mut resolved = FlowMask::new();
        resolved.tunnel_options.clone_from(&self.tunnel_options);
        resolved.unknown.clone_from(&self.unknown);
        for (field, bits) in self.fields() {
            resolved.add_read(key, field, bits);
        }
        resolved
    }
}

fn absence_proof(key: &FlowKey, field: Field) -> Proof {
    use Field as F;
    match field {
        // A key from the kernel has them all.
        F::RecircId
        | F::InPort
        | F::SkbPriority
        | F::SkbMark
        | F::DpHash
        | F::CtState
        | F::CtZone
        | F::CtMark
        | F::CtLabels => Proof::Itself,
        _ if field.bit() & TUNNEL_FIELDS != 0 => tunnel_proof(key, field),
        F::EthSrc | F::EthDst | F::VlanTci | F::VlanTpid | F::InnerVlanTci | F::InnerVlanTpid => {
            Proof::Implied
        }
        F::EthType => Proof::Itself,
        F::CtV4Src
        | F::CtV4Dst
        | F::CtV6Src
        | F::CtV6Dst
        | F::CtProto
        | F::CtTpSrc
        | F::CtTpDst => tuple_proof(key, field),
        F::TpSrc
        | F::TpDst
        | F::TcpFlags
        | F::IcmpType
        | F::IcmpCode
        | F::NdTarget
        | F::NdSll
        | F::NdTll => transport_proof(key, field),
        _ => Proof::Fields(&[F::EthType]),
    }
}

fn tunnel_proof(key: &FlowKey, field: Field) -> Proof {
    let other_family = match field {
        Field::TunV4Src | Field::TunV4Dst => key.has(Field::TunV6Dst),
        Field::TunV6Src | Field::TunV6Dst => key.has(Field::TunV4Dst),
        _ => false,
    };
    if !key.has_tunnel() {
        // All that comes in by a tunnel port came through a tunnel, and nothing else did.
        Proof::Fields(&[Field::InPort])
    } else if other_family {
        // The family is compared as soon as anything of the tunnel is.
        Proof::Fields(&[Field::TunId])
    } else {
        Proof::Itself
    }
}

fn tuple_proof(key: &FlowKey, field: Field) -> Proof {
    match askable_tuple(key) {
        Some(tuple) if tuple.layout().fields & field.bit() != 0 => Proof::Itself,
        None if key.has(Field::NdTarget) => ND_TYPE,
        _ => Proof::Fields(&[Field::EthType]),
    }
}

/// What tells neighbour discovery from other ICMPv6.
const ND_TYPE: Proof = Proof::Fields(&[
    Field::EthType,
    Field::IpProto,
    Field::IpFrag,
    Field::IcmpType,
]);

fn transport_proof(key: &FlowKey, field: Field) -> Proof {
    let is_ip = key
        .u16(Field::EthType)
        .is_some_and(|kind| [ethertype::IPV4, ethertype::IPV6].contains(&kind));
    let is = |field, value: u8| key.get(field) == Some(value.into());
    if !is_ip {
        Proof::Fields(&[Field::EthType])
    } else if is(Field::IpFrag, fragment::LATER) {
        Proof::Fields(&[Field::EthType, Field::IpFrag])
    } else if matches!(field, Field::NdTarget | Field::NdSll | Field::NdTll)
        && is(Field::IpProto, protocol::ICMPV6)
    {
        ND_TYPE
    } else {
        Proof::Fields(&[Field::EthType, Field::IpProto])
    }
}
