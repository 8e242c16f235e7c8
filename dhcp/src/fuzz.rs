//! Entry for fuzzers: one input through everything that reads outside bytes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use weft_topology::MacAddr;
use weft_topology::bridge::Bridge;
use weft_topology::dhcp::{DhcpHost, DhcpOption, DhcpSubnet};
use weft_topology::id::BridgeId;

use crate::answer::{Answer, Request, answer};
use crate::lease::Lease;
use crate::message::{COOKIE, HEADER, Message, Op};
use crate::{frame, identify, options, parse_frame};

const CLIENT: MacAddr = MacAddr(0x02, 0, 0, 0, 0, 1);
const SERVER_MAC: MacAddr = MacAddr(0x02, 0, 0, 0, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Separates the message of an input from the options that it configures.
const SEPARATOR: u8 = b'\n';

/// Runs one input. Panics on a defect of this crate: a panic inside, or a reply that cannot be read
/// back or does not belong to its request.
///
/// The input is taken as a frame, as a message, and as the options of a known client's message; what
/// follows its last newline is `code=value`, the option that the operator configured.
pub fn fuzz_one(input: &[u8]) {
    let _ = parse_frame(input);
    let _ = identify(input);
    let (options, text) = match input.iter().rposition(|&byte| byte == SEPARATOR) {
        Some(at) => input.split_at(at),
        None => (input, &[][..]),
    };
    let text = String::from_utf8_lossy(text.strip_prefix(&[SEPARATOR]).unwrap_or(text));
    let (code, value) = text.split_once('=').unwrap_or((&text, ""));
    let _ = options::parse(code, value);

    let mut known = vec![0; HEADER];
    known.splice(..4, [1, 1, 6, 0]);
    known.splice(28..34, CLIENT.octets());
    known.extend(COOKIE);
    known.extend(options);
    for payload in [options, &known] {
        exchange(payload, code, value);
    }
}

/// Answers a message as the server of a small network would, and checks the reply.
fn exchange(payload: &[u8], code: &str, value: &str) {
    let (bridge, subnet, host) = network(code, value);
    let request = Request {
        payload,
        source_mac: CLIENT,
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::BROADCAST,
        lease: Lease {
            bridge: &bridge,
            subnet: &subnet,
            host: &host,
            server: SERVER,
            metadata_route: true,
            resolver: Some(SERVER),
        },
    };
    let Answer::Reply(reply) = answer(&request) else {
        return;
    };
    let (Ok(asked), Ok(said)) = (Message::parse(payload), Message::parse(&reply.payload)) else {
        panic!("a reply that cannot be read, or to a message that cannot: {reply:?}");
    };
    assert_eq!(said.op, Op::Reply);
    assert_eq!((said.xid, said.chaddr), (asked.xid, asked.chaddr));
    assert_eq!(said.message_type, Some(reply.kind.message_type()));
    assert!([Ipv4Addr::UNSPECIFIED, host.addr].contains(&said.yiaddr));
    assert_eq!(said.address(options::code::SERVER_ID), Some(SERVER));
    // The reply's ports are not a client's, and nothing else is wrong with the frame.
    let parsed = parse_frame(&frame::reply(&reply, SERVER_MAC)).map(|_| ());
    assert!(
        matches!(parsed, Err(frame::NotDhcp::Ports { .. })),
        "{parsed:?}"
    );
}

fn network(code: &str, value: &str) -> (Bridge, DhcpSubnet, DhcpHost) {
    let bridge = Bridge {
        id: BridgeId(Default::default()),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: Some(1450),
        vlan_aware: false,
    };
    let addr = Ipv4Addr::new(10, 0, 0, 5);
    let prefix = Ipv4Net::new_assert(addr, 24).trunc();
    let subnet = DhcpSubnet {
        id: DhcpSubnet::id_of(bridge.id, prefix),
        bridge: bridge.id,
        prefix,
        enabled: true,
        server_addr: Some(SERVER),
        default_gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    };
    let host = DhcpHost {
        id: DhcpHost::id_of(subnet.id, CLIENT),
        subnet: subnet.id,
        bridge: bridge.id,
        mac: CLIENT,
        addr,
        name: Some("vm1".into()),
        options: vec![DhcpOption {
            code: code.into(),
            value: value.into(),
        }],
    };
    (bridge, subnet, host)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_kept_does_no_harm() {
        weft_replay::replay("dhcp", super::fuzz_one);
    }
}
