//! What is taken away from a running agent: an interface, its run directory.

use weft_tests::command::run;
use weft_tests::host::status;
use weft_tests::peer::Peer;
use weft_tests::site::{Site, mac};
use weft_tests::wait;
use weft_topology::MacAddr;

use super::{LIMIT, flows, names, number, state};

#[test]
fn a_tap_that_is_made_again_has_a_new_vport_no_flow_of_the_old_one_and_the_same_accounts() {
    let site = Site::start("removed").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let control = MacAddr(1, 0x80, 0xc2, 0, 0, 0);
    let mut dropped = 0;
    let mut drop_some = |site: &Site, peer: &mut Peer| {
        (0..20).for_each(|_| peer.send(control, 0x88b5, b"to nobody").unwrap());
        dropped += 20;
        let counted = || {
            let drops = site
                .weft_json(&["show", "drops", "--port", &b.port])
                .unwrap();
            drops[0]["packets"].as_u64() == Some(dropped)
        };
        wait::until("the drops to be counted", LIMIT, counted).unwrap();
    };
    drop_some(&site, &mut b.peer);
    let former = number(&site, "tap-b").unwrap();

    run(&["ip", "link", "del", "tap-b"]).unwrap();
    drop(b.peer);
    run(&["ip", "tuntap", "add", "tap-b", "mode", "tap"]).unwrap();
    let is_back = || number(&site, "tap-b").is_some_and(|now| now != former);
    wait::until("the binding to return", LIMIT, is_back).unwrap();
    let none_left = || !flows().iter().any(|flow| names(flow, former));
    wait::until("the flows of the old vport to go", LIMIT, none_left).unwrap();
    let mut peer = Peer::open("tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut peer).unwrap();
    site.reaches(&mut peer, &mut a.peer).unwrap();
    drop_some(&site, &mut peer);
}

#[test]
fn a_removed_run_directory_is_made_again_with_its_socket() {
    let site = Site::start("no-run-dir").unwrap();
    let network = site.network("blue").unwrap();
    site.plug(&network, "tap-a", mac(1)).unwrap();
    std::fs::remove_dir_all(site.dir.join("run")).unwrap();
    wait::until("the socket", LIMIT, || status(&site.socket()).is_ok()).unwrap();
    site.plug(&network, "tap-b", mac(2)).unwrap();
    // The socket alone.
    std::fs::remove_file(site.socket()).unwrap();
    wait::until("the socket", LIMIT, || status(&site.socket()).is_ok()).unwrap();
    assert_eq!(state(&site, "tap-b").as_deref(), Some("active"));
}
