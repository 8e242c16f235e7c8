//! Many: ports that are plugged as on a host whose machines all start, and real TCP connections between two machines.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use weft_vif_driver::agent::{Asked, ask};
use weft_vif_driver::tap::{self, TapOptions};
use weft_wire::control::Verb;

use crate::bench::pair::in_netns;
use crate::cloud::{self, Network};
use crate::site::Site;

/// Plugs at a time.
pub const AT_ONCE: usize = 4;
/// How long a plug, or the next byte of a connection, may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two messages of a connection.
const PACE: Duration = Duration::from_millis(20);

/// Makes ports with these numbers and plugs them.
pub fn plug_all(site: &Site, network: &Network, numbers: Range<usize>) -> Result<()> {
    let numbers = Mutex::new(numbers);
    let work = || {
        loop {
            let number = numbers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next();
            let Some(number) = number else { return Ok(()) };
            let name = format!("tapz{number}");
            tap::create(&name, TapOptions::default())?;
            plug(site, &cloud::port(&site.rest, network)?, &name)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.try_for_each(|ended| ended.unwrap_or_else(|_| bail!("a thread that plugs panicked")))
    })
}

/// Plugs by the control socket, without a process for each.
fn plug(site: &Site, port: &str, interface: &str) -> Result<()> {
    let verb = Verb::Plug {
        port: port.parse().context("the service's id is no id")?,
        interface: interface.to_owned(),
        mtu: None,
        timeout_ms: 60_000,
    };
    match ask(&site.socket(), verb, PATIENCE)? {
        Asked::Answered(_) => Ok(()),
        other => bail!("the agent did not plug {interface}: {other:?}"),
    }
}

/// TCP connections over which numbers are sent and sent back, all the time.
#[derive(Debug)]
pub struct Talks {
    stop: Arc<AtomicBool>,
    /// Numbers that came back, by connection.
    counts: Vec<Arc<AtomicU64>>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Talks {
    /// Begins so many, from a machine (a network namespace) to an address of another.
    pub fn begin(from: &str, to: &str, address: IpAddr, port: u16, many: usize) -> Result<Self> {
        let address = SocketAddr::new(address, port);
        let listener = in_netns(to, || {
            TcpListener::bind(address).context("listen in the machine")
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let (mut counts, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..many {
            let near = in_netns(from, || {
                TcpStream::connect_timeout(&address, PATIENCE).context("connect to the machine")
            })?;
            let (far, _) = listener.accept()?;
            for end in [&near, &far] {
                end.set_read_timeout(Some(PATIENCE))?;
                end.set_nodelay(true)?;
            }
            let (count, stop) = (Arc::new(AtomicU64::new(0)), stop.clone());
            counts.push(count.clone());
            threads.push(std::thread::spawn(move || echo(far)));
            threads.push(std::thread::spawn(move || ask_again(near, &count, &stop)));
        }
        Ok(Self {
            stop,
            counts,
            threads,
        })
    }

    /// How many numbers came back so far, by connection.
    pub fn counts(&self) -> Vec<u64> {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Ends them; fails if one was broken off, or brought what was not sent.
    pub fn finish(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    }
}

/// Sends back what comes, until the other end closes.
fn echo(mut stream: TcpStream) -> Result<()> {
    let mut bytes = [0; 8];
    loop {
        match stream.read(&mut bytes).context("a connection broke")? {
            0 => return Ok(()),
            length => stream.write_all(bytes.get(..length).unwrap_or_default())?,
        }
    }
}

fn ask_again(mut stream: TcpStream, count: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    let mut answer = [0; 8];
    while !stop.load(Ordering::Relaxed) {
        let number = count.load(Ordering::Relaxed).to_be_bytes();
        stream.write_all(&number).context("a connection broke")?;
        stream
            .read_exact(&mut answer)
            .context("a connection broke")?;
        if answer != number {
            bail!("a connection brings {answer:?} for {number:?}");
        }
        count.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(PACE);
    }
    Ok(())
}
