//! The bound: a bare loop that reads an upcall and puts a fixed flow, and the packet. It decides nothing, keeps
//! nothing, and so is what no program that decides can be quicker than.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Result;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_ovs::{Datapath, KernelDatapath, NewVport, OpenMode, VportKind};

use super::messages;
use super::netlink::{delete_flows, netlink, receive, send};
use super::{FROM, Subject, TO};
use crate::bench::pair::{Pair, fresh_netns, in_netns, tap};

const NETNS: &str = "bench-bound";
/// Messages in one system call: 25 packets, each with its flow.
const BATCH: usize = 50;

/// The loop and its datapath.
#[derive(Debug)]
pub struct Bound {
    pair: Pair,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    datapath: KernelDatapath,
}

/// What messages are addressed to.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    flow: u16,
    packet: u16,
    datapath: u32,
}

impl Bound {
    /// Makes the datapath with its two ports and starts the loop.
    pub fn start() -> Result<Self> {
        fresh_netns(NETNS)?;
        let pair = Pair {
            from: tap(NETNS, "tap1", FROM)?,
            to: tap(NETNS, "tap2", TO)?,
        };
        let (mut datapath, upcalls, requests) = in_netns(NETNS, || {
            let datapath = KernelDatapath::open("bound", OpenMode::Create)?;
            Ok((datapath, netlink()?, netlink()?))
        })?;
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
        let families = Numbers {
            flow: datapath.families().flow.id,
            packet: datapath.families().packet.id,
            datapath: datapath.ifindex(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name("bound".to_owned())
            .spawn(move || answer(&upcalls.0, &requests.0, families, ports, &told))?;
        Ok(Self {
            pair,
            stop,
            thread: Some(thread),
            datapath,
        })
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
        in_netns(NETNS, || delete_flows(&self.datapath))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The loop: read what waits, send a batch, read the errors (there are none), again.
fn answer(
    upcalls: &OwnedFd,
    requests: &OwnedFd,
    of: Numbers,
    (from, to): (u32, u32),
    stop: &AtomicBool,
) {
    let mut buffer = vec![0; 72 << 10];
    let mut out = Vec::new();
    let a_moment = PollTimeout::from(100_u8);
    while !stop.load(Ordering::Relaxed) {
        let mut waiting = [PollFd::new(upcalls.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, a_moment).is_err() {
            continue;
        }
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
            let _ = send(requests, &out);
            while !matches!(receive(requests, &mut buffer), Err(Errno::EAGAIN)) {}
        }
    }
}
