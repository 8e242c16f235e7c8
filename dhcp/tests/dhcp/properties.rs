//! What holds for all messages and all configurations.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use weft_dhcp::options::table::{Kind, TABLE};
use weft_dhcp::options::{Condition, Target, parse};
use weft_dhcp::{Answer, answer, frame, fuzz_one, identify, parse_frame};
use weft_topology::MacAddr;
use weft_topology::dhcp::DhcpOption;

use crate::network::{ASSIGNED, Client, NOBODY, Network, SERVER, option};
use crate::walker::{Walked, dhcproto_reads};

/// Options that dhcproto asserts the length of.
const DHCPROTO_ASSERTS: [u8; 6] = [81, 94, 152, 153, 154, 155];

fn client() -> impl Strategy<Value = Client> {
    let options = vec((1..=254u8, vec(any::<u8>(), 0..40)), 0..6);
    let list = vec(any::<u8>(), 0..80);
    let address = select(vec![NOBODY, ASSIGNED, SERVER, [10, 0, 0, 9].into()]);
    (
        (
            0..12u8,
            any::<[u8; 4]>(),
            any::<[u8; 2]>(),
            any::<[u8; 10]>(),
        ),
        (address.clone(), proptest::option::of(address)),
        (
            proptest::option::of(list),
            proptest::option::of(any::<u16>()),
        ),
        options,
    )
        .prop_map(
            |((kind, xid, flags, padding), (ciaddr, requested), (list, takes), options)| {
                let mut client = Client::sends(kind)
                    .set(4, &xid)
                    .set(10, &flags)
                    .set(34, &padding)
                    .ciaddr(ciaddr);
                if let Some(requested) = requested {
                    client = client.requested(requested);
                }
                if let Some(list) = list {
                    client = client.asks_for(&list);
                }
                if let Some(takes) = takes {
                    client = client.takes(takes);
                }
                for (code, value) in options {
                    if ![50, 52, 53, 54, 57].contains(&code) {
                        client = client.option(code, &value);
                    }
                }
                client
            },
        )
}

/// A valid value of a type.
fn value_of(kind: Kind) -> BoxedStrategy<String> {
    let address = any::<[u8; 4]>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string());
    let list = |n: usize| {
        vec(any::<[u8; 4]>(), 1..8).prop_map(move |list| {
            let list: Vec<String> = list
                .iter()
                .flat_map(|&a| vec![std::net::Ipv4Addr::from(a).to_string(); n])
                .collect();
            list.join(",")
        })
    };
    let name = "[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]{1,8}){0,3}";
    match kind {
        Kind::Bool => select(vec!["0", "1", "true", "no"])
            .prop_map(str::to_owned)
            .boxed(),
        Kind::U8 => any::<u8>().prop_map(|n| n.to_string()).boxed(),
        Kind::U16(min) => (min..).prop_map(|n: u16| n.to_string()).boxed(),
        Kind::U16List(min) => vec(min.., 1..9)
            .prop_map(|list: Vec<u16>| {
                list.iter()
                    .map(u16::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .boxed(),
        Kind::U32 | Kind::Seconds => any::<u32>().prop_map(|n| n.to_string()).boxed(),
        Kind::I32 => any::<i32>().prop_map(|n| n.to_string()).boxed(),
        Kind::Ip => address.boxed(),
        Kind::IpList => list(1).boxed(),
        Kind::IpPairs => list(2).boxed(),
        Kind::HostName => name.boxed(),
        Kind::Text => "[ -~äöü]{0,300}x".boxed(),
        Kind::Domains => vec(name, 1..6).prop_map(|names| names.join(",")).boxed(),
        Kind::Routes => vec((0..=32u8, any::<[u8; 4]>(), any::<[u8; 4]>()), 1..40)
            .prop_map(|routes| {
                let route = |(len, to, by): &(u8, [u8; 4], [u8; 4])| {
                    let [to, by] = [*to, *by].map(std::net::Ipv4Addr::from);
                    format!("{to}/{len},{by}")
                };
                routes.iter().map(route).collect::<Vec<_>>().join(", ")
            })
            .boxed(),
        Kind::Bytes | Kind::Unknown => vec(any::<u8>(), 0..300)
            .prop_map(|bytes| {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("hex:{digits}")
            })
            .boxed(),
    }
}

/// An option that is valid, or that is not.
fn configured() -> impl Strategy<Value = DhcpOption> {
    let known = (0..TABLE.len()).prop_flat_map(|at| {
        let entry = TABLE[at];
        let name = select(entry.names).prop_map(str::to_owned);
        let name = prop_oneof![name, Just(entry.code.to_string())];
        (name, value_of(entry.kind))
    });
    let unknown = (1..=254u8).prop_map(|code| code.to_string());
    let unknown = (unknown, value_of(Kind::Unknown));
    let tag = select(vec!["", "", "", "option:", "tag:ipxe,", "tag:!ipxe,"]);
    let anything = ("\\PC{0,12}", any::<String>());
    prop_oneof![
        8 => (tag, known).prop_map(|(tag, (code, value))| option(&format!("{tag}{code}"), &value)),
        3 => unknown.prop_map(|(code, value)| option(&code, &value)),
        1 => anything.prop_map(|(code, value)| option(&code, &value)),
    ]
}

fn network() -> impl Strategy<Value = Network> {
    (
        vec(configured(), 0..5),
        vec(configured(), 0..5),
        any::<bool>(),
        proptest::option::of(any::<u16>()),
        "[a-zA-Z0-9 .-]{0,12}",
    )
        .prop_map(|(subnet, host, metadata_route, mtu, name)| {
            let mut network = Network {
                metadata_route,
                ..Network::default()
            };
            network.subnet.options = subnet;
            network.host.options = host;
            network.subnet.interface_mtu = mtu;
            network.host.name = Some(name);
            network
        })
}

/// What is configured for a client that is not iPXE, by the rules of precedence in plain words.
fn expected(network: &Network) -> BTreeMap<u8, Option<Vec<u8>>> {
    let mut values = BTreeMap::new();
    for options in [&network.subnet.options, &network.host.options] {
        for condition in [Condition::Always, Condition::NotIpxe] {
            for option in options {
                let Ok(option) = parse(&option.code, &option.value) else {
                    continue;
                };
                if let Target::Option(code) = option.target
                    && option.condition == condition
                {
                    values.insert(code, option.value);
                }
            }
        }
    }
    values
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic(bytes in vec(any::<u8>(), 0..700)) {
        fuzz_one(&bytes);
    }

    #[test]
    fn no_mutation_of_a_message_makes_a_panic(
        client in client(),
        changes in vec((any::<Index>(), any::<u8>()), 0..12),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let mut bytes = client.bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let network = Network::default();
        if let Answer::Reply(reply) = answer(&network.request(&bytes)) {
            let walked = Walked::read(&reply.payload);
            prop_assert_eq!(&walked.chaddr[..], &bytes[28..44]);
            prop_assert!(identify(&bytes).is_ok());
        }
        fuzz_one(&bytes);
        let _ = parse_frame(&bytes);
    }

    #[test]
    fn every_reply_belongs_to_its_request_and_says_what_is_configured(
        client in client(),
        network in network(),
    ) {
        let bytes = client.bytes();
        let Answer::Reply(reply) = answer(&network.request(&bytes)) else {
            return Ok(());
        };
        let walked = Walked::read(&reply.payload);
        prop_assert_eq!((walked.op, walked.hardware), (2, [1, 6, 0]));
        prop_assert_eq!(&walked.xid[..], &bytes[4..8]);
        prop_assert_eq!(&walked.flags[..], &bytes[10..12]);
        prop_assert_eq!(&walked.chaddr[..], &bytes[28..44]);
        prop_assert_eq!(walked.giaddr, NOBODY);
        let type_ = walked.value(53)[0];
        prop_assert!([2, 5, 6].contains(&type_));
        prop_assert_eq!(&walked.order[..2], &[53, 54]);
        prop_assert_eq!(walked.value(54), SERVER.octets());
        let assigns = type_ == 2 || (type_ == 5 && bytes[242] == 3);
        prop_assert_eq!(walked.yiaddr, if assigns { ASSIGNED } else { NOBODY });
        prop_assert_eq!(walked.get(51).is_some(), assigns);

        let parsed = frame::reply(&reply, MacAddr(2, 0, 0, 0, 0, 2));
        prop_assert!(etherparse::SlicedPacket::from_ethernet(&parsed).is_ok());
        if !walked.order.iter().any(|code| DHCPROTO_ASSERTS.contains(code)) {
            dhcproto_reads(&reply.payload);
        }

        if type_ != 6 {
            let asked = identify_ipxe(&bytes);
            for (code, value) in expected(&network) {
                let withheld = value.is_none() || reply.left_out.contains(&code);
                // Only on request; only with a lease; by another rule for another client.
                let special = code == 108 || (!assigns && [51, 58, 59].contains(&code)) || asked;
                if !special {
                    let value = value.filter(|_| !withheld);
                    prop_assert_eq!(walked.get(code), value.as_deref(), "{}", code);
                }
            }
        }
    }

    #[test]
    fn asked_for_options_keep_the_clients_order(list in vec(any::<u8>(), 1..60)) {
        let network = Network::default();
        let bytes = Client::discover().asks_for(&list).takes(1500).bytes();
        let walked = Walked::read(&network.reply(&bytes).payload);
        let head = walked.order.iter().position(|&code| code == 1).unwrap();
        let mut rest = walked.order[head + 1..].to_vec();
        if !list.contains(&26) {
            prop_assert_eq!(rest.remove(0), 26);
        }
        let places: Vec<_> = rest
            .iter()
            .map(|code| list.iter().position(|asked| asked == code))
            .collect();
        prop_assert!(places.iter().all(Option::is_some), "{:?}", rest);
        prop_assert!(places.is_sorted(), "{:?} of {:?}", rest, list);
    }

    #[test]
    fn a_text_is_refused_or_becomes_the_value_and_no_more(
        code in "\\PC{0,12}|[0-9]{1,3}",
        value in any::<String>(),
    ) {
        match parse(&code, &value) {
            Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            Ok(option) => {
                prop_assert!(!value.chars().any(char::is_control));
                prop_assert!(option.value.is_some() || value.trim().is_empty());
            }
        }
    }
}

/// Whether a message says that its client is iPXE.
fn identify_ipxe(bytes: &[u8]) -> bool {
    let message = weft_dhcp::Message::parse(bytes).unwrap();
    message.option(175).is_some() || message.option(77).is_some_and(|class| &*class == b"iPXE")
}
