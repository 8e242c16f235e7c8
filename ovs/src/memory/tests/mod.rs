//! What only the datapath in memory has. What it shares with the kernel's is in `ovs/tests/conformance`.

mod bounds;
mod strangers;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_flow::action::{Ct, Nat, NatDirection};
use weft_flow::{Action, Ufid, parse_actions, parse_flow, parse_key};

use super::{Clock, MemoryDatapath, NotInjected};
use crate::datapath::{Datapath, Op, OpReply, PutMode, Writes};
use crate::error::Error;
use crate::upcall::{UpcallBuffer, UpcallSource};
use crate::vport::{NewVport, VportKind};

const ANY: &str = "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)";

fn frame(last: u8) -> Vec<u8> {
    vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, last]
}

fn new_port(name: &str, kind: VportKind, upcall_pids: Vec<u32>) -> NewVport {
    NewVport {
        name: name.to_owned(),
        kind,
        port_no: None,
        upcall_pids,
    }
}

/// A port with an upcall socket of its own.
fn port(datapath: &mut dyn Datapath, name: &str) -> (u32, Box<dyn UpcallSource>) {
    let source = datapath.upcall_socket(1 << 20).unwrap();
    let port = new_port(name, VportKind::Netdev, vec![source.pid()]);
    (datapath.add_port(&port).unwrap().port_no, source)
}

fn put(datapath: &mut dyn Datapath, matches: &str, actions: &[Action]) -> Result<Ufid, Error> {
    let (key, mask) = parse_flow(matches).unwrap();
    let ufid = Ufid::of(&key, &mask);
    let put = Op::Put {
        ufid,
        key: &key,
        mask: &mask,
        actions,
        mode: PutMode::Create,
    };
    apply(datapath, put).map(|_| ufid)
}

fn apply(datapath: &mut dyn Datapath, op: Op<'_>) -> Result<OpReply, Error> {
    let mut results = Vec::new();
    datapath.apply(&[op], &mut results);
    results.pop().unwrap()
}

fn is_readable(fd: impl std::os::fd::AsFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
}

/// The payloads of what waits.
fn drain(source: &mut dyn UpcallSource) -> Vec<u8> {
    let mut buffer = UpcallBuffer::new();
    let mut payloads = Vec::new();
    while let Some(upcall) = source.receive(&mut buffer).unwrap() {
        payloads.push(*upcall.packet.last().unwrap());
    }
    payloads
}

#[test]
fn an_action_that_is_not_done_is_refused_when_it_is_put() {
    let mut datapath = MemoryDatapath::new("weft0");
    let ip = "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=17)";
    let committed = |nat| {
        Action::Ct(Ct {
            commit: true,
            nat: Some(nat),
            ..Ct::default()
        })
    };
    let range = Nat {
        direction: Some(NatDirection::Source),
        addresses: Some(("192.0.2.1".parse().unwrap(), "192.0.2.9".parse().unwrap())),
        ..Nat::default()
    };
    let labels = Action::Ct(Ct {
        commit: true,
        labels: Some((1, 1)),
        ..Ct::default()
    });
    for action in [
        Action::Truncate(60),
        Action::Clone(vec![Action::Truncate(60)]),
        labels,
        committed(range),
    ] {
        let actions = [Action::Output(1), action];
        let error = put(&mut datapath, ip, &actions).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("put flow"), "{error}");
        let execute = Op::Execute {
            packet: &frame(1),
            key_attrs: &[],
            actions: &actions[..1],
            mru: None,
            hash: None,
        };
        assert_eq!(apply(&mut datapath, execute).unwrap(), OpReply::Done);
    }
    assert_eq!(datapath.info().unwrap().flows, 0);
}

#[test]
fn what_is_no_frame_of_a_port_is_not_injected() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, _source) = port(&mut datapath, "tap0");
    assert_eq!(datapath.inject(9, &frame(1)), Err(NotInjected::NoPort(9)));
    assert_eq!(
        datapath.inject(number, &[0; 13]),
        Err(NotInjected::TooShort(13))
    );
    assert_eq!(datapath.info().unwrap().missed, 0);
}

#[test]
fn idle_times_follow_the_callers_clock() {
    let time = Arc::new(AtomicU64::new(5_000));
    let clock: Clock = {
        let time = time.clone();
        Box::new(move || Duration::from_millis(time.load(Ordering::Relaxed)))
    };
    let mut datapath = MemoryDatapath::with_clock("weft0", clock);
    let (number, _source) = port(&mut datapath, "tap0");
    let ufid = put(&mut datapath, ANY, &[]).unwrap();
    let idle = |datapath: &mut MemoryDatapath| {
        let flow = datapath.flow(ufid).unwrap().unwrap();
        flow.stats.idle
    };
    time.store(7_000, Ordering::Relaxed);
    assert_eq!(idle(&mut datapath), None);
    datapath.inject(number, &frame(1)).unwrap();
    time.store(9_500, Ordering::Relaxed);
    assert_eq!(idle(&mut datapath), Some(Duration::from_millis(2_500)));
}

#[test]
fn writes_are_counted_for_all_handles_and_batches_hold_50() {
    let mut datapath = MemoryDatapath::new("weft0");
    let mut fork = datapath.fork().unwrap();
    port(&mut datapath, "tap0");
    let flows: Vec<_> = (0..60)
        .map(|n| {
            parse_flow(&format!(
                "in_port(1),eth(dst=02:00:00:00:01:{n:02x}),eth_type(0x88b5)"
            ))
        })
        .map(Result::unwrap)
        .collect();
    let ops: Vec<_> = flows
        .iter()
        .map(|(key, mask)| Op::Put {
            ufid: Ufid::of(key, mask),
            key,
            mask,
            actions: &[],
            mode: PutMode::Create,
        })
        .collect();
    let mut results = Vec::new();
    fork.apply(&ops, &mut results);
    assert!(results.iter().all(Result::is_ok));
    fork.apply(&ops[..1], &mut results);
    assert!(matches!(results[..], [Err(Error::FlowExists { .. })]));
    let wanted = Writes {
        puts: 61,
        ports: 1,
        batches: 3,
        ..Writes::default()
    };
    assert_eq!(datapath.writes(), wanted);
    assert_eq!(fork.writes(), wanted);
}

#[test]
fn a_tunnel_port_sends_with_the_header_that_was_set_and_receives_with_one() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (inner, _inner) = port(&mut datapath, "tap0");
    let vxlan = new_port("vxlan0", VportKind::Vxlan { dst_port: 4789 }, Vec::new());
    let tunnel = datapath.add_port(&vxlan).unwrap().port_no;
    let set =
        format!("{tunnel},set(tunnel(tun_id=0x7,dst=192.0.2.9,ttl=64,flags(df))),{tunnel},{inner}");
    put(&mut datapath, ANY, &parse_actions(&set).unwrap()).unwrap();
    datapath.inject(inner, &frame(1)).unwrap();
    let sent = datapath.sent_with_tunnels(tunnel);
    assert_eq!(sent.len(), 1, "one left without a header: {sent:?}");
    let header = sent[0].tunnel.as_ref().unwrap();
    assert_eq!(header.get(weft_flow::Field::TunId), Some(7));
    assert_eq!(datapath.sent_with_tunnels(inner)[0].tunnel, None);
    let from = "recirc_id(0),tunnel(tun_id=0x8,src=192.0.2.9),in_port(2),eth(),eth_type(0x88b5)";
    let (key, mask) = {
        let (mut key, mask) = parse_flow(from).unwrap();
        key.set(weft_flow::Field::TunV4Dst, 1);
        (key, mask)
    };
    let put = Op::Put {
        ufid: Ufid::of(&key, &mask),
        key: &key,
        mask: &mask,
        actions: &[Action::Output(inner)],
        mode: PutMode::Create,
    };
    apply(&mut datapath, put).unwrap();
    for (id, received) in [(8, 1), (9, 0)] {
        let outer = format!("tunnel(tun_id={id:#x},src=192.0.2.9,dst=192.0.2.1,ttl=64)");
        let outer = parse_key(&outer).unwrap();
        datapath
            .inject_tunnelled(tunnel, &frame(1), &outer)
            .unwrap();
        assert_eq!(datapath.sent(inner).len(), received, "tunnel {id}");
    }
}

#[test]
fn a_loop_of_recirculations_ends() {
    let mut datapath = MemoryDatapath::new("weft0");
    let (number, _source) = port(&mut datapath, "tap0");
    let looped = "in_port(1),eth(),eth_type(0x88b5)";
    put(&mut datapath, looped, &[Action::Recirc(1)]).unwrap();
    datapath.inject(number, &frame(1)).unwrap();
    assert_eq!(datapath.info().unwrap().hits, 12);
}
