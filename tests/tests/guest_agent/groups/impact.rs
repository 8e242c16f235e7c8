//! What `weft impact` names is what `weft apply` then cuts, and nothing else.

use serde_json::{Value, json};
use weft_tests::cloud::{self, Network};
use weft_tests::command::{output, program};
use weft_tests::frames::{Carries, Family, Station};
use weft_tests::site::Site;
use weft_tests::wait;
use weft_wire::topology_file::TopologyFile;

use super::{FAMILIES, LIMIT, Machine, begins, connections, machine, open_rules, passes};

/// All that there is, as a file.
fn exported(site: &Site) -> TopologyFile {
    toml::from_str(&site.weft(&["export"]).unwrap()).unwrap()
}

/// Writes a file; its path.
fn written(site: &Site, file: &TopologyFile) -> String {
    let path = site.dir.join("topology.toml");
    std::fs::write(&path, toml::to_string(file).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The rule of a chain that goes to a port.
fn take_out(file: &mut TopologyFile, chain: &str, port: u16) {
    let chain = chain.parse().unwrap();
    let entry = file
        .chain
        .iter_mut()
        .find(|(key, entry)| entry.id == Some(chain) || key.parse() == Ok(chain));
    let rules = &mut entry.unwrap().1.rule;
    let before = rules.len();
    rules.retain(|rule| {
        let to = toml::Value::try_from(&rule.when).unwrap();
        to.get("destination_port") != Some(&toml::Value::Integer(port.into()))
    });
    assert_eq!(rules.len(), before - 1, "the rule is not in the file");
}

/// A machine with one chain that asks for no connection.
fn stateless(site: &Site, network: &Network, n: u8, rules: &[Value]) -> Machine {
    let station = Station::new(n);
    let plugged = site
        .plug(network, &format!("tap-{n}"), station.mac)
        .unwrap();
    let begins = begins()
        .into_iter()
        .filter(|rule| rule["matchReturnFlow"].is_null());
    let drop = [json!({ "type": "drop" })];
    let rules: Vec<Value> = begins.chain(rules.to_vec()).chain(drop).collect();
    let ingress = cloud::chain(&site.rest, "stateless", &rules).unwrap();
    let path = format!("/ports/{}", plugged.port);
    let mut body = site.rest.get(&path).unwrap();
    body["outboundFilterId"] = json!(ingress.0);
    site.rest.update(&path, &body).unwrap();
    Machine {
        plugged,
        station,
        ingress,
    }
}

fn impact(site: &Site, path: &str) -> (Vec<Value>, Vec<Value>, Value) {
    let said = site
        .weft_json(&["impact", path, "--seconds", "600"])
        .unwrap();
    let all = said["impact"].as_array().unwrap();
    let of = |kind: &'static str| all.iter().filter(move |it| it["kind"] == kind).cloned();
    (
        of("connection").collect(),
        of("flow").collect(),
        said["result"].clone(),
    )
}

/// Who is at the ends of connections, in an order of its own.
fn ends(connections: &[Value]) -> Vec<String> {
    let end = |end: &Value| {
        format!(
            "{}@{}:{}",
            end["address"].as_str().unwrap(),
            end["interface"].as_str().unwrap(),
            end["port"]
        )
    };
    let one = |of: &Value| {
        format!(
            "{} {} {}",
            of["protocol"].as_str().unwrap(),
            end(&of["from"]),
            end(&of["to"])
        )
    };
    let mut all: Vec<String> = connections.iter().map(one).collect();
    all.sort();
    all
}

#[test]
fn impact_names_what_an_apply_then_cuts_and_nothing_else() {
    let site = Site::start("impact").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    let mut c = stateless(&site, &network, 3, &[]);
    let to_7000 =
        json!({ "type": "accept", "nwProto": 17, "tpDst": { "start": 7000, "end": 7000 } });
    let to_7001 =
        json!({ "type": "accept", "nwProto": 17, "tpDst": { "start": 7001, "end": 7001 } });
    let mut d = stateless(&site, &network, 4, &[to_7000, to_7001]);
    site.sync().unwrap();
    // Where they are is known from here on: nothing is flooded.
    assert!(!passes(&mut d, &mut c, Family::V4, Carries::Udp(1, 2)));
    assert!(!passes(&mut c, &mut d, Family::V4, Carries::Udp(1, 2)));
    let [(udp, answer), (syn, syn_ack), (echo, reply)] = connections();
    let data = Carries::Tcp(4_000, 80, "A", 101, 901);
    let back = Carries::Tcp(80, 4_000, "A", 901, 101);
    for family in FAMILIES {
        for (begins, answers) in [(udp, answer), (syn, syn_ack), (data, back), (echo, reply)] {
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
        }
        for port in [7_000, 7_001] {
            assert!(passes(&mut c, &mut d, family, Carries::Udp(9_000, port)));
        }
    }
    let mut file = exported(&site);
    let same = written(&site, &file);
    let (none, no_flows, looked) = impact(&site, &same);
    assert_eq!((none.len(), no_flows.len()), (0, 0), "nothing changes");
    assert_eq!(looked["looked"]["connections"], 6, "{looked}");

    take_out(&mut file, &b.ingress.0, 53);
    take_out(&mut file, &d.ingress.0, 7_000);
    let path = written(&site, &file);
    for family in FAMILIES {
        for port in [7_000, 7_001] {
            assert!(passes(&mut c, &mut d, family, Carries::Udp(9_000, port)));
        }
    }
    let writes = site.flow_writes().unwrap();
    let (cut, flows, result) = impact(&site, &path);
    assert_eq!(site.flow_writes().unwrap(), writes, "it touches nothing");
    assert_eq!(
        ends(&cut),
        [
            "udp 10.0.0.1@tap-1:4000 10.0.0.2@tap-2:53",
            "udp fd00::1@tap-1:4000 fd00::2@tap-2:53",
        ]
    );
    for of in &cut {
        assert_eq!(of["effect"], "cut", "{of}");
        let last = b.ingress.1.last().unwrap();
        assert_eq!(of["deniedBy"]["rule"]["rule"], json!(last), "{of}");
        assert_eq!(of["deniedBy"]["rule"]["chainName"], "ingress", "{of}");
        assert_eq!(of["deniedBy"]["rule"]["owner"], "demo", "{of}");
        let allowed = of["allowedBy"].as_array().unwrap();
        let names = |rule: &String| allowed.iter().any(|it| it["rule"] == json!(rule));
        assert!(names(&b.ingress.1[4]), "{of}");
    }
    assert_eq!(flows.len(), 2, "{flows:?}");
    for of in &flows {
        assert_eq!(of["lost"], json!(["tap-4"]), "{of}");
        assert_eq!(of["interface"], "tap-3", "{of}");
        assert!(of["summary"].as_str().unwrap().contains("udp"), "{of}");
    }
    assert_eq!(result["looked"]["host"], "host1");
    let text = site.weft(&["impact", &path]).unwrap();
    let last = text.lines().last().unwrap();
    assert_eq!(
        last.split(" and ").next(),
        Some("2 of 6 connections"),
        "{text}"
    );

    let before = site.counter("connections_cut").unwrap();
    site.weft(&["apply", "--yes", &path]).unwrap();
    site.sync().unwrap();
    let entries: u64 = cut.iter().map(|of| of["entries"].as_u64().unwrap()).sum();
    assert_eq!(site.counter("connections_cut").unwrap() - before, entries);
    for family in FAMILIES {
        assert!(
            !passes(&mut b, &mut a, family, answer),
            "{family:?}: it is cut"
        );
        assert!(
            !passes(&mut a, &mut b, family, udp),
            "{family:?}: it is cut"
        );
        for (begins, answers) in [(data, back), (echo, reply)] {
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
        }
        assert!(!passes(&mut c, &mut d, family, Carries::Udp(9_000, 7_000)));
        assert!(passes(&mut c, &mut d, family, Carries::Udp(9_000, 7_001)));
    }
    let (again, _, _) = impact(&site, &path);
    assert_eq!(again, Vec::<Value>::new(), "it is as the file says");
}

#[test]
fn impact_names_what_ends_with_a_port_that_an_apply_removes() {
    let site = Site::start("impact-port").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    let mut c = machine(&site, &network, 3, &open_rules());
    site.sync().unwrap();
    let (udp, answer) = connections()[0];
    for family in FAMILIES {
        assert!(passes(&mut a, &mut b, family, udp) && passes(&mut b, &mut a, family, answer));
        assert!(passes(&mut a, &mut c, family, udp) && passes(&mut c, &mut a, family, answer));
    }
    let mut file = exported(&site);
    file.name = Some("site".to_owned());
    let path = written(&site, &file);
    site.weft(&["apply", "--yes", &path]).unwrap();
    let port: uuid::Uuid = b.plugged.port.parse().unwrap();
    for bridge in file.bridge.values_mut() {
        bridge
            .port
            .retain(|key, entry| entry.id != Some(port) && key.parse() != Ok(port));
    }
    let path = written(&site, &file);
    let (lost, _, _) = impact(&site, &path);
    assert_eq!(
        ends(&lost),
        [
            "udp 10.0.0.1@tap-1:4000 10.0.0.2@tap-2:53",
            "udp fd00::1@tap-1:4000 fd00::2@tap-2:53",
        ]
    );
    for of in &lost {
        assert_eq!(of["effect"], "ends", "{of}");
        assert_eq!(of["entries"], 1, "{of}");
        assert_eq!(of["deniedBy"]["reason"], "port-gone", "{of}");
    }
    // What was flooded, when it was not known where c is, may be there, too.
    assert!(super::connections::entries(2) >= 2);
    site.weft(&["apply", "--yes", &path]).unwrap();
    site.sync().unwrap();
    wait::until("its zone to be empty", LIMIT, || {
        super::connections::entries(2) == 0
    })
    .unwrap();
    for family in FAMILIES {
        assert!(passes(&mut c, &mut a, family, answer), "{family:?}");
    }
}

#[test]
fn a_file_that_apply_refuses_impact_refuses_in_the_same_words() {
    let site = Site::start("impact-bad").unwrap();
    let path = site.dir.join("bad.toml");
    for bad in [
        "bridge = 1",
        "[bridge.blue]\ninbound = \"nobody\"",
        "[brigde.x]",
    ] {
        std::fs::write(&path, bad).unwrap();
        let said = |verb: &[&str]| {
            let mut command = std::process::Command::new(program("weft"));
            command
                .arg("--socket")
                .arg(site.socket())
                .args(verb)
                .arg(&path);
            let output = output(command).unwrap();
            (
                output.status.code(),
                String::from_utf8(output.stderr).unwrap(),
            )
        };
        let refused = said(&["impact"]);
        assert_ne!(refused.0, Some(0), "{bad}");
        assert_eq!(refused, said(&["apply", "--dry-run"]), "{bad}");
    }
}
