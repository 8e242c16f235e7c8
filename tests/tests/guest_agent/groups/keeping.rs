//! `policy.established = "keep"`: what a removed rule let in goes on until it ends, also after restarts; what is new is
//! judged by the rules as they are. And what was kept is cut when that is no more wanted.

use weft_tests::frames::Carries;
use weft_tests::site::Site;
use weft_tests::wait;

use super::{FAMILIES, LIMIT, Machine, connections, machine, open_rules, passes};

const KEEP: &str = "[policy]\nestablished = \"keep\"\n";

const DATA: Carries = Carries::Tcp(4_000, 80, "A", 101, 901);
const BACK: Carries = Carries::Tcp(80, 4_000, "A", 901, 101);

/// What was let in, both ways: all of it passes, or nothing.
fn goes_on(a: &mut Machine, b: &mut Machine, wanted: bool, when: &str) {
    let (udp, answer) = connections()[0];
    for family in FAMILIES {
        for (from_a, from_b) in [(udp, answer), (DATA, BACK)] {
            // The responder's first: it may have something to say when nobody has asked again.
            let back = passes(b, a, family, from_b);
            assert_eq!(back, wanted, "{family:?} {from_b:?} {when}");
            let there = passes(a, b, family, from_a);
            assert_eq!(there, wanted, "{family:?} {from_a:?} {when}");
        }
    }
}

/// Nothing begins that no rule admits, whatever goes on beside it.
fn nothing_begins(a: &mut Machine, b: &mut Machine, port: u16, when: &str) {
    for family in FAMILIES {
        for new in [
            Carries::Udp(port, 53),
            Carries::Tcp(port, 80, "S", 100, 0),
            Carries::Tcp(port + 1, 80, "A", 100, 200),
        ] {
            assert!(!passes(a, b, family, new), "{family:?} {new:?} {when}");
        }
    }
}

#[test]
fn what_was_let_in_is_kept_and_what_is_new_is_not_and_a_change_of_mind_cuts() {
    let mut site = Site::start_with_both("keep", "", KEEP).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let [(udp, answer), (syn, syn_ack), (echo, reply)] = connections();
    for family in FAMILIES {
        for (begins, answers) in [(udp, answer), (syn, syn_ack), (DATA, BACK), (echo, reply)] {
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
        }
    }
    // UDP to 53 and TCP to 80.
    for rule in &b.ingress.1[4..6] {
        site.rest
            .send("DELETE", &format!("/rules/{rule}"), None)
            .unwrap();
    }
    site.sync().unwrap();
    for n in 0..2 {
        goes_on(&mut a, &mut b, true, "after the rules went");
        nothing_begins(&mut a, &mut b, 4_100 + 2 * n, "after the rules went");
    }
    for family in FAMILIES {
        // What a rule still admits begins as ever.
        assert!(passes(&mut a, &mut b, family, Carries::Echo(8)));
    }
    assert_eq!(site.counter("connections_cut").unwrap(), 0);

    // The agent comes back while the service is away: it keeps by what it was told last.
    assert!(site.service.stop().unwrap().success());
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    goes_on(&mut a, &mut b, true, "after a restart of the agent");
    nothing_begins(&mut a, &mut b, 4_200, "after a restart of the agent");

    // The operator wants them cut from now on: that is done as soon as the host hears of it.
    site.configure_service("").unwrap();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    wait::until("what was kept to be cut", LIMIT, || {
        site.counter("connections_cut").is_ok_and(|cut| cut >= 8)
    })
    .unwrap();
    site.sync().unwrap();
    goes_on(&mut a, &mut b, false, "after a change of mind");
    nothing_begins(&mut a, &mut b, 4_300, "after a change of mind");
    for family in FAMILIES {
        assert!(passes(&mut a, &mut b, family, echo) && passes(&mut b, &mut a, family, reply));
    }
    // What is cut stays cut, also where it would be kept.
    assert!(site.service.stop().unwrap().success());
    site.configure_service(KEEP).unwrap();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    wait::until("the host to keep again", LIMIT, || {
        site.weft_json(&["status"])
            .is_ok_and(|status| status["established"] == "keep")
    })
    .unwrap();
    site.sync().unwrap();
    goes_on(&mut a, &mut b, false, "although it is kept");
}
