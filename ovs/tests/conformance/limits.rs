//! How many connections a zone takes, and how many packets a meter.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use weft_ovs::conntrack::Filter;
use weft_ovs::{Error, Limit, Limited, Meter, MeterStats, UpcallKind};

use super::connections::{NEW, TRK, pass, track};
use super::entries::list;
use super::frames::{tcp, udp};
use super::{Bench, put, upcall};

fn limit(limit: u32, count: u32) -> Limit {
    Limit {
        limit: NonZeroU32::new(limit),
        count,
    }
}

pub(crate) fn a_zone_takes_no_more_connections_than_its_limit(bench: &mut dyn Bench) {
    let (one, _) = track(bench, ["ct(commit,zone=5)", "ct(zone=5)"]);
    let of = Limited::Zone(5);
    bench.datapath().set_limit(of, NonZeroU32::new(2)).unwrap();
    let marker = tcp(80, 80, 0x04).frame(); // belongs to no connection
    for port in 4000..4002 {
        let (state, ..) = pass(bench, one, &udp(port, 53).frame());
        assert_eq!(state, TRK | NEW);
    }
    assert_eq!(bench.datapath().limit(of).unwrap(), limit(2, 2));
    bench.send(one, &udp(4002, 53).frame());
    let (_, _, next) = pass(bench, one, &marker);
    assert_eq!(next, marker, "one connection too many passed");
    // Those that are there go on.
    pass(bench, one, &udp(4001, 53).frame());
    bench.datapath().set_limit(of, NonZeroU32::new(3)).unwrap();
    // The kernel counts what it has refused for some milliseconds.
    let refused = udp(4002, 53).frame();
    let end = Instant::now() + Duration::from_secs(20);
    let state = loop {
        assert!(Instant::now() < end, "the limit was not raised");
        bench.send(one, &refused);
        let (state, _, first) = pass(bench, one, &marker);
        if first == refused {
            upcall(bench, one); // the marker
            break state;
        }
    };
    assert_eq!(state, TRK | NEW);
    let mut conntrack = bench.datapath().conntrack().unwrap();
    assert_eq!(list(&mut *conntrack, Filter::default()).len(), 3);
    bench.datapath().clear_limit(of).unwrap();
}

pub(crate) fn limits_are_of_a_zone_or_of_all_others(bench: &mut dyn Bench) {
    let datapath = bench.datapath();
    let show = |datapath: &mut dyn weft_ovs::Datapath| {
        let of = [Limited::Default, Limited::Zone(7), Limited::Zone(65_535)];
        of.map(|of| datapath.limit(of).unwrap().limit.map(NonZeroU32::get))
    };
    assert_eq!(show(datapath), [None; 3]);
    let set = |datapath: &mut dyn weft_ovs::Datapath, of, value| {
        datapath.set_limit(of, NonZeroU32::new(value)).unwrap();
    };
    set(datapath, Limited::Default, 1000);
    set(datapath, Limited::Zone(7), 5);
    assert_eq!(show(datapath), [Some(1000), Some(5), Some(1000)]);
    set(datapath, Limited::Zone(7), 0);
    assert_eq!(show(datapath), [Some(1000), None, Some(1000)]);
    datapath.clear_limit(Limited::Zone(7)).unwrap();
    datapath.clear_limit(Limited::Zone(9)).unwrap();
    assert_eq!(show(datapath), [Some(1000); 3]);
    datapath.clear_limit(Limited::Default).unwrap();
    assert_eq!(show(datapath), [None; 3]);
}

pub(crate) fn a_meter_drops_what_exceeds_it_and_counts(bench: &mut dyn Bench) {
    const SENT: usize = 40;
    let (one, two) = (bench.add_port(), bench.add_port());
    let slow = Meter { rate: 1, burst: 3 };
    bench.datapath().set_meter(0, slow).unwrap();
    let any = "recirc_id(0),in_port(1),eth(),eth_type(0x0800)";
    put(bench, &format!("{any},ipv4(proto=17)"), "meter(0),2");
    put(bench, &format!("{any},ipv4(proto=6)"), "2");
    let (metered, marker) = (udp(4000, 53).frame(), tcp(80, 80, 0x04).frame());
    for _ in 0..SENT {
        bench.send(one, &metered);
    }
    bench.send(one, &marker);
    let arrived = std::iter::repeat_with(|| bench.receive(two)).take_while(|it| *it != marker);
    let passed = arrived.count();
    let bytes = metered.len() as u64;
    let stats = bench.datapath().meter(0).unwrap().unwrap();
    let dropped = (SENT - passed) as u64;
    assert_eq!(
        stats,
        MeterStats {
            packets: SENT as u64,
            bytes: SENT as u64 * bytes,
            dropped_packets: dropped,
            dropped_bytes: dropped * bytes,
        }
    );
    // One more a second that the test takes.
    assert!((3..20).contains(&passed), "{passed} of {SENT} passed");
    // Another in its place says what it had counted.
    let replaced = bench.datapath().set_meter(0, slow).unwrap();
    assert_eq!(replaced, Some(stats));
    let anew = bench.datapath().delete_meter(0).unwrap();
    assert_eq!(anew, Some(MeterStats::default()));
    // One that is not there lets everything through.
    for _ in 0..10 {
        bench.send(one, &metered);
        assert_eq!(bench.receive(two), metered);
    }
}

pub(crate) fn a_meter_on_a_copy_leaves_the_packet_alone(bench: &mut dyn Bench) {
    const SENT: usize = 10;
    let (one, two) = (bench.add_port(), bench.add_port());
    let slow = Meter { rate: 1, burst: 2 };
    bench.datapath().set_meter(0, slow).unwrap();
    let pid = bench.upcalls(one).pid();
    let up = format!("clone(meter(0),userspace(pid={pid},userdata(0401))),2");
    let any = "recirc_id(0),in_port(1),eth(),eth_type(0x0800)";
    put(bench, &format!("{any},ipv4(proto=17)"), &up);
    let frame = udp(4000, 53).frame();
    for _ in 0..SENT {
        bench.send(one, &frame);
        assert_eq!(bench.receive(two), frame);
    }
    let stats = bench.datapath().delete_meter(0).unwrap().unwrap();
    assert_eq!(stats.packets, SENT as u64);
    assert!(
        (1..=SENT as u64 - 2).contains(&stats.dropped_packets),
        "{stats:?}"
    );
    for _ in 0..stats.packets - stats.dropped_packets {
        let up = upcall(bench, one);
        assert_eq!(
            (up.kind, &up.userdata[..]),
            (UpcallKind::Action, &[4, 1][..])
        );
        assert_eq!(up.packet, frame);
    }
    // A drop of which a copy comes up.
    let up = format!("clone(userspace(pid={pid},userdata(0402)))");
    put(bench, &format!("{any},ipv4(proto=6)"), &up);
    bench.send(one, &tcp(4000, 80, 0x02).frame());
    assert_eq!(upcall(bench, one).userdata, [4, 2]);
    bench.send(one, &frame);
    assert_eq!(bench.receive(two), frame, "the drop was none");
}

pub(crate) fn meters_are_put_replaced_and_deleted(bench: &mut dyn Bench) {
    let datapath = bench.datapath();
    let meter = Meter {
        rate: 100,
        burst: 200,
    };
    assert_eq!(datapath.meter(1).unwrap(), None);
    assert_eq!(datapath.delete_meter(1).unwrap(), None);
    for replaced in [None, Some(MeterStats::default())] {
        assert_eq!(datapath.set_meter(1, meter).unwrap(), replaced);
        assert_eq!(datapath.meter(1).unwrap(), Some(MeterStats::default()));
    }
    for bad in [
        Meter { rate: 0, ..meter },
        Meter { burst: 0, ..meter },
        Meter {
            burst: Meter::MAX_BURST + 1,
            ..meter
        },
    ] {
        let error = datapath.set_meter(2, bad).unwrap_err();
        assert!(matches!(error, Error::BadRequest { .. }), "{error:?}");
        assert!(error.to_string().contains("set meter 2"), "{error}");
    }
    let clash = datapath.set_meter(1 + 1024, meter).unwrap_err();
    assert!(matches!(clash, Error::MeterClash { .. }), "{clash:?}");
    let unlike = Meter {
        rate: u32::MAX,
        burst: Meter::MAX_BURST,
    };
    datapath.set_meter(0, unlike).unwrap();
    let gone = datapath.delete_meter(1).unwrap();
    assert_eq!(gone, Some(MeterStats::default()));
    assert_eq!(datapath.meter(1).unwrap(), None);
    datapath.set_meter(1 + 1024, meter).unwrap();
}
