//! Questions and wishes from the control socket.

use std::time::Duration;

use weft_topology::Object;

use super::Core;
use super::message::Ask;

impl Core {
    pub(super) fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Plug {
                port,
                interface,
                mtu,
                timeout_ms,
                answer,
            } => self.on_plug(
                port,
                interface,
                mtu,
                Duration::from_millis(timeout_ms),
                answer,
            ),
            Ask::Unplug { interface, answer } => self.on_unplug(interface, answer),
            Ask::UnbindPort { port, answer } => self.on_unbind_port(port, answer),
            // Who asked and has gone needs no answer.
            Ask::Bindings(answer) => drop(answer.send(self.bindings())),
            Ask::Status(answer) => drop(answer.send(self.status())),
            Ask::Measure(answer) => drop(answer.send(self.measure())),
            Ask::FindPort(prefix, answer) => {
                let ports = self.builder.snapshot().objects();
                let found = ports.filter_map(|object| match object {
                    Object::Port(port) if port.id.to_string().starts_with(&prefix) => Some(port.id),
                    _ => None,
                });
                drop(answer.send(found.take(2).collect()));
            }
        }
    }
}
