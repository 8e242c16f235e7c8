//! Upcall sockets: readiness, bounds, and many threads.

use std::collections::BTreeSet;
use std::thread;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::{MemoryDatapath, drain, frame, is_readable, new_port, port};
use crate::datapath::Datapath;
use crate::upcall::UpcallBuffer;
use crate::vport::VportKind;

#[test]
fn a_socket_is_readable_while_something_waits_also_when_epoll_comes_late() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, mut source) = port(&mut datapath, "tap0");
    assert!(!is_readable(&*source));
    datapath.inject(number, &frame(1)).unwrap();
    datapath.inject(number, &frame(2)).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let event = EpollEvent::new(EpollFlags::EPOLLIN, 7);
    epoll.add(&*source, event).unwrap();
    let mut ready = [EpollEvent::empty(); 2];
    let mut buffer = UpcallBuffer::new();
    for left in [1, 1, 0] {
        assert_eq!(epoll.wait(&mut ready, 0u8).unwrap(), left);
        let upcall = source.receive(&mut buffer).unwrap();
        assert_eq!(upcall.is_some(), left == 1);
    }
}

#[test]
fn a_full_socket_loses_tells_it_once_and_takes_more_when_it_has_been_emptied() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, _) = port(&mut datapath, "tap0");
    let mut small = datapath.upcall_socket(4 << 10).unwrap();
    datapath.set_upcall_pids(number, &[small.pid()]).unwrap();
    for n in 0..50 {
        datapath.inject(number, &frame(n)).unwrap();
    }
    let mut buffer = UpcallBuffer::new();
    let first = small.receive(&mut buffer).unwrap().unwrap();
    assert_eq!(first.packet, frame(0));
    assert_eq!(small.overflows(), 1);
    // Congested until it is empty, though there is room.
    datapath.inject(number, &frame(50)).unwrap();
    let rest = drain(&mut *small);
    let received = 1 + rest.len() as u64;
    assert!(rest.iter().copied().eq((1..).take(rest.len())), "{rest:?}");
    assert!((2..20).contains(&received), "{received} of 4 KiB");
    let info = datapath.info().unwrap();
    assert_eq!((info.missed, info.lost), (51, 51 - received));
    datapath.inject(number, &frame(51)).unwrap();
    assert_eq!(drain(&mut *small), [51]);
    assert_eq!(small.overflows(), 1);
}

#[test]
fn a_socket_that_was_closed_gets_nothing_nor_does_its_number_go_to_another() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, source) = port(&mut datapath, "tap0");
    let pid = source.pid();
    drop(source);
    let mut later = datapath.upcall_socket(1 << 20).unwrap();
    assert_ne!(later.pid(), pid);
    datapath.inject(number, &frame(1)).unwrap();
    assert_eq!(drain(&mut *later), []);
    assert_eq!(datapath.info().unwrap().lost, 1);
}

#[test]
fn several_sockets_of_a_port_share_its_flows_by_hash() {
    let mut datapath = MemoryDatapath::new("weft0");
    let mut sockets: Vec<_> = (0..2)
        .map(|_| datapath.upcall_socket(1 << 20).unwrap())
        .collect();
    let pids = sockets.iter().map(|socket| socket.pid()).collect();
    let port = new_port("tap0", VportKind::Netdev, pids);
    let number = datapath.add_port(&port).unwrap().port_no;
    for n in (0..64).chain(0..64) {
        let mut frame = frame(n);
        frame[11] = n; // the source address
        datapath.inject(number, &frame).unwrap();
    }
    let got: Vec<BTreeSet<u8>> = sockets
        .iter_mut()
        .map(|socket| drain(&mut **socket).into_iter().collect())
        .collect();
    assert!(got.iter().all(|flows| !flows.is_empty()), "{got:?}");
    assert_eq!(got[0].len() + got[1].len(), 64, "a flow at both: {got:?}");
}

#[test]
fn threads_inject_write_and_read_at_once_and_nothing_is_lost() {
    let payloads = || (0..=u8::MAX).chain(0..=u8::MAX);
    let each = payloads().count();
    let mut datapath = MemoryDatapath::new("weft0");
    let ports: Vec<_> = (0..4)
        .map(|n| port(&mut datapath, &format!("tap{n}")))
        .collect();
    thread::scope(|scope| {
        for (number, mut source) in ports {
            let sender = datapath.clone();
            scope.spawn(move || {
                for n in payloads() {
                    sender.inject(number, &frame(n)).unwrap();
                }
            });
            scope.spawn(move || {
                let mut seen = Vec::new();
                while seen.len() < each {
                    seen.extend(drain(&mut *source));
                    thread::yield_now();
                }
                assert_eq!(seen, payloads().collect::<Vec<_>>());
            });
        }
    });
    let info = datapath.info().unwrap();
    assert_eq!((info.missed, info.lost), (4 * each as u64, 0));
}
