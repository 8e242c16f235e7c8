//! Those who wait for the end of a plug or an unplug, and when their wait is over.
//!
//! Races:
//! - *The caller gives up before the answer*: a plug that was not answered in time is taken back, at the
//!   service, too.
//! - *The port is plugged anew while an unplug of it is waited for*: the unplug is done.

use std::time::{Duration, Instant};

use weft_topology::id::PortId;
use weft_wire::control::{Failure, FailureCode, PlugResult};

use super::Core;
use super::message::Answer;

/// The longest that anybody may wait.
const LONGEST: Duration = Duration::from_secs(600);
/// With the service away, a plug of a port that this host does not know waits so long for it.
const AWAY: Duration = Duration::from_secs(4);
/// An unplug waits so long for the service to take the port back.
const UNPLUG: Duration = Duration::from_secs(5);

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiter {
    deadline: Instant,
    /// When it is not worth while to wait for the service any longer.
    patience: Instant,
    interface: String,
    port: PortId,
    for_what: For,
}

#[derive(Debug)]
enum For {
    Plug(Answer<PlugResult>),
    Unplug(Answer<()>),
}

/// What became of a plug that is waited for.
enum Verdict {
    Wait,
    Plugged(PlugResult),
    Failed(FailureCode, String),
}

impl Waiter {
    pub(super) fn of_plug(
        port: PortId,
        interface: String,
        timeout: Duration,
        now: Instant,
        answer: Answer<PlugResult>,
    ) -> Self {
        let timeout = timeout.min(LONGEST);
        Self {
            deadline: now + timeout,
            patience: now + timeout.min(AWAY),
            interface,
            port,
            for_what: For::Plug(answer),
        }
    }

    pub(super) fn of_unplug(
        port: PortId,
        interface: String,
        now: Instant,
        answer: Answer<()>,
    ) -> Self {
        Self {
            deadline: now + UNPLUG,
            patience: now,
            interface,
            port,
            for_what: For::Unplug(answer),
        }
    }

    pub(super) fn is_plug_of(&self, port: PortId, interface: &str) -> bool {
        matches!(self.for_what, For::Plug(_)) && self.port == port && self.interface == interface
    }

    /// When it has to be looked at, if nothing happens before.
    pub(super) fn due(&self, now: Instant) -> Instant {
        if self.patience > now {
            self.patience
        } else {
            self.deadline
        }
    }
}

impl Core {
    /// Those who wait for an interface's plug are told that it failed.
    pub(super) fn fail_plugs(&mut self, interface: &str, code: FailureCode, message: &str) {
        let mut kept = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match waiter.for_what {
                For::Plug(answer) if waiter.interface == interface => {
                    let _ = answer.send(Err(Failure {
                        code,
                        message: message.to_owned(),
                    }));
                }
                _ => kept.push(waiter),
            }
        }
        self.waiters = kept;
    }

    /// Answers those whose wait is over. Whether a plug was taken back by that.
    pub(super) fn answer_waiters(&mut self, now: Instant) -> bool {
        let mut failed = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match waiter.for_what {
                For::Unplug(answer) => {
                    if self.is_unplugged(&waiter.interface, waiter.port, waiter.deadline <= now) {
                        let _ = answer.send(Ok(()));
                    } else {
                        let for_what = For::Unplug(answer);
                        self.waiters.push(Waiter { for_what, ..waiter });
                    }
                }
                For::Plug(answer) => {
                    let times = (waiter.patience <= now, waiter.deadline <= now);
                    match self.judge(&waiter.interface, waiter.port, times) {
                        Verdict::Wait => {
                            let for_what = For::Plug(answer);
                            self.waiters.push(Waiter { for_what, ..waiter });
                        }
                        Verdict::Plugged(result) => {
                            let _ = answer.send(Ok(result));
                        }
                        Verdict::Failed(code, message) => {
                            failed.push((waiter.port, waiter.interface));
                            let _ = answer.send(Err(Failure { code, message }));
                        }
                    }
                }
            }
        }
        failed
            .into_iter()
            .filter(|(port, interface)| self.take_back(*port, interface))
            .count()
            > 0
    }

    /// Takes a plug back that has failed, unless somebody else waits for it.
    fn take_back(&mut self, port: PortId, interface: &str) -> bool {
        let mut waiters = self.waiters.iter();
        let is_waited_for = waiters.any(|waiter| waiter.is_plug_of(port, interface));
        let wish = self.wishes.get(interface);
        let is_due = !is_waited_for && wish.is_some_and(|wish| wish.port == port);
        if is_due {
            self.wishes.unplug(interface, port);
        }
        is_due
    }

    fn is_unplugged(&self, interface: &str, port: PortId, is_over: bool) -> bool {
        let carried = self.carrier.carried().get(&port);
        let is_carried = carried.is_some_and(|is| is.interface == interface);
        let is_told = !self.wishes.is_being_told(port) || self.is_away();
        let anew = self.wishes.get(interface);
        let is_anew = anew.is_some_and(|wish| wish.port == port);
        is_over || (is_told && (is_anew || !is_carried))
    }

    fn judge(&self, interface: &str, port: PortId, (is_late, is_over): (bool, bool)) -> Verdict {
        let carried = self.carrier.carried().get(&port);
        if let Some(is) = carried.filter(|is| is.interface == interface) {
            if !self.saving.has(port) && !is_over {
                return Verdict::Wait;
            }
            let link = self.links.get(interface);
            let mtu = is.mtu.or(link.map(|link| link.mtu)).unwrap_or_default();
            return Verdict::Plugged(PlugResult {
                number: is.number,
                mtu,
            });
        }
        if let Some(problem) = self.carrier.problem(port) {
            return Verdict::Failed(
                FailureCode::Internal,
                format!("port {port} cannot be carried by {interface}: {problem}"),
            );
        }
        let known = self.builder.snapshot().port(port).here().is_some();
        if self.is_away() && !known && is_late {
            return Verdict::Failed(
                FailureCode::Unavailable,
                format!(
                    "the topology service is away, and this host does not know port {port}: try again \
                     when it is back"
                ),
            );
        }
        if !is_over {
            return Verdict::Wait;
        }
        let what = if self.links.get(interface).is_none() {
            format!("interface {interface} is not there")
        } else if self.is_away() {
            "the topology service is away".to_owned()
        } else {
            "the topology service has not granted the port".to_owned()
        };
        Verdict::Failed(
            FailureCode::TimedOut,
            format!("port {port} was not carried by {interface} in time: {what}"),
        )
    }
}
