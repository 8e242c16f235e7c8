//! Port groups and address groups, and who is in them.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

const NOBODY: &str = "6c7ad5c4-1111-4222-8333-444444444444";

#[test]
fn a_port_group_is_made_changed_filtered_for_and_removed() {
    let service = Service::start();
    let path = service.create(
        "/port_groups",
        json!({"name": "web", "tenantId": "t1", "stateful": true}),
    );
    let group = service.show(&path);
    assert_eq!(
        (&group["name"], &group["stateful"]),
        (&json!("web"), &json!(true))
    );
    assert_eq!(
        group["ports"],
        format!("{}/ports", group["uri"].as_str().unwrap())
    );
    assert_eq!(group["portIds"], json!([]));
    service
        .put(&path, json!({"stateful": false, "name": "db"}))
        .expect(204);
    let group = service.show(&path);
    assert_eq!(
        (&group["name"], &group["stateful"]),
        (&json!("db"), &json!(false))
    );
    service.create("/port_groups", json!({"name": "other"}));
    assert_eq!(service.show("/port_groups?tenant_id=t1"), json!([group]));
    service.delete(&path).expect(204);
    service.get(&path).error(404);
}

#[test]
fn a_port_joins_groups_and_leaves_them() {
    let service = Service::start();
    let (one, other) = (
        service.create("/port_groups", json!({})),
        service.create("/port_groups", json!({})),
    );
    let port = service.port(&service.bridge());
    let member = json!({"portId": id_of(&port)});
    let path = service.create(&format!("{one}/ports"), member.clone());
    assert_eq!(path, format!("{one}/ports/{}", id_of(&port)));
    // A second time it is so already.
    service.post(&format!("{one}/ports"), member).expect(201);
    let shown = service.show(&path);
    assert_eq!(
        (&shown["portGroupId"], &shown["portId"]),
        (&json!(id_of(&one)), &json!(id_of(&port)))
    );
    assert_eq!(shown["port"], service.show(&port)["uri"]);
    assert_eq!(shown["portGroup"], service.show(&one)["uri"]);
    assert_eq!(service.show(&format!("{one}/ports")), json!([shown]));
    let groups = service.show(&port)["portGroups"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(groups.ends_with(&format!("{port}/port_groups")));
    assert_eq!(service.show(&format!("{port}/port_groups")), json!([shown]));
    assert_eq!(service.show(&one)["portIds"], json!([id_of(&port)]));
    let of_port = service.show(&format!("/port_groups?port_id={}", id_of(&port)));
    assert_eq!(of_port, json!([service.show(&one)]));
    service
        .get("/port_groups?port_id=x")
        .violates(400, &["port_id"]);
    // A change of the port leaves it where it is.
    let mut down = service.show(&port);
    down["adminStateUp"] = json!(false);
    service.put(&port, down).expect(204);
    service.get(&path).expect(200);

    for wrong in [
        format!("{other}/ports/{}", id_of(&port)),
        format!("{one}/ports/{NOBODY}"),
    ] {
        service.get(&wrong).error(404);
        service.delete(&wrong).error(404);
    }
    service
        .post(&format!("{one}/ports"), json!({"portId": NOBODY}))
        .violates(400, &["portId"]);
    service
        .post(&format!("{one}/ports"), json!({}))
        .violates(400, &["portId"]);
    service
        .post(
            &format!("/port_groups/{NOBODY}/ports"),
            json!({"portId": id_of(&port)}),
        )
        .error(404);
    service.delete(&path).expect(204);
    assert_eq!(service.show(&format!("{port}/port_groups")), json!([]));
    // A group that goes is forgotten by its members, a port that goes by its groups.
    service.create(&format!("{one}/ports"), json!({"portId": id_of(&port)}));
    service.create(&format!("{other}/ports"), json!({"portId": id_of(&port)}));
    service.delete(&one).expect(204);
    assert_eq!(
        service.show(&format!("{port}/port_groups"))[0]["portGroupId"],
        id_of(&other)
    );
    service.delete(&port).expect(204);
    assert_eq!(service.show(&format!("{other}/ports")), json!([]));
}

#[test]
fn an_address_group_has_addresses_and_prefixes_of_both_families() {
    let service = Service::start();
    let group = service.create("/ip_addr_groups", json!({"name": "office"}));
    let addrs = format!("{group}/ip_addrs");
    assert_eq!(
        service.show(&group)["addrs"],
        format!("{}/ip_addrs", service.show(&group)["uri"].as_str().unwrap())
    );
    for (sent, addr, version, name) in [
        (
            json!({"version": 4, "addr": "10.0.0.5"}),
            "10.0.0.5",
            4,
            "10.0.0.5",
        ),
        (
            json!({"version": "6", "addr": "2001:0db8::0001"}),
            "2001:db8::1",
            6,
            "2001%3Adb8%3A%3A1",
        ),
        (
            json!({"addr": "10.1.0.0/16"}),
            "10.1.0.0/16",
            4,
            "10.1.0.0_16",
        ),
        (
            json!({"addr": "2001:db8:1::/48"}),
            "2001:db8:1::/48",
            6,
            "2001%3Adb8%3A1%3A%3A_48",
        ),
    ] {
        let path = service.create(&addrs, sent.clone());
        assert_eq!(path, format!("{group}/versions/{version}/ip_addrs/{name}"));
        let shown = service.show(&path);
        assert_eq!(
            (&shown["addr"], &shown["version"]),
            (&json!(addr), &json!(version))
        );
        assert_eq!(shown["ipAddrGroupId"], id_of(&group));
        assert_eq!(shown["ipAddrGroup"], service.show(&group)["uri"]);
        // The same under the path that clients put together.
        assert_eq!(service.show(&format!("{addrs}/{name}")), shown);
        service.post(&addrs, sent).expect(201);
    }
    let all = ["10.0.0.5", "10.1.0.0/16", "2001:db8::1", "2001:db8:1::/48"];
    assert_eq!(service.show(&group)["addresses"], json!(all));
    let listed = |path: &str| {
        let list = service.show(path);
        let list = list.as_array().unwrap().iter().map(|it| it["addr"].clone());
        Value::Array(list.collect())
    };
    assert_eq!(listed(&addrs), json!(all));
    assert_eq!(
        listed(&format!("{group}/versions/4/ip_addrs")),
        json!(all[..2])
    );
    assert_eq!(
        listed(&format!("{group}/versions/6/ip_addrs")),
        json!(all[2..])
    );
    service.delete(&format!("{addrs}/10.1.0.0_16")).expect(204);
    service
        .delete(&format!("{group}/versions/6/ip_addrs/2001:db8::1"))
        .expect(204);
    assert_eq!(listed(&addrs), json!(["10.0.0.5", "2001:db8:1::/48"]));
    service.delete(&group).expect(204);
    service.get(&addrs).error(404);
}

#[test]
fn what_no_address_group_can_have_is_refused() {
    let service = Service::start();
    let group = service.create("/ip_addr_groups", json!({"name": "office"}));
    let addrs = format!("{group}/ip_addrs");
    for (sent, property) in [
        (json!({}), "addr"),
        (json!({"addr": "10.0.0"}), "addr"),
        (json!({"addr": "10.0.0.0/33"}), "addr"),
        (json!({"version": 6, "addr": "10.0.0.5"}), "version"),
        (json!({"version": 5, "addr": "10.0.0.5"}), "version"),
    ] {
        service.post(&addrs, sent).violates(400, &[property]);
    }
    service
        .post(
            &format!("{group}/versions/6/ip_addrs"),
            json!({"addr": "10.0.0.5"}),
        )
        .violates(400, &["version"]);
    for path in [
        format!("{addrs}/10.0.0.9"),
        format!("{addrs}/x"),
        format!("{group}/versions/5/ip_addrs"),
        format!("/ip_addr_groups/{NOBODY}/ip_addrs"),
    ] {
        service.get(&path).error(404);
    }
    assert_eq!(service.show(&addrs), json!([]));
    service.put(&group, json!({"name": "home"})).expect(204);
    assert_eq!(service.show(&group)["name"], "home");
}
