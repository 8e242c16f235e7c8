//! The workers between a source of upcalls that never tires and a datapath that takes all and keeps nothing:
//! what is left is what the agent itself does for a packet.

#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use weft_agent::accounts::Accounts;
use weft_agent::hot::{Event, Hot, Limits, Start};
use weft_agent::worker;
use weft_flow::{Field, decode_key, encode_actions, encode_key, encode_mask};
use weft_ovs::{
    BadFlow, ConnectionLimits, Conntrack, Datapath, DatapathInfo, DatapathMonitor, DumpedFlow,
    Error, FlowStats, FlowUsage, Limit, Limited, MemoryDatapath, Meter, MeterStats, Meters,
    NewVport, Op, OpReply, Upcall, UpcallBuffer, UpcallKind, UpcallSource, Vport, Writes,
};
use weft_topology::Snapshot;

use crate::scene::{packet_key, snapshot};

/// Flows of the one port: each further one takes the place of the oldest.
const QUOTA: u32 = 500;
/// So long the workers may take for what they are given.
const PATIENCE: Duration = Duration::from_secs(60);

/// Workers with a bridge of two ports, and the tap that upcalls come from.
pub(crate) struct Sink {
    hot: Arc<dyn Hot>,
    feed: Arc<Feed>,
    executed: Arc<AtomicU64>,
    _events: UnboundedReceiver<Event>,
}

/// What the sources and the hand that opens them share.
struct Feed {
    left: AtomicU64,
    bell: EventFd,
}

/// Takes writes as the kernel does, encoded, and forgets them.
struct Drain {
    inner: MemoryDatapath,
    feed: Arc<Feed>,
    executed: Arc<AtomicU64>,
    out: Vec<u8>,
    has_source: Arc<AtomicU64>,
}

/// Upcalls of one port, each of a connection of its own.
struct Source {
    feed: Arc<Feed>,
    attrs: &'static [u8],
    connection: u32,
    is_open: bool,
}

impl Sink {
    /// Starts the workers; both stations are known.
    pub(crate) fn start() -> Self {
        let feed = Arc::new(Feed {
            left: AtomicU64::new(0),
            bell: EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap(),
        });
        let executed = Arc::new(AtomicU64::new(0));
        let drain = Drain {
            inner: MemoryDatapath::new("sink"),
            feed: feed.clone(),
            executed: executed.clone(),
            out: Vec::new(),
            has_source: Arc::default(),
        };
        let (sender, events) = unbounded_channel();
        let hot = worker::start(Start {
            datapath: Box::new(drain),
            snapshot: Arc::new(Snapshot::default()),
            limits: Limits {
                flows_per_port: QUOTA,
                connections_per_zone: 1,
                punts_per_port: 1,
                fragments_per_port: 100,
                logs_per_port: 1,
                log_burst: 2,
            },
            exact_flows: true,
            audit: true,
            accounts: Accounts::default(),
            conversations: None,
            events: sender,
        })
        .unwrap();
        let sink = Self {
            hot,
            feed,
            executed,
            _events: events,
        };
        sink.publish();
        sink
    }

    fn publish(&self) {
        let (snapshot, tags) = snapshot();
        for local in snapshot.local_ports() {
            self.hot.attach(local.port, &local.interface).unwrap();
            self.hot.attached(local.port, local.number);
        }
        self.hot.publish(Arc::new(snapshot), Arc::new(tags));
    }

    /// So many upcalls come, and are answered when it returns.
    pub(crate) fn pass(&self, packets: u64) {
        let goal = self.executed.load(Ordering::Acquire) + packets;
        self.feed.left.store(packets, Ordering::Release);
        self.feed.bell.write(1).unwrap();
        let end = Instant::now() + PATIENCE;
        while self.executed.load(Ordering::Acquire) < goal {
            assert!(Instant::now() < end, "packets were not answered");
            std::hint::spin_loop();
        }
    }

    /// Flows in the table.
    pub(crate) fn flows(&self) -> usize {
        self.hot.flow_count()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.hot.stop();
    }
}

impl Source {
    fn new(feed: Arc<Feed>, is_open: bool) -> Self {
        let mut attrs = Vec::new();
        encode_key(&packet_key(), &mut attrs).unwrap();
        Self {
            feed,
            attrs: attrs.leak(),
            connection: 0,
            is_open,
        }
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.feed.bell.as_fd()
    }
}

impl UpcallSource for Source {
    fn pid(&self) -> u32 {
        1
    }

    fn receive<'a>(&mut self, _: &'a mut UpcallBuffer) -> Result<Option<Upcall<'a>>, Error> {
        let left = self.feed.left.load(Ordering::Acquire);
        if !self.is_open || left == 0 {
            let _ = self.feed.bell.read();
            return Ok(None);
        }
        self.feed.left.store(left - 1, Ordering::Release);
        self.connection = self.connection.wrapping_add(1);
        let mut key = decode_key(self.attrs).unwrap();
        key.set(Field::TpSrc, (self.connection & 0xffff).into());
        key.set(
            Field::Ipv4Src,
            (0x0a00_0000 | (self.connection >> 16)).into(),
        );
        Ok(Some(Upcall {
            kind: UpcallKind::Miss,
            key,
            key_attrs: self.attrs,
            packet: &[0; 60],
            userdata: &[],
            mru: None,
            hash: None,
            original_len: None,
        }))
    }

    fn overflows(&self) -> u64 {
        0
    }
}

impl Datapath for Drain {
    fn fork(&self) -> Result<Box<dyn Datapath>, Error> {
        Ok(Box::new(Self {
            inner: self.inner.clone(),
            feed: self.feed.clone(),
            executed: self.executed.clone(),
            out: Vec::new(),
            has_source: self.has_source.clone(),
        }))
    }

    /// The first port's has upcalls.
    fn upcall_socket(&self, _: usize) -> Result<Box<dyn UpcallSource>, Error> {
        let is_open = self.has_source.fetch_add(1, Ordering::Relaxed) == 0;
        let feed = match is_open {
            true => self.feed.clone(),
            false => Arc::new(Feed {
                left: AtomicU64::new(0),
                bell: EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap(),
            }),
        };
        Ok(Box::new(Source::new(feed, is_open)))
    }

    /// Encodes as a batch for the kernel is encoded.
    fn apply(&mut self, ops: &[Op<'_>], results: &mut Vec<Result<OpReply, Error>>) {
        results.clear();
        self.out.clear();
        for op in ops {
            results.push(Ok(OpReply::Done));
            match *op {
                Op::Put {
                    key, mask, actions, ..
                }
                | Op::SetActions {
                    key, mask, actions, ..
                } => {
                    encode_key(key, &mut self.out).unwrap();
                    encode_mask(mask, key, &mut self.out).unwrap();
                    encode_actions(actions, &mut self.out).unwrap();
                }
                Op::Delete { .. } | Op::DeleteUnnamed { .. } => {
                    if let Some(last) = results.last_mut() {
                        *last = Ok(OpReply::Stats(FlowStats::default()));
                    }
                }
                Op::Execute {
                    packet,
                    key_attrs,
                    actions,
                    ..
                } => {
                    self.out.extend_from_slice(packet);
                    self.out.extend_from_slice(key_attrs);
                    encode_actions(actions, &mut self.out).unwrap();
                    self.executed.fetch_add(1, Ordering::Release);
                }
            }
        }
    }

    fn monitor(&self) -> Result<Box<dyn DatapathMonitor>, Error> {
        self.inner.monitor()
    }

    fn info(&mut self) -> Result<DatapathInfo, Error> {
        self.inner.info()
    }

    fn ports(&mut self) -> Result<Vec<Vport>, Error> {
        self.inner.ports()
    }

    fn add_port(&mut self, port: &NewVport) -> Result<Vport, Error> {
        self.inner.add_port(port)
    }

    fn set_upcall_pids(&mut self, port_no: u32, pids: &[u32]) -> Result<(), Error> {
        self.inner.set_upcall_pids(port_no, pids)
    }

    fn delete_port(&mut self, port_no: u32) -> Result<(), Error> {
        self.inner.delete_port(port_no)
    }

    fn flows(&mut self, visit: &mut dyn FnMut(Result<DumpedFlow, BadFlow>)) -> Result<(), Error> {
        self.inner.flows(visit)
    }

    fn usage(&mut self, visit: &mut dyn FnMut(Result<FlowUsage, BadFlow>)) -> Result<(), Error> {
        self.inner.usage(visit)
    }

    fn flow(&mut self, ufid: weft_flow::Ufid) -> Result<Option<DumpedFlow>, Error> {
        self.inner.flow(ufid)
    }

    fn writes(&self) -> Writes {
        self.inner.writes()
    }

    fn conntrack(&self) -> Result<Box<dyn Conntrack>, Error> {
        self.inner.conntrack()
    }
}

impl Meters for Drain {
    fn set_meter(&mut self, id: u32, meter: Meter) -> Result<Option<MeterStats>, Error> {
        self.inner.set_meter(id, meter)
    }

    fn meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.inner.meter(id)
    }

    fn delete_meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.inner.delete_meter(id)
    }
}

impl ConnectionLimits for Drain {
    fn set_limit(&mut self, of: Limited, limit: Option<NonZeroU32>) -> Result<(), Error> {
        self.inner.set_limit(of, limit)
    }

    fn clear_limit(&mut self, of: Limited) -> Result<(), Error> {
        self.inner.clear_limit(of)
    }

    fn limit(&mut self, of: Limited) -> Result<Limit, Error> {
        self.inner.limit(of)
    }
}
