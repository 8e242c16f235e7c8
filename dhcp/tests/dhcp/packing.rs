//! Long options, small clients, overload.

use crate::network::{Client, Network};
use crate::walker::{Walked, dhcproto_reads};

/// Length of the options that every offer of the network begins with: 53, 54, 51, 58, 59, 1, 26.
const HEAD: usize = 3 + 6 + 6 + 6 + 6 + 6 + 4;
/// Room for options, end included, of a client that takes a datagram.
fn room(datagram: usize) -> usize {
    datagram - 28 - 240
}

/// A network whose only further options are unknown ones of these lengths, from 224 on.
fn with_options(lengths: &[usize]) -> Network {
    let mut network = Network::default();
    for code in ["3", "6", "12", "28"] {
        network = network.host_option(code, "");
    }
    for (code, len) in (224..).zip(lengths) {
        network = network.host_option(&code.to_string(), &format!("text:{}", "x".repeat(*len)));
    }
    network
}

#[test]
fn a_long_option_is_split_and_read_back_whole() {
    let network = with_options(&[600]);
    let reply = network.reply(&Client::discover().takes(1500).bytes());
    let offer = Walked::read(&reply.payload);
    assert_eq!(offer.value(224), [b'x'; 600]);
    assert_eq!(offer.overload, 0);
    let theirs = dhcproto_reads(&reply.payload);
    let theirs = theirs.opts().get(224.into()).unwrap();
    let dhcproto::v4::DhcpOption::Unknown(theirs) = theirs else {
        panic!("{theirs:?}")
    };
    assert_eq!(theirs.data(), [b'x'; 600]);
}

#[test]
fn a_reply_fills_a_client_s_datagram_to_the_last_byte() {
    for datagram in [576, 577, 1000, 1200] {
        let exact = room(datagram) - 1 - HEAD - 2;
        // Above 255 bytes an option has a second part with a header of its own.
        let parts = exact.div_ceil(257);
        let exact = exact - (parts - 1) * 2;
        let takes = Client::discover().takes(datagram as u16).bytes();
        let reply = with_options(&[exact]).reply(&takes);
        assert_eq!(reply.payload.len() + 28, datagram, "{datagram}");
        assert_eq!(Walked::read(&reply.payload).value(224).len(), exact);
        assert_eq!(reply.left_out, []);

        let reply = with_options(&[exact + 1]).reply(&takes);
        assert!(reply.payload.len() + 28 <= datagram, "{datagram}");
        assert_eq!(reply.left_out, [224], "{datagram}");
    }
}

#[test]
fn options_that_do_not_fit_stand_in_file_and_sname() {
    // 220 leave no room for 50 in the options field, 100 leave none in file.
    let network = with_options(&[220, 100, 50]);
    let reply = network.reply(&Client::discover().bytes());
    let offer = Walked::read(&reply.payload);
    assert_eq!(offer.overload, 3);
    for (code, len) in [(224, 220), (225, 100), (226, 50)] {
        assert_eq!(offer.value(code).len(), len);
    }
    assert_eq!(reply.left_out, []);
    assert!(reply.payload.len() <= 548);
    dhcproto_reads(&reply.payload);
}

#[test]
fn one_field_is_overloaded_if_one_suffices() {
    let reply = with_options(&[200, 125]).reply(&Client::discover().bytes());
    assert_eq!(Walked::read(&reply.payload).overload, 1);
    assert_eq!(reply.left_out, []);
    let reply = with_options(&[200, 126]).reply(&Client::discover().bytes());
    assert_eq!(
        reply.left_out,
        [225],
        "with its end option too long for file"
    );
    let offer = Walked::read(&reply.payload);
    assert_eq!(offer.overload, 0, "so no field need be overloaded");
    assert_eq!(offer.value(224).len(), 200);
}

#[test]
fn an_overloaded_reply_still_fits_in_the_clients_datagram() {
    for filling in 200..=room(576) - HEAD {
        let reply = with_options(&[filling, 100]).reply(&Client::discover().bytes());
        assert!(reply.payload.len() + 28 <= 576, "{filling}");
        let offer = Walked::read(&reply.payload);
        assert_eq!(offer.value(225).len(), 100, "{filling}");
    }
}

#[test]
fn what_does_not_fit_is_left_out_as_a_whole_by_priority() {
    let network = with_options(&[200, 130, 130, 30]);
    let bytes = Client::discover().asks_for(&[226]).bytes();
    let reply = network.reply(&bytes);
    let offer = Walked::read(&reply.payload);
    assert_eq!(
        offer.value(226).len(),
        130,
        "asked for, so before the others"
    );
    assert_eq!(offer.value(227).len(), 30, "smaller, so it still fits");
    assert_eq!(offer.get(224), None);
    assert_eq!(reply.left_out, [224]);
    assert_eq!(offer.value(225).len(), 130);
}

#[test]
fn boot_fields_give_way_to_options() {
    let network = with_options(&[200, 60])
        .host_option("67", "pxelinux.0")
        .host_option("66", "tftp");
    let offer = Walked::read(&network.reply(&Client::discover().bytes()).payload);
    assert_eq!(offer.overload, 1);
    assert_eq!((&*offer.file, &*offer.sname), ("", "tftp"));
    assert_eq!(offer.value(67), b"pxelinux.0");
}

#[test]
fn a_boot_file_that_its_field_cannot_hold_stands_in_its_option_alone() {
    let network = |len| Network::default().host_option("67", &"x".repeat(len));
    let offer = |len| Walked::read(&network(len).reply(&Client::discover().bytes()).payload);
    assert_eq!(offer(127).file.len(), 127);
    assert_eq!(offer(128).file, "");
    assert_eq!(offer(128).value(67).len(), 128);
    let with_zero = Network::default().host_option("67", "hex:610062");
    let offer = Walked::read(&with_zero.reply(&Client::discover().bytes()).payload);
    assert_eq!((&*offer.file, offer.value(67)), ("", &b"a\0b"[..]));
}

#[test]
fn a_client_gets_no_more_than_its_network_carries_and_no_less_than_every_client_takes() {
    let network = with_options(&[1000]);
    let long = network.reply(&Client::discover().takes(65535).bytes());
    assert_eq!(long.left_out, [], "1450 have room for it");
    let mut small = network.clone();
    small.bridge.mtu = Some(1200);
    let reply = small.reply(&Client::discover().takes(65535).bytes());
    assert_eq!(reply.left_out, [224]);
    let reply = with_options(&[200]).reply(&Client::discover().takes(100).bytes());
    assert_eq!(reply.left_out, [], "576 are the least (RFC 2132 §9.10)");
}
