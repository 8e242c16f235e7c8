//! The bound: a bare loop that reads an upcall and puts a fixed flow, and the packet. It decides nothing, keeps
//! nothing, and so is what no program that decides can be quicker than.
//!
//! There are two: one puts one flow for a packet; the other, for packets of a connection, the two flows that those need
//! whose connection the kernel looks up ([`super::stateful`]).
//!
//! It is a process of its own, like its rivals: were it a thread of the bench, the step from the machine that
//! sends to it would be one without a change of address space, which costs more than all that it does itself.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_ovs::{Datapath, DatapathInfo, KernelDatapath, NewVport, OpenMode, VportKind};

use super::messages::{self, Upcall};
use super::netlink::{delete_flows, netlink, receive, send};
use super::stateful::Paths;
use super::{FROM, Subject, TO, forget_connections, processor_time};
use crate::bench::pair::{Pair, fresh_netns, in_netns, tap};

/// What it does with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Program {
    /// Puts a flow and sends the packet.
    Bare,
    /// Puts the two flows of a connection and sends the packet.
    Stateful,
}

/// What the loop says when it has begun.
const READY: &str = "ready";
/// Messages in one system call.
const BATCH: usize = 50;

/// The loop's process.
#[derive(Debug)]
pub struct Bound {
    pair: Pair,
    program: Program,
    process: Child,
}

/// What messages are addressed to.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    /// The family of flows, and the datapath.
    flow: (u16, u32),
    /// The family of packets, and the datapath.
    packet: (u16, u32),
}

impl Bound {
    /// Starts the loop, with two machines on its datapath.
    pub fn start(program: Program) -> Result<Self> {
        let netns = program.netns();
        fresh_netns(netns)?;
        let pair = Pair {
            from: tap(netns, "tap1", FROM)?,
            to: tap(netns, "tap2", TO)?,
        };
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--answer", program.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the bound's loop")?;
        let mut line = String::new();
        let said = process.stdout.take().context("no output")?;
        BufReader::new(said).read_line(&mut line)?;
        let bound = Self {
            pair,
            program,
            process,
        };
        ensure!(line.trim() == READY, "the bound's loop did not begin");
        Ok(bound)
    }
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Program::Bare => "bare",
            Program::Stateful => "stateful",
        }
    }

    const fn netns(self) -> &'static str {
        match self {
            Program::Bare => "bench-bound",
            Program::Stateful => "bench-bound-2",
        }
    }

    const fn datapath(self) -> &'static str {
        match self {
            Program::Bare => "bound",
            Program::Stateful => "bound2",
        }
    }
}

impl Subject for Bound {
    fn name(&self) -> &'static str {
        match self.program {
            Program::Bare => "bound",
            Program::Stateful => "bound, stateful",
        }
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        let (netns, datapath) = (self.program.netns(), self.program.datapath());
        in_netns(netns, || {
            delete_flows(&KernelDatapath::open(datapath, OpenMode::Adopt)?)
        })?;
        match self.program {
            Program::Bare => Ok(()),
            Program::Stateful => forget_connections(Some(netns)),
        }
    }

    fn processor_time(&self) -> Result<Duration> {
        processor_time(self.process.id())
    }

    fn counts(&mut self) -> Result<DatapathInfo> {
        let (netns, datapath) = (self.program.netns(), self.program.datapath());
        in_netns(netns, || {
            Ok(KernelDatapath::open(datapath, OpenMode::Adopt)?.info()?)
        })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The loop's process: makes the datapath with its two ports, says so, and answers until it is killed.
pub fn serve(program: Program) -> Result<()> {
    in_netns(program.netns(), || {
        let (upcalls, requests) = (netlink()?, netlink()?);
        let mut datapath = KernelDatapath::open(program.datapath(), OpenMode::Create)?;
        let mut add = |name: &str| {
            let port = NewVport {
                name: name.to_owned(),
                kind: VportKind::Netdev,
                port_no: None,
                upcall_pids: vec![upcalls.1],
            };
            datapath.add_port(&port).map(|port| port.port_no)
        };
        let ports = (add("tap1")?, add("tap2")?);
        let numbers = Numbers {
            flow: (datapath.families().flow.id, datapath.ifindex()),
            packet: (datapath.families().packet.id, datapath.ifindex()),
        };
        let paths =
            [(ports.1, ports.0), (ports.0, ports.1)].map(|(to, from)| Paths::of(program, from, to));
        let [there, back] = paths;
        writeln!(std::io::stdout(), "{READY}")?;
        answer(&upcalls.0, &requests.0, numbers, [&there?, &back?])
    })
}

/// Read what waits, send a batch, read the errors (there are none), again.
fn answer(
    upcalls: &OwnedFd,
    requests: &OwnedFd,
    of: Numbers,
    [there, back]: [&Paths; 2],
) -> Result<()> {
    let mut buffer = vec![0; 72 << 10];
    let mut out = Vec::new();
    let mut key = Vec::new();
    loop {
        let mut waiting = [PollFd::new(upcalls.as_fd(), PollFlags::POLLIN)];
        poll(&mut waiting, PollTimeout::NONE)?;
        loop {
            out.clear();
            let mut messages = 0;
            while messages < BATCH {
                let Ok(length) = receive(upcalls, &mut buffer) else {
                    break;
                };
                let bytes = buffer.get(..length).unwrap_or_default();
                let Some(upcall) = messages::upcall(bytes) else {
                    continue;
                };
                let paths = if upcall.packet.get(6..12) == Some(&TO.octets()) {
                    back
                } else {
                    there
                };
                messages += one(&mut out, &mut key, of, upcall, paths);
            }
            if messages == 0 {
                break;
            }
            send(requests, &out)?;
            while !matches!(receive(requests, &mut buffer), Err(Errno::EAGAIN)) {}
        }
    }
}

/// The messages of one packet, its flows first; how many they are.
fn one(
    out: &mut Vec<u8>,
    key: &mut Vec<u8>,
    of: Numbers,
    upcall: Upcall<'_>,
    paths: &Paths,
) -> usize {
    let now = paths.now(upcall.key);
    messages::put(out, of.flow, upcall.key, now);
    let then = paths.then(upcall.key, key);
    if let Some(actions) = then {
        messages::put(out, of.flow, key, actions);
    }
    messages::execute(out, of.packet, upcall, now);
    2 + usize::from(then.is_some())
}
