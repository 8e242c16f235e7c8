//! The requests that MidoNet's own client makes, as they were recorded of `midonet-cli` 5.2.0: method,
//! path, `Content-Type`, `Accept` and body of each, in its order. It sends `{}` with every GET and DELETE,
//! numbers as text, and back with a PUT all that a GET gave. `api/tests/clients/midonet` runs the client itself.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

/// A client that reads what it is told to read, and no more.
struct Client<'a> {
    service: &'a Service,
    token: String,
}

/// `~Bridge-v4` stands for MidoNet's media type of that name.
fn media(short: &str) -> String {
    short.replacen('~', "application/vnd.org.midonet.", 1) + "+json"
}

impl Client<'_> {
    fn request(
        &self,
        method: &str,
        path: &str,
        content: &str,
        accept: &str,
        body: &Value,
    ) -> Value {
        let (content, accept) = (media(content), media(accept));
        let mut headers = vec![
            ("X-Auth-Token", self.token.as_str()),
            ("Accept-Encoding", "gzip, deflate"),
        ];
        if content.starts_with("application/") {
            headers.push(("Content-Type", &content));
        }
        if accept.starts_with("application/") {
            headers.push(("Accept", &accept));
        }
        let answer = self.service.call(method, path, &headers, &body.to_string());
        match method {
            "GET" => {
                assert_eq!(answer.header("content-type"), Some(accept.as_str()));
                answer.expect(200).json()
            }
            "POST" => {
                let answer = answer.expect(201);
                assert_eq!(answer.body, "");
                let location = answer.header("location").unwrap();
                let base = format!("http://{}/midonet-api", self.service.addr);
                json!(location.strip_prefix(&base).unwrap())
            }
            _ => {
                assert_eq!(answer.expect(204).body, "");
                Value::Null
            }
        }
    }

    /// It reads one resource with both types set.
    fn get(&self, path: &str, name: &str) -> Value {
        self.request("GET", path, name, name, &json!({}))
    }

    /// It reads a list with `Accept` alone.
    fn list(&self, path: &str, name: &str) -> Vec<Value> {
        let list = self.request(
            "GET",
            path,
            "",
            &name.replacen('~', "~collection.", 1),
            &json!({}),
        );
        list.as_array().unwrap().clone()
    }

    /// It makes something and reads it at once. Returns its path.
    fn create(&self, path: &str, name: &str, body: Value) -> String {
        let made = self.request("POST", path, name, "", &body);
        let made = made.as_str().unwrap().to_owned();
        self.get(&made, name);
        made
    }

    fn delete(&self, path: &str) {
        self.request("DELETE", path, "", "", &json!({}));
    }

    /// It puts back what it read, with a change, and reads it again.
    fn change(&self, path: &str, name: &str, key: &str, value: Value) -> Value {
        let mut all = self.get(path, name);
        all[key] = value;
        self.request("PUT", path, name, "", &all);
        self.get(path, name)
    }
}

/// What it does at each start.
fn start(service: &Service) -> Client<'_> {
    let basic = [("Authorization", "Basic YWRtaW46c2VjcmV0")];
    let login = service.call("POST", "/login", &basic, "{}").expect(200);
    let cookie = login.header("set-cookie").unwrap();
    let (from, to) = (cookie.find('=').unwrap() + 1, cookie.find(';').unwrap());
    let client = Client {
        service,
        token: cookie[from..to].to_owned(),
    };
    let root = client.request("GET", "", "", "~Application-v5", &json!({}));
    let base = format!("http://{}/midonet-api", service.addr);
    let state = root["systemState"].as_str().unwrap();
    let state = client.get(state.strip_prefix(&base).unwrap(), "~SystemState-v2");
    for key in ["state", "availability", "version"] {
        assert!(state[key].is_string(), "{key}");
    }
    // Absent, it would end the client; present, it would be printed.
    assert_eq!(state.get("information"), Some(&Value::Null));
    client
}

#[test]
fn a_session_of_midonet_cli_with_bridges_dhcp_and_bindings() {
    let service = Service::start();
    let host = service.host("hv1");
    let cli = start(&service);
    let bridge = cli.create(
        "/bridges",
        "~Bridge-v4",
        json!({"name": "br0", "tenantId": "t1"}),
    );
    let ports = format!("{bridge}/ports");
    let port = cli.create(&ports, "~Port-v3", json!({"type": "Bridge"}));

    let subnet = json!({"interfaceMTU": "1450", "dnsServerAddrs": ["10.0.0.2"], "subnetLength": "24",
                        "defaultGateway": "10.0.0.1", "subnetPrefix": "10.0.0.0"});
    let dhcp = format!("{bridge}/dhcp");
    let subnet = cli.create(&dhcp, "~DhcpSubnet-v2", subnet);
    assert_eq!(subnet, format!("{dhcp}/10.0.0.0_24"));
    let shown = cli.list(&dhcp, "~DhcpSubnet-v2");
    // It finds a subnet again by comparing these, the length as a number.
    assert_eq!(shown[0]["subnetLength"], 24);
    assert_eq!(shown[0]["subnetPrefix"], "10.0.0.0");
    assert_eq!(shown[0]["opt121Routes"], json!([]));
    let vm = json!({"macAddr": "fa:16:3e:00:00:01", "ipAddr": "10.0.0.5", "name": "vm1"});
    let hosts = format!("{subnet}/hosts");
    let vm = cli.create(&hosts, "~DhcpHost-v2", vm);
    assert_eq!(vm, format!("{hosts}/fa:16:3e:00:00:01"));
    assert_eq!(cli.list(&hosts, "~DhcpHost-v2").len(), 1);

    let binding = json!({"interfaceName": "tap0", "portId": id_of(&port)});
    let bindings = format!("/hosts/{host}/ports");
    let binding = cli.create(&bindings, "~HostInterfacePort-v1", binding);
    assert_eq!(
        cli.list(&bindings, "~HostInterfacePort-v1")[0]["interfaceName"],
        "tap0"
    );
    assert_eq!(
        cli.list(&format!("/hosts/{host}/interfaces"), "~Interface-v1")
            .len(),
        0
    );
    assert_eq!(cli.list("/hosts", "~Host-v3")[0]["alive"], true);

    assert_eq!(cli.list(&ports, "~Port-v3")[0]["interfaceName"], "tap0");
    let renamed = cli.change(&bridge, "~Bridge-v4", "name", json!("br1"));
    assert_eq!(renamed["name"], "br1");
    let down = cli.change(&port, "~Port-v3", "adminStateUp", json!(false));
    assert_eq!(
        (&down["adminStateUp"], &down["hostId"]),
        (&json!(false), &json!(host))
    );
    assert_eq!(cli.list("/tenants", "~Tenant-v2")[0]["id"], "t1");

    for path in [&binding, &vm, &subnet, &port, &bridge] {
        cli.delete(path);
    }
    assert_eq!(cli.list("/bridges", "~Bridge-v4").len(), 0);
    assert_eq!(cli.list("/ports", "~Port-v3").len(), 0);
}

/// Chains, rules and groups: the bodies are those that were recorded, ids aside.
#[test]
fn a_session_of_midonet_cli_with_chains_rules_and_groups() {
    let service = Service::start();
    let cli = start(&service);
    let bridge = service.bridge();
    let port = cli.create(
        &format!("{bridge}/ports"),
        "~Port-v3",
        json!({"type": "Bridge"}),
    );
    let chain = |name| {
        cli.create(
            "/chains",
            "~Chain-v1",
            json!({"name": name, "tenantId": "t1"}),
        )
    };
    let (inbound, outbound) = (chain("in"), chain("out"));
    let rule = |chain: &str, body: Value| {
        let path = cli.create(&format!("{chain}/rules"), "~Rule-v2", body);
        assert!(path.starts_with("/rules/"), "{path}");
        path
    };
    rule(
        &inbound,
        json!({"nwSrcLength": "32", "nwSrcAddress": "10.0.0.5", "invDlType": false, "invNwSrc": true,
                          "position": "1", "type": "drop", "dlType": "2048"}),
    );
    rule(
        &inbound,
        json!({"position": "2", "type": "drop", "invDlSrc": true, "dlSrc": "fa:16:3e:00:00:01"}),
    );
    rule(
        &outbound,
        json!({"position": "1", "matchReturnFlow": true, "type": "accept", "matchForwardFlow": false}),
    );

    let group = cli.create(
        "/port_groups",
        "~PortGroup-v1",
        json!({"stateful": true, "name": "sg1", "tenantId": "t1"}),
    );
    let member = cli.create(
        &format!("{group}/ports"),
        "~PortGroupPort-v1",
        json!({"portId": id_of(&port)}),
    );
    assert_eq!(member, format!("{group}/ports/{}", id_of(&port)));
    let addresses = cli.create("/ip_addr_groups", "~IpAddrGroup-v1", json!({"name": "sg1"}));
    let addrs = format!("{addresses}/ip_addrs");
    cli.create(
        &addrs,
        "~IpAddrGroupAddr-v1",
        json!({"version": 4, "addr": "10.0.0.5"}),
    );
    cli.get(&format!("{addrs}/10.0.0.5"), "~IpAddrGroupAddr-v1");
    assert_eq!(
        cli.list(&addrs, "~IpAddrGroupAddr-v1")[0]["addr"],
        "10.0.0.5"
    );

    rule(
        &outbound,
        json!({"invNwProto": false, "invTpDst": false, "nwProto": "6", "tpDst": {"start": "22", "end": "22"},
                           "invDlType": false, "ipAddrGroupSrc": id_of(&addresses), "position": "2",
                           "invIpAddrGroupSrc": false, "type": "accept", "dlType": "2048"}),
    );
    rule(
        &outbound,
        json!({"invDlType": true, "position": "3", "type": "drop", "dlType": "2054"}),
    );
    rule(
        &inbound,
        json!({"invNwDst": false, "nwDstAddress": "1.2.3.4", "nwDstLength": "32", "type": "dnat",
                          "position": "3", "natTargets": [{"addressTo": "10.0.0.5", "addressFrom": "10.0.0.5",
                          "portTo": 0, "portFrom": 0}], "flowAction": "accept"}),
    );
    rule(
        &inbound,
        json!({"position": "4", "jumpChainId": id_of(&outbound), "type": "jump"}),
    );
    let listed = cli.list(&format!("{inbound}/rules"), "~Rule-v2");
    let shown: Vec<Value> = listed
        .iter()
        .map(|rule| json!([rule["position"], rule["type"], rule["dlType"]]))
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            [1, "drop", 2048],
            [2, "drop", null],
            [3, "dnat", null],
            [4, "jump", null]
        ])
    );
    assert_eq!(listed[2]["natTargets"][0]["portFrom"], 0);
    let drop_other = &cli.list(&format!("{outbound}/rules"), "~Rule-v2")[2];
    assert_eq!(
        (&drop_other["invDlType"], &drop_other["dlType"]),
        (&json!(true), &json!(2054))
    );

    let mut filtered = cli.get(&port, "~Port-v3");
    filtered["inboundFilterId"] = json!(id_of(&inbound));
    filtered["outboundFilterId"] = json!(id_of(&outbound));
    cli.request("PUT", &port, "~Port-v3", "", &filtered);
    assert_eq!(
        cli.get(&port, "~Port-v3")["outboundFilterId"],
        id_of(&outbound)
    );
    let renamed = cli.change(&inbound, "~Chain-v1", "name", json!("in2"));
    assert_eq!(renamed["name"], "in2");
    assert_eq!(
        cli.list(&format!("{port}/port_groups"), "~PortGroupPort-v1")
            .len(),
        1
    );
    assert_eq!(cli.list("/chains", "~Chain-v1").len(), 2);

    cli.delete(&group);
    assert_eq!(
        cli.list(&format!("{port}/port_groups"), "~PortGroupPort-v1")
            .len(),
        0
    );
    cli.change(&port, "~Port-v3", "inboundFilterId", Value::Null);
    cli.delete(&inbound);
    assert_eq!(cli.list("/chains", "~Chain-v1").len(), 1);
}

#[test]
fn it_links_two_ports_with_all_that_it_knows_of_one() {
    let service = Service::start();
    let cli = start(&service);
    let (one, other) = (
        service.port(&service.bridge()),
        service.port(&service.bridge()),
    );
    let mut body = cli.get(&one, "~Port-v3");
    body["peerId"] = json!(id_of(&other));
    cli.request("POST", &format!("{one}/link"), "~PortLink-v1", "", &body);
    // It then reads the port with `Accept` alone, puts the same again, and reads it.
    cli.request("GET", &one, "", "~Port-v3", &json!({}));
    cli.request("PUT", &one, "~Port-v3", "", &body);
    assert_eq!(cli.get(&one, "~Port-v3")["peerId"], id_of(&other));
    assert_eq!(cli.get(&other, "~Port-v3")["peerId"], id_of(&one));
    cli.delete(&format!("{one}/link"));
    assert_eq!(cli.get(&other, "~Port-v3")["peerId"], Value::Null);
}

#[test]
fn what_is_not_there_is_an_error_that_it_can_show() {
    let service = Service::start();
    let cli = start(&service);
    // The client finds out so whether a port's device is a router.
    let id = id_of(&service.bridge()).to_owned();
    let types = media("~Router-v3");
    let headers = [
        ("Content-Type", types.as_str()),
        ("Accept", types.as_str()),
        ("X-Auth-Token", &cli.token),
    ];
    service
        .call("GET", &format!("/routers/{id}"), &headers, "{}")
        .error(404);
}
