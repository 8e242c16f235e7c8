//! A blocking client of the agent's control socket.
//!
//! An agent that is restarted closes its connections without an answer, and may or may not have done
//! what was asked. All that is asked here can be asked twice, so [`ask_again`] does that.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weft_wire::control::{Reply, Request, VERSION, Verb};

use crate::error::Error;

/// For how long nobody listens, after a lost connection, before the agent counts as down.
const GONE_AFTER: Duration = Duration::from_secs(1);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A whole answer of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The items before its end.
    pub items: Vec<Value>,
    /// What `done` carried.
    pub result: Value,
}

/// What came of asking the agent once.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It answered.
    Answered(Answer),
    /// Nobody listens on the socket.
    AgentDown,
    /// The connection ended before the answer did: the agent was stopped, before or after it did what
    /// was asked.
    Lost,
}

/// Asks the agent one thing, again after every lost connection, `limit` at most. `None` when nobody
/// listens: at the first try, or for a second after a lost connection. `verb` makes the request from
/// the time that is left.
pub fn ask_again(
    socket: &Path,
    limit: Duration,
    verb: impl Fn(Duration) -> Verb,
) -> Result<Option<Answer>, Error> {
    let started = Instant::now();
    let timed_out = || Error::TimedOut {
        path: socket.to_owned(),
        seconds: limit.as_secs(),
    };
    let mut lost = false;
    let mut down_since: Option<Instant> = None;
    loop {
        // The kernel takes a limit of 0 for none.
        let left = limit
            .saturating_sub(started.elapsed())
            .max(Duration::from_millis(1));
        match ask(socket, verb(left), left) {
            Ok(Asked::Answered(answer)) => return Ok(Some(answer)),
            Ok(Asked::AgentDown) => {
                let since = *down_since.get_or_insert_with(Instant::now);
                if !lost || since.elapsed() >= GONE_AFTER {
                    return Ok(None);
                }
            }
            Ok(Asked::Lost) => {
                lost = true;
                down_since = None;
            }
            Err(Error::TimedOut { .. }) => return Err(timed_out()),
            Err(error) => return Err(error),
        }
        if started.elapsed() >= limit {
            return match down_since {
                Some(_) => Ok(None),
                None => Err(timed_out()),
            };
        }
        thread::sleep(PAUSE);
    }
}

/// Asks the agent one thing once and waits for the end of its answer, `limit` at most.
pub fn ask(socket: &Path, verb: Verb, limit: Duration) -> Result<Asked, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::TimedOut {
            path: socket.to_owned(),
            seconds: limit.as_secs(),
        },
        _ => Error::Socket {
            path: socket.to_owned(),
            source,
        },
    };
    let misunderstood = |error: serde_json::Error| Error::Protocol {
        path: socket.to_owned(),
        problem: error.to_string(),
    };

    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(Asked::AgentDown);
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(limit)).map_err(failed)?;
    stream.set_write_timeout(Some(limit)).map_err(failed)?;
    let mut line = serde_json::to_vec(&Request { v: VERSION, verb }).map_err(misunderstood)?;
    line.push(b'\n');
    match stream.write_all(&line) {
        // It may have said why before it closed.
        Err(error) if is_lost(&error) => {}
        other => other.map_err(failed)?,
    }

    let mut reader = BufReader::new(stream);
    let mut items = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(_) => {}
            Err(error) if is_lost(&error) => return Ok(Asked::Lost),
            Err(error) => return Err(failed(error)),
        }
        // A line cut short is an end too.
        if !line.ends_with(b"\n") {
            return Ok(Asked::Lost);
        }
        match serde_json::from_slice(&line).map_err(misunderstood)? {
            Reply::Item(item) => items.push(item),
            Reply::Done(result) => return Ok(Asked::Answered(Answer { items, result })),
            Reply::Error(failure) => return Err(Error::Refused(failure)),
        }
    }
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use super::*;

    /// An agent that says each of the texts to one connection, and then is gone.
    fn agent(texts: &'static [&'static str], read_first: bool) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            for text in texts {
                let (mut stream, _) = listener.accept().unwrap();
                if read_first {
                    let mut line = String::new();
                    BufReader::new(&stream).read_line(&mut line).unwrap();
                }
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        (dir, path)
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn an_answer_without_an_end_is_a_lost_connection() {
        for text in ["", "{\"item\":1}\n", "{\"item\":1}\n{\"don"] {
            let texts: &'static [&'static str] = Box::leak(Box::new([text]));
            for read_first in [true, false] {
                let (_dir, socket) = agent(texts, read_first);
                let asked = ask(&socket, Verb::Bindings, LIMIT).unwrap();
                assert_eq!(asked, Asked::Lost, "{text:?} {read_first}");
            }
        }
    }

    #[test]
    fn a_whole_line_that_is_no_reply_is_not_a_lost_connection() {
        let (_dir, socket) = agent(&["what?\n"], true);
        let error = ask(&socket, Verb::Bindings, LIMIT).unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
    }

    #[test]
    fn after_lost_connections_it_asks_again_and_items_of_the_lost_do_not_count() {
        let (_dir, socket) = agent(
            &["", "{\"item\":1}\n", "{\"item\":2}\n{\"done\":3}\n"],
            true,
        );
        let answer = ask_again(&socket, LIMIT, |_| Verb::Bindings).unwrap();
        let expected = Answer {
            items: vec![2.into()],
            result: 3.into(),
        };
        assert_eq!(answer, Some(expected));
    }

    #[test]
    fn an_agent_that_does_not_come_back_is_down() {
        let (_dir, socket) = agent(&[""], true);
        assert_eq!(ask_again(&socket, LIMIT, |_| Verb::Bindings).unwrap(), None);
    }

    #[test]
    fn an_agent_that_loses_every_connection_is_asked_until_the_time_is_up() {
        let (_dir, socket) = agent(&[""; 1000], true);
        let limit = Duration::from_millis(200);
        let error = ask_again(&socket, limit, |_| Verb::Bindings).unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}
