//! Who may begin, who may answer, and what a rule that is taken away cuts.

use serde_json::json;
use weft_ovs::conntrack::{Conntrack, Filter};
use weft_ovs::{Datapath, KernelConntrack, KernelDatapath, OpenMode};
use weft_tests::command::run;
use weft_tests::frames::{Carries, Family};
use weft_tests::site::{DATAPATH, Site};
use weft_tests::{cloud, wait};

use super::{FAMILIES, LIMIT, connections, machine, open_rules, passes};

#[test]
fn who_is_let_in_is_answered_and_who_is_not_gets_nothing_through() {
    let site = Site::start("groups").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    for family in FAMILIES {
        for (begins, answers) in connections() {
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
        }
        for denied in [Carries::Udp(4_000, 54), Carries::Tcp(4_001, 81, "S", 1, 0)] {
            assert!(
                !passes(&mut a, &mut b, family, denied),
                "{family:?} {denied:?}"
            );
        }
        // Answers to what nobody asked, and what the other may not begin.
        let unasked = [
            Carries::Udp(53, 4_001),
            Carries::Tcp(80, 4_002, "SA", 900, 101),
            Carries::EchoReply(8),
            Carries::Udp(9_000, 53),
            Carries::Echo(9),
        ];
        for carries in unasked {
            assert!(
                !passes(&mut b, &mut a, family, carries),
                "{family:?} {carries:?}"
            );
        }
    }
    let words = [
        "from=02:00:00:00:00:01",
        "to=02:00:00:00:00:02",
        "src=10.0.0.1",
        "dst=10.0.0.2",
    ];
    let trace = |more: &[&str]| {
        let words = [&["trace", &a.plugged.port], &words[..], more].concat();
        site.weft_json(&words).unwrap()
    };
    let allowed = trace(&["proto=udp", "sport=4000", "dport=53"]);
    assert_eq!(allowed["recirculations"], 1, "{allowed}");
    assert_eq!(allowed["outputs"], json!(["tap-2"]), "{allowed}");
    let denied = trace(&["proto=udp", "sport=4000", "dport=54"]);
    assert_eq!(denied["outputs"], json!([]), "{denied}");
    let last = b.ingress.1.last().unwrap();
    assert!(
        denied["reason"].as_str().unwrap().contains(last),
        "{denied}"
    );
}

#[test]
fn a_rule_that_is_taken_away_cuts_what_it_let_in_although_the_other_may_begin_anything() {
    let site = Site::start("cut").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let [(udp, answer), (syn, syn_ack), _] = connections();
    let data = Carries::Tcp(4_000, 80, "A", 101, 901);
    let back = Carries::Tcp(80, 4_000, "A", 901, 101);
    for family in FAMILIES {
        assert!(passes(&mut a, &mut b, family, udp) && passes(&mut b, &mut a, family, answer));
        assert!(passes(&mut a, &mut b, family, syn) && passes(&mut b, &mut a, family, syn_ack));
        assert!(passes(&mut a, &mut b, family, data) && passes(&mut b, &mut a, family, back));
    }
    // UDP to 53 and TCP to 80.
    for rule in &b.ingress.1[4..6] {
        site.rest
            .send("DELETE", &format!("/rules/{rule}"), None)
            .unwrap();
    }
    site.sync().unwrap();
    for family in FAMILIES {
        for (from_b, from_a) in [(answer, udp), (back, data)] {
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} after the cut"
            );
            assert!(
                !passes(&mut a, &mut b, family, from_a),
                "{family:?} {from_a:?} after the cut"
            );
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} again"
            );
        }
        // What another rule lets in goes on.
        let (echo, reply) = connections()[2];
        assert!(passes(&mut a, &mut b, family, echo) && passes(&mut b, &mut a, family, reply));
    }
    assert!(site.counter("connections_cut").unwrap() >= 4);
    for (rule, position) in open_rules().iter().take(2).zip(5..) {
        cloud::rule(&site.rest, &b.ingress.0, position, rule).unwrap();
    }
    site.sync().unwrap();
    for family in FAMILIES {
        for (from_b, from_a) in [(answer, udp), (back, data)] {
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?}: nobody has asked again"
            );
            assert!(
                passes(&mut a, &mut b, family, from_a),
                "{family:?} {from_a:?} allowed again"
            );
            assert!(
                passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} healed"
            );
        }
    }
}

/// Entries in a zone.
pub(super) fn entries(zone: u16) -> usize {
    let datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap();
    let filter = Filter {
        zone: Some(zone),
        ..Filter::default()
    };
    let mut count = 0;
    let mut conntrack = datapath.conntrack().unwrap();
    conntrack.list(filter, &mut |_| count += 1).unwrap();
    count
}

#[test]
fn a_port_has_so_many_connections_at_most_and_none_is_left_when_it_goes() {
    let config = "[limits]\nconnections_per_zone = 3\n";
    let mut site = Site::start_with("groups-limit", config).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let let_in = (0..8_u16).filter(|n| {
        let carries = Carries::Udp(5_000 + n, 53);
        passes(&mut a, &mut b, Family::V4, carries)
    });
    assert_eq!(let_in.count(), 3);
    assert_eq!((entries(1), entries(2)), (3, 3));
    // Those that are there go on.
    assert!(passes(&mut b, &mut a, Family::V4, Carries::Udp(53, 5_000)));
    site.vif(&["unplug", "--interface", "tap-2"]).unwrap();
    wait::until("the zone to be empty", LIMIT, || entries(2) == 0).unwrap();
    assert_eq!(entries(1), 3);
    assert!(site.agent.stop().unwrap().success());
    let config = site.dir.join("agent.toml");
    run(&[
        "weft-agent",
        "--config",
        config.to_str().unwrap(),
        "--purge",
    ])
    .unwrap();
    let mut conntrack = KernelConntrack::open().unwrap();
    let mut left = 0;
    conntrack
        .list(Filter::default(), &mut |entry| {
            left += usize::from(entry.unwrap().zone == 1)
        })
        .unwrap();
    assert_eq!(left, 0, "a purge leaves connections");
}
