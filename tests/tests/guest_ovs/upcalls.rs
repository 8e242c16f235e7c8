//! Packets up by the sockets of their ports, and down again.

use weft_flow::action::{Ct, Userspace};
use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_ovs::{Datapath, NewVport, Op, PutMode, UpcallBuffer, UpcallKind, VportKind};

use super::support::{Match, Port, Tap, apply, datapath, frame};

const PEER: u64 = 0x02_00_00_00_00_02;

#[test]
fn a_packet_without_a_flow_comes_up_by_the_socket_of_its_port() {
    let mut datapath = datapath();
    let mut one = Port::new(&mut datapath, "tap0");
    let mut two = Port::new(&mut datapath, "tap1");
    let sent = frame(PEER, b"never seen before");
    for port in [&mut one, &mut two] {
        let number = port.number();
        port.tap.send(&sent);
        let upcall = port.upcall();
        assert_eq!(upcall.kind, UpcallKind::Miss);
        assert_eq!(upcall.packet, sent);
        assert_eq!(upcall.key.get(Field::InPort), Some(number.into()));
        assert_eq!(upcall.key.get(Field::EthDst), Some(PEER.into()));
        assert_eq!((upcall.userdata, upcall.mru), (&[][..], None));
        assert!(!port.has_upcall());
    }
    let info = datapath.info().unwrap();
    assert_eq!((info.missed, info.lost), (2, 0));
}

#[test]
fn a_userspace_action_says_why() {
    let mut datapath = datapath();
    let mut port = Port::new(&mut datapath, "tap0");
    let services = datapath
        .upcall_socket(super::support::RECEIVE_BUFFER)
        .unwrap();
    let flow = Match::port(port.number());
    let why = Action::Userspace(Userspace {
        pid: services.pid(),
        userdata: b"why it came".to_vec(),
        ..Userspace::default()
    });
    let actions = [Action::Truncate(60), why];
    apply(&mut datapath, flow.put(&actions, PutMode::Create)).unwrap();
    let sent = frame(PEER, &[7; 200]);
    port.tap.send(&sent);
    port.upcalls = services;
    let upcall = port.upcall();
    assert_eq!(upcall.kind, UpcallKind::Action);
    assert_eq!(upcall.userdata, b"why it came");
    assert_eq!(upcall.packet, &sent[..60]);
    assert_eq!(upcall.original_len, Some(sent.len() as u32));
}

#[test]
fn an_upcall_is_answered_by_a_flow_and_an_execute_in_one_send() {
    let mut datapath = datapath();
    let mut one = Port::new(&mut datapath, "tap0");
    let mut two = Port::new(&mut datapath, "tap1");
    let sent = frame(PEER, b"first of its flow");
    one.tap.send(&sent);
    let flow = Match::port(one.number());
    let actions = [Action::Output(two.number())];
    let before = datapath.writes();
    let upcall = one.upcall();
    let ops = [
        flow.put(&actions, PutMode::Create),
        Op::Execute {
            packet: upcall.packet,
            key_attrs: upcall.key_attrs,
            actions: &actions,
            mru: upcall.mru,
            hash: upcall.hash,
        },
    ];
    let mut results = Vec::new();
    datapath.apply(&ops, &mut results);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(two.tap.receive(), sent);
    one.tap.send(&sent);
    assert_eq!(two.tap.receive(), sent);
    assert!(!one.has_upcall());
    let writes = datapath.writes();
    assert_eq!(writes.executes - before.executes, 1);
    assert_eq!(writes.batches - before.batches, 1);
}

#[test]
fn an_execute_of_bytes_that_are_no_frame_is_refused() {
    let mut datapath = datapath();
    let execute = Op::Execute {
        packet: &[0; 13],
        key_attrs: &[],
        actions: &[],
        mru: None,
        hash: None,
    };
    let error = apply(&mut datapath, execute).unwrap_err();
    assert_eq!(error.errno(), Some(nix::errno::Errno::ERANGE), "{error}");
    assert!(
        error
            .to_string()
            .contains("execute actions on a packet (weft0)"),
        "{error}"
    );
}

#[test]
fn a_full_socket_loses_upcalls_counts_that_and_goes_on() {
    let mut datapath = datapath();
    let mut port = Port::new(&mut datapath, "tap0");
    let small = datapath.upcall_socket(16 << 10).unwrap();
    datapath
        .set_upcall_pids(port.number(), &[small.pid()])
        .unwrap();
    port.upcalls = small;
    for _ in 0..500 {
        port.tap.send(&frame(PEER, &[1; 1000]));
    }
    let mut received = 0;
    while port.has_upcall() {
        received += 1;
    }
    let lost = datapath.info().unwrap().lost;
    assert!(lost > 0 && received > 0, "{received} received, {lost} lost");
    assert_eq!(received + lost, 500);
    assert!(port.upcalls.overflows() > 0);
    port.tap.send(&frame(PEER, b"later"));
    assert_eq!(port.upcall().packet, frame(PEER, b"later"));
}

/// An IPv4 UDP datagram of `length` bytes in fragments of at most 1,480.
fn fragments(length: usize) -> Vec<Vec<u8>> {
    let mut datagram = vec![0x30, 0x39, 0x30, 0x3a, 0, 0, 0, 0];
    datagram[4..6].copy_from_slice(&((length + 8) as u16).to_be_bytes());
    datagram.extend((0..length).map(|at| at as u8));
    let mut frames = Vec::new();
    for (at, part) in datagram.chunks(1480).enumerate() {
        let more = (at + 1) * 1480 < datagram.len();
        let offset = (at * 1480 / 8) as u16 | if more { 0x2000 } else { 0 };
        let mut header = vec![0x45, 0, 0, 0, 0x77, 0x01, 0, 0, 64, 17, 0, 0];
        header.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        header[2..4].copy_from_slice(&((part.len() + 20) as u16).to_be_bytes());
        header[6..8].copy_from_slice(&offset.to_be_bytes());
        let sum: u32 = header
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = PEER.to_be_bytes()[2..].to_vec();
        frame.extend([2, 0, 0, 0, 0, 1, 8, 0]);
        frame.extend(header);
        frame.extend(part);
        frames.push(frame);
    }
    frames
}

/// All IPv4 packets of a port in one pass.
fn ipv4(in_port: u32, recirculation: u32) -> Match {
    let mut key = FlowKey::new();
    key.set(Field::RecircId, recirculation.into());
    key.set(Field::InPort, in_port.into());
    key.set(Field::EthSrc, 0).set(Field::EthDst, 0);
    key.set(Field::EthType, 0x0800).set(Field::Ipv4Src, 0);
    let mut mask = FlowMask::new();
    for field in [Field::RecircId, Field::InPort, Field::EthType] {
        mask.add_field(field);
    }
    Match { key, mask }
}

#[test]
fn a_reassembled_packet_goes_down_with_its_mru_and_leaves_in_fragments() {
    let mut datapath = datapath();
    let mut one = Port::new(&mut datapath, "tap0");
    let mut two = Port::new(&mut datapath, "tap1");
    let track = [
        Action::Ct(Ct {
            zone: 1,
            ..Ct::default()
        }),
        Action::Recirc(1),
    ];
    let first_pass = ipv4(one.number(), 0);
    apply(&mut datapath, first_pass.put(&track, PutMode::Create)).unwrap();
    let sent = fragments(4000);
    for fragment in &sent {
        one.tap.send(fragment);
    }
    let output = [Action::Output(two.number())];
    let upcall = one.upcall();
    assert_eq!(upcall.key.get(Field::RecircId), Some(1));
    assert_eq!(upcall.key.get(Field::IpFrag), Some(0));
    assert_eq!(upcall.packet.len(), 14 + 20 + 8 + 4000);
    assert_eq!(upcall.mru, Some(1500));
    assert!(upcall.hash.is_some());
    apply(
        &mut datapath,
        Op::Execute {
            packet: upcall.packet,
            key_attrs: upcall.key_attrs,
            actions: &output,
            mru: upcall.mru,
            hash: upcall.hash,
        },
    )
    .unwrap();
    for fragment in &sent {
        let received = two.tap.receive();
        assert_eq!(received.len(), fragment.len());
        assert_eq!(received[34..], fragment[34..], "the payload");
        assert_eq!(
            received[20..22],
            fragment[20..22],
            "the offset and the flag"
        );
    }
}

#[test]
fn several_sockets_of_one_port_share_its_flows() {
    let mut datapath = datapath();
    let mut tap = Tap::new("tap0");
    let mut sockets: Vec<_> = (0..2)
        .map(|_| datapath.upcall_socket(1 << 20).unwrap())
        .collect();
    datapath
        .add_port(&NewVport {
            name: "tap0".to_owned(),
            kind: VportKind::Netdev,
            port_no: None,
            upcall_pids: sockets.iter().map(|socket| socket.pid()).collect(),
        })
        .unwrap();
    for port in 0..64u8 {
        let mut frame = fragments(10).remove(0);
        frame[35] = port; // the UDP source port
        tap.send(&frame);
    }
    let mut buffer = UpcallBuffer::new();
    let mut counts = Vec::new();
    for socket in &mut sockets {
        let mut count = 0;
        while socket.receive(&mut buffer).unwrap().is_some() {
            count += 1;
        }
        counts.push(count);
    }
    assert_eq!(counts.iter().sum::<u32>(), 64);
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

#[test]
fn ids_of_flows_are_the_same_for_what_the_kernel_gives_back() {
    let mut datapath = datapath();
    let mut port = Port::new(&mut datapath, "tap0");
    port.tap.send(&fragments(10).remove(0));
    let upcall = port.upcall();
    let mut mask = FlowMask::new();
    for (field, _) in upcall.key.fields() {
        mask.add_field(field);
    }
    mask.add_implied(&upcall.key);
    let ufid = Ufid::of(&upcall.key, &mask);
    let put = Op::Put {
        ufid,
        key: &upcall.key,
        mask: &mask,
        actions: &[],
        mode: PutMode::Create,
    };
    apply(&mut datapath, put).unwrap();
    let found = datapath.flow(ufid).unwrap().unwrap();
    assert_eq!(found.key, upcall.key);
    assert_eq!(found.mask, mask);
    assert_eq!(Ufid::of(&found.key, &found.mask), ufid);
}
