"""Frames of a guest at 02:00:00:00:00:01 with 10.0.0.1 and fd00::1, made by code that knows nothing of Weft.

A line each: what it is, the drop's name or "passes", the frame in hex.
"""

from scapy.all import (
    ARP, BOOTP, DHCP, DHCP6_Advertise, Dot1AD, Dot1Q, Dot3, Ether, GRE, ICMP, ICMPv6EchoRequest,
    ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr, IP, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, LLC, Raw, RouterAlert, SNAP, TCP, UDP,
)

A, B, C = (f"02:00:00:00:00:0{n}" for n in (1, 2, 3))
A4, B4, C4 = "10.0.0.1", "10.0.0.5", "10.0.0.3"  # 10.0.0.2 is the DHCP server
A6, B6, C6 = "fd00::1", "fd00::2", "fd00::3"
A_LINK = "fe80::ff:fe00:1"
ALL, ALL6, NODE6 = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "33:33:ff:00:00:02"


def say(what, wanted, frame):
    print(what, wanted, bytes(frame).hex(), sep="|")


def to_b(source=A):
    return Ether(src=source, dst=B)


# Its own.
say("ARP request", "passes", Ether(src=A, dst=ALL) / ARP(op=1, hwsrc=A, psrc=A4, pdst=B4))
say("ARP probe", "passes", Ether(src=A, dst=ALL) / ARP(op=1, hwsrc=A, psrc="0.0.0.0", pdst=A4))
say("neighbour solicitation", "passes",
    Ether(src=A, dst=NODE6) / IPv6(src=A6, dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt=B6) / ICMPv6NDOptSrcLLAddr(lladdr=A))
say("duplicate address detection", "passes",
    Ether(src=A, dst=NODE6) / IPv6(src="::", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=A6))
say("neighbour advertisement", "passes",
    to_b() / IPv6(src=A6, dst=B6, hlim=255) / ICMPv6ND_NA(tgt=A6, S=1) / ICMPv6NDOptDstLLAddr(lladdr=A))
say("listener report", "passes",
    Ether(src=A, dst="33:33:00:00:00:16") / IPv6(src=A_LINK, dst="ff02::16", hlim=1)
    / IPv6ExtHdrHopByHop(options=RouterAlert()) / ICMPv6MLReport2())
say("GRE over IPv4", "passes", to_b() / IP(src=A4, dst=B4) / GRE() / Raw(b"x" * 20))
say("GRE over IPv6", "passes", to_b() / IPv6(src=A6, dst=B6, nh=47) / GRE() / Raw(b"x" * 20))
say("its link-local address", "passes", to_b() / IPv6(src=A_LINK, dst=B6) / ICMPv6EchoRequest())

# Somebody else's MAC or address.
say("another's MAC, IPv4", "security-mac", to_b(C) / IP(src=A4, dst=B4) / ICMP())
say("another's MAC, IPv6", "security-mac", to_b(C) / IPv6(src=A6, dst=B6) / ICMPv6EchoRequest())
say("another's IPv4 address", "security-source", to_b() / IP(src=C4, dst=B4) / UDP(sport=1, dport=2))
say("another's IPv6 address", "security-source", to_b() / IPv6(src=C6, dst=B6) / UDP(sport=1, dport=2))
say("another's link-local address", "security-source", to_b() / IPv6(src="fe80::ff:fe00:3", dst=B6) / UDP(sport=1, dport=2))
say("another's IPv4 address, later fragment", "security-source",
    to_b() / IP(src=C4, dst=B4, frag=100, proto=17) / Raw(b"x" * 32))
say("another's IPv6 address, later fragment", "security-source",
    to_b() / IPv6(src=C6, dst=B6) / IPv6ExtHdrFragment(offset=100, nh=17) / Raw(b"x" * 32))
say("no IPv6 address, to a neighbour", "security-source", to_b() / IPv6(src="::", dst=B6) / UDP(sport=1, dport=2))

# What ARP and neighbour discovery say.
say("ARP reply for another", "security-arp-sender", to_b() / ARP(op=2, hwsrc=A, psrc=C4, hwdst=B, pdst=B4))
say("ARP with another's MAC inside", "security-arp-sender", to_b() / ARP(op=2, hwsrc=C, psrc=A4, hwdst=B, pdst=B4))
say("gratuitous ARP for another", "security-arp-sender", Ether(src=A, dst=ALL) / ARP(op=1, hwsrc=A, psrc=C4, pdst=C4))
say("advertisement of another's address", "security-neighbour",
    to_b() / IPv6(src=A6, dst=B6, hlim=255) / ICMPv6ND_NA(tgt=C6, S=1) / ICMPv6NDOptDstLLAddr(lladdr=A))
say("advertisement with another's MAC inside", "security-neighbour",
    to_b() / IPv6(src=A6, dst=B6, hlim=255) / ICMPv6ND_NA(tgt=A6, S=1) / ICMPv6NDOptDstLLAddr(lladdr=C))
say("unsolicited advertisement of another's address", "security-neighbour",
    Ether(src=A, dst=ALL6) / IPv6(src=A6, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=C6, O=1) / ICMPv6NDOptDstLLAddr(lladdr=A))
say("solicitation with another's MAC inside", "security-neighbour",
    Ether(src=A, dst=NODE6) / IPv6(src=A6, dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt=B6) / ICMPv6NDOptSrcLLAddr(lladdr=C))
say("solicitation with two MACs inside", "security-neighbour",
    Ether(src=A, dst=NODE6) / IPv6(src=A6, dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt=B6)
    / ICMPv6NDOptSrcLLAddr(lladdr=C) / ICMPv6NDOptSrcLLAddr(lladdr=A))
say("advertisement with two MACs inside", "security-neighbour",
    to_b() / IPv6(src=A6, dst=B6, hlim=255) / ICMPv6ND_NA(tgt=A6, S=1)
    / ICMPv6NDOptDstLLAddr(lladdr=A) / ICMPv6NDOptDstLLAddr(lladdr=C))

# What only servers and routers say.
say("DHCP offer", "security-dhcp-server",
    to_b() / IP(src=A4, dst="255.255.255.255") / UDP(sport=67, dport=68)
    / BOOTP(op=2, yiaddr="10.0.0.66", chaddr=bytes(6)) / DHCP(options=[("message-type", "offer"), "end"]))
say("DHCPv6 advertise", "security-dhcp-server",
    to_b() / IPv6(src=A_LINK, dst="fe80::ff:fe00:2") / UDP(sport=547, dport=546) / DHCP6_Advertise(trid=1))
say("router advertisement", "security-router",
    Ether(src=A, dst=ALL6) / IPv6(src=A_LINK, dst="ff02::1", hlim=255) / ICMPv6ND_RA()
    / ICMPv6NDOptPrefixInfo(prefix="fd66::", prefixlen=64))

# What is no Ethernet II frame of IP or ARP.
say("LLC", "security-ether-type", Dot3(src=A, dst=B) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(b"x" * 40))
say("SNAP with an OUI", "security-ether-type",
    Dot3(src=A, dst=B) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x00000C, code=0x2000) / Raw(b"x" * 40))
say("odd type", "security-ether-type", Ether(src=A, dst=B, type=0x88B5) / Raw(b"x" * 46))
say("two tags", "tagged", to_b() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IP(src=A4, dst=B4) / UDP(sport=1, dport=2))
say("a provider's tag", "tagged", to_b() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPv6(src=A6, dst=B6) / UDP(sport=1, dport=2))
say("a priority tag and another", "tagged", to_b() / Dot1Q(vlan=0) / Dot1Q(vlan=0) / IP(src=A4, dst=B4) / TCP(dport=80))
