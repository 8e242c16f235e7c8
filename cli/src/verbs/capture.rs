//! `weft capture`: frames of one virtual port, to a file, to a program such as Wireshark, or in words.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use weft_topology::id::PortId;
use weft_wire::control::{BindingInfo, CaptureResult, CapturedFrame, Reply, Verb};

use crate::agent::Agent;
use crate::error::Error;
use crate::frame_text;
use crate::output::Form;
use crate::pcap::PcapWriter;

/// What is captured, and when it ends.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port's id, or its interface.
    pub port: String,
    /// Frames.
    pub count: Option<u64>,
    /// Seconds.
    pub seconds: Option<u64>,
    /// Bytes of each frame.
    pub snaplen: u32,
    /// A file, `-` for standard output; absent: words.
    pub write: Option<PathBuf>,
}

/// Where frames go. A file is opened when there is something to write, so that a capture which never began leaves
/// an earlier one as it was.
struct Sink<'a> {
    options: &'a Options,
    form: Form,
    out: Option<Out>,
}

/// It, open.
enum Out {
    Pcap(PcapWriter<BufWriter<Box<dyn Write>>>),
    Words,
    Json,
}

/// How a capture ended.
enum End {
    /// The agent says that it is over.
    Done(CaptureResult),
    /// Somebody interrupted it, or the reader of the output has gone.
    Stopped,
}

/// Captures until a bound is met or somebody interrupts it.
pub fn run(options: &Options, agent: &Agent, form: Form) -> Result<(), Error> {
    let port = port_of(&options.port, agent)?;
    // Before anything is asked: an interrupt that comes early is not lost.
    let signals = Signals::take().map_err(|errno| Error::Streaming {
        attempt: "wait for signals",
        source: errno.into(),
    })?;
    let mut sink = Sink::new(options, form)?;
    let stream = agent.begin(Verb::Capture {
        port,
        snaplen: options.snaplen,
        frames: options.count,
        milliseconds: options.seconds.map(|seconds| seconds.saturating_mul(1_000)),
    })?;
    let mut seen = CaptureResult { frames: 0, lost: 0 };
    let ended = follow(stream, &signals, &mut sink, &mut seen, agent);
    if let Ok(End::Done(result)) = &ended {
        seen.lost = result.lost;
    }
    let plural = if seen.frames == 1 { "" } else { "s" };
    let _ = writeln!(
        io::stderr(),
        "{} frame{plural} captured, {} lost because they were not taken in time",
        seen.frames,
        seen.lost
    );
    ended.map(drop)
}

/// A port's id, or that of the port which an interface of this host carries.
pub(super) fn port_of(text: &str, agent: &Agent) -> Result<PortId, Error> {
    if let Ok(port) = text.parse() {
        return Ok(port);
    }
    let bindings: Vec<BindingInfo> = agent.list(Verb::Bindings)?;
    let found = bindings.iter().find(|binding| binding.interface == text);
    found
        .map(|binding| binding.port)
        .ok_or_else(|| Error::NoSuchPort(text.to_owned()))
}

fn follow(
    mut stream: UnixStream,
    signals: &Signals,
    sink: &mut Sink,
    seen: &mut CaptureResult,
    agent: &Agent,
) -> Result<End, Error> {
    let (mut waiting, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        if signals
            .or_readable(&stream)
            .map_err(|errno| agent.broke(errno.into()))?
        {
            sink.open()?;
            sink.flush()?;
            return Ok(End::Stopped);
        }
        let count = stream
            .read(&mut chunk)
            .map_err(|error| agent.broke(error))?;
        if count == 0 {
            return Err(agent.broke(io::ErrorKind::UnexpectedEof.into()));
        }
        waiting.extend_from_slice(chunk.get(..count).unwrap_or_default());
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            match serde_json::from_slice(&line).map_err(|error| agent.misunderstood(&error))? {
                Reply::Item(item) => {
                    let frame: CapturedFrame = serde_json::from_value(item)
                        .map_err(|error| agent.misunderstood(&error))?;
                    seen.frames += 1;
                    seen.lost = frame.lost;
                    if !sink.take(&frame)? {
                        return Ok(End::Stopped);
                    }
                }
                Reply::Done(result) => {
                    sink.open()?;
                    sink.flush()?;
                    let result = serde_json::from_value(result)
                        .map_err(|error| agent.misunderstood(&error))?;
                    return Ok(End::Done(result));
                }
                Reply::Error(failure) => {
                    sink.flush()?;
                    return Err(Error::Refused(failure));
                }
            }
        }
        // Who reads it live has every frame as soon as it is there.
        if !sink.flush()? {
            return Ok(End::Stopped);
        }
    }
}

fn not_written(source: io::Error) -> Error {
    Error::Streaming {
        attempt: "write the capture",
        source,
    }
}

/// Whether somebody still reads; any other failure is one.
fn is_read(written: io::Result<()>) -> Result<bool, Error> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(not_written(error)),
    }
}

impl<'a> Sink<'a> {
    fn new(options: &'a Options, form: Form) -> Result<Self, Error> {
        let mut sink = Self {
            options,
            form,
            out: None,
        };
        // Who reads a pipe wants to know at once what comes.
        if options.write.as_deref() == Some(Path::new("-")) {
            sink.open()?;
        }
        Ok(sink)
    }

    /// Opens it, if it is not yet.
    fn open(&mut self) -> Result<&mut Out, Error> {
        if self.out.is_none() {
            self.out = Some(Out::open(self.options, self.form)?);
        }
        self.out
            .as_mut()
            .ok_or_else(|| not_written(io::ErrorKind::NotFound.into()))
    }

    /// Takes a frame; false when nobody reads any more.
    fn take(&mut self, frame: &CapturedFrame) -> Result<bool, Error> {
        let bytes = frame_text::bytes_of(&frame.frame);
        is_read(match self.open()? {
            Out::Pcap(writer) => writer.frame(frame.time, frame.length, &bytes),
            Out::Words => writeln!(io::stdout(), "{}", frame_text::line(frame, &bytes)),
            Out::Json => {
                let text = serde_json::to_string(frame).unwrap_or_default();
                writeln!(io::stdout(), "{text}")
            }
        })
    }

    /// Gives out what is written; false when nobody reads any more.
    fn flush(&mut self) -> Result<bool, Error> {
        is_read(match &mut self.out {
            Some(Out::Pcap(writer)) => writer.flush(),
            Some(Out::Words | Out::Json) => io::stdout().flush(),
            None => Ok(()),
        })
    }
}

impl Out {
    fn open(options: &Options, form: Form) -> Result<Self, Error> {
        let Some(path) = &options.write else {
            return Ok(match form {
                Form::Json => Self::Json,
                Form::People => Self::Words,
            });
        };
        let out: Box<dyn Write> = match path == Path::new("-") {
            true => Box::new(io::stdout()),
            // It may hold what tenants sent.
            false => Box::new(
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(not_written)?,
            ),
        };
        PcapWriter::begin(BufWriter::new(out), options.snaplen)
            .map(Self::Pcap)
            .map_err(not_written)
    }
}

/// SIGINT and SIGTERM, as something to wait for.
struct Signals(SignalFd);

impl Signals {
    fn take() -> nix::Result<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        set.add(Signal::SIGTERM);
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?))
    }

    /// Waits until there is something to read (false), or a signal (true).
    fn or_readable(&self, stream: &UnixStream) -> nix::Result<bool> {
        loop {
            let mut waited = [
                PollFd::new(self.0.as_fd(), PollFlags::POLLIN),
                PollFd::new(stream.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut waited, PollTimeout::NONE) {
                Ok(_) => {
                    let [signalled, _] = waited;
                    return Ok(signalled.any().unwrap_or(false));
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}
