//! What happens while it is recorded, and what recorded programs ask of today's agent.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use weft_cli::agent::Agent;
use weft_vif_driver::agent as vif;
use weft_wire::control::{
    BindingInfo, DropInfo, FlowInfo, LearnedInfo, PlugResult, Status, TraceResult, Verb,
};

use super::compare;
use super::event::{Event, Recording};
use super::recorder::{Notes, before_agent, before_service};
use crate::cloud::Cloud;
use crate::machine::Host;
use crate::{LIMIT, until};

const HOST: &str = "10000000-0000-4000-8000-000000000001";
const OTHER_HOST: &str = "10000000-0000-4000-8000-000000000002";
const BRIDGE: &str = "20000000-0000-4000-8000-000000000001";
const OTHER_BRIDGE: &str = "20000000-0000-4000-8000-000000000002";
pub(super) const PORT: &str = "30000000-0000-4000-8000-000000000001";
const SECOND: &str = "31000000-0000-4000-8000-000000000002";
const INNER: [&str; 2] = [
    "32000000-0000-4000-8000-000000000003",
    "33000000-0000-4000-8000-000000000004",
];
const MAC: &str = "02:00:00:00:00:01";

/// The operator's hand, whose doings are noted, too.
struct Operator<'a> {
    cloud: &'a Cloud,
    notes: &'a Notes,
}

impl Operator<'_> {
    fn does(&self, method: &Method, path: &str, body: Value) {
        self.notes.add(Event::Operator {
            method: method.to_string(),
            path: path.to_owned(),
            body: body.clone(),
        });
        let (status, text) = self.cloud.call(method.clone(), path, body);
        assert!((200..300).contains(&status), "{method} {path}: {text}");
    }

    fn makes(&self, path: &str, body: Value) {
        self.does(&Method::POST, path, body);
    }
}

/// Records a session of today's code that has every message in it.
pub(super) fn record() -> Recording {
    let mut cloud = Cloud::start();
    let notes = Notes::default();
    let (_between, url) = before_service(cloud.url().trim_end_matches("/midonet-api"), &notes);
    let operator = Operator {
        cloud: &cloud,
        notes: &notes,
    };
    networks(&operator);

    let mut host = Host::without_agent(&url);
    host.works = true;
    std::fs::write(host.state_dir().join("host-id"), HOST).unwrap();
    for tap in ["tap1", "tap2"] {
        host.add_tap(tap);
    }
    host.start();
    host.follows(true);
    let socket = before_agent(&host.socket(), &notes);
    programs(&socket, &host);

    // A transaction that concerns the host, and one that takes a port away.
    operator.does(
        &Method::PUT,
        &format!("/bridges/{BRIDGE}"),
        json!({"name": "red"}),
    );
    until("the change", || notes.has(is_line("red")));
    operator.does(&Method::DELETE, &format!("/ports/{SECOND}"), Value::Null);
    until("the port to go", || notes.has(is_line("\"gone\"")));
    until("a heartbeat", || notes.has(is_line("\"heartbeat\"")));

    // Given back while the service knows the host, and refused where there is nothing.
    let unplug = |interface: &str| Verb::Unplug {
        interface: interface.to_owned(),
    };
    vif::ask_again(&socket, LIMIT, |_| unplug("tap1")).unwrap();
    vif::ask_again(&socket, LIMIT, |_| Verb::UnbindPort {
        port: PORT.parse().unwrap(),
    })
    .unwrap();
    until("the port to be given back", || {
        notes.has(|event| matches!(event, Event::Ask { method, .. } if method == "DELETE"))
    });
    // A store that was made anew.
    cloud.down();
    cloud.forget_all();
    cloud.up();
    until("all to be listed anew", || notes.has(is_line("\"relist\"")));
    host.stop();
    notes.recording()
}

fn is_line(text: &str) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Line { body, .. } if body.to_string().contains(text))
}

/// Two linked networks, the first with all that a network can have, and a port that another host has.
fn networks(operator: &Operator) {
    operator.makes(
        "/bridges",
        json!({"id": BRIDGE, "name": "blue", "tenantId": "demo", "mtu": 1450}),
    );
    operator.makes("/bridges", json!({"id": OTHER_BRIDGE, "name": "other"}));
    let ports = format!("/bridges/{BRIDGE}/ports");
    for id in [PORT, SECOND, INNER[0]] {
        operator.makes(&ports, json!({"id": id, "type": "Bridge", "vifId": id}));
    }
    operator.makes(
        &format!("/bridges/{OTHER_BRIDGE}/ports"),
        json!({"id": INNER[1], "type": "Bridge", "tenantId": "demo"}),
    );
    let link = format!("/ports/{}/link", INNER[0]);
    operator.makes(&link, json!({"peerId": INNER[1]}));
    let option = json!([{"optName": "66", "optValue": "10.0.0.9"}]);
    operator.makes(
        &format!("/bridges/{BRIDGE}/dhcp"),
        json!({
            "subnetPrefix": "10.0.0.0", "subnetLength": 24, "defaultGateway": "10.0.0.1",
            "serverAddr": "10.0.0.2", "dnsServerAddrs": ["10.0.0.3"], "interfaceMTU": 1400,
            "leaseSeconds": 600, "extraDhcpOpts": option,
            "opt121Routes": [{
                "destinationPrefix": "10.9.0.0", "destinationLength": 16, "gatewayAddr": "10.0.0.1",
            }],
        }),
    );
    operator.makes(
        &format!("/bridges/{BRIDGE}/dhcp/10.0.0.0_24/hosts"),
        json!({"macAddr": MAC, "ipAddr": "10.0.0.5", "name": "vm1", "extraDhcpOpts": option}),
    );
    operator.makes(
        &format!("/bridges/{BRIDGE}/arp_table"),
        json!({"ip": "10.0.0.7", "mac": "02:00:00:00:00:07"}),
    );
    operator.makes(
        &format!("/bridges/{BRIDGE}/mac_table"),
        json!({"macAddr": "02:00:00:00:00:07", "portId": SECOND}),
    );
    // The port that moves to the recorded host has been elsewhere.
    let other = json!({"name": "hv2", "version": "1", "protocol": 1});
    let path = format!("/weft/v1/hosts/{OTHER_HOST}");
    operator.does(&Method::PUT, &path, other);
    operator.makes(
        &format!("{path}/bindings"),
        json!({"port": PORT, "interface": "tap9"}),
    );
}

/// Everything that today's programs ask, by their own code.
fn programs(socket: &Path, host: &Host) {
    let plug = |port: &str, interface: &str, timeout_ms| Verb::Plug {
        port: port.parse().unwrap(),
        interface: interface.to_owned(),
        mtu: Some(1400),
        timeout_ms,
    };
    for (port, interface) in [(PORT, "tap1"), (SECOND, "tap2")] {
        let answer = vif::ask_again(socket, LIMIT, |_| plug(port, interface, 15_000));
        let answer = answer.unwrap().unwrap();
        serde_json::from_value::<PlugResult>(answer.result).unwrap();
    }
    // What is not there is refused.
    vif::ask_again(socket, LIMIT, |_| plug(BRIDGE, "tap3", 100)).unwrap_err();
    let prefix = PORT[..11].to_owned();
    let find = |_| Verb::FindPort {
        prefix: prefix.clone(),
    };
    let found = vif::ask_again(socket, LIMIT, find).unwrap().unwrap();
    assert_eq!(found.result, PORT);
    traffic(host);
    ask_all(socket);
}

/// A frame that is answered, one that is learned from, and one that is dropped.
fn traffic(host: &Host) {
    let datapath = host.datapath();
    let number = host.ask(json!({"v": 1, "verb": "bindings"})).0;
    let number = number.iter().find(|it| it["interface"] == "tap1").unwrap();
    let number = u32::try_from(number["number"].as_u64().unwrap()).unwrap();
    let frame = |to: [u8; 6]| {
        let mut frame = to.to_vec();
        frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
        frame.resize(60, 0);
        frame
    };
    datapath.inject(number, &frame([2, 0, 0, 0, 0, 7])).unwrap();
    let group = [0x01, 0x80, 0xc2, 0, 0, 0];
    datapath.inject(number, &frame(group)).unwrap();
    until("flows, an address and a drop", || {
        ["flows", "learned", "drops"]
            .iter()
            .all(|verb| !host.ask(json!({"v": 1, "verb": verb})).0.is_empty())
    });
}

/// What the command line asks. The answers are what its own types say.
fn ask_all(socket: &Path) {
    let agent = Agent::at(socket);
    agent.one::<Status>(Verb::Status).unwrap();
    assert!(
        !agent
            .list::<BindingInfo>(Verb::Bindings)
            .unwrap()
            .is_empty()
    );
    let port = Some(PORT.parse().unwrap());
    assert!(
        !agent
            .list::<FlowInfo>(Verb::Flows { port })
            .unwrap()
            .is_empty()
    );
    assert!(
        !agent
            .list::<DropInfo>(Verb::Drops { port: None })
            .unwrap()
            .is_empty()
    );
    assert!(!agent.list::<LearnedInfo>(Verb::Learned).unwrap().is_empty());
    let frame = format!(
        "020000000007020000000001{}",
        "88b5".to_owned() + &"00".repeat(46)
    );
    let trace = Verb::Trace {
        port: PORT.parse().unwrap(),
        frame,
        connection: None,
    };
    assert!(!agent.one::<TraceResult>(trace).unwrap().steps.is_empty());
}

// === recorded programs, today's agent ===

/// Asks today's agent everything that a recorded program asked.
pub(super) fn ask_todays_agent(recording: &Recording) {
    let cloud = Cloud::start();
    let mut host = Host::without_agent(&cloud.url());
    host.works = true;
    std::fs::write(host.state_dir().join("host-id"), recording.host()).unwrap();
    for tap in ["tap1", "tap2"] {
        host.add_tap(tap);
    }
    host.start();
    host.follows(true);
    let mut is_busy = false;
    for event in &recording.events {
        match event {
            Event::Operator { method, path, body } => {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let (status, text) = cloud.call(method, path, body.clone());
                assert!((200..300).contains(&status), "{path}: {text}");
            }
            Event::Control { request, replies } => {
                let is_about_packets = matches!(
                    request["verb"].as_str(),
                    Some("flows" | "drops" | "learned")
                );
                if is_about_packets && !is_busy {
                    is_busy = true;
                    traffic(&host);
                }
                let today: Vec<Value> = host
                    .send(request)
                    .lines()
                    .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
                    .collect();
                compare::replies(request, replies, &today);
            }
            _ => {}
        }
    }
}

// === today's programs, a recorded agent ===

/// Lets today's programs ask an agent that answers what a recorded one did.
pub(super) fn answer_todays_programs(recording: &Recording) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let events = recording.events.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &events);
        }
    });
    ask_all(&socket);
    let port = PORT.parse().unwrap();
    let plug = |interface: &str| Verb::Plug {
        port,
        interface: interface.to_owned(),
        mtu: None,
        timeout_ms: 1_000,
    };
    let plugged = vif::ask_again(&socket, LIMIT, |_| plug("tap1"));
    let plugged = plugged.unwrap().unwrap().result;
    assert!(
        serde_json::from_value::<PlugResult>(plugged)
            .unwrap()
            .number
            > 0
    );
    let refused = vif::ask_again(&socket, LIMIT, |_| plug("tap3")).unwrap_err();
    assert!(!refused.is_timeout(), "{refused}");
    let bindings = vif::ask_again(&socket, LIMIT, |_| Verb::Bindings);
    for binding in bindings.unwrap().unwrap().items {
        serde_json::from_value::<BindingInfo>(binding).unwrap();
    }
}

/// Answers as the recorded agent answered the same verb, and the same interface if it has one.
fn answer(mut program: UnixStream, events: &[Event]) {
    let mut line = String::new();
    BufReader::new(&program).read_line(&mut line).unwrap();
    let request: Value = serde_json::from_str(&line).unwrap();
    let is_same = |kept: &Value| {
        ["verb", "interface"]
            .iter()
            .all(|field| kept[field] == request[field])
    };
    let replies = events.iter().find_map(|event| match event {
        Event::Control { request, replies } if is_same(request) => Some(replies),
        _ => None,
    });
    for reply in replies.unwrap_or_else(|| panic!("nobody asked {request}")) {
        // A program that has heard enough may be gone.
        let _ = writeln!(program, "{reply}");
    }
}
