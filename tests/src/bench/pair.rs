//! Two taps with the bench at their other ends, in a network namespace.

use std::fs::File;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};
use weft_topology::MacAddr;

use crate::command::run;
use crate::peer::Peer;

/// Two machines that the bench plays.
#[derive(Debug)]
pub struct Pair {
    /// The one that sends.
    pub from: Peer,
    /// The one that receives.
    pub to: Peer,
}

/// Does something in a network namespace of `ip netns`; sockets opened there stay there.
pub fn in_netns<T: Send>(netns: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let file = File::open(format!("/run/netns/{netns}")).context("no such network namespace")?;
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            setns(file, CloneFlags::CLONE_NEWNET).context("enter a network namespace")?;
            work()
        });
        worker.join().map_err(|_| anyhow!("a thread panicked"))?
    })
}

/// Makes a namespace in which nothing is.
pub fn fresh_netns(netns: &str) -> Result<()> {
    let _ = run(&["ip", "netns", "del", netns]);
    run(&["ip", "netns", "add", netns])?;
    run(&["ip", "-n", netns, "link", "set", "lo", "up"])?;
    Ok(())
}

/// Makes a tap that is up and has no address, and opens it.
pub fn tap(netns: &str, name: &str, mac: MacAddr) -> Result<Peer> {
    let _ = run(&["ip", "-n", netns, "link", "del", name]);
    run(&["ip", "-n", netns, "tuntap", "add", name, "mode", "tap"])?;
    let settings = ["addrgenmode", "none", "txqueuelen", "1000", "up"];
    run(&[&["ip", "-n", netns, "link", "set", name][..], &settings].concat())?;
    in_netns(netns, || Peer::open(name, mac))
}
