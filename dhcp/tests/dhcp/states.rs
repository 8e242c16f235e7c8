//! The state table of RFC 2131 §4.3, and where replies go (§4.1).

use std::net::Ipv4Addr;

use weft_dhcp::ClientState::{InitReboot, Rebinding, Renewing, Selecting};
use weft_dhcp::{MessageType, NotOurs, ReplyKind, Silence};
use weft_topology::MacAddr;

use crate::network::{
    ALL, ASSIGNED, CLIENT, Client, GATEWAY, NOBODY, Network, SERVER, not_ours, reply, silence,
};
use crate::walker::Walked;

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 66);

/// One line of the table: how a client asks, and the kind of the reply.
struct Case {
    request: Client,
    to: Ipv4Addr,
    kind: ReplyKind,
}

fn case(request: Client, to: Ipv4Addr, kind: ReplyKind) -> Case {
    Case { request, to, kind }
}

#[test]
fn a_request_is_judged_by_the_state_that_its_fields_show() {
    let ask = Client::request;
    let nak = |state| ReplyKind::Nak {
        state,
        asked: OTHER,
    };
    let directed = Ipv4Addr::new(10, 0, 0, 255);
    let table = [
        case(
            ask().server(SERVER).requested(ASSIGNED),
            ALL,
            ReplyKind::Ack(Selecting),
        ),
        case(ask().server(SERVER).requested(OTHER), ALL, nak(Selecting)),
        case(ask().requested(ASSIGNED), ALL, ReplyKind::Ack(InitReboot)),
        case(ask().requested(OTHER), ALL, nak(InitReboot)),
        case(ask().ciaddr(ASSIGNED), SERVER, ReplyKind::Ack(Renewing)),
        case(ask().ciaddr(OTHER), SERVER, nak(Renewing)),
        case(ask().ciaddr(ASSIGNED), ALL, ReplyKind::Ack(Rebinding)),
        case(ask().ciaddr(ASSIGNED), directed, ReplyKind::Ack(Rebinding)),
        case(ask().ciaddr(OTHER), ALL, nak(Rebinding)),
        // Not as the RFC has it, but seen: both addresses, or the server's id in a renewal.
        case(
            ask().requested(ASSIGNED).ciaddr(ASSIGNED),
            ALL,
            ReplyKind::Ack(Rebinding),
        ),
        case(ask().requested(ASSIGNED).ciaddr(OTHER), ALL, nak(Rebinding)),
        case(ask().requested(OTHER).ciaddr(ASSIGNED), ALL, nak(Rebinding)),
        case(
            ask().server(SERVER).ciaddr(ASSIGNED),
            SERVER,
            ReplyKind::Ack(Selecting),
        ),
        case(ask().server(SERVER).ciaddr(OTHER), SERVER, nak(Selecting)),
    ];
    let network = Network::default();
    for Case { request, to, kind } in table {
        let bytes = request.bytes();
        let mut asked = network.request(&bytes);
        asked.destination = to;
        assert_eq!(reply(&asked).kind, kind, "{request:?} to {to}");
    }
}

#[test]
fn a_request_for_another_server_gets_silence_in_every_state() {
    let network = Network::default();
    for client in [
        Client::request().server(OTHER).requested(ASSIGNED),
        Client::request().server(OTHER).requested(OTHER),
        Client::request().server(OTHER).ciaddr(ASSIGNED),
        Client::sends(4).server(OTHER).requested(ASSIGNED),
        Client::sends(7).server(OTHER).ciaddr(ASSIGNED),
    ] {
        let why = silence(&network.request(&client.bytes()));
        assert_eq!(why, Silence::OtherServer { server: OTHER }, "{client:?}");
    }
}

#[test]
fn a_request_that_names_no_address_gets_silence() {
    let network = Network::default();
    for client in [Client::request(), Client::request().server(SERVER)] {
        let why = silence(&network.request(&client.bytes()));
        assert_eq!(why, Silence::NoAddress);
    }
}

#[test]
fn a_nak_is_broadcast_and_has_no_address_and_no_lease() {
    let network = Network::default();
    let bytes = Client::request()
        .ciaddr(OTHER)
        .option(61, b"\x01me")
        .bytes();
    let mut request = network.request(&bytes);
    (request.source, request.destination) = (OTHER, SERVER);
    let reply = reply(&request);
    assert_eq!(reply.destination, ALL);
    assert!(reply.destination_mac.is_broadcast());
    let nak = Walked::read(&reply.payload);
    assert_eq!(
        [nak.ciaddr, nak.yiaddr, nak.siaddr, nak.giaddr],
        [NOBODY; 4]
    );
    assert_eq!(nak.order, [53, 54, 61, 56]);
    assert_eq!(nak.value(53), [6]);
    assert_eq!(nak.value(54), SERVER.octets());
}

#[test]
fn an_offer_goes_where_the_client_can_take_it() {
    let network = Network::default();
    let unicast = network.reply(&Client::discover().bytes());
    assert_eq!(
        (unicast.destination, unicast.destination_mac),
        (ASSIGNED, CLIENT)
    );
    let broadcast = network.reply(&Client::discover().broadcast().bytes());
    assert_eq!(broadcast.destination, ALL);
    assert!(broadcast.destination_mac.is_broadcast());
    let configured = network.reply(&Client::discover().broadcast().ciaddr(OTHER).bytes());
    assert_eq!(
        (configured.destination, configured.destination_mac),
        (OTHER, CLIENT)
    );
    let senseless = network.reply(&Client::discover().ciaddr(ALL).bytes());
    assert_eq!(senseless.destination, ASSIGNED);
}

#[test]
fn an_offer_has_no_ciaddr_and_an_ack_has_the_requests() {
    let network = Network::default();
    let offer = network.reply(&Client::discover().ciaddr(OTHER).bytes());
    assert_eq!(Walked::read(&offer.payload).ciaddr, NOBODY);
    let ack = network.reply(&Client::request().ciaddr(ASSIGNED).bytes());
    assert_eq!(Walked::read(&ack.payload).ciaddr, ASSIGNED);
}

#[test]
fn an_inform_gets_parameters_without_address_and_lease() {
    let network = Network::default().host_option("lease-time", "600");
    let bytes = Client::sends(8)
        .ciaddr(OTHER)
        .asks_for(&[51, 1, 3, 58, 6, 59])
        .bytes();
    let reply = network.reply(&bytes);
    assert_eq!(reply.kind, ReplyKind::AckInform);
    assert_eq!((reply.destination, reply.destination_mac), (OTHER, CLIENT));
    let ack = Walked::read(&reply.payload);
    assert_eq!((ack.yiaddr, ack.ciaddr), (NOBODY, OTHER));
    assert_eq!(ack.order, [53, 54, 1, 26, 3, 6]);
}

#[test]
fn an_inform_without_ciaddr_is_answered_to_its_source() {
    let network = Network::default();
    let bytes = Client::sends(8).broadcast().bytes();
    let mut request = network.request(&bytes);
    assert_eq!(silence(&request), Silence::InformWithoutAddress);
    request.source = OTHER;
    assert_eq!(reply(&request).destination, OTHER);
}

#[test]
fn a_decline_is_told_with_the_clients_words_made_harmless() {
    let network = Network::default();
    let bytes = Client::sends(4)
        .server(SERVER)
        .requested(ASSIGNED)
        .option(56, "in use\n\x1b[31m by ö".as_bytes())
        .bytes();
    let why = silence(&network.request(&bytes));
    let address = Some(ASSIGNED);
    let text = "in use??[31m by ?".to_owned();
    assert_eq!(why, Silence::Declined { address, text });
    assert_eq!(why.name(), "declined");
    assert_eq!(
        why.to_string(),
        "the client declined 10.0.0.5: in use??[31m by ?"
    );
}

#[test]
fn a_release_is_told_and_changes_nothing() {
    let network = Network::default();
    let bytes = Client::sends(7).server(SERVER).ciaddr(ASSIGNED).bytes();
    let mut request = network.request(&bytes);
    (request.source, request.destination) = (ASSIGNED, SERVER);
    let address = ASSIGNED;
    assert_eq!(silence(&request), Silence::Released { address });
    let again = network.reply(&Client::discover().bytes());
    assert_eq!(Walked::read(&again.payload).yiaddr, ASSIGNED);
}

#[test]
fn messages_that_servers_send_get_silence() {
    let network = Network::default();
    for (number, message_type) in [
        (2, MessageType::Offer),
        (5, MessageType::Ack),
        (6, MessageType::Nak),
        (13, MessageType::Other(13)),
        (0, MessageType::Other(0)),
    ] {
        let why = silence(&network.request(&Client::sends(number).bytes()));
        assert_eq!(why, Silence::UnexpectedType(message_type));
    }
    let reply = Client::discover().set(0, &[2]).bytes();
    assert_eq!(silence(&network.request(&reply)), Silence::BootReply);
}

#[test]
fn plain_bootp_gets_silence() {
    let network = Network::default();
    let with_cookie = [&Client::discover().bytes()[..240], &[255; 60]].concat();
    let without = [&with_cookie[..236], &[0; 64]].concat();
    for bytes in [with_cookie, without] {
        assert_eq!(silence(&network.request(&bytes)), Silence::Bootp);
    }
}

#[test]
fn a_bridge_that_is_down_gets_silence() {
    let mut network = Network::default();
    network.bridge.admin_state_up = false;
    let bytes = Client::discover().bytes();
    assert_eq!(silence(&network.request(&bytes)), Silence::BridgeDown);
}

#[test]
fn a_message_that_speaks_for_another_host_goes_on() {
    let network = Network::default();
    let other = MacAddr(2, 0, 0, 0, 0, 9);
    let bytes = Client::discover().set(28, &other.octets()).bytes();
    let mismatch = NotOurs::ChaddrMismatch {
        chaddr: other,
        source_mac: CLIENT,
    };
    assert_eq!(not_ours(&network.request(&bytes)), mismatch);
    let mut request = network.request(&bytes);
    request.source_mac = other;
    let unknown = NotOurs::UnknownClient {
        chaddr: other,
        host: CLIENT,
    };
    assert_eq!(not_ours(&request), unknown);
}

#[test]
fn a_relayed_message_goes_on() {
    let network = Network::default();
    let giaddr = GATEWAY;
    let bytes = Client::discover().set(24, &giaddr.octets()).bytes();
    let why = not_ours(&network.request(&bytes));
    assert_eq!(why, NotOurs::Relayed { giaddr });
}

#[test]
fn a_message_of_a_subnet_without_dhcp_goes_on() {
    let mut network = Network::default();
    network.subnet.enabled = false;
    let bytes = Client::discover().bytes();
    assert_eq!(not_ours(&network.request(&bytes)), NotOurs::Disabled);
}

#[test]
fn a_message_to_a_tenants_own_server_goes_on() {
    let network = Network::default();
    let bytes = Client::request().ciaddr(ASSIGNED).bytes();
    let mut request = network.request(&bytes);
    request.destination = OTHER;
    let destination = OTHER;
    assert_eq!(
        not_ours(&request),
        NotOurs::OtherDestination { destination }
    );
}

#[test]
fn the_last_address_of_a_point_to_point_subnet_is_not_broadcast() {
    let mut network = Network::default();
    network.subnet.prefix = "10.0.0.4/31".parse().unwrap();
    let destination = ASSIGNED;
    let bytes = Client::discover().bytes();
    let mut request = network.request(&bytes);
    request.destination = destination;
    assert_eq!(
        not_ours(&request),
        NotOurs::OtherDestination { destination }
    );
}

#[test]
fn hardware_that_is_not_ethernet_goes_on() {
    let network = Network::default();
    for (htype, hlen) in [(6, 6), (1, 8), (1, 0), (32, 16)] {
        let bytes = Client::discover().set(1, &[htype, hlen]).bytes();
        let why = not_ours(&network.request(&bytes));
        assert_eq!(why, NotOurs::NotEthernet { htype, hlen });
    }
}
