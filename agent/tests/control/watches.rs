//! Service and builder together: what lines make of a snapshot, over watches that break.

use std::collections::BTreeSet;

use weft_agent::service::StreamEvent;
use weft_agent::snapshot::Builder;
use weft_topology::ObjectId;
use weft_topology::id::{BridgeId, HostId};

use crate::machine::Host;
use crate::scripted::{Say, Scripted};
use crate::service::{Core, REGISTERED};
use crate::until;

const HOST: HostId = HostId(uuid::Uuid::from_u128(1));
const BRIDGE: BridgeId = BridgeId(uuid::Uuid::from_u128(2));

const PUT_HOST: &str = r#"{"put":{"revision":5,"object":{"kind":"host","id":"00000000-0000-0000-0000-000000000001","name":"hv1"}}}"#;
const PUT_BRIDGE: &str = r#"{"put":{"revision":5,"object":{"kind":"bridge","id":"00000000-0000-0000-0000-000000000002","name":"blue","admin_state_up":true}}}"#;
const RENAMED: &str = r#"{"put":{"revision":8,"object":{"kind":"bridge","id":"00000000-0000-0000-0000-000000000002","name":"red","admin_state_up":true,"colour":"unknown"}}}"#;
const DONE: &str = r#"{"complete":{"revision":5,"interest":1}}"#;
const RELIST: &str = r#"{"relist":{"reason":"compacted"}}"#;

fn wanted() -> BTreeSet<ObjectId> {
    [BRIDGE.into()].into()
}

/// Takes news as the control side does, until so many watches have ended.
fn follow(core: &Core, builder: &mut Builder, ends: usize) {
    let mut ended = 0;
    while ended < ends {
        match core.stream(builder.resume().as_ref()) {
            StreamEvent::Open { stream, store, .. } => {
                if let Some(request) = builder.opened(&store, &wanted()) {
                    core.service.ask_interest(stream, request);
                }
            }
            StreamEvent::Lines { lines, .. } => {
                for line in lines {
                    builder.line(line);
                }
            }
            StreamEvent::Closed { .. } => {
                builder.close();
                ended += 1;
            }
            StreamEvent::Opening(_) => unreachable!("answered"),
        }
    }
}

fn name(builder: &Builder) -> Option<String> {
    Some(builder.snapshot().bridge(BRIDGE).here()?.name.clone())
}

/// Says these watches, one after the other, and then none.
fn watches(mut said: Vec<Vec<&'static str>>) -> Scripted {
    said.reverse();
    Scripted::start(move |what| match what {
        "PUT" => Say::whole(200, REGISTERED),
        what if what.starts_with("GET watch") => match said.pop() {
            // Each ends by what is no line.
            Some(lines) => Say::whole(200, &format!("{}\nend\n", lines.join("\n"))),
            None => Say::whole(503, "no more"),
        },
        _ => Say::whole(204, ""),
    })
}

#[test]
fn a_watch_that_breaks_is_continued_at_the_last_complete() {
    let service = watches(vec![
        vec![PUT_HOST, PUT_BRIDGE, DONE],
        vec![r#"{"complete":{"revision":5,"interest":0}}"#, RENAMED],
        vec![RENAMED, r#"{"complete":{"revision":8,"interest":1}}"#],
    ]);
    let core = Core::new(&service.url());
    let mut builder = Builder::new(HOST);
    follow(&core, &mut builder, 1);
    assert_eq!(name(&builder).as_deref(), Some("blue"));
    follow(&core, &mut builder, 1);
    assert_eq!(
        name(&builder).as_deref(),
        Some("blue"),
        "half a transaction"
    );
    follow(&core, &mut builder, 1);
    assert_eq!(name(&builder).as_deref(), Some("red"));
    follow(&core, &mut builder, 1);
    let watches: Vec<String> = service
        .heard()
        .into_iter()
        .filter(|heard| heard.starts_with("GET watch"))
        .collect();
    let at = |revision| format!("GET watch?revision={revision}&store=s ");
    assert_eq!(watches, ["GET watch ".to_owned(), at(5), at(5), at(8)]);
}

#[test]
fn a_listing_that_breaks_keeps_what_was_known() {
    let service = watches(vec![
        vec![PUT_HOST, PUT_BRIDGE, DONE],
        vec![
            RELIST,
            PUT_HOST,
            r#"{"complete":{"revision":9,"interest":0}}"#,
        ],
        vec![
            RELIST,
            PUT_HOST,
            r#"{"gone":{"revision":9,"id":{"kind":"bridge","id":"00000000-0000-0000-0000-000000000002"}}}"#,
            r#"{"complete":{"revision":9,"interest":1}}"#,
        ],
    ]);
    let core = Core::new(&service.url());
    let mut builder = Builder::new(HOST);
    follow(&core, &mut builder, 2);
    assert_eq!(name(&builder).as_deref(), Some("blue"));
    assert_eq!(builder.resume().unwrap().revision, 5);
    follow(&core, &mut builder, 1);
    assert_eq!(name(&builder), None);
    assert_eq!(builder.resume().unwrap().revision, 9);
}

const BOUND: &str = r#"{"put":{"revision":5,"object":{"kind":"port","id":"00000000-0000-0000-0000-000000000003","device":{"type":"bridge","bridge":"00000000-0000-0000-0000-000000000002"},"admin_state_up":true,"binding":{"host":"00000000-0000-0000-0000-000000000001","interface":"tap1"},"tunnel_key":1}}}"#;

#[test]
fn a_revision_is_not_in_force_before_what_follows_from_it_has_come() {
    // The service binds a port here, and says nothing of the port's bridge.
    let service = Scripted::start(move |what| match what {
        "PUT" => Say::whole(200, REGISTERED),
        what if what.starts_with("GET watch") => Say::lines(&[
            PUT_HOST,
            BOUND,
            r#"{"complete":{"revision":5,"interest":0}}"#,
        ]),
        _ => Say::whole(204, ""),
    });
    let mut host = Host::without_agent(&service.url());
    std::fs::write(host.state_dir().join("host-id"), HOST.to_string()).unwrap();
    host.add_tap("tap1");
    host.start();
    until("the bridge to be asked for", || {
        service.count("POST interest") == 1
    });
    let status = host.status();
    assert_eq!(
        (&status["revision"], &status["revisionInForce"]),
        (&5.into(), &0.into())
    );
    assert_eq!(host.vports(), ["tap1"]);
}
