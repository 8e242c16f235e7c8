//! The real program against the real service: topology files, backups, and what a script relies on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use weft_api::config::Config;
use weft_api::server::Server;

/// A service, and a folder for files.
struct Site {
    folder: TempDir,
    addr: SocketAddr,
    _service: tokio::runtime::Runtime,
}

/// What the program did.
struct Did {
    status: i32,
    out: String,
    err: String,
}

impl From<Output> for Did {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Did {
    #[track_caller]
    fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        let said = format!("{}\n{}", self.out, self.err);
        assert!(said.contains(text), "no '{text}' in:\n{said}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn weft(url: &str, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    command.arg("--api").arg(url);
    command.args(words.split_whitespace()).stdin(Stdio::null());
    command
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Config::default()
        };
        config.store.path = folder.path().join("topology.redb");
        let server = runtime.block_on(Server::start(&config)).unwrap();
        let addr = server.addr().unwrap();
        runtime.spawn(server.run(std::future::pending()));
        Self {
            folder,
            addr,
            _service: runtime,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/midonet-api", self.addr)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn weft(&self, words: &str) -> Did {
        let mut command = weft(&self.url(), words);
        command.current_dir(self.folder.path());
        command.output().unwrap().into()
    }

    /// The same, with a terminal at which somebody types.
    fn at_a_terminal(&self, words: &str, typed: &str) -> Did {
        let (weft, url) = (env!("CARGO_BIN_EXE_weft"), self.url());
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{weft} --api {url} {words}"))
            .arg("/dev/null")
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        output.into()
    }

    fn revision(&self) -> u64 {
        let answer = self.weft("--json sync").ends(0);
        answer.json()["revision"].as_u64().unwrap()
    }
}

const SHOP: &str = r#"
name = "shop"
[bridge.blue]
mtu = 1450
[bridge.blue.subnet."10.0.0.0/24"]
gateway = "10.0.0.1"
[bridge.blue.subnet."10.0.0.0/24".host."02:00:00:00:00:01"]
address = "10.0.0.5"
[bridge.blue.port.vm1]
"#;

#[test]
fn a_file_is_shown_applied_and_found_to_be_applied() {
    let site = Site::start();
    site.file("shop.toml", SHOP);
    site.weft("diff shop.toml").ends(4).says("+ bridge blue");
    site.weft("apply --dry-run shop.toml")
        .ends(0)
        .says("4 to create");
    assert_eq!(site.revision(), 0, "looking changes nothing");
    site.weft("apply --yes shop.toml").ends(0).says("done");
    let revision = site.revision();
    assert_eq!(revision, 1, "one transaction");
    site.weft("apply --yes shop.toml")
        .ends(0)
        .says("nothing to do");
    site.weft("diff shop.toml").ends(0).says("nothing to do");
    assert_eq!(
        site.revision(),
        revision,
        "a second time nothing is written"
    );
    site.file("less.toml", &SHOP.replace("[bridge.blue.port.vm1]", ""));
    let did = site.weft("--json apply --yes less.toml").ends(0).json();
    assert_eq!(did["applied"], true);
    assert_eq!(did["differences"][0]["action"], "remove");
    assert_eq!(did["differences"][0]["what"], "port vm1 of bridge blue");
    site.weft("show files").ends(0).says("shop");
}

#[test]
fn where_nobody_can_be_asked_nothing_is_done_without_consent() {
    let site = Site::start();
    site.file("shop.toml", SHOP);
    for words in ["apply shop.toml", "--json apply shop.toml"] {
        site.weft(words).ends(2).says("--yes");
    }
    site.at_a_terminal("apply shop.toml", "n\n")
        .ends(1)
        .says("+ bridge blue")
        .says("nothing was changed");
    assert_eq!(site.revision(), 0);
    site.at_a_terminal("apply shop.toml", "y\n")
        .ends(0)
        .says("+ bridge blue")
        .says("done");
    assert_eq!(site.revision(), 1);
}

#[test]
fn a_wrong_file_is_said_to_be_wrong_where_it_is() {
    let site = Site::start();
    for (text, says, status) in [
        ("[bridge.a]\nmtuu = 1", "unknown field `mtuu`", 2),
        ("[bridge.a\n", "TOML parse error", 2),
        ("[router.r]", "has no router in its files", 2),
        ("[bridge.a]\nmtu = 5", "bridge.a.mtu", 1),
    ] {
        site.file("wrong.toml", text);
        site.weft("apply --yes wrong.toml").ends(status).says(says);
    }
    site.weft("apply --yes none.toml").ends(1).says("none.toml");
    assert_eq!(site.revision(), 0);
}

#[test]
fn what_is_exported_is_no_difference_here_and_the_same_elsewhere() {
    let (site, other) = (Site::start(), Site::start());
    site.file("shop.toml", SHOP);
    site.weft("apply --yes shop.toml").ends(0);
    site.weft("export all.toml")
        .ends(0)
        .says("1 bridge in all.toml");
    site.weft("diff all.toml").ends(0);
    let all = site.read("all.toml");
    assert_eq!(site.weft("export").ends(0).out, all);
    other.file("all.toml", &all);
    other.weft("apply --yes all.toml").ends(0);
    assert_eq!(other.weft("export").ends(0).out, all);
    let own = site.weft("export --name shop").ends(0).out;
    let written: toml::Table = SHOP.parse().unwrap();
    let own: toml::Table = own.parse().unwrap();
    assert_eq!(own, written, "as it was written");
    site.weft("export --name nobody").ends(1).says("show files");
    site.weft("forget shop").ends(0).says("its objects stay");
    site.weft("forget shop").ends(1);
    site.weft("diff all.toml").ends(0);
}

const WEB: &str = r#"
name = "web"
[address_group.office]
addresses = ["10.0.0.0/8", "2001:db8::1"]
[port_group.servers]
[chain.common]
[[chain.common.rule]]
action = "accept"
when = { reply = true }
[chain.web-in]
tenant = "demo"
[[chain.web-in.rule]]
action = "jump"
chain = "common"
[[chain.web-in.rule]]
action = "accept"
when = { protocol = "tcp", destination_port = 80, source = "10.0.0.0/8" }
[[chain.web-in.rule]]
action = "drop"
not = { source_group = "office" }
[bridge.blue]
inbound = "common"
[bridge.blue.port.vm1]
outbound = "web-in"
groups = ["servers"]
security = [{ mac = "02:00:00:00:00:01", prefix = "10.0.0.5" }]
"#;

#[test]
fn chains_rules_and_groups_are_applied_shown_in_words_and_exported() {
    let site = Site::start();
    for what in ["chains", "rules", "port-groups", "address-groups"] {
        site.weft(&format!("show {what}")).ends(0).says("no ");
    }
    site.file("web.toml", WEB);
    site.weft("apply --yes web.toml")
        .ends(0)
        .says("+ rule 2 of chain web-in: accept tcp to 80 from 10.0.0.0/8")
        .says("security  02:00:00:00:00:01 10.0.0.5");
    site.weft("diff web.toml").ends(0);
    site.weft("show chains")
        .ends(0)
        .says("inbound of bridge blue")
        .says("jump of web-in")
        .says("outbound of port ");
    site.weft("show rules web-in")
        .ends(0)
        .says("chain web-in (")
        .says("jump to common")
        .says("accept tcp to 80 from 10.0.0.0/8")
        .says("drop not from group office");
    let rules = site.weft("--json show rules web-in").ends(0).json();
    let places: Vec<&Value> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["position"])
        .collect();
    assert_eq!(places, [1, 2, 3]);
    let all = site.weft("--json show rules").ends(0).json();
    assert_eq!(all.as_array().unwrap().len(), 4);
    let by_id = rules[0]["chainId"].as_str().unwrap();
    let by_id = site
        .weft(&format!("--json show rules {by_id}"))
        .ends(0)
        .json();
    assert_eq!(by_id, rules);
    site.weft("show rules nobody")
        .ends(2)
        .says("no chain 'nobody'");
    let groups = site.weft("--json show port-groups").ends(0).json();
    assert_eq!(groups[0]["portIds"].as_array().unwrap().len(), 1);
    site.weft("show port-groups").ends(0).says("servers");
    site.weft("show address-groups")
        .ends(0)
        .says("10.0.0.0/8, 2001:db8::1");
    let export = site.weft("export --name web").ends(0).out;
    let written: toml::Table = WEB.parse().unwrap();
    assert_eq!(
        export.parse::<toml::Table>().unwrap(),
        written,
        "as it was written"
    );
    site.weft("export all.toml")
        .ends(0)
        .says("1 bridge, 2 chains, 1 port group, 1 address group in all.toml");
    let other = Site::start();
    other.file("all.toml", &site.read("all.toml"));
    other.weft("apply --yes all.toml").ends(0);
    assert_eq!(other.weft("export").ends(0).out, site.read("all.toml"));
}

#[test]
fn a_backup_brings_back_what_was_and_a_damaged_one_changes_nothing() {
    let site = Site::start();
    site.file("shop.toml", SHOP);
    site.weft("apply --yes shop.toml").ends(0);
    let before = site.weft("export").ends(0).out;
    site.weft("backup kept").ends(0).says("bytes in kept");
    let kept = site.read("kept");
    site.file("empty.toml", "name = \"shop\"");
    site.weft("apply --yes empty.toml").ends(0);
    let revision = site.revision();
    site.file("damaged", &kept.replacen("blue", "blve", 1));
    site.file("short", &kept[..kept.len() - 20]);
    site.file(
        "newer",
        &kept.replacen("\"weftBackup\":1", "\"weftBackup\":9", 1),
    );
    for (file, says) in [
        ("damaged", "damaged"),
        ("short", "its end is missing"),
        ("newer", "update weft-api"),
        ("shop.toml", "no backup"),
        ("nothing", "cannot read nothing"),
    ] {
        site.weft(&format!("restore --yes {file}"))
            .ends(1)
            .says(says);
    }
    site.weft("restore kept").ends(2).says("--yes");
    site.weft("restore --dry-run kept").ends(0).says("created");
    site.at_a_terminal("restore kept", "\n")
        .ends(1)
        .says("nothing was changed");
    assert_eq!(site.revision(), revision);
    site.weft("restore --yes kept").ends(0).says("done");
    assert_eq!(site.revision(), revision + 1, "one transaction, counted on");
    assert_eq!(site.weft("export").ends(0).out, before);
    site.weft("diff shop.toml").ends(0);
    let piped = site.weft("backup -").ends(0).out;
    let documents = |text: &str| {
        let lines = text.lines().filter(|line| line.contains("\"key\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(documents(&piped), documents(&kept));
}

#[test]
fn a_backup_that_cannot_be_had_leaves_the_old_one() {
    let site = Site::start();
    site.weft("backup no/such/folder")
        .ends(1)
        .says("cannot write");
    let old = site.file("kept", "old");
    let words = format!("backup {}", old.display());
    let did = Did::from(weft("http://127.0.0.1:9", &words).output().unwrap());
    did.ends(1).says("cannot reach the service");
    assert_eq!(site.read("kept"), "old");
}

#[test]
fn every_shell_gets_a_script_that_knows_the_verbs() {
    let site = Site::start();
    for shell in ["bash", "zsh", "fish"] {
        site.weft(&format!("completion {shell}"))
            .ends(0)
            .says("dry-run");
    }
    site.weft("completion tcsh").ends(2);
}
