//! Plugs and unplugs: taken, waited for, answered.
//!
//! Races:
//! - *Two plugs of one port at once*: they are taken one after the other; the second finds the wish of the
//!   first and gets a conflict that names its interface. Two on two hosts: the service decides, the port
//!   moves, and the host that had it learns it from its watch.
//! - *The caller gives up before the answer*: a plug that was not answered in time is taken back, at the
//!   service, too.

use std::time::{Duration, Instant};

use weft_topology::id::PortId;
use weft_wire::control::{Failure, FailureCode, PlugResult};

use super::Core;
use super::message::Answer;
use crate::service::ServiceError;

/// The longest that anybody may wait.
const LONGEST: Duration = Duration::from_secs(600);
/// With the service away, a plug of a port that this host does not know waits so long for it.
const AWAY: Duration = Duration::from_secs(4);
/// An unplug waits so long for the service to take the port back.
const UNPLUG: Duration = Duration::from_secs(5);

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) deadline: Instant,
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

/// What became of a waiter.
enum Verdict {
    Wait,
    Plugged(PlugResult),
    Unplugged,
    Failed(FailureCode, String),
}

impl Core {
    pub(super) fn on_plug(
        &mut self,
        port: PortId,
        interface: String,
        mtu: Option<u16>,
        timeout: Duration,
        answer: Answer<PlugResult>,
    ) {
        if let Err(failure) = self.accept_plug(port, &interface, mtu) {
            let _ = answer.send(Err(failure));
            return;
        }
        let now = Instant::now();
        let timeout = timeout.min(LONGEST);
        self.waiters.push(Waiter {
            deadline: now + timeout,
            patience: now + timeout.min(AWAY),
            interface,
            port,
            for_what: For::Plug(answer),
        });
    }

    fn accept_plug(
        &mut self,
        port: PortId,
        interface: &str,
        mtu: Option<u16>,
    ) -> Result<(), Failure> {
        let conflict = |message: String| Failure {
            code: FailureCode::Conflict,
            message,
        };
        if let Some(wish) = self.wishes.get(interface) {
            if wish.port != port {
                return Err(conflict(format!(
                    "interface {interface} carries port {} already: unplug it first",
                    wish.port
                )));
            }
            if wish.refused.is_none() && wish.mtu == mtu {
                return Ok(());
            }
        }
        let other = self
            .wishes
            .interface_of(port)
            .or_else(|| Some(self.desired.get(&port)?.interface.as_str()))
            .filter(|other| *other != interface)
            .map(str::to_owned);
        if let Some(other) = other {
            if self.links.get(&other).is_some() {
                return Err(conflict(format!(
                    "port {port} is plugged into interface {other} of this host: unplug that first"
                )));
            }
            // Its interface is gone: the port moves.
            self.wishes.forget(&other);
        }
        let written = self.wishes.plug(interface, port, mtu);
        written.map_err(|error| Failure {
            code: FailureCode::Internal,
            message: format!("the binding cannot be kept: {error}"),
        })
    }

    pub(super) fn on_unplug(&mut self, interface: String, answer: Answer<()>) {
        let plugged = self.wishes.get(&interface).map(|wish| wish.port);
        let mut desired = self.desired.iter();
        let port = plugged.or_else(|| {
            desired
                .find(|(_, want)| want.interface == interface)
                .map(|(&port, _)| port)
        });
        match port {
            Some(port) => self.unplug(port, interface, answer),
            None => {
                let _ = answer.send(Ok(()));
            }
        }
    }

    pub(super) fn on_unbind_port(&mut self, port: PortId, answer: Answer<()>) {
        let plugged = self.wishes.interface_of(port);
        let desired = || Some(self.desired.get(&port)?.interface.as_str());
        match plugged.or_else(desired).map(str::to_owned) {
            Some(interface) => self.unplug(port, interface, answer),
            None => {
                let _ = answer.send(Ok(()));
            }
        }
    }

    fn unplug(&mut self, port: PortId, interface: String, answer: Answer<()>) {
        if let Err(error) = self.wishes.unplug(&interface, port) {
            let _ = answer.send(Err(Failure {
                code: FailureCode::Internal,
                message: format!("the end of the binding cannot be kept: {error}"),
            }));
            return;
        }
        self.fail_waiters(&interface, &format!("{interface} was unplugged meanwhile"));
        let now = Instant::now();
        self.waiters.push(Waiter {
            deadline: now + UNPLUG,
            patience: now,
            interface,
            port,
            for_what: For::Unplug(answer),
        });
    }

    /// The service said no.
    pub(super) fn refused(&mut self, port: PortId, interface: &str, error: &ServiceError) {
        let code = match error {
            error if error.is_not_found() => FailureCode::NotFound,
            ServiceError::Refused { .. } => FailureCode::Conflict,
            _ => FailureCode::Internal,
        };
        let message = error.to_string();
        let waits = |waiter: &Waiter| waiter.is_plug_of(interface) && waiter.port == port;
        if self.waiters.iter().any(waits) {
            self.wishes.forget(interface);
            self.fail_plugs(interface, code, &message);
        } else {
            tracing::warn!(%port, interface, message, "the service refused a plug");
            self.wishes.refused(port, interface, &message);
        }
    }

    /// Those who wait for an interface's plug are told that it failed.
    pub(super) fn fail_waiters(&mut self, interface: &str, message: &str) {
        self.fail_plugs(interface, FailureCode::Conflict, message);
    }

    fn fail_plugs(&mut self, interface: &str, code: FailureCode, message: &str) {
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

    /// Answers those whose wait is over.
    pub(super) fn answer_waiters(&mut self, now: Instant) {
        let mut kept = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match (self.judge(&waiter, now), waiter.for_what) {
                (Verdict::Wait, for_what) => kept.push(Waiter { for_what, ..waiter }),
                (Verdict::Plugged(result), For::Plug(answer)) => {
                    let _ = answer.send(Ok(result));
                }
                (Verdict::Failed(code, message), For::Plug(answer)) => {
                    if let Err(error) = self.wishes.unplug(&waiter.interface, waiter.port) {
                        tracing::warn!(%error, "a plug that failed may come back after a restart");
                    }
                    let _ = answer.send(Err(Failure { code, message }));
                }
                (_, For::Unplug(answer)) => {
                    let _ = answer.send(Ok(()));
                }
                (Verdict::Unplugged, For::Plug(_)) => {}
            }
        }
        self.waiters = kept;
    }

    fn judge(&self, waiter: &Waiter, now: Instant) -> Verdict {
        let Waiter {
            interface, port, ..
        } = waiter;
        let carried = self.carrier.carried().get(port);
        let carried = carried.filter(|is| is.interface == *interface);
        if let For::Unplug(_) = waiter.for_what {
            let told = !self.wishes.is_being_told(*port) || self.is_away();
            return if (told && carried.is_none()) || now >= waiter.deadline {
                Verdict::Unplugged
            } else {
                Verdict::Wait
            };
        }
        if let Some(is) = carried {
            if !self.saved.contains(port) && now < waiter.deadline {
                return Verdict::Wait;
            }
            let link = self.links.get(interface);
            let mtu = is.mtu.or(link.map(|link| link.mtu)).unwrap_or_default();
            return Verdict::Plugged(PlugResult {
                number: is.number,
                mtu,
            });
        }
        if let Some(problem) = self.carrier.problem(*port) {
            return Verdict::Failed(
                FailureCode::Internal,
                format!("port {port} cannot be carried by {interface}: {problem}"),
            );
        }
        let known = self.builder.snapshot().port(*port).here().is_some();
        if self.is_away() && !known && now >= waiter.patience {
            return Verdict::Failed(
                FailureCode::Unavailable,
                format!(
                    "the topology service is away, and this host does not know port {port}: try again \
                     when it is back"
                ),
            );
        }
        if now >= waiter.deadline {
            let what = if self.links.get(interface).is_none() {
                format!("interface {interface} is not there")
            } else if self.is_away() {
                "the topology service is away".to_owned()
            } else {
                "the topology service has not granted the port".to_owned()
            };
            return Verdict::Failed(
                FailureCode::TimedOut,
                format!("port {port} was not carried by {interface} in time: {what}"),
            );
        }
        Verdict::Wait
    }
}

impl Waiter {
    fn is_plug_of(&self, interface: &str) -> bool {
        matches!(self.for_what, For::Plug(_)) && self.interface == interface
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
