//! Real programs on real network stacks, through groups and port security of both ends.

use serde_json::{Value, json};
use weft_tests::cloud::{self, Network};
use weft_tests::command::command_in;
use weft_tests::command::output;
use weft_tests::frames::Station;
use weft_tests::site::Site;
use weft_tests::vm::Vm;
use weft_tests::wait;

use super::LIMIT;

/// A machine with an address of each family, secured, to which these rules let others.
fn secured(site: &Site, network: &Network, n: u8, rules: &[Value]) -> Vm {
    let station = Station::new(n);
    let port = cloud::port(&site.rest, network).unwrap();
    let tap = format!("tap-{n}");
    site.plug_port(&port, &tap).unwrap();
    let accept = |test: Value| {
        let mut rule = test;
        rule["type"] = json!("accept");
        rule
    };
    let neighbours = (133..=137)
        .map(|kind| accept(json!({ "nwProto": 58, "tpSrc": { "start": kind, "end": kind } })));
    let mut all = vec![
        accept(json!({ "dlType": 0x0806 })),
        accept(json!({ "matchReturnFlow": true })),
    ];
    all.extend(neighbours);
    let egress = [all.clone(), vec![accept(json!({}))]].concat();
    let ingress = [all, rules.to_vec(), vec![json!({ "type": "drop" })]].concat();
    let (egress, _) = cloud::chain(&site.rest, "egress", &egress).unwrap();
    let (ingress, _) = cloud::chain(&site.rest, "ingress", &ingress).unwrap();
    cloud::filter(&site.rest, &port, &egress, &ingress).unwrap();
    let path = format!("/ports/{port}");
    let mut body = site.rest.get(&path).unwrap();
    let pair = |prefix: String| json!({ "mac": station.mac.to_string(), "prefix": prefix });
    let pairs = [pair(station.v4.to_string()), pair(station.v6.to_string())];
    body["portSecurity"] = json!({ "pairs": pairs });
    site.rest.update(&path, &body).unwrap();
    let mut vm = Vm::boot(&format!("tools-{n}"), &station.mac.to_string()).unwrap();
    vm.attach(&tap).unwrap();
    let stack = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6";
    vm.run(&["sh", "-c", &format!("echo 0 > {stack}")]).unwrap();
    for addr in [format!("{}/24", station.v4), format!("{}/64", station.v6)] {
        vm.run(&["ip", "addr", "add", &addr, "dev", "eth0"])
            .unwrap();
    }
    vm
}

fn text(vm: &Vm, words: &[&str]) -> (bool, String) {
    let done = output(command_in(&vm.name, words)).unwrap();
    let all = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8_lossy(&all).into_owned(),
    )
}

#[track_caller]
fn works(site: &Site, vm: &Vm, words: &[&str]) -> String {
    let (is_well, said) = text(vm, words);
    if !is_well {
        let seen = ["drops", "flows"].map(|what| site.weft(&["show", what]).unwrap());
        panic!("{words:?}: {said}\n{}\n{}", seen[0], seen[1]);
    }
    said
}

#[track_caller]
fn fails(vm: &Vm, words: &[&str]) {
    let (is_well, said) = text(vm, words);
    assert!(!is_well, "{words:?} should fail: {said}");
}

fn open() -> Vec<Value> {
    let to = |protocol: u8, port: u16| json!({ "type": "accept", "nwProto": protocol, "tpDst": { "start": port, "end": port } });
    let echo = |protocol: u8, kind: u16| json!({ "type": "accept", "nwProto": protocol, "tpSrc": { "start": kind, "end": kind } });
    // A rule that reads types is for what has them (MidoNet's HEADER); later fragments need one of their own.
    let later = |protocol: u8| json!({ "type": "accept", "nwProto": protocol, "fragmentPolicy": "nonheader" });
    let whole = [to(6, 5201), to(17, 5201), echo(1, 8), echo(58, 128)];
    [&whole[..], &[later(1), later(58)]].concat()
}

#[test]
fn ping_arping_nc_and_iperf3_see_what_the_groups_let_them() {
    let site = Site::start("tools").unwrap();
    let network = site.network("blue").unwrap();
    let a = secured(&site, &network, 3, &[]);
    let b = secured(&site, &network, 4, &open());
    site.sync().unwrap();
    for vm in [&a, &b] {
        wait::until("duplicate address detection to end", LIMIT, || {
            let tentative = ["ip", "-6", "addr", "show", "dev", "eth0", "tentative"];
            vm.run(&tentative).is_ok_and(|text| text.trim().is_empty())
        })
        .unwrap();
        let failed = ["ip", "-6", "addr", "show", "dev", "eth0", "dadfailed"];
        assert_eq!(vm.run(&failed).unwrap().trim(), "");
    }
    works(
        &site,
        &a,
        &["arping", "-c", "2", "-w", "10", "-I", "eth0", "10.0.0.4"],
    );
    // Somebody has it: asked for from no address, as a client does that was just given it.
    fails(
        &a,
        &[
            "arping", "-D", "-c", "2", "-w", "10", "-I", "eth0", "10.0.0.4",
        ],
    );
    let server = b.spawn(&["iperf3", "-s"]);
    let mut server = server.unwrap();
    wait::until("iperf3 to listen", LIMIT, || {
        b.run(&["ss", "-Hltn", "sport = :5201"])
            .is_ok_and(|text| !text.is_empty())
    })
    .unwrap();
    for addr in ["10.0.0.4", "fd00::4"] {
        works(
            &site,
            &a,
            &["ping", "-c", "3", "-i", "0.2", "-W", "5", addr],
        );
        // In pieces, each way.
        works(
            &site,
            &a,
            &["ping", "-c", "2", "-s", "4000", "-W", "5", addr],
        );
        works(&site, &a, &["nc", "-z", "-w", "10", addr, "5201"]);
        fails(&a, &["nc", "-z", "-w", "2", addr, "22"]);
        for more in [
            &["-n", "2M"][..],
            &["-R", "-n", "2M"],
            &["-u", "-b", "2M", "-l", "1000", "-n", "200K"],
        ] {
            let words = [&["iperf3", "--json", "-c", addr][..], more].concat();
            let said = works(&site, &a, &words);
            let report: Value = serde_json::from_str(&said).unwrap();
            let sum = match more {
                ["-u", ..] => &report["end"]["sum"],
                _ => &report["end"]["sum_received"],
            };
            assert!(
                sum["bytes"].as_u64().unwrap() > 150_000,
                "{addr} {more:?}: {said}"
            );
        }
    }
    // Nothing of b's beginning gets to a, which lets nobody in.
    for addr in ["10.0.0.3", "fd00::3"] {
        fails(&b, &["ping", "-c", "2", "-i", "0.2", "-W", "1", addr]);
    }
    let _ = server.kill();
    let _ = server.wait();
}
