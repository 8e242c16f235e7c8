//! Messages of real clients, byte by byte, and what they get.

use weft_dhcp::ClientState::{Renewing, Selecting};
use weft_dhcp::ReplyKind;

use crate::network::{ALL, ASSIGNED, CLIENT, Network, SERVER, hex, reply};
use crate::walker::{Walked, dhcproto_reads};

/// Busybox udhcpc 1.35, as in CirrOS and Alpine.
fn udhcpc_discover() -> Vec<u8> {
    hex(
        "01010600 3903f326 0000 0000 00000000 00000000 00000000 00000000
         fa163e010203 00*10 00*192 63825363
         350101 3d0701fa163e010203 39020240 37070103060c0f1c2a
         3c0c75646863702031 2e33352e30 ff",
    )
}

#[test]
fn udhcpc_gets_this_offer_to_the_byte() {
    let reply = Network::default().reply(&udhcpc_discover());
    let expected = hex(
        "02010600 3903f326 0000 0000 00000000 0a000005 0a000002 00000000
         fa163e010203 00*10 00*192 63825363
         350102 36040a000002 3d0701fa163e010203
         330400015180 3a040000a8c0 3b0400012750
         0104ffffff00 1a0205aa
         03040a000001 06080a0000030a000004 0c03766d31 1c040a0000ff
         ff",
    );
    assert_eq!(reply.payload, expected);
    assert_eq!(reply.kind, ReplyKind::Offer);
    assert_eq!((reply.source, reply.destination), (SERVER, ASSIGNED));
    assert_eq!(reply.destination_mac, CLIENT);
    assert_eq!(reply.left_out, []);
    dhcproto_reads(&reply.payload);
}

#[test]
fn udhcpc_takes_the_offer_and_gets_an_ack() {
    let request = hex(
        "01010600 3903f326 0000 0000 00000000 00000000 00000000 00000000
         fa163e010203 00*10 00*192 63825363
         350103 3d0701fa163e010203 32040a000005 36040a000002 39020240 37070103060c0f1c2a
         3c0c75646863702031 2e33352e30 ff",
    );
    let reply = Network::default().reply(&request);
    assert_eq!(reply.kind, ReplyKind::Ack(Selecting));
    let ack = Walked::read(&reply.payload);
    assert_eq!(ack.value(53), [5]);
    assert_eq!(ack.yiaddr, ASSIGNED);
    // The offer and the ACK say the same.
    let offer = Walked::read(&Network::default().reply(&udhcpc_discover()).payload);
    assert_eq!(ack.order, offer.order);
    for code in &ack.order[1..] {
        assert_eq!(ack.value(*code), offer.value(*code), "option {code}");
    }
}

/// ISC dhclient 4.4 with Debian's configuration: 300 bytes, mask first in its list.
#[test]
fn dhclient_gets_what_it_asks_for_in_its_order() {
    let discover = hex("01010600 5a1be347 0000 0000 00*16
         fa163e010203 00*10 00*192 63825363
         350101 0c02766d 370d011c02030f06770c2c2f1a792a ff 00*30");
    assert_eq!(discover.len(), 236 + 4 + 3 + 4 + 15 + 1 + 30);
    let network = Network::default()
        .subnet_option("domain-name", "openstacklocal")
        .subnet_option("domain-search", "a.example,b.example")
        .route("10.1.0.0/16", "10.0.0.9");
    let reply = network.reply(&discover);
    let offer = Walked::read(&reply.payload);
    assert_eq!(
        offer.order,
        [53, 54, 51, 58, 59, 1, 28, 3, 15, 6, 119, 12, 26, 121]
    );
    assert_eq!(offer.value(15), b"openstacklocal");
    assert_eq!(offer.value(119), b"\x01a\x07example\0\x01b\xc0\x02");
    assert_eq!(
        offer.value(121),
        [16, 10, 1, 10, 0, 0, 9, 0, 10, 0, 0, 1],
        "10.1.0.0/16 via 10.0.0.9, then the default route"
    );
    let theirs = dhcproto_reads(&reply.payload);
    assert_eq!(theirs.opts().len(), offer.order.len());
}

/// systemd-networkd 252: a client id of type 255, its MTU as message size.
#[test]
fn networkd_gets_its_client_id_back() {
    let id = "ff b60d2e1f 0002 0000ab11 1122334455667788";
    let discover = hex(&format!(
        "01010600 8fd3a1c2 0001 0000 00*16 fa163e010203 00*10 00*192 63825363
         350101 3d13{id} 370a 01030c0f06 1a21 79 2a 77 390205dc 0c03766d31 ff",
        id = id
    ));
    let offer = Walked::read(&Network::default().reply(&discover).payload);
    assert_eq!(offer.value(61), hex(id));
    assert_eq!(offer.secs, [0, 0], "the client's secs are not given back");
    assert_eq!(
        offer.order,
        [53, 54, 61, 51, 58, 59, 1, 3, 12, 6, 26],
        "what there is no value for is not sent"
    );
}

/// Windows 10: broadcast flag, a host name, option 249 beside 121.
#[test]
fn windows_gets_its_own_code_of_the_classless_routes() {
    let discover = hex("01010600 c5b24d9e 0000 8000 00*16
         fa163e010203 00*10 00*192 63825363
         350101 3d0701fa163e010203 32040a000063 0c0f4445534b544f502d4142434445 4647
         3c084d53465420352e30 370e0103060f1f212b2c2e2f7779f9fc ff");
    let network = Network {
        metadata_route: true,
        ..Network::default()
    };
    let reply = network.reply(&discover);
    let offer = Walked::read(&reply.payload);
    assert_eq!(offer.flags, [0x80, 0]);
    assert_eq!(reply.destination, ALL);
    assert!(reply.destination_mac.is_broadcast());
    let routes = hex("20 a9fea9fe 0a000002 00 0a000001");
    assert_eq!(offer.value(121), routes);
    assert_eq!(offer.value(249), routes);
    assert_eq!(
        offer.yiaddr, ASSIGNED,
        "an address asked for in DISCOVER is only a wish"
    );
}

#[test]
fn windows_renews_by_unicast() {
    let request = hex("01010600 c5b24d9f 0000 0000 0a000005 00*12
         fa163e010203 00*10 00*192 63825363
         350103 3d0701fa163e010203 0c0f4445534b544f502d41424344454647
         5112 000000 4445534b544f502d41424344454647
         3c084d53465420352e30 370e0103060f1f212b2c2e2f7779f9fc ff");
    let network = Network::default();
    let mut request = network.request(&request);
    (request.source, request.destination) = (ASSIGNED, SERVER);
    let reply = reply(&request);
    assert_eq!(reply.kind, ReplyKind::Ack(Renewing));
    assert_eq!(reply.destination, ASSIGNED);
    let ack = Walked::read(&reply.payload);
    assert_eq!((ack.ciaddr, ack.yiaddr), (ASSIGNED, ASSIGNED));
    assert_eq!(
        ack.get(81),
        None,
        "the server does not take part in DNS updates"
    );
}

/// The boot ROM of a BIOS: options 93, 94, 97 and 60, and boot parameters in its list.
fn pxe_discover(class: &str) -> Vec<u8> {
    let class_hex: String = class.bytes().map(|byte| format!("{byte:02x}")).collect();
    hex(&format!(
        "01010600 3e010203 0004 8000 00*16 fa163e010203 00*10 00*192 63825363
         350101 390204ec
         3717 01 02 03 05 06 0b 0c 0d 10 11 12 2b 36 3c 43 80 81 82 83 84 85 86 87
         6111 00 564d2d0a 564d2d0a 564d2d0a 564d2d0a 5d020000 5e03010201
         3c{:02x}{class_hex} ff",
        class.len()
    ))
}

#[test]
fn pxe_gets_its_boot_server_and_file_in_options_and_in_fields() {
    let network = Network::default()
        .host_option("tftp-server", "10.0.0.77")
        .host_option("67", "pxelinux.0")
        .host_option("path-prefix", "/boot/");
    let reply = network.reply(&pxe_discover("PXEClient:Arch:00000:UNDI:002001"));
    let offer = Walked::read(&reply.payload);
    assert_eq!(offer.siaddr.to_string(), "10.0.0.77");
    assert_eq!((&*offer.sname, &*offer.file), ("10.0.0.77", "pxelinux.0"));
    assert_eq!(
        offer.value(66),
        b"10.0.0.77",
        "configured, though not asked for"
    );
    assert_eq!(offer.value(67), b"pxelinux.0");
    assert_eq!(offer.value(210), b"/boot/");
    assert_eq!(
        offer.get(60),
        None,
        "not a PXE server: the ROM takes file and server from the offer"
    );
    dhcproto_reads(&reply.payload);
}

#[test]
fn firmware_that_boots_by_http_gets_its_class_back_with_a_url() {
    let class = "HTTPClient:Arch:00016:UNDI:003001";
    let url = Network::default().host_option("bootfile-name", "http://10.0.0.77/boot.efi");
    let offer = Walked::read(&url.reply(&pxe_discover(class)).payload);
    assert_eq!(offer.value(60), b"HTTPClient");
    assert_eq!(offer.value(67), b"http://10.0.0.77/boot.efi");

    let file = Network::default().host_option("bootfile-name", "boot.efi");
    let offer = Walked::read(&file.reply(&pxe_discover(class)).payload);
    assert_eq!(offer.get(60), None, "that boot file is not for it");
}

#[test]
fn ipxe_gets_another_boot_file_than_the_rom_before_it() {
    let rom = pxe_discover("PXEClient:Arch:00000:UNDI:002001");
    let mut ipxe = rom.clone();
    ipxe.pop();
    ipxe.extend(hex("4d0469505845 af06 b10100 eb0101 ff"));
    for (name, alt) in [
        ("tag:ipxe,67", "tag:!ipxe,67"),
        ("bootfile-name", "bootfile_name_alt"),
    ] {
        let network = Network::default()
            .host_option(alt, "undionly.kpxe")
            .host_option(name, "http://10.0.0.77/boot.ipxe");
        let file = |message: &[u8]| Walked::read(&network.reply(message).payload).file;
        assert_eq!(file(&rom), "undionly.kpxe", "{name}");
        assert_eq!(file(&ipxe), "http://10.0.0.77/boot.ipxe", "{name}");
    }
}
