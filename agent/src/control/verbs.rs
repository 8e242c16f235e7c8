//! What each verb asks of whom.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use weft_observe::logs::Logs;
use weft_topology::Change;
use weft_topology::id::PortId;
use weft_wire::control::{Failure, FailureCode, Reply, Verb};
use weft_wire::impact::ImpactResult;

use super::socket::{Caller, failure};
use super::watching;
use crate::capture::Bounds;
use crate::core::{Ask, Message};
use crate::hot::{Hot, HotError};
use crate::service::Client;

/// The shortest prefix that names a port: shorter ones do by accident.
const SHORTEST_PREFIX: usize = 8;
/// The length of an id.
const LONGEST_PREFIX: usize = 36;
/// The longest frame that can be traced, in bytes.
const LONGEST_FRAME: usize = 65_535;

pub(super) type Replies = mpsc::Sender<Reply>;
pub(super) type Outcome = Result<serde_json::Value, Failure>;

/// Those who know the answers.
#[derive(Debug)]
pub struct Peers {
    /// Bindings and state.
    pub core: Sender<Message>,
    /// Flows, drops, learned addresses, traces.
    pub hot: Arc<dyn Hot>,
    /// Ports that this host does not know.
    pub client: Arc<Client>,
    /// The log, if the process has begun one.
    pub logs: Option<Arc<Logs>>,
}

impl Peers {
    /// Answers one request.
    pub(super) async fn answer(&self, verb: Verb, who: Caller, replies: &Replies) {
        let outcome = self.outcome(verb, who, replies).await;
        let last = match outcome {
            Ok(value) => Reply::Done(value),
            Err(failure) => Reply::Error(failure),
        };
        // Who has gone needs no answer.
        let _ = replies.send(last).await;
    }

    async fn outcome(&self, verb: Verb, who: Caller, replies: &Replies) -> Outcome {
        match verb {
            Verb::Plug {
                port,
                interface,
                mtu,
                timeout_ms,
            } => {
                let plugged = self
                    .ask(|answer| Ask::Plug {
                        port,
                        interface,
                        mtu,
                        timeout_ms,
                        answer,
                    })
                    .await?;
                done(&plugged?)
            }
            Verb::Unplug { interface } => {
                self.ask(|answer| Ask::Unplug { interface, answer })
                    .await??;
                done(&())
            }
            Verb::UnbindPort { port } => {
                self.ask(|answer| Ask::UnbindPort { port, answer })
                    .await??;
                done(&())
            }
            Verb::Bindings => {
                let bindings = self.ask(Ask::Bindings).await?;
                list(bindings, replies).await
            }
            Verb::Status => done(&self.ask(Ask::Status).await?),
            Verb::FindPort { prefix } => self.find_port(&prefix).await,
            Verb::Flows { port } => self.flows(port, replies).await,
            Verb::Drops { port } => {
                list(self.hot(move |hot| hot.drops(port)).await?, replies).await
            }
            Verb::Why { port } => {
                let bindings = self.ask(Ask::Bindings).await?;
                let mut why = self.hot(move |hot| hot.why(port)).await?;
                watching::add_binding(&mut why, &bindings);
                done(&why)
            }
            Verb::Learned => list(self.hot(|hot| hot.learned()).await?, replies).await,
            Verb::Ports => {
                let core = self.ask(Ask::Measure).await?;
                let hot = self.hot(|hot| hot.measure()).await?;
                list(watching::ports(&core.bindings, &hot), replies).await
            }
            Verb::LogLevel { filter } => {
                let logs = self.logs.as_deref();
                done(&watching::log_level(logs, filter, who)?)
            }
            Verb::Capture {
                port,
                snaplen,
                frames,
                milliseconds,
            } => {
                let bindings = self.ask(Ask::Bindings).await?;
                let bounds = Bounds {
                    snaplen,
                    frames,
                    milliseconds,
                };
                watching::capture(port, bounds, &bindings, who, replies).await
            }
            Verb::Trace {
                port,
                frame,
                connection,
            } => {
                let frame = bytes_of(&frame)?;
                done(
                    &self
                        .hot(move |hot| hot.trace(port, &frame, connection))
                        .await?,
                )
            }
            Verb::Impact {
                changes,
                traffic_ms,
            } => {
                let recent = Duration::from_millis(traffic_ms);
                self.impact(changes, recent, replies).await
            }
        }
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Failure> {
        let (sender, answer) = oneshot::channel();
        let stopping = || {
            failure(
                FailureCode::Unavailable,
                "the agent is stopping: try again".to_owned(),
            )
        };
        self.core
            .send(Message::Ask(ask(sender)))
            .map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    /// The hot path's answers are waited for on a thread that nobody else waits for.
    async fn hot<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Hot) -> Result<T, HotError> + Send + 'static,
    ) -> Result<T, Failure> {
        let hot = self.hot.clone();
        let asked = tokio::task::spawn_blocking(move || question(&*hot));
        match asked.await {
            Ok(answer) => answer.map_err(|error| refused(&error)),
            Err(error) => Err(failure(FailureCode::Internal, error.to_string())),
        }
    }

    async fn flows(&self, port: Option<PortId>, replies: &Replies) -> Outcome {
        let replies = replies.clone();
        self.hot(move |hot| {
            hot.flows(port, &mut |flow| match item(&flow) {
                Ok(reply) => match replies.blocking_send(reply) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                },
                Err(_) => ControlFlow::Break(()),
            })
        })
        .await?;
        done(&())
    }

    async fn impact(&self, changes: Vec<Change>, recent: Duration, replies: &Replies) -> Outcome {
        let host = self.ask(Ask::Status).await?.host_name;
        let replies = replies.clone();
        let looked = self.hot(move |hot| {
            hot.impact(&changes, recent, &mut |impact| {
                let sent = item(&impact).map(|reply| replies.blocking_send(reply).is_ok());
                match sent {
                    Ok(true) => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            })
        });
        let looked = looked.await?;
        done(&ImpactResult { host, ..looked })
    }

    /// The service knows all ports; with it away, those that this host follows are looked through.
    async fn find_port(&self, prefix: &str) -> Outcome {
        let prefix = prefix.to_ascii_lowercase();
        let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
        let length = SHORTEST_PREFIX..=LONGEST_PREFIX;
        if !length.contains(&prefix.len()) || !prefix.chars().all(digits) {
            return Err(failure(
                FailureCode::BadRequest,
                format!(
                    "'{prefix}': want the first {SHORTEST_PREFIX} or more characters of a port's id"
                ),
            ));
        }
        let found = match self.client.find_ports(&prefix).await {
            Ok(ports) => ports,
            Err(error) if error.is_away() => {
                let known = self.ask(|answer| Ask::FindPort(prefix.clone(), answer));
                let known = known.await?;
                if known.is_empty() {
                    return Err(failure(FailureCode::Unavailable, error.to_string()));
                }
                known
            }
            Err(error) => return Err(failure(FailureCode::Internal, error.to_string())),
        };
        match found.as_slice() {
            [port] => done(port),
            [] => Err(failure(
                FailureCode::NotFound,
                format!("there is no port whose id begins with {prefix}"),
            )),
            _ => Err(failure(
                FailureCode::Conflict,
                format!("several ports' ids begin with {prefix}: name one by its whole id"),
            )),
        }
    }
}

fn refused(error: &HotError) -> Failure {
    let code = match error {
        HotError::NoSuchPort { .. } => FailureCode::NotFound,
        HotError::BadFrame { .. } => FailureCode::BadRequest,
        HotError::Stopped { .. } => FailureCode::Unavailable,
        HotError::Datapath(_) | HotError::Thread(_) => FailureCode::Internal,
    };
    failure(code, error.to_string())
}

pub(super) fn item(value: &impl Serialize) -> Result<Reply, Failure> {
    done(value).map(Reply::Item)
}

pub(super) fn done(value: &impl Serialize) -> Outcome {
    serde_json::to_value(value).map_err(|error| failure(FailureCode::Internal, error.to_string()))
}

async fn list<T: Serialize>(items: Vec<T>, replies: &Replies) -> Outcome {
    for value in items {
        if replies.send(item(&value)?).await.is_err() {
            break;
        }
    }
    done(&())
}

pub(crate) fn bytes_of(hex: &str) -> Result<Vec<u8>, Failure> {
    let bad = |what: String| {
        failure(
            FailureCode::BadRequest,
            format!("the frame to trace {what}"),
        )
    };
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return Err(bad("is no even number of hex digits".to_owned()));
    }
    if hex.len() / 2 > LONGEST_FRAME {
        return Err(bad(format!("has more than {LONGEST_FRAME} bytes")));
    }
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            // from_str_radix would take a sign.
            let digits = pair.iter().all(u8::is_ascii_hexdigit);
            u8::from_str_radix(text, 16).ok().filter(|_| digits)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| bad("has characters that are no hex digits".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_in_hex_is_read_strictly() {
        assert_eq!(bytes_of("00fFa1").unwrap(), [0, 0xff, 0xa1]);
        assert!(bytes_of("").unwrap().is_empty());
        for bad in ["0", "0g", "+1", "é", " 1"] {
            let refused = bytes_of(bad).unwrap_err();
            assert_eq!(refused.code, FailureCode::BadRequest, "{bad}");
        }
        assert!(bytes_of(&"00".repeat(LONGEST_FRAME + 1)).is_err());
    }
}
