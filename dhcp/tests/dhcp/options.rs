//! Options as operators write them.

use std::collections::HashSet;

use weft_dhcp::options::table::{Kind, TABLE, by_code, by_name};
use weft_dhcp::options::{Condition, MAX_VALUE, ParsedOption, Target, parse};

use crate::network::{Client, Network};
use crate::walker::{Walked, dhcproto_reads};

#[track_caller]
fn bytes(code: &str, value: &str) -> Vec<u8> {
    parse(code, value).unwrap().value.unwrap()
}

#[track_caller]
fn refused(code: &str, value: &str) -> String {
    parse(code, value).unwrap_err().to_string()
}

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
fn any_number_can_be_given_as_hex_unless_the_server_owns_it() {
    let owned = [0, 50, 52, 53, 54, 55, 57, 61, 80, 82, 255];
    for code in 0..=255u8 {
        let value = match by_code(code).map(|entry| entry.kind) {
            Some(Kind::Bool) => "hex:01",
            Some(Kind::U8) => "hex:41",
            Some(Kind::U16(_) | Kind::U16List(_)) => "hex:4141",
            Some(Kind::IpPairs) => "hex:4141414141414141",
            Some(Kind::Routes) => "hex:0041414141",
            _ => "hex:41414141",
        };
        let parsed = parse(&code.to_string(), value);
        assert_eq!(parsed.is_err(), owned.contains(&code), "{code}: {parsed:?}");
    }
}

#[test]
fn what_the_server_owns_is_refused_by_number_and_by_name() {
    assert_eq!(
        refused("53", "5"),
        "option 53 cannot be configured: the server computes it for each reply"
    );
    for (name, code) in [
        ("message-type", 53),
        ("option:server-identifier", 54),
        ("server_id", 54),
        ("parameter-request", 55),
        ("client-id", 61),
        ("rapid-commit", 80),
        ("agent-id", 82),
        ("0255", 255),
    ] {
        let said = refused(name, "hex:01");
        assert!(said.starts_with(&format!("option {code} cannot")), "{said}");
    }
}

#[test]
fn a_refusal_says_what_would_be_right() {
    for (code, value, said) in [
        (
            "121",
            "10.0.0.0/8",
            "option 121 (classless-static-route) wants DEST/LEN,GATEWAY pairs, all separated by commas, not '10.0.0.0/8'",
        ),
        (
            "router",
            "10.0.0.256",
            "option 3 (router) wants IPv4 addresses, separated by commas, not '10.0.0.256'",
        ),
        (
            "mtu",
            "67",
            "option 26 (mtu) wants a number from 68 to 65535, not '67'",
        ),
        (
            "mtu",
            "hex:0000dc",
            "option 26 (mtu) wants a number from 68 to 65535, not 'hex:0000dc'",
        ),
        (
            "15",
            "a\nb",
            "option 15 (domain-name) contains a control character: 'a\\nb'",
        ),
        (
            "67",
            "boot.0\n",
            "option 67 (bootfile-name) contains a control character: 'boot.0\\n'",
        ),
        (
            "hostname",
            "my vm",
            "option 12 (hostname) wants a host name of letters, digits, hyphens and dots, not 'my vm'",
        ),
        (
            "224",
            "17",
            "option 224 wants a text, IPv4 addresses separated by commas, or its bytes in hex, as in hex:0a0b, not '17'",
        ),
        (
            "43",
            "abc",
            "option 43 (vendor-encap) wants its bytes in hex, as in hex:0a0b, not 'abc'",
        ),
        (
            "43",
            "hex:abc",
            "option 43 (vendor-encap) wants its bytes in hex, as in hex:0a0b, not 'hex:abc'",
        ),
        (
            "lease-time",
            "",
            "option 51 (lease-time) cannot be left out: clients need it",
        ),
        (
            "server-ip-address",
            "tftp",
            "server-ip-address wants an IPv4 address, not 'tftp'",
        ),
        ("256", "1", "option 256: codes of DHCP options are 1 to 254"),
        (
            "99999999999999999999",
            "1",
            "option 99999999999999999999: codes of DHCP options are 1 to 254",
        ),
        (
            "dns",
            "1.1.1.1",
            "there is no DHCP option called 'dns': give its number, or its name at IANA or in dnsmasq",
        ),
        (
            "",
            "x",
            "there is no DHCP option called '': give its number, or its name at IANA or in dnsmasq",
        ),
        (
            "option6:23",
            "::1",
            "there is no DHCP option called 'option6:23': give its number, or its name at IANA or in dnsmasq",
        ),
        (
            "tag:red,3",
            "10.0.0.1",
            "tag 'red': the only tags are ipxe and !ipxe",
        ),
    ] {
        assert_eq!(refused(code, value), said);
    }
}

#[test]
fn a_refusal_shows_little_of_a_long_value_and_nothing_that_a_terminal_obeys() {
    let said = refused("3", &"\x1b[31m".repeat(1000));
    assert!(said.len() < 200 && !said.contains('\x1b'), "{said}");
    let said = refused(&"x\r\n".repeat(1000), "");
    assert!(said.len() < 200 && !said.contains('\n'), "{said}");
}

#[test]
fn wrong_domain_names_and_routes_are_refused() {
    let long = format!("{}.example", "x".repeat(64));
    for names in ["a..b", ".", "a b.c_d/", "-a.b", "ä.example", "hex:", &long] {
        assert!(parse("119", names).is_err(), "{names}");
    }
    for routes in [
        "10.0.0.0/33,10.0.0.1",
        "10.0.0.0,10.0.0.1",
        "10.0.0.1",
        "hex:21",
        "hex:210a000000000a000001",
        "hex:180a0000",
        "hex:",
        ",",
    ] {
        assert!(parse("121", routes).is_err(), "{routes}");
    }
}

#[test]
fn values_are_bounded() {
    let fits = "x".repeat(MAX_VALUE);
    assert_eq!(bytes("67", &fits).len(), MAX_VALUE);
    assert_eq!(
        refused("67", &format!("{fits}x")),
        "option 67 (bootfile-name) has 1025 bytes, but at most 1024 fit in a reply"
    );
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
