//! The datapath as an object of the kernel (`OVS_DP_*`, linux/openvswitch.h): made, looked up, set, read.

use weft_flow::attr::{Attrs, PutAttr};

use super::uapi::dp;
use super::{Families, Identity};
use crate::counters::Counters;
use crate::datapath::DatapathInfo;
use crate::error::{Error, What};
use crate::nl::message::{Header, flag};
use crate::nl::prefix::Ovs;
use crate::nl::requests::{Answer, Failure, Requests};

/// What this program asks of its datapath: messages without the last padding, and upcall sockets by port.
pub(super) const USER_FEATURES: u32 = dp::F_UNALIGNED | dp::F_VPORT_PIDS;

pub(super) fn header(families: &Families, command: u8, flags: u16, dp_ifindex: u32) -> Header {
    Header {
        kind: families.datapath.id,
        flags,
        seq: 0,
        prefix: Ovs {
            command,
            version: dp::VERSION,
            dp_ifindex,
        },
    }
}

/// By name, or by index where that is not 0.
pub(super) fn get(
    requests: &mut Requests,
    families: &Families,
    name: &str,
    ifindex: u32,
) -> Result<DatapathInfo, Failure> {
    let mut found = None;
    requests.ask(
        header(families, dp::GET, 0, ifindex),
        |out| match ifindex {
            0 => out.put_str(dp::NAME, name),
            _ => Ok(()),
        },
        |answer| {
            found = Some(decode(answer)?);
            Ok(())
        },
    )?;
    found.ok_or(Failure::Lost)
}

pub(super) fn create(
    requests: &mut Requests,
    families: &Families,
    name: &str,
    counters: &Counters,
) -> Result<DatapathInfo, Failure> {
    counters.own().datapath.add(1);
    let mut made = None;
    requests.ask(
        header(families, dp::NEW, flag::CREATE | flag::ECHO, 0),
        |out| {
            out.put_str(dp::NAME, name)?;
            // No upcalls from the datapath's own device.
            out.put_u32(dp::UPCALL_PID, 0);
            out.put_u32(dp::USER_FEATURES, USER_FEATURES);
            Ok(())
        },
        |answer| {
            made = Some(decode(answer)?);
            Ok(())
        },
    )?;
    made.ok_or(Failure::Lost)
}

/// Sets the datapath's features to what this program needs.
pub(super) fn set_features(requests: &mut Requests, identity: &Identity) -> Result<(), Error> {
    requests
        .ask(
            header(&identity.families, dp::SET, 0, identity.ifindex),
            |out| {
                out.put_u32(dp::USER_FEATURES, USER_FEATURES);
                Ok(())
            },
            |_| Ok(()),
        )
        .map_err(|failure| identity.error(What::SetDatapath, failure))
}

pub(super) fn decode(answer: Answer<'_>) -> Result<DatapathInfo, Failure> {
    let mut info = DatapathInfo {
        ifindex: answer.prefix.dp_ifindex,
        ..DatapathInfo::default()
    };
    for attr in answer.attrs {
        let attr = attr?;
        match attr.kind {
            dp::NAME => info.name = attr.str()?.to_owned(),
            dp::USER_FEATURES => info.user_features = attr.u32()?,
            dp::STATS => {
                let (words, _) = attr.array::<32>()?.as_chunks::<8>();
                let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
                let mut next = || words.next().unwrap_or_default();
                (info.hits, info.missed) = (next(), next());
                (info.lost, info.flows) = (next(), next());
            }
            dp::MEGAFLOW_STATS => {
                let [h0, h1, h2, h3, h4, h5, h6, h7, m0, m1, m2, m3, ..] = *attr.array::<32>()?;
                info.mask_hits = u64::from_ne_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
                info.masks = u32::from_ne_bytes([m0, m1, m2, m3]);
            }
            _ => {}
        }
    }
    Ok(info)
}

/// The features in an event, if it has them.
pub(super) fn features(attrs: Attrs<'_>) -> Option<u32> {
    attrs
        .filter_map(Result::ok)
        .find(|attr| attr.kind == dp::USER_FEATURES)
        .and_then(|attr| attr.u32().ok())
}
