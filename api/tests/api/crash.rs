//! SIGKILL at any moment, under concurrent writers: what was acknowledged is there after.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Connection;
use crate::service::{Service, config, lasting_address, spawn};

const WRITERS: usize = 4;
/// Kills; the long lane, which sets `WEFT_CASES`, does more.
const ROUNDS: usize = 8;
const LONG_ROUNDS: usize = 300;

/// What a bridge is known to be: its name; `None`: it is not there.
type State = Option<u64>;

/// A bridge: what was acknowledged last, and what was asked for after and never answered.
#[derive(Clone, Debug)]
struct Known {
    acknowledged: State,
    unanswered: Option<State>,
}

type Book = BTreeMap<Uuid, Known>;

/// Random enough, and known from its seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Makes, changes and deletes bridges of its own until the service is gone.
fn write(addr: std::net::SocketAddr, book: &mut Book, random: &mut Random, over: &AtomicBool) {
    let Some(mut connection) = Connection::try_open(addr) else {
        return;
    };
    while !over.load(Ordering::Relaxed) {
        let living: Vec<Uuid> = book
            .iter()
            .filter(|(_, known)| known.acknowledged.is_some())
            .map(|(id, _)| *id)
            .collect();
        let some = (!living.is_empty())
            .then(|| living[usize::try_from(random.below(living.len() as u64)).unwrap()]);
        let number = random.below(1 << 40);
        let (method, id, wanted) = match (random.below(4), some) {
            (0, Some(id)) => ("DELETE", id, None),
            (1, Some(id)) => ("PUT", id, Some(number)),
            _ => (
                "POST",
                Uuid::from_u64_pair(random.next(), random.next()),
                Some(number),
            ),
        };
        let known = book.entry(id).or_insert(Known {
            acknowledged: None,
            unanswered: None,
        });
        known.unanswered = Some(wanted);
        let (path, body) = match (method, wanted) {
            ("POST", Some(number)) => (
                "/midonet-api/bridges".to_owned(),
                json!({"id": id, "name": number.to_string()}).to_string(),
            ),
            (_, Some(number)) => (
                format!("/midonet-api/bridges/{id}"),
                json!({"name": number.to_string()}).to_string(),
            ),
            (_, None) => (format!("/midonet-api/bridges/{id}"), String::new()),
        };
        let Some(status) = connection.try_request(method, &path, &body) else {
            return;
        };
        assert!([201, 204].contains(&status), "{method} {path}: {status}");
        known.acknowledged = wanted;
        known.unanswered = None;
    }
}

/// Compares the service with the books, and makes the books say what is so.
fn compare(service: &Service, books: &mut [Book]) {
    let list = service.show("/bridges");
    let mut found: BTreeMap<Uuid, u64> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|bridge| {
            let text = |key: &str| bridge[key].as_str().unwrap().to_owned();
            (text("id").parse().unwrap(), text("name").parse().unwrap())
        })
        .collect();
    for book in books {
        for (id, known) in book.iter_mut() {
            let is = found.remove(id);
            let fits = is == known.acknowledged || Some(is) == known.unanswered;
            assert!(fits, "bridge {id} is {is:?} and should be {known:?}");
            *known = Known {
                acknowledged: is,
                unanswered: None,
            };
        }
        book.retain(|_, known| known.acknowledged.is_some());
    }
    assert!(found.is_empty(), "nobody made {found:?}");
}

fn revision(service: &Service) -> u64 {
    let state: Value = service.show("/system_state");
    state["revision"].as_u64().unwrap()
}

/// Begins the program and kills it before it can be ready.
fn stillbirth(folder: &Path, random: &mut Random) {
    let store = folder.join("topology.redb");
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\npath = \"{}\"\n",
        store.display()
    );
    let mut child = spawn(&config(folder, &text));
    std::thread::sleep(Duration::from_micros(random.below(30_000))); // the moment is random on purpose
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_acknowledged_write_survives_sigkill_at_any_moment() {
    let seed = std::env::var("WEFT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed
        .unwrap_or_else(|| u64::from_le_bytes(*Uuid::new_v4().as_bytes().first_chunk().unwrap()));
    println!("WEFT_SEED={seed}");
    let rounds = if std::env::var_os("WEFT_CASES").is_some() {
        LONG_ROUNDS
    } else {
        ROUNDS
    };
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut books = vec![Book::new(); WRITERS];
    for _ in 0..3 {
        stillbirth(folder.path(), &mut random);
    }
    let mut service = Service::start_in(folder.path(), &lasting_address());
    let addr = service.addr;
    let (mut newest, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        let over = AtomicBool::new(false);
        let running = service;
        std::thread::scope(|scope| {
            for book in &mut books {
                let mut random = Random(random.next());
                let over = &over;
                scope.spawn(move || write(addr, book, &mut random, over));
            }
            std::thread::sleep(Duration::from_micros(random.below(150_000))); // random on purpose
            running.kill();
            over.store(true, Ordering::Relaxed);
        });
        acknowledged += books.iter().map(Book::len).sum::<usize>();
        if round % 3 == 0 {
            stillbirth(folder.path(), &mut random);
        }
        // The same port and file, at once.
        service = Service::start_in(folder.path(), &addr.to_string());
        compare(&service, &mut books);
        let now = revision(&service);
        assert!(now >= newest, "revision {now} after {newest}");
        newest = now;
    }
    assert!(
        acknowledged > rounds,
        "too little was written to mean anything: {acknowledged}"
    );
    println!("{rounds} kills, {newest} revisions, {acknowledged} objects looked for");
}

#[test]
fn a_service_begins_while_the_one_before_is_not_quite_gone() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_in(folder.path(), &lasting_address());
    let (addr, bridge) = (service.addr.to_string(), service.bridge());
    std::thread::scope(|scope| {
        let next = scope.spawn(|| Service::start_in(folder.path(), &addr));
        // By now it has most likely found the store in use.
        std::thread::sleep(Duration::from_millis(200));
        service.kill();
        let next = next.join().unwrap();
        assert_eq!(next.show(&bridge)["name"], "blue");
    });
}
