//! What others do to our datapath, and what comes of it.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_ovs::{Datapath, DatapathEvent, DatapathMonitor, KernelDatapath, OpenMode};
use weft_tests::command::run;

use super::support::{PATIENCE, Port, datapath, frame};

fn next_events(monitor: &mut dyn DatapathMonitor) -> Vec<DatapathEvent> {
    let timeout = PollTimeout::try_from(PATIENCE).unwrap();
    let ready = poll(
        &mut [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)],
        timeout,
    );
    assert_eq!(ready.unwrap(), 1, "waited in vain for an event");
    monitor.handle().unwrap()
}

fn restored(events: &[DatapathEvent]) -> usize {
    let is_restored =
        |event: &&DatapathEvent| matches!(event, DatapathEvent::DispatchRestored { .. });
    events.iter().filter(is_restored).count()
}

#[test]
fn a_look_by_another_tool_takes_all_upcalls_away_and_the_guard_brings_them_back() {
    let mut datapath = datapath();
    let mut port = Port::new(&mut datapath, "tap0");
    let mut monitor = datapath.monitor().unwrap();
    assert_eq!(monitor.handle().unwrap(), []);
    let ours = datapath.info().unwrap().user_features;

    run(&["ovs-dpctl", "show", "weft0"]).unwrap();
    assert_ne!(
        datapath.info().unwrap().user_features,
        ours,
        "the tool left the datapath alone"
    );
    port.tap.send(&frame(2, b"lost"));
    assert!(!port.has_upcall());

    let events = next_events(&mut *monitor);
    assert!(restored(&events) >= 1, "{events:?}");
    assert_eq!(datapath.info().unwrap().user_features, ours);
    port.tap.send(&frame(2, b"seen"));
    assert_eq!(port.upcall().packet, frame(2, b"seen"));
    assert_eq!(monitor.dispatch_restored(), restored(&events) as u64);
    assert_eq!(
        restored(&monitor.handle().unwrap()),
        0,
        "it restored what was right"
    );
}

#[test]
fn a_switch_before_the_guard_came_is_found_at_its_first_look() {
    let mut datapath = datapath();
    let ours = datapath.info().unwrap().user_features;
    run(&["ovs-dpctl", "show", "weft0"]).unwrap();
    let mut monitor = datapath.monitor().unwrap();
    let events = monitor.handle().unwrap();
    assert_eq!(restored(&events), 1, "{events:?}");
    assert_eq!(datapath.info().unwrap().user_features, ours);
}

#[test]
fn adopting_a_switched_datapath_switches_it_back() {
    let mut datapath = datapath();
    let ours = datapath.info().unwrap().user_features;
    run(&["ovs-dpctl", "show", "weft0"]).unwrap();
    let mut adopted = KernelDatapath::open("weft0", OpenMode::Adopt).unwrap();
    assert_eq!(adopted.info().unwrap().user_features, ours);
    assert_eq!(adopted.writes().datapath, 1);
}

#[test]
fn ports_added_and_removed_by_others_are_events() {
    let mut datapath = datapath();
    let mut monitor = datapath.monitor().unwrap();
    let port = Port::new(&mut datapath, "tap0");
    let events = next_events(&mut *monitor);
    let [DatapathEvent::VportAdded(added)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (added.port_no, added.name.as_str()),
        (port.number(), "tap0")
    );
    let number = port.number();
    drop(port); // the tap goes with its last descriptor
    let events = next_events(&mut *monitor);
    let [DatapathEvent::VportRemoved(removed)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((removed.port_no, removed.name.as_str()), (number, "tap0"));
}

#[test]
fn the_datapaths_end_is_an_event() {
    let datapath = datapath();
    let mut monitor = datapath.monitor().unwrap();
    run(&["ovs-dpctl", "del-dp", "weft0"]).unwrap();
    let events = next_events(&mut *monitor);
    assert!(
        events.contains(&DatapathEvent::DatapathDeleted),
        "{events:?}"
    );
}

#[test]
fn events_of_another_datapath_are_not_ours() {
    let datapath = datapath();
    let mut monitor = datapath.monitor().unwrap();
    let mut other = KernelDatapath::open("other0", OpenMode::Create).unwrap();
    let _port = Port::new(&mut other, "tap0");
    run(&["ovs-dpctl", "show", "other0"]).unwrap();
    other.destroy().unwrap();
    assert_eq!(monitor.handle().unwrap(), []);
}
