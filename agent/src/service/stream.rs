//! Keeps one watch open: registers, opens, reads lines, and begins again when it ends.
//!
//! Races:
//! - An interest request is made for a watch that has just ended: it carries the watch's number, and is
//!   dropped here; the next watch begins with a request for everything.
//! - A service that takes the watch and ends it at once, again and again: it is asked less and less often.
//! - A connection that is dead without saying so: the service speaks every 3 s, so silence ends the
//!   watch.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::{mpsc, oneshot, watch as latest};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;
use weft_wire::host::LEASE_SECONDS;
use weft_wire::watch::{InterestRequest, WatchLine};

use super::client::causes;
use super::{Client, StreamEvent};
use crate::core::Message;

/// Silence after which a watch counts as dead.
const SILENCE: Duration = Duration::from_secs(LEASE_SECONDS);
/// The longest line: one object. The largest is a chain with tens of thousands of rules.
const LONGEST_LINE: usize = 16 << 20;
/// The shortest and the longest time between two attempts. A watch that lived as long as the latter was a
/// good one: the next attempt follows soon.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

type Interest = mpsc::UnboundedReceiver<(u64, InterestRequest)>;

/// Follows the service until the control side has ended.
pub(super) async fn follow(
    client: Arc<Client>,
    core: Sender<Message>,
    mut interest: Interest,
    registered: Arc<latest::Sender<u64>>,
) {
    let mut pause = BACKOFF.0;
    for stream in 1.. {
        let (mut opened, began) = (false, Instant::now());
        let reason = match watch(
            &client,
            &core,
            stream,
            &mut interest,
            &registered,
            &mut opened,
        )
        .await
        {
            Ok(()) => return,
            Err(reason) => reason,
        };
        pause = if opened && began.elapsed() >= BACKOFF.1 {
            BACKOFF.0
        } else {
            (pause * 2).min(BACKOFF.1)
        };
        let closed = StreamEvent::Closed {
            stream: if opened { stream } else { 0 },
            reason,
        };
        if core.send(Message::Stream(closed)).is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// One watch, from its opening to its end. `Ok` when the control side has ended.
async fn watch(
    client: &Client,
    core: &Sender<Message>,
    stream: u64,
    interest: &mut Interest,
    registered: &latest::Sender<u64>,
    opened: &mut bool,
) -> Result<(), String> {
    let (url, answer) = client.register().await.map_err(|e| e.to_string())?;
    registered.send_replace(stream);
    let mut known = registered.subscribe();
    let (reply, resume) = oneshot::channel();
    if core
        .send(Message::Stream(StreamEvent::Opening(reply)))
        .is_err()
    {
        return Ok(());
    }
    let Ok(resume) = resume.await else {
        return Ok(());
    };
    let body = client
        .watch(&url, resume.as_ref())
        .await
        .map_err(|e| e.to_string())?;
    *opened = true;
    let event = StreamEvent::Open {
        stream,
        url: url.clone(),
        store: answer.store,
        established: answer.established,
    };
    if core.send(Message::Stream(event)).is_err() {
        return Ok(());
    }
    let bytes = body.bytes_stream().map_err(io::Error::other);
    let codec = LinesCodec::new_with_max_length(LONGEST_LINE);
    let lines = FramedRead::new(StreamReader::new(bytes), codec);
    // What is there at once comes at once: one message for the core, not one a line.
    let mut chunks = std::pin::pin!(lines.ready_chunks(1024));
    loop {
        tokio::select! {
            chunk = tokio::time::timeout(SILENCE, chunks.next()) => {
                let chunk = chunk.map_err(|_| format!("{url} was silent for {SILENCE:?}"))?;
                let chunk = chunk.ok_or_else(|| format!("{url} ended the watch"))?;
                let (lines, end) = understood(chunk);
                if !lines.is_empty()
                    && core.send(Message::Stream(StreamEvent::Lines { stream, lines })).is_err()
                {
                    return Ok(());
                }
                end?;
            }
            wanted = interest.recv() => {
                let Some((of, request)) = wanted else { return Ok(()) };
                if of == stream {
                    client.interest(&url, &request).await.map_err(|e| e.to_string())?;
                }
            }
            () = turned_false(&mut known) => {
                return Err(format!("{url} does not know this host any more"));
            }
        }
    }
}

/// The lines up to the first that is not understood, and what is wrong with that.
fn understood(chunk: Vec<Result<String, LinesCodecError>>) -> (Vec<WatchLine>, Result<(), String>) {
    let mut lines = Vec::new();
    for text in chunk {
        match line(text) {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => tracing::debug!("a line of a newer service is passed over"),
            Err(problem) => return (lines, Err(problem)),
        }
    }
    (lines, Ok(()))
}

fn line(text: Result<String, LinesCodecError>) -> Result<Option<WatchLine>, String> {
    let text = text.map_err(|error| causes(&error))?;
    WatchLine::read(&text).map_err(|error| format!("a line is not understood: {error}"))
}

async fn turned_false(known: &mut latest::Receiver<u64>) {
    // An error means that the control side has ended: other parts of the loop see that.
    while *known.borrow_and_update() != 0 && known.changed().await.is_ok() {}
}
