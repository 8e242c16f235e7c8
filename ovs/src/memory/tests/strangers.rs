//! What others do to the datapath, and how it shows.

use weft_flow::{Action, Ufid, parse_flow};

use super::{ANY, MemoryDatapath, NotInjected, apply, drain, frame, is_readable, port, put};
use crate::datapath::{Datapath, Op, OpReply};
use crate::error::Error;
use crate::monitor::{DatapathEvent, DatapathMonitor};

fn events(monitor: &mut dyn DatapathMonitor) -> Vec<DatapathEvent> {
    assert!(is_readable(&*monitor), "nothing has happened");
    monitor.handle().unwrap()
}

#[test]
fn ports_that_come_change_and_go_are_events() {
    let mut datapath = MemoryDatapath::new("weft0");
    let mut monitor = datapath.monitor().unwrap();
    assert_eq!(monitor.handle().unwrap(), []);
    let (number, _source) = port(&mut datapath, "tap0");
    let vport = |datapath: &mut MemoryDatapath| {
        let ports = datapath.ports().unwrap();
        ports.into_iter().find(|it| it.port_no == number).unwrap()
    };
    let added = vport(&mut datapath);
    assert_eq!(events(&mut *monitor), [DatapathEvent::VportAdded(added)]);
    assert!(!is_readable(&*monitor));
    datapath.set_upcall_pids(number, &[]).unwrap();
    let changed = vport(&mut datapath);
    datapath.remove_device(number).unwrap();
    assert_eq!(
        events(&mut *monitor),
        [
            DatapathEvent::VportChanged(changed.clone()),
            DatapathEvent::VportRemoved(changed),
        ]
    );
    let again = datapath.delete_port(number).unwrap_err();
    assert!(matches!(again, Error::NotFound { .. }), "{again:?}");
    assert!(matches!(
        datapath.delete_port(0),
        Err(Error::Refused { .. })
    ));
}

#[test]
fn flows_outlive_the_port_that_they_name() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, _source) = port(&mut datapath, "tap0");
    let ufid = put(&mut datapath, ANY, &[Action::Output(number)]).unwrap();
    datapath.remove_device(number).unwrap();
    assert!(datapath.flow(ufid).unwrap().is_some());
    assert_eq!(
        datapath.inject(number, &frame(1)),
        Err(NotInjected::NoPort(number))
    );
    let (again, _source) = port(&mut datapath, "tap1");
    assert_eq!(again, number);
    datapath.inject(again, &frame(1)).unwrap();
    assert_eq!(datapath.flow(ufid).unwrap().unwrap().stats.packets, 1);
}

#[test]
fn a_switched_dispatch_loses_upcalls_until_the_monitor_switches_it_back() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, mut source) = port(&mut datapath, "tap0");
    let mut monitor = datapath.monitor().unwrap();
    monitor.handle().unwrap();
    datapath.switch_dispatch();
    datapath.inject(number, &frame(1)).unwrap();
    assert_eq!(drain(&mut *source), []);
    let found = datapath.info().unwrap().user_features;
    assert_eq!(
        events(&mut *monitor),
        [DatapathEvent::DispatchRestored { found }]
    );
    datapath.inject(number, &frame(2)).unwrap();
    assert_eq!(drain(&mut *source), [2]);
    assert_eq!(monitor.dispatch_restored(), 1);
    assert_eq!(monitor.handle().unwrap(), []);
    assert_eq!(datapath.info().unwrap().lost, 1);
}

#[test]
fn a_switch_that_was_not_heard_is_found_at_the_first_look_and_after_lost_events() {
    let datapath = MemoryDatapath::new("weft0");
    datapath.switch_dispatch();
    let mut monitor = datapath.monitor().unwrap();
    let said = monitor.handle().unwrap();
    assert!(matches!(said[..], [DatapathEvent::DispatchRestored { .. }]));
    datapath.lose_events();
    assert!(events(&mut *monitor).contains(&DatapathEvent::EventsLost));
}

#[test]
fn a_deleted_datapath_is_gone_for_every_handle() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, _source) = port(&mut datapath, "tap0");
    put(&mut datapath, ANY, &[]).unwrap();
    let mut fork = datapath.fork().unwrap();
    let mut monitor = datapath.monitor().unwrap();
    datapath.delete_by_stranger();
    assert_eq!(events(&mut *monitor), [DatapathEvent::DatapathDeleted]);
    assert!(matches!(fork.info(), Err(Error::NotFound { .. })));
    assert!(matches!(fork.ports(), Err(Error::NotFound { .. })));
    let flows = fork.flows(&mut |_| panic!("it has flows"));
    assert!(matches!(flows, Err(Error::NotFound { .. })));
    let put = put(&mut *fork, ANY, &[]);
    assert!(matches!(put, Err(Error::NotFound { .. })), "{put:?}");
    assert_eq!(
        datapath.inject(number, &frame(1)),
        Err(NotInjected::NoPort(number))
    );
    let mut late = datapath.monitor().unwrap();
    assert_eq!(late.handle().unwrap(), [DatapathEvent::DatapathDeleted]);
}

#[test]
fn flows_of_others_are_dumped_and_can_be_deleted() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (key, mask) = parse_flow(ANY).unwrap();
    datapath.put_by_stranger(None, &key, &mask, &[]).unwrap();
    let mut found = Vec::new();
    datapath
        .flows(&mut |flow| found.push(flow.unwrap()))
        .unwrap();
    assert_eq!(found[0].ufid, None);
    let named = put(&mut datapath, ANY, &[]);
    assert!(matches!(named, Err(Error::FlowExists { .. })), "{named:?}");
    let delete = Op::DeleteUnnamed { key: &found[0].key };
    let reply = apply(&mut datapath, delete).unwrap();
    assert!(matches!(reply, OpReply::Stats(_)));
    let ufid = put(&mut datapath, ANY, &[]).unwrap();
    datapath.spoil(ufid);
    let mut bad = Vec::new();
    datapath
        .flows(&mut |flow| bad.push(flow.unwrap_err().ufid))
        .unwrap();
    assert_eq!(bad, [Some(ufid)]);
    let delete = Op::Delete { ufid };
    assert!(apply(&mut datapath, delete).is_ok());
    let unknown = Op::Delete {
        ufid: Ufid([0; 16]),
    };
    let error = apply(&mut datapath, unknown).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}
