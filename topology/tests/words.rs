//! Rules and their values in text.

mod common;

use std::fmt::{Debug, Display};
use std::str::FromStr;

use weft_topology::chain::{
    Condition, FragmentPolicy, MaskedMac, NatDirection, NatTarget, NatVerdict, PortRange, Rule,
    RuleAction, Test,
};
use weft_topology::id::AddressGroupId;
use weft_topology::text::{EtherType, Prefix, Protocol};

use common::*;

fn is<T>(value: T) -> Option<Test<T>> {
    let invert = false;
    Some(Test { value, invert })
}

fn is_not<T>(value: T) -> Option<Test<T>> {
    let invert = true;
    Some(Test { value, invert })
}

fn ports(first: u16, last: u16) -> PortRange {
    PortRange { first, last }
}

/// A rule with the fragment policy that such a rule has by default.
fn when(action: RuleAction, mut condition: Condition) -> Rule {
    condition.fragment_policy = FragmentPolicy::default_of(&condition, &action);
    Rule {
        condition,
        ..rule(1, 1, action)
    }
}

fn words(rule: &Rule) -> String {
    rule.in_words(&|id| format!("{}-{}", id.kind, id.id.as_u128()))
}

#[test]
fn a_rule_reads_as_a_sentence() {
    let web = Condition {
        protocol: is(6),
        destination_port: is(ports(80, 80)),
        source: is("10.0.0.0/8".parse().unwrap()),
        ..Condition::default()
    };
    let cases = [
        (
            when(RuleAction::Accept, web.clone()),
            "accept tcp to 80 from 10.0.0.0/8",
        ),
        (
            when(RuleAction::Drop, Condition::default()),
            "drop everything",
        ),
        (
            when(
                RuleAction::Reject,
                Condition {
                    invert: true,
                    ..web.clone()
                },
            ),
            "reject all but (tcp to 80 from 10.0.0.0/8)",
        ),
        (
            when(
                RuleAction::Drop,
                Condition {
                    ether_type: is_not(0x0806),
                    ..Condition::default()
                },
            ),
            "drop not arp",
        ),
        (
            when(
                RuleAction::Accept,
                Condition {
                    protocol: is(58),
                    source_port: is(ports(128, 129)),
                    destination_port: is(ports(0, 0)),
                    ..Condition::default()
                },
            ),
            "accept icmpv6 type 128-129 code 0",
        ),
        (
            when(
                RuleAction::Accept,
                Condition {
                    protocol: is(17),
                    source_group: is_not(AddressGroupId(uuid::Uuid::from_u128(3))),
                    source_port: is(ports(53, 53)),
                    destination: is("10.0.0.5/32".parse().unwrap()),
                    destination_port: is(ports(1024, 65535)),
                    match_return_flow: true,
                    ..Condition::default()
                },
            ),
            "accept udp in reply to 10.0.0.5 port 1024-65535 not from group address_group-3 port 53",
        ),
        (when(jump(4), Condition::default()), "jump to chain-4"),
        (
            when(
                jump(4),
                Condition {
                    protocol: is(89),
                    ..Condition::default()
                },
            ),
            "jump to chain-4 for protocol 89",
        ),
        (
            when(
                RuleAction::Return,
                Condition {
                    in_ports: is([port_id(1), port_id(2)].into()),
                    out_port_group: is_not(group_id(9)),
                    vlan: is_not(0),
                    tos: is(4),
                    mac_source: is(mac(7).into()),
                    ..Condition::default()
                },
            ),
            "return from MAC 02:00:00:00:00:07 tagged with TOS 0x04 in by port port-1 or port-2 not out by a \
             port of group port_group-9",
        ),
        (
            when(
                RuleAction::Nat {
                    direction: NatDirection::Source,
                    targets: vec!["10.0.0.1 port 1024-2047".parse().unwrap()],
                    reverse: false,
                    then: NatVerdict::Continue,
                },
                Condition::default(),
            ),
            "translate the source to 10.0.0.1 port 1024-2047 of everything, then continue",
        ),
    ];
    for (rule, expected) in cases {
        assert_eq!(words(&rule), expected);
    }
    let odd = Rule {
        log: Some("web".to_owned()),
        condition: Condition {
            fragment_policy: FragmentPolicy::Unfragmented,
            ..web
        },
        ..rule(1, 1, RuleAction::Accept)
    };
    assert_eq!(
        words(&odd),
        "accept tcp to 80 from 10.0.0.0/8 no fragments, logged as web"
    );
}

fn reads_back<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str, value: T) {
    assert_eq!(value.to_string(), text);
    assert_eq!(text.parse::<T>().expect("reads as it is written"), value);
}

#[test]
fn values_are_read_as_they_are_written() {
    reads_back("80", ports(80, 80));
    reads_back("80-90", ports(80, 90));
    reads_back("tcp", Protocol(6));
    reads_back("89", Protocol(89));
    reads_back("ipv6", EtherType(0x86dd));
    reads_back("0x88cc", EtherType(0x88cc));
    reads_back("10.0.0.0/8", Prefix("10.0.0.0/8".parse().unwrap()));
    reads_back("2001:db8::1", Prefix("2001:db8::1/128".parse().unwrap()));
    reads_back("02:00:00:00:00:01", MaskedMac::from(mac(1)));
    reads_back(
        "02:00:00:00:00:00/ff:00:00:00:00:00",
        MaskedMac {
            mac: mac(0),
            mask: weft_topology::MacAddr(0xff, 0, 0, 0, 0, 0),
        },
    );
    reads_back("nonheader", FragmentPolicy::Nonheader);
    let target = NatTarget {
        first: [10, 0, 0, 1].into(),
        last: [10, 0, 0, 2].into(),
        ports: Some(ports(1, 2)),
    };
    reads_back("10.0.0.1-10.0.0.2 port 1-2", target);
    assert_eq!("2048".parse(), Ok(EtherType(0x0800)));
}

#[test]
fn what_is_no_such_value_is_said_with_what_is_wanted() {
    let problem = "8-".parse::<PortRange>().unwrap_err().to_string();
    assert!(
        problem.contains("'8-'") && problem.contains("8000-8080"),
        "{problem}"
    );
    for text in ["256", "TCP", "", "-1"] {
        assert!(text.parse::<Protocol>().is_err(), "{text}");
    }
    for text in ["70000", "0x", "0x10000", "ip"] {
        assert!(text.parse::<EtherType>().is_err(), "{text}");
    }
    for text in ["10.0.0.0/33", "10.0.0", "x"] {
        assert!(text.parse::<Prefix>().is_err(), "{text}");
    }
    for text in ["02:00:00:00:00", "02:00:00:00:00:01/8"] {
        assert!(text.parse::<MaskedMac>().is_err(), "{text}");
    }
    for text in ["10.0.0.1-", "10.0.0.1 port x", "10.0.0.1:80"] {
        assert!(text.parse::<NatTarget>().is_err(), "{text}");
    }
}
