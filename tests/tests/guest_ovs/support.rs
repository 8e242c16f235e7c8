//! A datapath with taps in a namespace of its own.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_ovs::{
    Datapath, Error, KernelDatapath, NewVport, Op, OpReply, OpenMode, PutMode, Upcall,
    UpcallBuffer, UpcallSource, Vport, VportKind,
};
use weft_tests::command::run;
use weft_vif_driver::tap::{TapOptions, open, set_up};

/// Longest time to wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Receive buffer of upcall sockets in bytes.
pub(crate) const RECEIVE_BUFFER: usize = 1 << 20;

/// Puts this thread into a fresh network namespace; fails outside the guest.
pub(crate) fn enter() {
    assert!(
        std::env::var_os("WEFT_GUEST").is_some(),
        "this test needs a kernel with openvswitch: run it in the guest (tests/guest/run -- …)"
    );
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    // No frames of the host's own.
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
}

/// A new datapath, `weft0`, in a namespace of its own.
pub(crate) fn datapath() -> KernelDatapath {
    enter();
    KernelDatapath::open("weft0", OpenMode::Create).unwrap()
}

/// A tap, held as a virtual machine would hold it.
pub(crate) struct Tap {
    file: File,
}

impl Tap {
    pub(crate) fn new(name: &str) -> Self {
        let file = open(name, TapOptions::default()).unwrap();
        set_up(name).unwrap();
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        Self { file }
    }

    /// The machine sends a frame.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        assert_eq!(self.file.write(frame).unwrap(), frame.len());
    }

    /// The next frame that the machine gets.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 16];
        let end = Instant::now() + PATIENCE;
        loop {
            match self.file.read(&mut buffer) {
                Ok(length) => {
                    buffer.truncate(length);
                    return buffer;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_readable(&self.file, end, "a frame");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn wait_readable(fd: &impl AsFd, end: Instant, what: &str) {
    let left = end.saturating_duration_since(Instant::now());
    assert!(!left.is_zero(), "waited in vain for {what}");
    let timeout = PollTimeout::try_from(left).unwrap();
    poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
}

/// A tap in the datapath, with an upcall socket of its own.
pub(crate) struct Port {
    pub(crate) vport: Vport,
    pub(crate) tap: Tap,
    pub(crate) upcalls: Box<dyn UpcallSource>,
    buffer: UpcallBuffer,
}

impl Port {
    pub(crate) fn new(datapath: &mut dyn Datapath, name: &str) -> Self {
        let tap = Tap::new(name);
        let upcalls = datapath.upcall_socket(RECEIVE_BUFFER).unwrap();
        let vport = datapath
            .add_port(&NewVport {
                name: name.to_owned(),
                kind: VportKind::Netdev,
                port_no: None,
                upcall_pids: vec![upcalls.pid()],
            })
            .unwrap();
        Self {
            vport,
            tap,
            upcalls,
            buffer: UpcallBuffer::new(),
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.vport.port_no
    }

    /// The port's next upcall.
    pub(crate) fn upcall(&mut self) -> Upcall<'_> {
        wait_for_upcall(&mut *self.upcalls);
        self.upcalls.receive(&mut self.buffer).unwrap().unwrap()
    }

    pub(crate) fn has_upcall(&mut self) -> bool {
        self.upcalls.receive(&mut self.buffer).unwrap().is_some()
    }
}

fn wait_for_upcall(socket: &mut dyn UpcallSource) {
    let fd = socket.as_fd();
    let timeout = PollTimeout::try_from(PATIENCE).unwrap();
    let ready = poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout).unwrap();
    assert_eq!(ready, 1, "waited in vain for an upcall");
}

/// Applies one operation.
pub(crate) fn apply(datapath: &mut dyn Datapath, op: Op<'_>) -> Result<OpReply, Error> {
    let mut results = Vec::new();
    datapath.apply(&[op], &mut results);
    assert_eq!(results.len(), 1);
    results.pop().unwrap()
}

/// A flow for all packets of a port with an ethertype.
pub(crate) struct Match {
    pub(crate) key: FlowKey,
    pub(crate) mask: FlowMask,
}

impl Match {
    /// All frames of a port that have this MAC destination.
    pub(crate) fn to(in_port: u32, destination: u64) -> Self {
        let mut this = Self::port(in_port);
        this.key.set(Field::EthDst, destination.into());
        this.mask.add_field(Field::EthDst);
        this
    }

    /// All frames of a port, whatever they are.
    pub(crate) fn port(in_port: u32) -> Self {
        let mut key = FlowKey::new();
        key.set(Field::RecircId, 0);
        key.set(Field::InPort, in_port.into());
        key.set(Field::EthSrc, 0).set(Field::EthDst, 0);
        key.set(Field::EthType, EXPERIMENTAL.into());
        let mut mask = FlowMask::new();
        mask.add_field(Field::RecircId).add_field(Field::InPort);
        mask.add_field(Field::EthType).add_implied(&key);
        Self { key, mask }
    }

    pub(crate) fn ufid(&self) -> Ufid {
        Ufid::of(&self.key, &self.mask)
    }

    pub(crate) fn put<'a>(&'a self, actions: &'a [Action], mode: PutMode) -> Op<'a> {
        Op::Put {
            ufid: self.ufid(),
            key: &self.key,
            mask: &self.mask,
            actions,
            mode,
        }
    }
}

/// An ethertype for experiments (IEEE 802 local experimental 1).
pub(crate) const EXPERIMENTAL: u16 = 0x88b5;

/// A frame that the kernel does not look into.
pub(crate) fn frame(destination: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = destination.to_be_bytes()[2..].to_vec();
    frame.extend([0x02, 0, 0, 0, 0, 0xfe]);
    frame.extend(EXPERIMENTAL.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Runs `ip` in this thread's namespace.
pub(crate) fn ip(words: &str) {
    let words: Vec<&str> = std::iter::once("ip")
        .chain(words.split_whitespace())
        .collect();
    run(&words).unwrap();
}
