//! The tasks that talk to the service, against one that is broken or hostile.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::runtime::Runtime;
use weft_agent::core::Message;
use weft_agent::identity::Identity;
use weft_agent::service::{BindAnswer, Client, Resume, Service, StreamEvent};
use weft_topology::id::{HostId, PortId};
use weft_wire::host::StateReport;
use weft_wire::watch::{InterestRequest, WatchLine};

use crate::scripted::{Said, Say, Scripted};
use crate::{LIMIT, until};

pub(crate) const REGISTERED: &str = r#"{"protocol":1,"store":"s"}"#;
const HEARTBEAT: &str = r#"{"heartbeat":{"revision":7}}"#;

/// The end of the tasks that the control side has.
pub(crate) struct Core {
    pub(crate) service: Service,
    inbox: Receiver<Message>,
    _sender: Sender<Message>,
    _runtime: Runtime,
}

impl Core {
    pub(crate) fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (sender, inbox) = unbounded();
        let identity = Identity {
            id: HostId(uuid::Uuid::from_u128(1)),
            name: "hv1".to_owned(),
        };
        let client = Client::new(&[url.to_owned()], identity).unwrap();
        let service = Service::start(runtime.handle(), Arc::new(client), &sender);
        Self {
            service,
            inbox,
            _sender: sender,
            _runtime: runtime,
        }
    }

    /// The next news of the watch; where it may begin is answered.
    pub(crate) fn stream(&self, resume: Option<&Resume>) -> StreamEvent {
        loop {
            match self.inbox.recv_timeout(LIMIT).expect("news of the watch") {
                Message::Stream(StreamEvent::Opening(reply)) => {
                    reply.send(resume.cloned()).unwrap();
                }
                Message::Stream(event) => return event,
                other => panic!("not of the watch: {other:?}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn opened(&self) -> u64 {
        match self.stream(None) {
            StreamEvent::Open { stream, .. } => stream,
            other => panic!("not opened: {other:?}"),
        }
    }

    /// The lines that come before the end of the watch, and why it ended.
    pub(crate) fn until_closed(&self) -> (Vec<WatchLine>, String) {
        let mut all = Vec::new();
        loop {
            match self.stream(None) {
                StreamEvent::Lines { lines, .. } => all.extend(lines),
                StreamEvent::Closed { reason, .. } => return (all, reason),
                _ => {}
            }
        }
    }

    fn bind_answer(&self) -> BindAnswer {
        loop {
            match self.inbox.recv_timeout(LIMIT).expect("an answer") {
                Message::Bind(answer) => return answer,
                Message::Stream(StreamEvent::Opening(reply)) => reply.send(None).unwrap(),
                _ => {}
            }
        }
    }
}

/// Registers whoever asks, and answers all else so.
fn serving(mut script: impl FnMut(&str) -> Option<Say> + Send + 'static) -> Scripted {
    Scripted::start(move |what| match script(what) {
        Some(say) => say,
        None if what.starts_with("PUT") => Say::whole(200, REGISTERED),
        None if what.starts_with("GET watch") => Say::lines(&[HEARTBEAT]),
        None => Say::whole(204, ""),
    })
}

/// The first watch is answered so, and the next ones as they should be.
fn first_watch(say: fn() -> Say) -> Scripted {
    let mut count = 0;
    serving(move |what| {
        count += usize::from(what.starts_with("GET watch"));
        (what.starts_with("GET watch") && count == 1).then(say)
    })
}

/// What the service says, why the watch ends, and how many lines were understood.
type BadWatch = (fn() -> Say, &'static str, usize);

#[test]
fn a_watch_that_says_what_nobody_understands_ends_and_another_is_tried() {
    let cases: [BadWatch; 7] = [
        (|| Say::lines(&[HEARTBEAT, "garbage"]), "not understood", 1),
        (|| Say::lines(&[r#"{"heartbeat":{}}"#]), "not understood", 0),
        (|| Say::lines(&[""]), "not understood", 0),
        (
            || Say::whole(200, "{\"heartbeat\":{\"revision\":7}}\n"),
            "ended the watch",
            1,
        ),
        (|| Say::whole(500, "oh no"), "oh no (500", 0),
        (
            || Say {
                status: 200,
                body: Said::Endless("x".repeat(1 << 20)),
            },
            "max line length",
            0,
        ),
        (
            || Say {
                status: 503,
                body: Said::Endless("y".repeat(1 << 10)),
            },
            "503",
            0,
        ),
    ];
    std::thread::scope(|scope| {
        for (say, reason, lines) in cases {
            scope.spawn(move || {
                let service = first_watch(say);
                let core = Core::new(&service.url());
                let (heard, why) = core.until_closed();
                assert!(why.contains(reason), "{why}");
                assert_eq!(heard.len(), lines, "{why}");
                assert!(why.len() < 100_000, "all of it is kept");
                core.opened();
            });
        }
    });
}

#[test]
fn a_service_that_ends_every_watch_is_asked_less_and_less_often() {
    let service = serving(|what| {
        what.starts_with("GET watch")
            .then(|| Say::lines(&["garbage"]))
    });
    let core = Core::new(&service.url());
    let mut gaps = Vec::new();
    let mut last = std::time::Instant::now();
    for _ in 0..4 {
        core.until_closed();
        gaps.push(last.elapsed());
        last = std::time::Instant::now();
    }
    // Twice as long each time; a busy machine makes them longer, not shorter.
    assert!(gaps[3] > std::time::Duration::from_millis(700), "{gaps:?}");
}

#[test]
fn an_answer_that_is_none_of_the_protocol_registers_nobody() {
    let cases: [(u16, String, &str); 5] = [
        (200, "hello".to_owned(), "does not understand"),
        (200, "{}".to_owned(), "does not understand"),
        (200, format!("\"{}\"", "x".repeat(1 << 20)), "more than"),
        (
            200,
            r#"{"protocol":1,"store":"a&b=c"}"#.to_owned(),
            "no name of a store",
        ),
        (
            409,
            r#"{"message":"update the agent"}"#.to_owned(),
            "update the agent (409",
        ),
    ];
    for (status, body, reason) in cases {
        let service =
            serving(move |what| what.starts_with("PUT").then(|| Say::whole(status, &body)));
        let core = Core::new(&service.url());
        let (_, why) = core.until_closed();
        assert!(why.contains(reason), "{why}");
        assert_eq!(service.count("GET watch"), 0);
    }
}

#[test]
fn a_watch_is_opened_where_the_host_is() {
    let service = serving(|_| None);
    let core = Core::new(&service.url());
    let resume = Resume {
        revision: 12,
        store: "0a-b".to_owned(),
    };
    assert!(matches!(
        core.stream(Some(&resume)),
        StreamEvent::Open { .. }
    ));
    let heard = service.heard();
    assert!(
        heard.contains(&"GET watch?revision=12&store=0a-b ".to_owned()),
        "{heard:?}"
    );
}

#[test]
fn an_interest_is_sent_for_its_own_watch_and_one_that_is_refused_ends_it() {
    let service = serving(|what| {
        what.starts_with("POST interest")
            .then(|| Say::whole(409, "no watch"))
    });
    let core = Core::new(&service.url());
    let stream = core.opened();
    core.service
        .ask_interest(stream + 7, InterestRequest::default());
    let own = InterestRequest {
        number: 3,
        ..InterestRequest::default()
    };
    core.service.ask_interest(stream, own);
    let (_, why) = core.until_closed();
    assert!(why.contains("no watch (409"), "{why}");
    assert_eq!(service.count("POST interest"), 1);
    assert_eq!(core.opened(), stream + 1);
}

#[test]
fn a_report_is_sent_when_it_changes_and_to_every_service_that_comes() {
    let mut watches = 0;
    let service = serving(move |what| {
        watches += usize::from(what.starts_with("GET watch"));
        // The first watch ends when the host has been forgotten.
        (what.starts_with("POST state") && watches == 1).then(|| Say::whole(404, "who?"))
    });
    let core = Core::new(&service.url());
    core.opened();
    assert_eq!(
        service.count("POST state"),
        0,
        "there is nothing to say yet"
    );
    let report = |revision| StateReport {
        revision,
        ..StateReport::default()
    };
    core.service.set_report(report(5));
    let (_, why) = core.until_closed();
    assert!(why.contains("does not know this host"), "{why}");
    core.opened();
    until("the report to be sent again", || {
        service.count("POST state") == 2
    });
    core.service.set_report(report(5));
    core.service.set_report(report(6));
    until("the next report", || service.count("POST state") == 3);
    let said = service.heard().pop().unwrap();
    assert!(said.contains("\"revision\":6"), "{said}");
}

const BOUND: &str = r#"{"revision":9}"#;

/// The first question about a binding is answered so, the next with a grant.
fn first_answer(status: u16, body: &'static str) -> Scripted {
    let mut count = 0;
    serving(move |what| {
        let is_asked = what.starts_with("POST bindings") || what.starts_with("DELETE bindings");
        count += usize::from(is_asked);
        is_asked.then(|| match count {
            1 => Say::whole(status, body),
            _ => Say::whole(201, BOUND),
        })
    })
}

const PORT: PortId = PortId(uuid::Uuid::from_u128(77));

#[test]
fn a_service_that_does_not_know_the_host_is_told_before_it_is_believed() {
    let service = first_answer(404, r#"{"message":"there is no host"}"#);
    let core = Core::new(&service.url());
    core.opened();
    core.service.bind(PORT, "tap1");
    assert_eq!(core.bind_answer().outcome.unwrap(), 9);
    let heard: Vec<_> = service
        .heard()
        .into_iter()
        .filter(|it| !it.starts_with("GET"))
        .collect();
    let begins = ["PUT", "POST bindings", "PUT", "POST bindings"];
    assert_eq!(heard.len(), begins.len(), "{heard:?}");
    for (heard, begin) in heard.iter().zip(begins) {
        assert!(heard.starts_with(begin), "{heard} is not {begin}");
    }
}

#[test]
fn a_conflict_is_believed_when_the_service_knows_what_is_here() {
    let (go_on, held) = unbounded();
    let mut count = 0;
    let service = serving(move |what| {
        let is_asked = what.starts_with("POST bindings");
        count += usize::from(is_asked);
        is_asked.then(|| match count {
            1 => {
                held.recv_timeout(LIMIT).unwrap();
                Say::whole(409, r#"{"message":"tap0 has it"}"#)
            }
            _ => Say::whole(201, BOUND),
        })
    });
    let core = Core::new(&service.url());
    core.opened();
    core.service.bind(PORT, "tap1");
    until("the question", || service.count("POST bindings") == 1);
    // What is here changes while the service thinks.
    core.service.set_report(StateReport::default());
    go_on.send(()).unwrap();
    assert_eq!(core.bind_answer().outcome.unwrap(), 9);
    let heard = service.heard().into_iter();
    let heard: Vec<_> = heard.filter(|it| it.starts_with("POST")).collect();
    let begins = ["POST bindings", "POST state", "POST bindings"];
    assert_eq!(heard.len(), begins.len(), "{heard:?}");
    for (heard, begin) in heard.iter().zip(begins) {
        assert!(heard.starts_with(begin), "{heard} is not {begin}");
    }
}

#[test]
fn failures_of_a_binding_are_told_apart() {
    for (status, body, is_away, says) in [
        (500, "oh no", true, "oh no"),
        (503, "", true, "503"),
        (429, "", true, "429"),
        (400, r#"{"message":"bad name"}"#, false, "bad name"),
        (201, "nothing", false, "does not understand"),
        (201, r#"{"revision":-3}"#, false, "does not understand"),
    ] {
        let service = first_answer(status, body);
        let core = Core::new(&service.url());
        core.opened();
        core.service.bind(PORT, "tap1");
        let error = core.bind_answer().outcome.unwrap_err();
        assert_eq!(error.is_away(), is_away, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let service = first_answer(status, body);
        let core = Core::new(&service.url());
        core.opened();
        core.service.unbind(PORT);
        let answer = core.bind_answer();
        assert_eq!(answer.interface, None);
        assert_eq!(answer.outcome.unwrap_err().is_away(), is_away);
    }
}
