//! Plugs and unplugs: taken or refused at once, as far as this host knows.
//!
//! Races:
//! - *Two plugs of one port at once*: they are taken one after the other; the second finds the wish of the
//!   first and gets a conflict that names its interface. Two on two hosts: the service decides, the port
//!   moves, and the host that had it learns it from its watch.
//! - *The same plug twice at once*: both wait for the same wish. It is taken back when the last of them
//!   gives up.

use std::time::{Duration, Instant};

use weft_topology::id::PortId;
use weft_topology::validate::is_interface_name;
use weft_wire::control::{Failure, FailureCode, PlugResult};

use super::Core;
use super::message::Answer;
use super::waiters::Waiter;
use crate::service::{Refusal, ServiceError};

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
        self.carrier.forget_failure(port);
        let waiter = Waiter::of_plug(port, interface, timeout, Instant::now(), answer);
        self.waiters.push(waiter);
    }

    fn accept_plug(
        &mut self,
        port: PortId,
        interface: &str,
        mtu: Option<u16>,
    ) -> Result<(), Failure> {
        let failure = |code, message| Err(Failure { code, message });
        if !is_interface_name(interface) {
            return failure(
                FailureCode::BadRequest,
                format!("'{interface}' cannot be an interface's name"),
            );
        }
        // As it is after what was asked a moment ago.
        let desired = self.desired_now();
        let mut others = desired.iter();
        let of_store = others.find(|(_, want)| want.interface == interface);
        let of_wish = self.wishes.get(interface).map(|wish| wish.port);
        let carries = of_wish.or(of_store.map(|(&port, _)| port));
        if let Some(other) = carries.filter(|other| *other != port) {
            return failure(
                FailureCode::Conflict,
                format!("interface {interface} carries port {other} already: unplug it first"),
            );
        }
        let known = self.wishes.get(interface);
        if known.is_some_and(|wish| wish.refused.is_none() && wish.mtu == mtu) {
            return Ok(());
        }
        let other = self
            .wishes
            .interface_of(port)
            .or_else(|| Some(desired.get(&port)?.interface.as_str()))
            .filter(|other| *other != interface)
            .map(str::to_owned);
        if let Some(other) = other {
            if self.links.get(&other).is_some() {
                return failure(
                    FailureCode::Conflict,
                    format!(
                        "port {port} is plugged into interface {other} of this host: unplug that first"
                    ),
                );
            }
            // Its interface is gone: the port moves.
            self.wishes.forget(&other);
            let moved = format!("port {port} was plugged into {interface} meanwhile");
            self.fail_plugs(&other, FailureCode::Conflict, &moved);
        }
        self.wishes.plug(interface, port, mtu).or_else(|error| {
            failure(
                FailureCode::Internal,
                format!("the binding cannot be kept: {error}"),
            )
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
        self.wishes.unplug(&interface, port);
        let unplugged = format!("{interface} was unplugged meanwhile");
        self.fail_plugs(&interface, FailureCode::Conflict, &unplugged);
        let waiter = Waiter::of_unplug(port, interface, Instant::now(), answer);
        self.waiters.push(waiter);
    }

    /// The service said no.
    pub(super) fn refused(&mut self, port: PortId, interface: &str, error: &ServiceError) {
        let message = error.to_string();
        self.wishes.refused(port, interface, &message);
        let is_waited_for = self
            .waiters
            .iter()
            .any(|waiter| waiter.is_plug_of(port, interface));
        if !is_waited_for {
            tracing::warn!(%port, interface, message, "the service refused a plug");
            return;
        }
        let code = match error {
            ServiceError::Refused { refusal, .. } => match refusal {
                Refusal::NotFound => FailureCode::NotFound,
                Refusal::Conflict => FailureCode::Conflict,
                Refusal::Other(400) => FailureCode::BadRequest,
                Refusal::Other(401 | 403) => FailureCode::Forbidden,
                Refusal::Other(_) => FailureCode::Internal,
            },
            _ => FailureCode::Internal,
        };
        match code {
            FailureCode::NotFound | FailureCode::Conflict => self.wishes.forget(interface),
            // It may have granted it.
            _ => self.wishes.unplug(interface, port),
        }
        self.fail_plugs(interface, code, &message);
    }
}
