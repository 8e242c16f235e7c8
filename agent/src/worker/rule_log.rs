//! The log of rules: a line for each packet that a rule with a name for the log accepts, drops or rejects.
//!
//! The packets come up as copies, metered by port ([`weft_flowsim::Logged`]), whether a flow made them or the packet
//! that made the flow. Lines have the target `weft::rules`, so that they can be told from the agent's own and turned
//! off. What the meter let through and the port may not bring all the same (the kernel had no room for its meter) is
//! counted with what the meter dropped.

use weft_flow::text::Packet;
use weft_flowsim::Logged;
use weft_ovs::Upcall;
use weft_topology::id::PortId;

use super::run::Worker;
use super::tally::Counter;

impl Worker {
    /// Logs what rules said of one packet.
    pub(super) fn log_rules(
        &mut self,
        port: PortId,
        upcall: &Upcall<'_>,
        logged: impl Iterator<Item = Logged>,
    ) {
        let now = self.now();
        let number = upcall.key.u32(weft_flow::Field::InPort);
        let slot = number.and_then(|number| self.ports.by_number_mut(number));
        if slot.is_some_and(|slot| !slot.may_log(now)) {
            self.tally.count(Counter::RulesNotLogged);
            return;
        }
        self.tally.count(Counter::RulesLogged);
        let packet = Packet(&upcall.key);
        for Logged { rule: id, said } in logged {
            let rule = self.snapshot.rule(id).here();
            let name = rule.and_then(|rule| rule.log.as_deref()).unwrap_or("");
            let chain = rule.and_then(|rule| self.snapshot.chain(rule.chain).here());
            let chain = chain.map(|chain| match chain.name.as_str() {
                "" => chain.id.to_string(),
                name => name.to_owned(),
            });
            tracing::info!(
                target: "weft::rules",
                rule = %id,
                name,
                chain = chain.as_deref().unwrap_or(""),
                verdict = said.name(),
                %port,
                %packet,
                "logged by a rule"
            );
        }
    }
}
