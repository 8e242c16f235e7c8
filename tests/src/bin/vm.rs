//! `weft-test-vm`: holds a tap's descriptor as QEMU would, and carries frames between it and the
//! `eth0` of a network namespace, which plays the machine's own network card.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use clap::Parser;
use nix::libc::EBADFD;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use weft_tests::command::run;
use weft_vif_driver::tap::{self, TapOptions};

#[derive(Parser)]
struct Cli {
    /// The tap, in the network namespace that this program is started in.
    #[arg(long)]
    tap: String,
    /// The machine's namespace, by its name under /run/netns.
    #[arg(long)]
    netns: String,
    /// The MAC of the machine's eth0.
    #[arg(long)]
    mac: String,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let outside = tap::open(&cli.tap, TapOptions::default())
        .with_context(|| format!("cannot open tap {}", cli.tap))?;
    let netns = File::open(format!("/run/netns/{}", cli.netns)).context("no such namespace")?;
    setns(netns, CloneFlags::CLONE_NEWNET).context("cannot enter the namespace")?;
    let inside = tap::open("eth0", TapOptions::default()).context("cannot make eth0")?;
    run(&["ip", "link", "set", "eth0", "address", &cli.mac])?;
    run(&["ip", "link", "set", "eth0", "up"])?;
    carry(outside, inside)
}

/// Until one of the two is deleted, which is the normal end.
fn carry(mut outside: File, mut inside: File) -> Result<()> {
    let mut frame = vec![0; 65_536];
    loop {
        let mut ready = [
            PollFd::new(outside.as_fd(), PollFlags::POLLIN),
            PollFd::new(inside.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut ready, PollTimeout::NONE)?;
        let [from_outside, from_inside] = ready.map(|fd| fd.any().unwrap_or(false));
        if from_outside {
            let Some(length) = receive(&mut outside, &mut frame).context("cannot read the tap")?
            else {
                return Ok(());
            };
            // A frame that eth0 does not take (it is down) is lost, as on a real card.
            let _ = inside.write(frame.get(..length).unwrap_or_default());
        }
        if from_inside {
            let Some(length) = receive(&mut inside, &mut frame).context("cannot read eth0")? else {
                return Ok(());
            };
            let _ = outside.write(frame.get(..length).unwrap_or_default());
        }
    }
}

/// Reads a frame; `None` when its device is deleted: the descriptor of such a tap answers EBADFD
/// (`tun_chr_read_iter` of the kernel).
fn receive(tap: &mut File, frame: &mut [u8]) -> std::io::Result<Option<usize>> {
    match tap.read(frame) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.raw_os_error() == Some(EBADFD) => Ok(None),
        Err(error) => Err(error),
    }
}
