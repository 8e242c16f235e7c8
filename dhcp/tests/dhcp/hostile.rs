//! Messages that no honest client sends. Each was a defect of some server.

use weft_dhcp::{Malformed, Message, MessageType, Op, Silence, fuzz_one, identify};

use crate::network::{ASSIGNED, CLIENT, Client, Network, silence};
use crate::walker::Walked;

#[track_caller]
fn malformed(bytes: &[u8]) -> Malformed {
    let why = identify(bytes).unwrap_err();
    let network = Network::default();
    assert_eq!(silence(&network.request(bytes)), Silence::Malformed(why));
    why
}

/// dhcproto 0.15 slices the 16 bytes of chaddr by this length: a panic from the wire.
#[test]
fn regression_hlen_beyond_chaddr() {
    for hlen in 17..=255 {
        let bytes = Client::discover().set(2, &[hlen]).bytes();
        assert_eq!(malformed(&bytes), Malformed::HardwareLength { hlen });
        fuzz_one(&bytes);
    }
}

/// dhcproto 0.15 asserts the lengths of these: a panic where debug assertions are on.
#[test]
fn regression_lengths_that_dhcproto_asserts() {
    let network = Network::default();
    for (code, value) in [
        (80, vec![0]),
        (81, vec![0; 2]),
        (94, vec![0; 2]),
        (155, vec![0; 5]),
    ] {
        let bytes = Client::discover().option(code, &value).bytes();
        assert_eq!(
            Walked::read(&network.reply(&bytes).payload).yiaddr,
            ASSIGNED
        );
    }
}

/// dhcproto 0.15 stops at the first option that it cannot decode.
#[test]
fn an_option_with_strange_contents_does_not_hide_those_after_it() {
    let network = Network::default();
    let bytes = Client::discover()
        .option(12, &[0xff, 0xfe])
        .option(82, &[1])
        .option(119, &[0xc0, 0])
        .asks_for(&[28])
        .bytes();
    let offer = Walked::read(&network.reply(&bytes).payload);
    assert_eq!(offer.order.last(), Some(&28));
}

#[test]
fn a_message_that_is_cut_within_its_fields_is_malformed() {
    let bytes = Client::discover().bytes();
    for len in 0..236 {
        assert_eq!(malformed(&bytes[..len]), Malformed::Short { len });
    }
}

#[test]
fn an_option_that_goes_beyond_its_end_is_malformed() {
    let bytes = Client::discover().asks_for(&[1, 3, 6]).bytes();
    let options = 240;
    for len in options..bytes.len() - 1 {
        let complete = matches!(len - options, 0 | 3 | 8);
        match identify(&bytes[..len]) {
            Ok(_) => assert!(complete, "{len}"),
            Err(Malformed::OptionOverrun { .. }) => assert!(!complete, "{len}"),
            Err(other) => panic!("{len}: {other}"),
        }
    }
}

#[test]
fn an_option_that_the_server_reads_has_its_length() {
    for (code, value) in [
        (50, &[10, 0, 0][..]),
        (54, &[10, 0, 0, 2, 0]),
        (57, &[2]),
        (50, &[]),
        (52, &[1, 1]),
    ] {
        let bytes = Client::discover().option(code, value).bytes();
        let len = value.len();
        assert_eq!(malformed(&bytes), Malformed::OptionLength { code, len });
    }
    let twice = Client::discover().option(53, &[3]).bytes();
    let (code, len) = (53, 2);
    assert_eq!(malformed(&twice), Malformed::OptionLength { code, len });
}

#[test]
fn an_operation_that_is_neither_request_nor_reply_is_malformed() {
    for op in [0, 3, 255] {
        assert_eq!(
            malformed(&Client::discover().set(0, &[op]).bytes()),
            Malformed::Op { op }
        );
    }
}

#[test]
fn options_in_file_and_sname_are_read() {
    let network = Network::default();
    let bytes = Client::request()
        .option(52, &[3])
        .set(108, &[50, 4, 10, 0, 0, 5, 255])
        .set(44, &[55, 1, 28, 255])
        .bytes();
    let ack = Walked::read(&network.reply(&bytes).payload);
    assert_eq!(ack.yiaddr, ASSIGNED);
    assert_eq!(ack.order.last(), Some(&28));
    let overrun = Client::request().option(52, &[1]).set(234, &[50, 4]);
    let overrun = overrun.set(108, &[0; 126]).bytes();
    assert_eq!(malformed(&overrun), Malformed::OptionOverrun { code: 50 });
    let unknown = Client::request().option(52, &[4]).bytes();
    assert_eq!(malformed(&unknown), Malformed::Overload { value: 4 });
}

#[test]
fn a_split_option_is_put_together() {
    let network = Network::default();
    let bytes = Client::discover()
        .asks_for(&[3])
        .option(12, b"x")
        .asks_for(&[28])
        .bytes();
    let offer = Walked::read(&network.reply(&bytes).payload);
    assert_eq!(offer.order, [53, 54, 51, 58, 59, 1, 26, 3, 28]);
}

#[test]
fn a_request_list_of_everything_gives_each_option_once() {
    let network = Network::default().host_option("224", "hex:01");
    let everything: Vec<u8> = (0..=254).collect();
    let bytes = Client::discover()
        .asks_for(&everything)
        .asks_for(&everything)
        .takes(1500)
        .bytes();
    let offer = Walked::read(&network.reply(&bytes).payload);
    assert_eq!(offer.order, [53, 54, 51, 58, 59, 1, 3, 6, 12, 26, 28, 224]);
}

#[test]
fn a_client_id_of_any_length_is_given_back_or_left_out_whole() {
    let network = Network::default();
    for len in [0, 1, 255] {
        let bytes = Client::discover().option(61, &vec![7; len]).bytes();
        let offer = Walked::read(&network.reply(&bytes).payload);
        assert_eq!(offer.value(61), vec![7; len]);
    }
    let bytes = Client::discover()
        .option(61, &[7; 255])
        .option(61, &[7; 255])
        .bytes();
    let reply = network.reply(&bytes);
    assert_eq!(reply.left_out, [61]);
    assert_eq!(Walked::read(&reply.payload).yiaddr, ASSIGNED);
}

#[test]
fn identify_reads_who_sends_what() {
    let giaddr = [10, 9, 8, 7];
    let bytes = Client::sends(7).set(24, &giaddr).bytes();
    let identity = identify(&bytes).unwrap();
    assert_eq!(identity.op, Op::Request);
    assert_eq!(identity.chaddr, Some(CLIENT));
    assert_eq!(identity.giaddr.octets(), giaddr);
    assert_eq!(identity.message_type, Some(MessageType::Release));
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.xid, [0xde, 0xad, 0xbe, 0xef]);
    let infiniband = Client::discover().set(1, &[32, 0]).bytes();
    assert_eq!(identify(&infiniband).unwrap().chaddr, None);
}
