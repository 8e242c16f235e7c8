//! A security group of a topology file, opened and closed while machines talk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::scene::{API, SOCKET, Scene};
use super::steps::LIMIT;
use crate::command::run;
use crate::wait;

/// What may go to blue2, but for the last rule but one.
const FILE: &str = r#"
name = "web"
[chain.web]
tenant = "demo"
[[chain.web.rule]]
action = "accept"
when = { ether_type = "arp" }
[[chain.web.rule]]
action = "accept"
when = { reply = true }
"#;
/// Opens it.
const OPEN: &str = r#"
[[chain.web.rule]]
action = "accept"
when = { protocol = "tcp", destination_port = 7000 }
"#;
/// The end of the chain.
const REST: &str = r#"
[[chain.web.rule]]
action = "drop"
"#;

/// A connection from blue1 to blue2 that says something ten times a second.
#[derive(Debug)]
pub struct Talk {
    client: Child,
    server: Child,
    heard: PathBuf,
}

impl Talk {
    fn begin(scene: &Scene) -> Result<Self> {
        let heard = PathBuf::from("/tmp/weft-demo-heard");
        fs::write(&heard, "")?;
        let script = format!("exec nc -l 7000 > {}", heard.display());
        let blue2 = &scene.guest("blue2")?.vm;
        let server = blue2.spawn(&["sh", "-c", &script])?;
        wait::until("nc to listen", LIMIT, || {
            blue2
                .run(&["ss", "-Hltn", "sport = :7000"])
                .is_ok_and(|text| !text.is_empty())
        })?;
        let script = "while sleep 0.1; do echo tick; done | nc 10.0.0.12 7000";
        let client = scene.guest("blue1")?.vm.spawn(&["sh", "-c", script])?;
        Ok(Self {
            client,
            server,
            heard,
        })
    }

    /// How much blue2 has heard, in bytes.
    fn heard(&self) -> u64 {
        fs::metadata(&self.heard).map_or(0, |file| file.len())
    }

    /// Waits until more is heard.
    fn goes_on(&self) -> Result<()> {
        let before = self.heard();
        wait::until("blue2 to hear more", LIMIT, || self.heard() > before + 20)
    }

    fn end(mut self) {
        for child in [&mut self.client, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_file(&self.heard);
    }
}

/// The group of a file is put before blue2: one port is open, nothing else.
pub fn group_opens_one_port(scene: &mut Scene) -> Result<String> {
    apply(&write("open.toml", &[FILE, OPEN, REST])?)?;
    let chains = run(&["weft", "--api", API, "--json", "show", "chains"])?;
    let chains: Vec<Value> = serde_json::from_str(&chains)?;
    let of_file = chains.iter().find(|chain| chain["name"] == "web");
    let chain = of_file.context("weft show chains does not have the file's")?["id"].clone();
    filter_blue2(scene, &chain)?;
    run(&["weft", "--api", API, "sync"])?;
    let blue1 = &scene.guest("blue1")?.vm;
    ensure!(
        !blue1.succeeds(&["ping", "-c", "3", "-i", "0.1", "-W", "1", "10.0.0.12"]),
        "a ping got through the group"
    );
    let talk = Talk::begin(scene)?;
    talk.goes_on()?;
    scene.talk = Some(talk);
    Ok("a connection to port 7000 of blue2 runs, a ping has no answer".to_owned())
}

/// What closing it would cut is told before it is done.
pub fn impact_is_told(scene: &mut Scene) -> Result<String> {
    let file = write("shut.toml", &[FILE, REST])?;
    let text = run(&[
        "weft",
        "--api",
        API,
        "--socket",
        SOCKET,
        "--json",
        "impact",
        &file.display().to_string(),
    ])?;
    let told: Value = serde_json::from_str(&text)?;
    ensure!(told["result"]["connections"] == 1, "{text}");
    talk(scene)?.goes_on()?;
    Ok("weft impact names one connection, and it goes on".to_owned())
}

/// The rule goes, and with it the connection that it allowed; what happened can be asked.
pub fn group_is_closed(scene: &mut Scene) -> Result<String> {
    apply(&write("shut.toml", &[FILE, REST])?)?;
    run(&["weft", "--api", API, "sync"])?;
    let talk = talk(scene)?;
    let heard = talk.heard();
    let (blue1, blue2) = (scene.guest("blue1")?, scene.guest("blue2")?);
    let why = || {
        let words = [
            "weft",
            "--api",
            API,
            "--socket",
            SOCKET,
            "--json",
            "why",
            &blue2.port,
        ];
        run(&words)
    };
    wait::until("weft why to name the group", LIMIT, || {
        why().is_ok_and(|text| text.contains("\"web\""))
    })?;
    let packet = [
        format!("from={}", blue1.vm.mac),
        format!("to={}", blue2.vm.mac),
    ];
    let words = ["weft", "--socket", SOCKET, "--json", "trace", &blue1.port];
    let rest = [
        &packet[0],
        &packet[1],
        "src=10.0.0.11",
        "dst=10.0.0.12",
        "proto=tcp",
        "dport=7000",
    ];
    let text = run(&[&words[..], &rest[..]].concat())?;
    ensure!(text.contains("dropped by rule"), "weft trace says {text}");
    ensure!(
        talk.heard() == heard,
        "blue2 heard more after weft sync had returned"
    );
    Ok(
        "nothing was heard after weft sync; weft why and weft trace name the group's rule"
            .to_owned(),
    )
}

/// The rule comes back, and the connection goes on.
pub fn group_is_opened_again(scene: &mut Scene) -> Result<String> {
    apply(&write("open.toml", &[FILE, OPEN, REST])?)?;
    run(&["weft", "--api", API, "sync"])?;
    let talk = scene.talk.take().context("nobody talks")?;
    talk.goes_on()?;
    talk.end();
    filter_blue2(scene, &Value::Null)?;
    apply(&write("none.toml", &["name = \"web\"\n"])?)?;
    Ok("the same connection is heard again".to_owned())
}

fn talk(scene: &Scene) -> Result<&Talk> {
    scene.talk.as_ref().context("nobody talks")
}

fn filter_blue2(scene: &Scene, chain: &Value) -> Result<()> {
    let path = format!("/ports/{}", scene.guest("blue2")?.port);
    let mut body = scene.rest.get(&path)?;
    body["outboundFilterId"] = json!(chain);
    scene.rest.update(&path, &body)
}

fn apply(file: &Path) -> Result<()> {
    let path = file.display().to_string();
    run(&["weft", "--api", API, "apply", "--yes", &path]).map(drop)
}

fn write(name: &str, parts: &[&str]) -> Result<PathBuf> {
    let path = PathBuf::from(format!("/tmp/weft-demo-{name}"));
    fs::write(&path, parts.concat())?;
    Ok(path)
}
