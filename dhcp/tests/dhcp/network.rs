//! A small network with one host, and messages of that host's client.

use std::fmt;
use std::net::Ipv4Addr;

use uuid::Uuid;
use weft_dhcp::{Answer, Lease, NotOurs, Reply, Request, Silence, answer};
use weft_topology::MacAddr;
use weft_topology::bridge::Bridge;
use weft_topology::dhcp::{DhcpHost, DhcpOption, DhcpSubnet, StaticRoute};
use weft_topology::id::BridgeId;

pub const CLIENT: MacAddr = MacAddr(0xfa, 0x16, 0x3e, 0x01, 0x02, 0x03);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const ASSIGNED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
pub const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
pub const ALL: Ipv4Addr = Ipv4Addr::BROADCAST;

/// 10.0.0.0/24 with gateway .1, server .2 and DNS .3 and .4; the host vm1 has .5.
#[derive(Clone, Debug)]
pub struct Network {
    pub bridge: Bridge,
    pub subnet: DhcpSubnet,
    pub host: DhcpHost,
    pub metadata_route: bool,
    pub resolver: Option<Ipv4Addr>,
}

impl Default for Network {
    fn default() -> Self {
        let bridge = Bridge {
            id: BridgeId(Uuid::from_u128(1)),
            tenant_id: None,
            name: "blue".into(),
            admin_state_up: true,
            inbound_filter: None,
            outbound_filter: None,
            mtu: Some(1450),
            vlan_aware: false,
        };
        let prefix = "10.0.0.0/24".parse().unwrap();
        let subnet = DhcpSubnet {
            id: DhcpSubnet::id_of(bridge.id, prefix),
            bridge: bridge.id,
            prefix,
            enabled: true,
            server_addr: Some(SERVER),
            default_gateway: Some(GATEWAY),
            dns_servers: vec![Ipv4Addr::new(10, 0, 0, 3), Ipv4Addr::new(10, 0, 0, 4)],
            interface_mtu: None,
            static_routes: vec![],
            lease_seconds: None,
            options: vec![],
        };
        let host = DhcpHost {
            id: DhcpHost::id_of(subnet.id, CLIENT),
            subnet: subnet.id,
            bridge: bridge.id,
            mac: CLIENT,
            addr: ASSIGNED,
            name: Some("vm1".into()),
            options: vec![],
        };
        Self {
            bridge,
            subnet,
            host,
            metadata_route: false,
            resolver: None,
        }
    }
}

impl Network {
    /// Adds an option to the host.
    pub fn host_option(mut self, code: &str, value: &str) -> Self {
        self.host.options.push(option(code, value));
        self
    }

    /// Adds an option to the subnet.
    pub fn subnet_option(mut self, code: &str, value: &str) -> Self {
        self.subnet.options.push(option(code, value));
        self
    }

    /// Adds a static route to the subnet.
    pub fn route(mut self, destination: &str, gateway: &str) -> Self {
        self.subnet.static_routes.push(StaticRoute {
            destination: destination.parse().unwrap(),
            gateway: gateway.parse().unwrap(),
        });
        self
    }

    /// A message in a frame of the host, broadcast before it has an address.
    pub fn request<'a>(&'a self, payload: &'a [u8]) -> Request<'a> {
        Request {
            payload,
            source_mac: CLIENT,
            source: NOBODY,
            destination: ALL,
            lease: Lease {
                bridge: &self.bridge,
                subnet: &self.subnet,
                host: &self.host,
                server: SERVER,
                metadata_route: self.metadata_route,
                resolver: self.resolver,
            },
        }
    }

    /// The reply to such a message.
    #[track_caller]
    pub fn reply(&self, payload: &[u8]) -> Reply {
        reply(&self.request(payload))
    }
}

/// The reply to a request; there must be one.
#[track_caller]
pub fn reply(request: &Request<'_>) -> Reply {
    match answer(request) {
        Answer::Reply(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

/// Why there is no reply.
#[track_caller]
pub fn silence(request: &Request<'_>) -> Silence {
    match answer(request) {
        Answer::Silent(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Why the message is not the server's.
#[track_caller]
pub fn not_ours(request: &Request<'_>) -> NotOurs {
    match answer(request) {
        Answer::NotOurs(why) => why,
        other => panic!("{other:?}"),
    }
}

/// A configured option.
pub fn option(code: &str, value: &str) -> DhcpOption {
    DhcpOption {
        code: code.into(),
        value: value.into(),
    }
}

/// A client's message, put together field by field.
#[derive(Clone)]
pub struct Client {
    header: Vec<u8>,
    options: Vec<u8>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fields, options) = (&self.header[..44], &self.options);
        write!(f, "fields {fields:02x?}, options {options:?}")
    }
}

impl Client {
    /// A message of a type.
    pub fn sends(message_type: u8) -> Self {
        let mut header = vec![0; 236];
        header[..3].copy_from_slice(&[1, 1, 6]);
        header[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        header[28..34].copy_from_slice(&CLIENT.octets());
        let options = vec![53, 1, message_type];
        Self { header, options }
    }

    pub fn discover() -> Self {
        Self::sends(1)
    }

    pub fn request() -> Self {
        Self::sends(3)
    }

    /// Writes bytes of the fixed fields.
    pub fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn broadcast(self) -> Self {
        self.set(10, &[0x80, 0])
    }

    pub fn ciaddr(self, address: Ipv4Addr) -> Self {
        self.set(12, &address.octets())
    }

    pub fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.options.extend([code, value.len() as u8]);
        self.options.extend(value);
        self
    }

    pub fn requested(self, address: Ipv4Addr) -> Self {
        self.option(50, &address.octets())
    }

    pub fn server(self, address: Ipv4Addr) -> Self {
        self.option(54, &address.octets())
    }

    pub fn asks_for(self, codes: &[u8]) -> Self {
        self.option(55, codes)
    }

    pub fn takes(self, datagram: u16) -> Self {
        self.option(57, &datagram.to_be_bytes())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        bytes.extend([99, 130, 83, 99]);
        bytes.extend(&self.options);
        bytes.push(255);
        bytes
    }
}

/// Bytes in hex; white space does not count, and `00*192` stands for 192 bytes of 00.
pub fn hex(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        out.extend(bytes.repeat(times.parse().unwrap()));
    }
    out
}
