//! Which options a reply carries: what is implied, configured, asked for, and in which order.

use std::net::Ipv4Addr;

use crate::network::{ASSIGNED, Client, Network, SERVER};
use crate::walker::Walked;

fn offer(network: &Network, client: &Client) -> Walked {
    Walked::read(&network.reply(&client.bytes()).payload)
}

#[test]
fn a_client_that_asks_for_nothing_gets_everything_but_what_only_some_understand() {
    let network = Network {
        metadata_route: true,
        ..Network::default()
    };
    let network = network.subnet_option("ipv6-only-preferred", "300");
    let offer = offer(&network, &Client::discover());
    assert_eq!(
        offer.order,
        [53, 54, 51, 58, 59, 1, 26, 3, 6, 12, 28, 121],
        "neither 249 nor 108"
    );
}

#[test]
fn asked_for_comes_in_the_clients_order_and_configured_comes_in_any_case() {
    let network = Network::default()
        .subnet_option("ntp-server", "10.0.0.9")
        .host_option("224", "hex:0102")
        .host_option("domain-name", "example.org");
    let client = Client::discover().asks_for(&[15, 6, 3, 1, 6, 99, 53, 0, 255]);
    let offer = offer(&network, &client);
    assert_eq!(offer.order, [53, 54, 51, 58, 59, 1, 26, 15, 6, 3, 42, 224]);
}

#[test]
fn the_mtu_is_sent_unasked_and_in_its_place_when_asked_for() {
    let network = Network::default();
    let unasked = offer(&network, &Client::discover().asks_for(&[3]));
    assert_eq!(unasked.order, [53, 54, 51, 58, 59, 1, 26, 3]);
    let asked = offer(&network, &Client::discover().asks_for(&[3, 26]));
    assert_eq!(asked.order, [53, 54, 51, 58, 59, 1, 3, 26]);
}

#[test]
fn ipv6_only_is_sent_only_when_asked_for() {
    let network = Network::default().host_option("108", "1800");
    let without = offer(&network, &Client::discover().asks_for(&[3]));
    assert_eq!(without.get(108), None);
    let with = offer(&network, &Client::discover().asks_for(&[108]));
    assert_eq!(with.seconds(108), 1800);
}

#[test]
fn the_mtu_is_the_subnets_then_the_bridges_then_none() {
    let mut network = Network::default();
    let mtu = |network: &Network| {
        offer(network, &Client::discover())
            .get(26)
            .map(|value| u16::from_be_bytes(value.try_into().unwrap()))
    };
    network.subnet.interface_mtu = Some(1400);
    assert_eq!(mtu(&network), Some(1400));
    network.subnet.interface_mtu = Some(0);
    assert_eq!(mtu(&network), Some(1450), "0 is none");
    network.subnet.interface_mtu = None;
    assert_eq!(mtu(&network), Some(1450));
    network.bridge.mtu = None;
    assert_eq!(mtu(&network), None);
    assert_eq!(mtu(&network.host_option("mtu", "9000")), Some(9000));
}

#[test]
fn a_lease_is_a_day_renewed_at_a_half_and_rebound_at_seven_eighths() {
    let times = |network: &Network| {
        let offer = offer(network, &Client::discover());
        [51, 58, 59].map(|code| offer.seconds(code))
    };
    let mut network = Network::default();
    assert_eq!(times(&network), [86_400, 43_200, 75_600]);
    network.subnet.lease_seconds = Some(3601);
    assert_eq!(times(&network), [3601, 1800, 3151]);
    let network = network.subnet_option("lease-time", "1000");
    assert_eq!(
        times(&network),
        [1000, 500, 875],
        "they follow a configured lease"
    );
    let network = network.host_option("T1", "100").host_option("51", "800");
    assert_eq!(times(&network), [800, 100, 700]);
}

#[test]
fn a_lease_for_ever_has_no_times_of_renewal() {
    let network = Network::default().subnet_option("lease-time", "infinite");
    let offer = offer(&network, &Client::discover());
    assert_eq!(offer.seconds(51), u32::MAX);
    assert_eq!(offer.order, [53, 54, 51, 1, 26, 3, 6, 12, 28]);
}

#[test]
fn the_hosts_options_win_over_the_subnets_and_those_over_the_built_in() {
    let dns = |network: &Network| offer(network, &Client::discover()).value(6).to_vec();
    let network = Network::default();
    assert_eq!(dns(&network), [10, 0, 0, 3, 10, 0, 0, 4]);
    let network = network.subnet_option("dns-server", "1.1.1.1");
    assert_eq!(dns(&network), [1, 1, 1, 1]);
    let network = network.host_option("6", "2.2.2.2");
    assert_eq!(dns(&network), [2, 2, 2, 2]);
    let network = network.host_option("dns-server", "2.2.2.3");
    assert_eq!(dns(&network), [2, 2, 2, 3], "the later of two alike");
    let network = network.subnet_option("tag:!ipxe,6", "3.3.3.3");
    assert_eq!(
        dns(&network),
        [2, 2, 2, 3],
        "the host's, whatever the subnet's conditions"
    );
    let network = network
        .host_option("tag:!ipxe,6", "4.4.4.4")
        .host_option("6", "5.5.5.5");
    assert_eq!(dns(&network), [4, 4, 4, 4], "a condition that holds wins");
}

#[test]
fn an_empty_value_withholds_an_option() {
    let network = Network {
        metadata_route: true,
        ..Network::default()
    };
    let network = network.host_option("router", "").host_option("249", "");
    let offer = offer(&network, &Client::discover().asks_for(&[3, 121, 249]));
    assert_eq!(offer.get(3), None);
    assert_eq!(offer.get(249), None);
    let metadata_only = [32, 169, 254, 169, 254, 10, 0, 0, 2];
    assert_eq!(
        offer.value(121),
        metadata_only,
        "no default route without a router"
    );
}

#[test]
fn the_default_route_is_added_to_classless_routes_and_stands_alone_otherwise() {
    let ask = Client::discover().asks_for(&[3, 121, 249]);
    let plain = Network::default();
    let offer_of = |network: &Network| offer(network, &ask);
    assert_eq!(offer_of(&plain).get(121), None, "option 3 says it");

    let routed = plain.clone().route("192.168.9.0/24", "10.0.0.9");
    let routes = [24, 192, 168, 9, 10, 0, 0, 9, 0, 10, 0, 0, 1];
    assert_eq!(offer_of(&routed).value(121), routes);
    assert_eq!(offer_of(&routed).value(249), routes);
    assert_eq!(offer_of(&routed).value(3), [10, 0, 0, 1]);

    let mut isolated = routed.clone();
    isolated.subnet.default_gateway = None;
    assert_eq!(offer_of(&isolated).value(121), &routes[..8]);
    assert_eq!(offer_of(&isolated).get(3), None);

    let elsewhere = routed.host_option("router", "10.0.0.8");
    assert_eq!(offer_of(&elsewhere).value(121)[8..], [0, 10, 0, 0, 8]);
}

#[test]
fn a_static_default_route_is_the_gateway_where_there_is_no_other() {
    let ask = Client::discover().asks_for(&[3, 121]);
    let mut network = Network::default().route("0.0.0.0/0", "10.0.0.9");
    network.subnet.default_gateway = None;
    assert_eq!(offer(&network, &ask).value(3), [10, 0, 0, 9]);
    assert_eq!(offer(&network, &ask).value(121), [0, 10, 0, 0, 9]);
    network.subnet.default_gateway = Some(Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(
        offer(&network, &ask).value(121),
        [0, 10, 0, 0, 9],
        "not added a second time"
    );
}

#[test]
fn metadata_is_reached_by_way_of_the_server_unless_a_route_says_otherwise() {
    let ask = Client::discover().asks_for(&[121]);
    let mut network = Network {
        metadata_route: true,
        ..Network::default()
    };
    let by_server = [32, 169, 254, 169, 254, 10, 0, 0, 2, 0, 10, 0, 0, 1];
    assert_eq!(offer(&network, &ask).value(121), by_server);
    network = network.route("169.254.169.254/32", "10.0.0.9");
    let by_route = [32, 169, 254, 169, 254, 10, 0, 0, 9, 0, 10, 0, 0, 1];
    assert_eq!(offer(&network, &ask).value(121), by_route);
}

#[test]
fn configured_classless_routes_are_sent_as_they_are_under_both_codes() {
    let ask = Client::discover().asks_for(&[121, 249]);
    let network = Network {
        metadata_route: true,
        ..Network::default()
    };
    let network = network.host_option("classless-static-route", "10.9.0.0/16,10.0.0.9");
    let offer = offer(&network, &ask);
    assert_eq!(offer.value(121), [16, 10, 9, 10, 0, 0, 9]);
    assert_eq!(offer.value(249), offer.value(121));
}

#[test]
fn dns_is_the_resolver_where_the_subnet_names_none_and_nothing_for_0_0_0_0() {
    let mut network = Network {
        resolver: Some(SERVER),
        ..Network::default()
    };
    let dns = |network: &Network| {
        let offer = offer(network, &Client::discover());
        offer.get(6).map(<[u8]>::to_vec)
    };
    assert_eq!(dns(&network), Some(vec![10, 0, 0, 3, 10, 0, 0, 4]));
    network.subnet.dns_servers = vec![];
    assert_eq!(dns(&network), Some(vec![10, 0, 0, 2]));
    network.subnet.dns_servers = vec![Ipv4Addr::UNSPECIFIED];
    assert_eq!(dns(&network), None);
}

#[test]
fn a_name_for_people_that_is_no_host_name_is_not_sent() {
    let mut network = Network::default();
    for name in [
        "web server 1",
        "-x",
        "x-",
        "a..b",
        "",
        "ü",
        "a\nb",
        &"x".repeat(64),
    ] {
        network.host.name = Some(name.into());
        assert_eq!(
            offer(&network, &Client::discover()).get(12),
            None,
            "{name:?}"
        );
    }
    network.host.name = Some("vm1.example.org".into());
    assert_eq!(
        offer(&network, &Client::discover()).value(12),
        b"vm1.example.org"
    );
}

#[test]
fn a_point_to_point_subnet_has_no_broadcast_address() {
    let mut network = Network::default();
    network.subnet.prefix = "10.0.0.4/31".parse().unwrap();
    let offer = offer(&network, &Client::discover());
    assert_eq!(offer.get(28), None);
    assert_eq!(offer.value(1), [255, 255, 255, 254]);
    assert_eq!(offer.yiaddr, ASSIGNED);
}

#[test]
fn the_next_server_is_what_is_most_explicit() {
    let siaddr = |network: &Network| offer(network, &Client::discover()).siaddr.to_string();
    let network = Network::default();
    assert_eq!(
        siaddr(&network),
        "10.0.0.2",
        "the server, where nothing is said"
    );
    let network = network.subnet_option("66", "tftp.example.org");
    assert_eq!(siaddr(&network), "10.0.0.2", "a name is no address");
    let network = network.host_option("66", "10.0.0.66");
    assert_eq!(siaddr(&network), "10.0.0.66");
    let network = network.host_option("tftp-server-address", "10.0.0.15,10.0.0.16");
    assert_eq!(siaddr(&network), "10.0.0.15");
    let network = network.subnet_option("server-ip-address", "10.0.0.25");
    assert_eq!(siaddr(&network), "10.0.0.25");
    let network = network.host_option("next_server", "");
    assert_eq!(siaddr(&network), "0.0.0.0");
}

#[test]
fn an_option_that_is_no_longer_valid_is_left_out_and_reported() {
    let network = Network::default()
        .host_option("mtu", "much")
        .host_option("ntp-server", "10.0.0.9");
    let reply = network.reply(&Client::discover().bytes());
    let offer = Walked::read(&reply.payload);
    assert_eq!(
        offer.value(26),
        1450u16.to_be_bytes(),
        "what it would have been without"
    );
    assert_eq!(offer.value(42), [10, 0, 0, 9]);
    assert_eq!(
        reply
            .invalid
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["option 26 (mtu) wants a number from 68 to 65535, not 'much'"]
    );
}
