//! What a zone says of a packet is what it then does.

use weft_flow::action::Ct;
use weft_flow::present::ct_state;
use weft_flow::{Action, Field};

use super::{apply, port, put};
use crate::conntrack::Word;
use crate::datapath::{Datapath, Op};
use crate::memory::MemoryDatapath;
use crate::upcall::UpcallBuffer;

const ZONE: u16 = 3;
const MARK: u32 = 77;

/// An IPv4 frame between 10.0.0.`from` and 10.0.0.`to`.
fn frame(from: u8, to: u8, protocol: u8, transport: &[u8]) -> Vec<u8> {
    let length = u8::try_from(20 + transport.len()).unwrap();
    let head = [2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x08, 0];
    let ip = [0x45, 0, 0, length, 0, 0, 0, 0, 64, protocol, 0, 0];
    [&head[..], &ip, &[10, 0, 0, from, 10, 0, 0, to], transport].concat()
}

fn udp(from: u8, to: u8, source: u8, destination: u8) -> Vec<u8> {
    frame(from, to, 17, &[0, source, 0, destination, 0, 8, 0, 0])
}

fn tcp(from: u8, to: u8, flags: u8) -> Vec<u8> {
    let mut transport = [0; 20];
    (transport[1], transport[3], transport[12], transport[13]) = (9, 80, 0x50, flags);
    frame(from, to, 6, &transport)
}

fn echo(from: u8, to: u8, kind: u8) -> Vec<u8> {
    frame(from, to, 1, &[kind, 0, 0, 0, 0, 5, 0, 1])
}

/// Port unreachable, about a packet that went the other way.
fn unreachable(from: u8, to: u8, about: &[u8]) -> Vec<u8> {
    frame(
        from,
        to,
        1,
        &[&[3, 3, 0, 0, 0, 0, 0, 0], &about[14..]].concat(),
    )
}

#[test]
fn what_a_zone_says_of_a_packet_is_what_the_packet_comes_up_with() {
    let mut datapath = MemoryDatapath::new("words");
    let (number, mut source) = port(&mut datapath, "one");
    let tracked = Ct {
        zone: ZONE,
        ..Ct::default()
    };
    let matches = format!("recirc_id(0),in_port({number}),eth(),eth_type(0x0800),ipv4()");
    let actions = [Action::Ct(tracked.clone()), Action::Recirc(1)];
    put(&mut datapath, &matches, &actions).unwrap();
    for committed in [udp(1, 2, 9, 53), echo(1, 2, 8)] {
        let commit = Action::Ct(Ct {
            commit: true,
            mark: Some((MARK, u32::MAX)),
            ..tracked.clone()
        });
        let execute = Op::Execute {
            packet: &committed,
            key_attrs: &[],
            actions: &[commit],
            mru: None,
            hash: None,
        };
        apply(&mut datapath, execute).unwrap();
    }
    let mut table = datapath.conntrack().unwrap();
    let (new, established) = (ct_state::NEW, ct_state::ESTABLISHED);
    let (reply, invalid) = (ct_state::REPLY, ct_state::INVALID);
    for (bytes, state, mark) in [
        // It is new until it is answered, however often it is said.
        (udp(1, 2, 9, 53), new, MARK),
        (udp(2, 1, 53, 9), established | reply, MARK),
        (udp(1, 2, 9, 53), established, MARK),
        (udp(2, 1, 53, 8), new, 0),
        (echo(1, 2, 8), new, MARK),
        (echo(2, 1, 0), established | reply, MARK),
        (echo(1, 2, 8), established, MARK),
        (echo(2, 1, 8), new, 0),
        (echo(2, 3, 0), invalid, 0),
        (tcp(1, 2, 0x02), new, 0),
        (tcp(1, 2, 0x10), new, 0),
        (tcp(1, 2, 0x12), invalid, 0),
        (tcp(1, 2, 0x04), invalid, 0),
        (tcp(1, 2, 0x11), invalid, 0),
        (
            unreachable(2, 1, &udp(1, 2, 9, 53)),
            ct_state::RELATED | reply,
            MARK,
        ),
        (unreachable(2, 1, &udp(1, 2, 9, 54)), invalid, 0),
    ] {
        let word = Word::of(&mut *table, ZONE, &bytes).unwrap().unwrap();
        let state = state | ct_state::TRACKED;
        assert_eq!((word.state, word.mark), (state, mark), "{bytes:02x?}");
        datapath.inject(number, &bytes).unwrap();
        let mut buffer = UpcallBuffer::new();
        let key = source.receive(&mut buffer).unwrap().unwrap().key;
        let said = key.get_or_zero(Field::CtState);
        assert_eq!(said, u128::from(word.state), "{bytes:02x?}");
        assert_eq!(
            key.get_or_zero(Field::CtMark),
            u128::from(word.mark),
            "{bytes:02x?}"
        );
    }
}

#[test]
fn of_a_fragment_a_zone_says_nothing() {
    let datapath = MemoryDatapath::new("words");
    let mut table = datapath.conntrack().unwrap();
    let mut fragment = udp(1, 2, 9, 53);
    fragment[20] = 0x20;
    assert_eq!(Word::of(&mut *table, ZONE, &fragment).unwrap(), None);
}
