//! What a rule cannot have is refused by the property's name; defaults as MidoNet's.

use serde_json::json;

use crate::rules::start;
use crate::service::id_of;

const NOBODY: &str = "6c7ad5c4-1111-4222-8333-444444444444";

#[test]
fn the_fragment_policy_is_as_midonet_defaults_and_refuses_it() {
    let (service, rules) = start();
    let fixed =
        json!([{"addressFrom": "10.0.0.5", "addressTo": "10.0.0.5", "portFrom": 0, "portTo": 0}]);
    let range = json!([{"addressFrom": "10.0.0.5", "addressTo": "10.0.0.9"}]);
    let ports = json!({"start": 80, "end": 80});
    for (rule, default, others) in [
        (
            json!({"type": "drop"}),
            "any",
            &["nonheader", "header", "unfragmented"][..],
        ),
        (
            json!({"type": "drop", "tpDst": ports}),
            "header",
            &["unfragmented"],
        ),
        (
            json!({"type": "drop", "tpSrc": ports}),
            "header",
            &["unfragmented"],
        ),
        (
            json!({"type": "dnat", "flowAction": "accept", "natTargets": fixed}),
            "any",
            &["nonheader", "header", "unfragmented"],
        ),
        (
            json!({"type": "dnat", "flowAction": "accept", "natTargets": fixed, "tpDst": ports}),
            "unfragmented",
            &[],
        ),
        (
            json!({"type": "snat", "flowAction": "accept", "natTargets": range}),
            "unfragmented",
            &[],
        ),
    ] {
        let path = service.create(&rules, rule.clone());
        assert_eq!(service.show(&path)["fragmentPolicy"], default, "{rule}");
        for policy in ["any", "nonheader", "header", "unfragmented", "UNFRAGMENTED"] {
            let mut with = rule.clone();
            with["fragmentPolicy"] = json!(policy);
            let answer = service.post(&rules, with);
            let plain = policy.to_ascii_lowercase();
            if plain == default || others.contains(&plain.as_str()) {
                answer.expect(201);
            } else {
                answer.violates(400, &["fragmentPolicy"]);
            }
        }
    }
    service
        .post(&rules, json!({"type": "drop", "fragmentPolicy": "some"}))
        .violates(400, &["fragmentPolicy"]);
}

/// What is wrong is told all at once, each by its name.
#[test]
fn what_a_rule_cannot_have_is_refused_by_its_name() {
    let (service, rules) = start();
    let other = service.chain("other");
    let target = json!([{"addressFrom": "10.0.0.5", "addressTo": "10.0.0.5"}]);
    for (rule, properties) in [
        (json!({}), &["type"][..]),
        (json!({"type": "allow"}), &["type"]),
        (
            json!({"type": "trace", "requestId": NOBODY}),
            &["requestId", "type"],
        ),
        (
            json!({"type": "l2_transform", "popVlan": true, "pushVlan": 7, "targetPort": NOBODY}),
            &["popVlan", "pushVlan", "targetPort", "type"],
        ),
        (json!({"type": "redirect"}), &["type"]),
        (
            json!({"type": "drop", "traversedDevice": NOBODY}),
            &["traversedDevice"],
        ),
        (
            json!({"type": "drop", "icmpDataSrcIpAddress": "10.0.0.1", "icmpDataDstIpAddress": "10.0.0.2"}),
            &["icmpDataSrcIpAddress", "icmpDataDstIpAddress"],
        ),
        (
            json!({"type": "drop", "matchNwDstRewritten": true}),
            &["matchNwDstRewritten"],
        ),
        (json!({"type": "drop", "meterName": "m"}), &["meterName"]),
        (
            json!({"type": "drop", "properties": {"OS_FLOATING_IP": NOBODY}}),
            &["properties"],
        ),
        (json!({"type": "jump"}), &["jumpChainId"]),
        (
            json!({"type": "drop", "jumpChainId": NOBODY}),
            &["jumpChainId"],
        ),
        (
            json!({"type": "drop", "natTargets": target, "flowAction": "accept"}),
            &["natTargets", "flowAction"],
        ),
        (
            json!({"type": "dnat", "natTargets": target}),
            &["flowAction"],
        ),
        (
            json!({"type": "dnat", "natTargets": target, "flowAction": "drop"}),
            &["flowAction"],
        ),
        (
            json!({"type": "dnat", "flowAction": "accept"}),
            &["natTargets"],
        ),
        (
            json!({"type": "rev_dnat", "flowAction": "accept", "natTargets": target}),
            &["natTargets"],
        ),
        (
            json!({"type": "snat", "flowAction": "accept", "natTargets": [{"addressFrom": "10.0.0.5", "portFrom": 0, "portTo": 9}]}),
            &["natTargets[0].portFrom"],
        ),
        (
            json!({"type": "snat", "flowAction": "accept", "natTargets": [{"addressFrom": "10.0.0.5", "addressTo": "2001:db8::1"}]}),
            &["natTargets"],
        ),
        (
            json!({"type": "snat", "flowAction": "accept", "natTargets": [{}]}),
            &["natTargets[0].addressFrom"],
        ),
        (
            json!({"type": "drop", "chainId": id_of(&other)}),
            &["chainId"],
        ),
        (json!({"type": "drop", "nwSrcLength": 8}), &["nwSrcAddress"]),
        (
            json!({"type": "drop", "nwSrcAddress": "10.0.0.0", "nwSrcLength": 33, "nwDstAddress": "::", "nwDstLength": 129}),
            &["nwSrcLength", "nwDstLength"],
        ),
        (
            json!({"type": "drop", "nwSrcAddress": "10.0.0.0/8"}),
            &["nwSrcAddress"],
        ),
        (
            json!({"type": "drop", "nwSrcAddress": "10.0.0.1", "nwDstAddress": "2001:db8::1"}),
            &["nwSrcAddress"],
        ),
        (
            json!({"type": "drop", "tpDst": {"start": 9, "end": 8}}),
            &["tpDst"],
        ),
        (
            json!({"type": "drop", "tpSrc": {"start": 65536}}),
            &["tpSrc.start"],
        ),
        (json!({"type": "drop", "dlType": 1535}), &["dlType"]),
        (json!({"type": "drop", "dlType": "x"}), &["dlType"]),
        (json!({"type": "drop", "nwProto": 256}), &["nwProto"]),
        (json!({"type": "drop", "vlan": 4095}), &["vlan"]),
        (json!({"type": "drop", "vlan": 0}), &["vlan"]),
        (
            json!({"type": "drop", "vlan": 7, "noVlan": true}),
            &["vlan"],
        ),
        (
            json!({"type": "drop", "dlSrcMask": "ffff.ffff.ffff"}),
            &["dlSrc"],
        ),
        (
            json!({"type": "drop", "dlDst": "02:00:00:00:00:01", "dlDstMask": "ffff"}),
            &["dlDstMask"],
        ),
        (
            json!({"type": "drop", "portGroup": NOBODY, "ipAddrGroupSrc": NOBODY}),
            &["portGroup", "ipAddrGroupSrc"],
        ),
        (json!({"type": "drop", "log": "a\u{7}b"}), &["log"]),
        // What would be a rule for everything.
        (json!({"type": "drop", "tpDst": {}}), &["tpDst"]),
        (
            json!({"type": "drop", "tpDst": {"start": null, "end": null}}),
            &["tpDst"],
        ),
        (
            json!({"type": "drop", "tpDst": {"begin": 80}}),
            &["tpDst.begin"],
        ),
        (json!({"type": "drop", "tpDst": [80, 90]}), &["tpDst"]),
        (
            json!({"type": "drop", "invNwSrc": true, "invDlType": true, "inPorts": [], "invInPorts": true}),
            &["invInPorts", "invDlType", "invNwSrc"],
        ),
        (
            json!({"type": "drop", "matchReturnFlow": "yes"}),
            &["matchReturnFlow"],
        ),
    ] {
        let answer = service.post(&rules, rule.clone());
        assert_eq!(answer.status, 400, "{rule}: {answer:?}");
        let message = answer.violates(400, properties);
        assert!(
            !message.contains("condition") && !message.contains("action."),
            "{message}"
        );
    }
    assert_eq!(service.show(&rules), json!([]));
    // What asks for nothing is no such wish: other servers show these.
    let echoed = json!({"type": "drop", "traversedDevice": null, "invTraversedDevice": false, "meterName": null,
                        "matchNwDstRewritten": false, "icmpDataSrcIpAddress": null, "icmpDataSrcIpLength": 0,
                        "popVlan": false, "pushVlan": 0, "properties": {}, "nwSrcLength": 0, "action": "DROP"});
    service.post(&rules, echoed).expect(201);
}
