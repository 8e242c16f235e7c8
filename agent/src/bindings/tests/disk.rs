//! Files of wishes: from others, damaged, and without room.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::port_id;
use crate::bindings::Wishes;
use weft_wire::plug_file::{PlugFile, Wish, path_of};

/// What the VIF driver does while the agent is down.
fn leave(dir: &Path, interface: &str, n: u32, wish: Wish) {
    let file = PlugFile {
        v: 1,
        interface: interface.to_owned(),
        port: port_id(n),
        mtu: None,
        wish,
        granted: None,
    };
    fs::create_dir_all(dir.join("bindings")).unwrap();
    let text = serde_json::to_string(&file).unwrap();
    crate::files::write_whole(&path_of(dir, interface), text.as_bytes()).unwrap();
}

fn plugged(wishes: &Wishes) -> Vec<&str> {
    wishes
        .plugs()
        .map(|(interface, _)| interface.as_str())
        .collect()
}

#[test]
fn what_others_leave_is_taken_up_whenever_it_is_left() {
    let dir = tempfile::tempdir().unwrap();
    leave(dir.path(), "tap1", 1, Wish::Plugged);
    let mut wishes = Wishes::load(dir.path()).unwrap();
    assert_eq!(plugged(&wishes), ["tap1"]);
    // As quick after one another as files can be written: within one tick of the file system's clock.
    let folder = fs::File::open(dir.path().join("bindings")).unwrap();
    let tick = folder.metadata().unwrap().modified().unwrap();
    for n in 2..5 {
        leave(dir.path(), &format!("tap{n}"), n, Wish::Plugged);
        folder.set_modified(tick).unwrap();
        assert!(wishes.rescan().unwrap(), "tap{n} is not seen");
    }
    leave(dir.path(), "tap1", 1, Wish::Unplugged);
    assert!(wishes.rescan().unwrap());
    assert_eq!(wishes.get("tap1"), None);
    assert!(wishes.is_being_told(port_id(1)));
    assert!(!wishes.rescan().unwrap());
}

#[test]
fn a_folder_that_nobody_wrote_to_for_a_while_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    leave(dir.path(), "tap1", 1, Wish::Plugged);
    let folder = fs::File::open(dir.path().join("bindings")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    folder.set_modified(long_ago).unwrap();
    let mut wishes = Wishes::load(dir.path()).unwrap();
    wishes.forget("tap1");
    leave(dir.path(), "tap1", 1, Wish::Plugged);
    folder.set_modified(long_ago).unwrap();
    assert!(!wishes.rescan().unwrap());
    folder.set_modified(SystemTime::now()).unwrap();
    assert!(wishes.rescan().unwrap());
}

#[test]
fn an_interface_left_plugged_into_another_port_gives_the_first_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut wishes = Wishes::load(dir.path()).unwrap();
    wishes.plug("tap1", port_id(1), None).unwrap();
    leave(dir.path(), "tap1", 2, Wish::Plugged);
    wishes.rescan().unwrap();
    assert_eq!(wishes.get("tap1").unwrap().port, port_id(2));
    let mut wishes = Wishes::load(dir.path()).unwrap();
    assert_eq!(wishes.ask_due().back, [port_id(1)]);
}

#[test]
fn a_damaged_file_keeps_no_neighbour_down_and_no_plug_of_its_interface() {
    let dir = tempfile::tempdir().unwrap();
    leave(dir.path(), "tap1", 1, Wish::Plugged);
    leave(dir.path(), "tap9", 9, Wish::Plugged);
    let folder = dir.path().join("bindings");
    fs::copy(folder.join("tap1.json"), folder.join("tap2.json")).unwrap();
    let newer = fs::read_to_string(folder.join("tap1.json")).unwrap();
    let newer = newer.replace("\"v\":1", "\"v\":2").replace("tap1", "tap3");
    fs::write(folder.join("tap3.json"), newer).unwrap();
    fs::write(folder.join("tap4.json"), "").unwrap();
    fs::write(folder.join("tap5.json"), [0xff, 0xfe, 0]).unwrap();
    fs::create_dir(folder.join("tap6.json")).unwrap();
    nix::unistd::mkfifo(&folder.join("tap7.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(folder.join(".tap8.json.1"), "{").unwrap();
    fs::create_dir_all(dir.path().join("releases")).unwrap();
    fs::write(dir.path().join("releases/x.json"), "{}").unwrap();
    let mut wishes = Wishes::load(dir.path()).unwrap();
    assert_eq!(plugged(&wishes), ["tap1", "tap9"]);
    wishes.plug("tap4", port_id(4), None).unwrap();
    let wishes = Wishes::load(dir.path()).unwrap();
    assert_eq!(plugged(&wishes), ["tap1", "tap4", "tap9"]);
}

#[test]
fn folders_that_somebody_removed_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut wishes = Wishes::load(dir.path()).unwrap();
    for folder in ["bindings", "releases"] {
        fs::remove_dir(dir.path().join(folder)).unwrap();
    }
    wishes.rescan().unwrap();
    fs::remove_dir(dir.path().join("bindings")).unwrap();
    wishes.plug("tap1", port_id(1), None).unwrap();
    wishes.unplug("tap1", port_id(1));
    wishes.plug("tap1", port_id(2), None).unwrap();
    let mut again = Wishes::load(dir.path()).unwrap();
    assert_eq!(again.ask_due().back, [port_id(1)]);
    again.returned(port_id(1), 7);
    assert_eq!(again.ask_due().plugs, [(port_id(2), "tap1".to_owned())]);
}

#[test]
fn without_room_a_plug_is_refused_and_an_unplug_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut wishes = Wishes::load(dir.path()).unwrap();
    wishes.plug("tap1", port_id(1), None).unwrap();
    // No file can be made here, whoever the user is.
    let folder = dir.path().join("bindings");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    let error = wishes.plug("tap2", port_id(2), None).unwrap_err();
    assert!(error.to_string().contains("bindings"), "{error}");
    assert_eq!(wishes.get("tap2"), None);
    wishes.unplug("tap1", port_id(1));
    assert!(wishes.is_being_told(port_id(1)));
    assert_eq!(wishes.get("tap1"), None);
}
