//! Options as operators write them.

use std::collections::HashSet;

use weft_dhcp::options::table::{Kind, TABLE, by_code, by_name};
use weft_dhcp::options::{Condition, ParsedOption, Target, parse};

use crate::network::{Client, Network};
use crate::walker::{Walked, dhcproto_reads};

/// Values of a type as an operator may write them, with the bytes that stand for them.
fn samples(kind: Kind) -> Vec<(&'static str, &'static [u8])> {
    match kind {
        Kind::Bool => vec![
            ("1", &[1]),
            ("false", &[0]),
            ("Yes", &[1]),
            ("hex:00", &[0]),
        ],
        Kind::U8 => vec![("0", &[0]), ("255", &[255]), ("hex:40", &[64])],
        Kind::U16(_) => vec![("1500", &[0x05, 0xdc]), ("65535", &[0xff, 0xff])],
        Kind::U16List(_) => vec![("68, 1500", &[0, 68, 0x05, 0xdc])],
        Kind::U32 => vec![("4294967295", &[0xff; 4]), ("300", &[0, 0, 1, 0x2c])],
        Kind::I32 => vec![("-3600", &[0xff, 0xff, 0xf1, 0xf0]), ("7", &[0, 0, 0, 7])],
        Kind::Seconds => vec![("infinite", &[0xff; 4]), ("600", &[0, 0, 2, 0x58])],
        Kind::Ip => vec![
            ("10.0.0.1", &[10, 0, 0, 1]),
            ("hex:0a000001", &[10, 0, 0, 1]),
        ],
        Kind::IpList => vec![
            ("10.0.0.1", &[10, 0, 0, 1]),
            ("10.0.0.1, 10.0.0.2", &[10, 0, 0, 1, 10, 0, 0, 2]),
        ],
        Kind::IpPairs => vec![("10.0.0.0,255.0.0.0", &[10, 0, 0, 0, 255, 0, 0, 0])],
        Kind::HostName => vec![("vm-1.example", b"vm-1.example")],
        Kind::Text => vec![
            ("pxelinux.0", b"pxelinux.0"),
            ("  http://a/b?c=d  ", b"http://a/b?c=d"),
            ("text:hex:00", b"hex:00"),
            ("größe", "größe".as_bytes()),
        ],
        Kind::Domains => vec![
            ("a.example", b"\x01a\x07example\0"),
            (
                "a.b.c, b.c, x.b.c",
                b"\x01a\x01b\x01c\0\xc0\x02\x01x\xc0\x02",
            ),
            ("Same.example.,same.EXAMPLE", b"\x04same\x07example\0\xc0\0"),
        ],
        Kind::Routes => vec![
            ("10.1.0.0/16,10.0.0.1", &[16, 10, 1, 10, 0, 0, 1]),
            ("0.0.0.0/0,10.0.0.1", &[0, 10, 0, 0, 1]),
            (
                "10.1.2.3/32,0.0.0.0,10.1.2.3/9,1.2.3.4",
                &[32, 10, 1, 2, 3, 0, 0, 0, 0, 9, 10, 0, 1, 2, 3, 4],
            ),
        ],
        Kind::Bytes => vec![
            ("hex:0aFF", &[0x0a, 0xff]),
            ("01:02:ff", &[1, 2, 255]),
            ("hex:", &[]),
        ],
        Kind::Unknown => vec![
            ("hex:0a:0b", &[0x0a, 0x0b]),
            ("0a:0b", &[0x0a, 0x0b]),
            ("10.0.0.1,10.0.0.2", &[10, 0, 0, 1, 10, 0, 0, 2]),
            ("some text", b"some text"),
            ("text:300", b"300"),
        ],
    }
}

#[test]
fn every_option_of_the_table_goes_from_text_through_a_reply_to_a_client() {
    for entry in TABLE {
        for (text, expected) in samples(entry.kind) {
            for name in entry.names.iter().map(|name| name.to_string()).chain([
                entry.code.to_string(),
                format!("option:{}", entry.names[0].to_uppercase()),
                entry.names[0].replace('-', "_"),
            ]) {
                let parsed = parse(&name, text).unwrap_or_else(|e| panic!("{name}={text}: {e}"));
                assert_eq!(parsed.target, Target::Option(entry.code), "{name}");
                assert_eq!(parsed.value.as_deref(), Some(expected), "{name}={text}");
            }
            let network = Network::default().host_option(entry.names[0], text);
            let bytes = Client::discover().asks_for(&[entry.code]).bytes();
            let reply = network.reply(&bytes);
            let offer = Walked::read(&reply.payload);
            assert_eq!(
                offer.value(entry.code),
                expected,
                "{}={text}",
                entry.names[0]
            );
            assert_eq!(reply.invalid, []);
            // Two that dhcproto asserts lengths of; see src/message.rs.
            if ![81, 94].contains(&entry.code) {
                dhcproto_reads(&reply.payload);
            }
        }
    }
}

#[test]
fn what_dhcproto_has_a_type_for_it_reads_as_meant() {
    use dhcproto::v4::{DhcpOption, OptionCode};
    let network = Network::default()
        .host_option("domain-search", "a.example.org,b.example.org,example.org")
        .host_option("121", "10.1.0.0/16,10.0.0.1,0.0.0.0/0,10.0.0.2")
        .host_option("static-route", "192.168.1.1,10.0.0.3")
        .host_option("ntp-server", "10.0.0.4,10.0.0.5")
        .host_option("captive-portal", "https://portal.example");
    let bytes = Client::discover().takes(1500).bytes();
    let reply = network.reply(&bytes);
    let message = dhcproto_reads(&reply.payload);
    let get = |code| message.opts().get(code).unwrap();
    let DhcpOption::DomainSearch(names) = get(OptionCode::DomainSearch) else {
        panic!("119")
    };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a.example.org.", "b.example.org.", "example.org."]);
    assert_eq!(
        get(OptionCode::ClasslessStaticRoute),
        &DhcpOption::ClasslessStaticRoute(vec![
            ("10.1.0.0/16".parse().unwrap(), [10, 0, 0, 1].into()),
            ("0.0.0.0/0".parse().unwrap(), [10, 0, 0, 2].into()),
        ])
    );
    assert_eq!(
        get(OptionCode::StaticRoutingTable),
        &DhcpOption::StaticRoutingTable(vec![([192, 168, 1, 1].into(), [10, 0, 0, 3].into())])
    );
    assert_eq!(
        get(OptionCode::NtpServers),
        &DhcpOption::NtpServers(vec![[10, 0, 0, 4].into(), [10, 0, 0, 5].into()])
    );
    assert_eq!(
        get(OptionCode::CaptivePortal),
        &DhcpOption::CaptivePortal("https://portal.example".into())
    );
}

#[test]
fn names_and_codes_of_the_table_are_unique_and_in_order() {
    let codes: Vec<u8> = TABLE.iter().map(|entry| entry.code).collect();
    assert!(codes.is_sorted_by(|a, b| a < b));
    let mut seen = HashSet::new();
    for entry in TABLE {
        assert_eq!(by_code(entry.code).unwrap().code, entry.code);
        for name in entry.names {
            assert_eq!(by_name(name).unwrap().code, entry.code, "{name}");
            assert!(seen.insert(name.to_lowercase()), "{name}");
        }
    }
}

#[test]
fn every_option_that_ovn_and_neutron_know_has_its_name_here() {
    for (name, code) in [
        ("arp_cache_timeout", 35),
        ("bootfile_name", 67),
        ("broadcast_address", 28),
        ("classless_static_route", 121),
        ("default_ttl", 23),
        ("dns_server", 6),
        ("domain_name", 15),
        ("domain_search_list", 119),
        ("ethernet_encap", 36),
        ("hostname", 12),
        ("ip_forward_enable", 19),
        ("lease_time", 51),
        ("log_server", 7),
        ("lpr_server", 9),
        ("ms_classless_static_route", 249),
        ("mtu", 26),
        ("netbios_name_server", 44),
        ("netbios_node_type", 46),
        ("netmask", 1),
        ("nis_server", 41),
        ("ntp_server", 42),
        ("path_prefix", 210),
        ("policy_filter", 21),
        ("router", 3),
        ("router_discovery", 31),
        ("router_solicitation", 32),
        ("swap_server", 16),
        ("T1", 58),
        ("T2", 59),
        ("tcp_keepalive_interval", 38),
        ("tcp_ttl", 37),
        ("tftp_server", 66),
        ("tftp_server_address", 150),
        ("wpad", 252),
    ] {
        assert_eq!(by_name(name).map(|entry| entry.code), Some(code), "{name}");
    }
}

#[test]
fn what_is_not_an_option_has_a_name_of_its_own() {
    for name in [
        "server-ip-address",
        "next_server",
        "option:Server-IP-Address",
    ] {
        let parsed = parse(name, "10.0.0.9").unwrap();
        assert_eq!(parsed.target, Target::NextServer);
        assert_eq!(parsed.value, Some(vec![10, 0, 0, 9]));
    }
    let alternative = ParsedOption {
        target: Target::Option(67),
        condition: Condition::NotIpxe,
        value: Some(b"a".to_vec()),
    };
    assert_eq!(parse("bootfile_name_alt", "a"), Ok(alternative.clone()));
    assert_eq!(
        parse("tag:!ipxe,option:bootfile-name", "a"),
        Ok(alternative)
    );
}
