//! Connections and the agent's end: what is established goes on, and what a change denies meanwhile is cut at the start.

use weft_tests::frames::{Carries, Family};
use weft_tests::site::Site;

use super::connections::entries;
use super::{FAMILIES, connections, machine, open_rules, passes};

#[test]
fn connections_live_through_a_sigkill_and_what_was_denied_meanwhile_is_cut() {
    let mut site = Site::start("groups-restart").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let [(udp, answer), (syn, syn_ack), _] = connections();
    let data = Carries::Tcp(4_000, 80, "A", 101, 901);
    let back = Carries::Tcp(80, 4_000, "A", 901, 101);
    for family in FAMILIES {
        for (begins, answers) in [(udp, answer), (syn, syn_ack), (data, back)] {
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
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    site.sync().unwrap();
    for family in FAMILIES {
        for (begins, answers) in [(udp, answer), (data, back)] {
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
        }
        // New ones, too.
        let new = Carries::Udp(4_100, 53);
        assert!(passes(&mut a, &mut b, family, new), "{family:?} {new:?}");
    }

    site.agent.kill();
    for rule in &b.ingress.1[4..6] {
        let path = format!("/rules/{rule}");
        site.rest.send("DELETE", &path, None).unwrap();
    }
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    site.sync().unwrap();
    for family in FAMILIES {
        for (from_b, from_a) in [(answer, udp), (back, data)] {
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?}"
            );
            assert!(
                !passes(&mut a, &mut b, family, from_a),
                "{family:?} {from_a:?}"
            );
        }
    }
}

#[test]
fn a_port_of_a_new_datapath_does_not_meet_the_connections_of_one_that_is_gone() {
    let begin = |site: &Site| {
        let network = site.network("blue").unwrap();
        let a = machine(site, &network, 1, &open_rules());
        let b = machine(site, &network, 2, &open_rules());
        site.sync().unwrap();
        (a, b)
    };
    let [(udp, answer), ..] = connections();
    let site = Site::start("groups-gone").unwrap();
    let (mut a, mut b) = begin(&site);
    assert!(passes(&mut a, &mut b, Family::V4, udp));
    assert!(passes(&mut b, &mut a, Family::V4, answer));
    assert_eq!((entries(1), entries(2)), (1, 1));
    // The host is set up anew, its state with it; the kernel remembers.
    drop((a, b, site));
    let site = Site::start("groups-anew").unwrap();
    assert_eq!((entries(1), entries(2)), (0, 0));
    let (mut a, mut b) = begin(&site);
    assert!(!passes(&mut b, &mut a, Family::V4, answer));
}
