//! What operators may not configure, and what they are told.

use weft_dhcp::options::table::{Kind, by_code};
use weft_dhcp::options::{MAX_VALUE, parse};

#[track_caller]
fn refused(code: &str, value: &str) -> String {
    parse(code, value).unwrap_err().to_string()
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
    assert_eq!(parse("67", &fits).unwrap().value.unwrap().len(), MAX_VALUE);
    assert_eq!(
        refused("67", &format!("{fits}x")),
        "option 67 (bootfile-name) has 1025 bytes, but at most 1024 fit in a reply"
    );
}
