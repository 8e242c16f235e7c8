//! A disk without room, for everything that the programs write: store, state, logs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use weft_tests::cloud;
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_tests::site::{Site, mac};
use weft_tests::wait;

use super::{LIMIT, state};

/// A small file system, on which a site has all its files.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &str) -> Self {
        let _ = run(&["umount", path]);
        run(&["mkdir", "-p", path]).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", path]).unwrap();
        Self(path.into())
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(&["umount", "-l", self.0.to_str().unwrap()]);
    }
}

#[test]
fn a_full_disk_refuses_what_must_be_kept_and_stops_nothing_else_and_room_is_all_that_it_takes() {
    let disk = Disk::mount("/tmp/weft-site-full");
    let mut site = Site::start("full").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let unplugged = cloud::port(&site.rest, &network).unwrap();
    site.sync().unwrap();

    disk.fill();
    let ports = format!("/bridges/{}/ports", network.bridge);
    let create = || {
        site.rest
            .send("POST", &ports, Some(&json!({ "type": "Bridge" })))
            .unwrap()
    };
    let ids = || {
        let all = site.rest.get(&ports).unwrap();
        let ids = all.as_array().unwrap().iter();
        ids.map(|port| port["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // What fits into room that the store had already is taken and kept.
    let mut taken = ids().len();
    let (status, said) = wait::until_some("the store to be full", LIMIT, || {
        disk.fill();
        let (status, said) = create();
        taken += usize::from(status == 201);
        (status != 201).then_some((status, said))
    })
    .unwrap();
    assert_eq!(status, 507, "{said}");
    assert!(said.contains("make room"), "{said}");
    for _ in 0..5 {
        disk.fill();
        let (status, said) = create();
        assert_eq!(status, 507, "{said}");
    }
    let acknowledged = ids();
    assert_eq!(
        acknowledged.len(),
        taken,
        "what was refused is there, or what was acknowledged is not"
    );

    // The network goes on; a plug is refused, says why, and leaves nothing.
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    disk.fill();
    let refused = site
        .vif(&["plug", "--port", &unplugged, "--interface", "tap-c"])
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot be kept") && said.contains("No space left"),
        "{said}"
    );
    assert!(
        !Path::new("/sys/class/net/tap-c").exists(),
        "the refused plug's tap is left"
    );

    // So it is after a kill, too.
    disk.fill();
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    site.service.kill();
    disk.fill();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    let create = || {
        site.rest
            .send("POST", &ports, Some(&json!({ "type": "Bridge" })))
            .unwrap()
    };
    assert_eq!(create().0, 507);
    for tap in ["tap-a", "tap-b"] {
        let active = || state(&site, tap).as_deref() == Some("active");
        wait::until(&format!("{tap} to be active"), LIMIT, active).unwrap();
    }
    site.reaches(&mut a.peer, &mut b.peer).unwrap();

    disk.make_room();
    assert_eq!(
        create().0,
        201,
        "there is room, and the first write is refused"
    );
    for id in &acknowledged {
        site.rest.get(&format!("/ports/{id}")).unwrap();
    }
    site.sync().unwrap();
    site.plug_port(&unplugged, "tap-c").unwrap();
    let mut c = Peer::open("tap-c", mac(3)).unwrap();
    site.reaches(&mut a.peer, &mut c).unwrap();
    assert!(site.agent.is_alive() && site.service.is_alive());
}
