//! What a fuzzer feeds: any bytes, as what the kernel sent on a netlink socket.

use weft_flow::attr::Attrs;

use super::conntrack::codec;
use super::flow::{self, Now};
use super::{limit, meter, object, packet, uapi, vport};
use crate::nl::message::{Body, Messages};
use crate::nl::prefix::{Netfilter, Ovs, Prefix};
use crate::nl::requests::Answer;

/// Takes the bytes for messages of openvswitch and of netfilter, and for the attributes of one message, through every
/// reader.
///
/// # Panics
///
/// If something that was read is not what is read of its own writing: that is the bug to find.
pub fn messages(bytes: &[u8]) {
    let prefix = |command| Ovs {
        command,
        version: 1,
        dp_ifindex: 1,
    };
    for command in [uapi::packet::MISS, uapi::packet::ACTION] {
        attrs(prefix(command), Attrs::new(bytes));
    }
    connection(Attrs::new(bytes));
    each::<Ovs>(bytes, attrs);
    each::<Netfilter>(bytes, |_, found| connection(found));
}

fn each<P: Prefix>(bytes: &[u8], mut read: impl FnMut(P, Attrs<'_>)) {
    for message in Messages::<P>::new(bytes) {
        let Ok(message) = message else { return };
        match message.body {
            Body::Answer { prefix, attrs, .. } => read(prefix, attrs),
            Body::Failed { .. } | Body::Done => {}
        }
    }
}

fn attrs(prefix: Ovs, attrs: Attrs<'_>) {
    if let Ok(upcall) = packet::decode_upcall(prefix.command, attrs.clone()) {
        let again = weft_flow::decode_key(upcall.key_attrs);
        assert_eq!(again.as_ref(), Ok(&upcall.key), "an upcall's key");
    }
    let now = Now::read();
    let flow = flow::decode(attrs.clone(), now);
    if let (Ok(flow), Ok(usage)) = (flow, flow::decode_usage(attrs.clone(), now)) {
        assert_eq!(usage.stats, flow.stats, "a flow and its usage");
    }
    let _ = flow::decode_stats(attrs.clone(), now);
    let _ = vport::decode(attrs.clone());
    let _ = meter::decode(attrs.clone());
    let _ = object::features(attrs.clone());
    let _ = object::decode(Answer {
        prefix,
        attrs: attrs.clone(),
    });
    for attr in attrs.filter_map(Result::ok) {
        let _ = attr.array().map(limit::decode);
    }
}

/// An entry is named by its zone and its original direction, so these must be written as they were read.
fn connection(attrs: Attrs<'_>) {
    let Ok(entry) = codec::decode(attrs) else {
        return;
    };
    let mut name = Vec::new();
    if codec::encode_name(entry.zone, &entry.original, &mut name).is_err() {
        return;
    }
    let again = codec::decode(Attrs::new(&codec::both_ways(name)));
    assert!(
        again.is_ok_and(|again| (again.zone, again.original) == (entry.zone, entry.original)),
        "the name of {entry:?}"
    );
}
