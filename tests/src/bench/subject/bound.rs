//! The bound: a bare loop that reads an upcall and puts a fixed flow, and the packet. It decides nothing, keeps
//! nothing, and so is what no program that decides can be quicker than.
//!
//! It is a process of its own, like its rivals: were it a thread of the bench, the step from the machine that
//! sends to it would be one without a change of address space, which costs more than all that it does itself.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_ovs::{Datapath, KernelDatapath, NewVport, OpenMode, VportKind};

use super::messages;
use super::netlink::{delete_flows, netlink, receive, send};
use super::{FROM, Subject, TO};
use crate::bench::pair::{Pair, fresh_netns, in_netns, tap};

const NETNS: &str = "bench-bound";
const DATAPATH: &str = "bound";
/// What the loop says when it has begun.
const READY: &str = "ready";
/// Messages in one system call: 25 packets, each with its flow.
const BATCH: usize = 50;

/// The loop's process.
#[derive(Debug)]
pub struct Bound {
    pair: Pair,
    program: Child,
}

/// What messages are addressed to.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    flow: u16,
    packet: u16,
    datapath: u32,
}

impl Bound {
    /// Starts the loop, with two machines on its datapath.
    pub fn start() -> Result<Self> {
        fresh_netns(NETNS)?;
        let pair = Pair {
            from: tap(NETNS, "tap1", FROM)?,
            to: tap(NETNS, "tap2", TO)?,
        };
        let mut program = Command::new(std::env::current_exe()?)
            .arg("--answer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the bound's loop")?;
        let mut line = String::new();
        let said = program.stdout.take().context("no output")?;
        BufReader::new(said).read_line(&mut line)?;
        let bound = Self { pair, program };
        ensure!(line.trim() == READY, "the bound's loop did not begin");
        Ok(bound)
    }
}

impl Subject for Bound {
    fn name(&self) -> &'static str {
        "bound"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        in_netns(NETNS, || {
            delete_flows(&KernelDatapath::open(DATAPATH, OpenMode::Adopt)?)
        })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The loop's process: makes the datapath with its two ports, says so, and answers until it is killed.
pub fn serve() -> Result<()> {
    in_netns(NETNS, || {
        let (upcalls, requests) = (netlink()?, netlink()?);
        let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Create)?;
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
            flow: datapath.families().flow.id,
            packet: datapath.families().packet.id,
            datapath: datapath.ifindex(),
        };
        writeln!(std::io::stdout(), "{READY}")?;
        answer(&upcalls.0, &requests.0, numbers, ports)
    })
}

/// Read what waits, send a batch, read the errors (there are none), again.
fn answer(
    upcalls: &OwnedFd,
    requests: &OwnedFd,
    of: Numbers,
    (from, to): (u32, u32),
) -> Result<()> {
    let mut buffer = vec![0; 72 << 10];
    let mut out = Vec::new();
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
                let out_by = if upcall.packet.get(6..12) == Some(&TO.octets()) {
                    from
                } else {
                    to
                };
                messages::put(&mut out, of.flow, of.datapath, upcall, out_by);
                messages::execute(&mut out, of.packet, of.datapath, upcall, out_by);
                messages += 2;
            }
            if messages == 0 {
                break;
            }
            send(requests, &out)?;
            while !matches!(receive(requests, &mut buffer), Err(Errno::EAGAIN)) {}
        }
    }
}
