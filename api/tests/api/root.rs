//! Where clients begin: the root, the login, the state of the service.

use serde_json::json;

use crate::service::Service;

#[test]
fn the_root_answers_without_a_slash_at_its_end_and_with_one() {
    let service = Service::start();
    let root = service.get("/midonet-api").expect(200).json();
    assert_eq!(root, service.get("/midonet-api/").expect(200).json());
    let base = format!("http://{}/midonet-api", service.addr);
    assert_eq!(root["uri"], base);
    assert_eq!(root["version"], "v5");
}

#[test]
fn the_root_has_every_key_that_midonets_client_looks_up() {
    const COLLECTIONS: &str = "neutron systemState tenants bridges routers ports chains hosts portGroups \
         ipAddrGroups tunnelZones loadBalancers vips pools poolMembers healthMonitors poolStatistics vteps mirrors \
         l2insertions traceRequests serviceContainers serviceContainerGroups writeVersion";
    const TEMPLATES: &str = "tenantTemplate bridgeTemplate routerTemplate portTemplate chainTemplate hostTemplate \
         portGroupTemplate ipAddrGroupTemplate tunnelZoneTemplate routeTemplate ruleTemplate bgpNetworkTemplate \
         bgpPeerTemplate loadBalancerTemplate mirrorTemplate l2InsertionTemplate traceRequestTemplate";
    let service = Service::start();
    let root = service.show("");
    let base = format!("http://{}/midonet-api/", service.addr);
    for key in COLLECTIONS.split_whitespace() {
        let uri = root[key].as_str().unwrap_or_else(|| panic!("no {key}"));
        assert!(uri.starts_with(&base), "{key}: {uri}");
    }
    for key in TEMPLATES.split_whitespace() {
        let uri = root[key].as_str().unwrap_or_else(|| panic!("no {key}"));
        assert!(
            uri.starts_with(&base) && uri.ends_with("/{id}"),
            "{key}: {uri}"
        );
    }
}

#[test]
fn a_template_filled_in_is_the_address_of_what_was_made() {
    let service = Service::start();
    let bridge = service.bridge();
    let template = service.show("")["bridgeTemplate"].clone();
    let id = service.show(&bridge)["id"].clone();
    let filled = template
        .as_str()
        .unwrap()
        .replace("{id}", id.as_str().unwrap());
    assert_eq!(service.show(&bridge)["uri"], filled);
}

#[test]
fn a_login_gives_a_token_in_the_body_and_as_a_cookie() {
    let service = Service::start();
    let headers = [
        ("Authorization", "Basic YWRtaW46c2VjcmV0"),
        ("X-Auth-Project", "p"),
    ];
    let answer = service.call("POST", "/login", &headers, "{}").expect(200);
    let media = answer.header("content-type");
    assert_eq!(media, Some("application/vnd.org.midonet.Token-v1+json"));
    let cookie = answer.header("set-cookie").expect("a cookie");
    let token = cookie
        .strip_prefix("sessionId=")
        .and_then(|rest| rest.split(';').next());
    let body = answer.json();
    assert_eq!(body["key"].as_str(), token);
    assert!(cookie.contains("; Expires="));
    assert!(body["expires"].as_str().unwrap().ends_with(" GMT"));
}

#[test]
fn without_authentication_every_request_is_served_whatever_its_token() {
    let service = Service::start();
    for headers in [
        vec![],
        vec![("X-Auth-Token", "no such token")],
        vec![("Authorization", "Basic !")],
    ] {
        service.call("GET", "/bridges", &headers, "{}").expect(200);
    }
}

#[test]
fn the_system_state_says_that_changes_are_taken_and_the_newest_revision() {
    let service = Service::start();
    let state = service.show("/system_state");
    assert_eq!(state["state"], "ACTIVE");
    assert_eq!(state["availability"], "READWRITE");
    assert_eq!(state["revision"], 0);
    // MidoNet's client prints what is here after each start.
    assert!(state["information"].is_null());
    service.bridge();
    assert_eq!(service.show("/system_state")["revision"], 1);
}

#[test]
fn addresses_are_as_the_client_sees_the_service() {
    let service = Service::start();
    let headers = [
        ("Host", "inner"),
        ("X-Forwarded-Host", "cloud.example"),
        ("X-Forwarded-Proto", "https"),
    ];
    let answer = service.call("POST", "/bridges", &headers, "{}").expect(201);
    let location = answer.header("location").unwrap();
    assert!(
        location.starts_with("https://cloud.example/midonet-api/bridges/"),
        "{location}"
    );
}

#[test]
fn tenants_are_those_who_own_something_and_their_addresses_lead_to_it() {
    let service = Service::start();
    assert_eq!(service.show("/tenants"), json!([]));
    let odd = "x y&z/é?";
    service.create("/bridges", json!({"name": "a", "tenantId": odd}));
    let tenants = service.show("/tenants");
    assert_eq!(tenants.as_array().unwrap().len(), 1);
    assert_eq!(tenants[0]["id"], odd);
    let below = |uri: &serde_json::Value| {
        let base = format!("http://{}", service.addr);
        uri.as_str()
            .unwrap()
            .strip_prefix(&base)
            .unwrap()
            .to_owned()
    };
    assert_eq!(service.show(&below(&tenants[0]["uri"])), tenants[0]);
    let bridges = service.show(&below(&tenants[0]["bridges"]));
    assert_eq!(bridges[0]["name"], "a");
    let message = service.get("/tenants/nobody").error(404);
    assert!(message.contains("nobody"));
}
