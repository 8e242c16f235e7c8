//! Takes over the vports of a former run.

use std::collections::BTreeMap;

use weft_flow::{Action, Field};
use weft_ovs::{Error, Vport, VportKind};
use weft_topology::id::PortId;

use super::carrier::{CarryError, HIGHEST};
use super::{Carried, Carrier, Desired};
use crate::links::{Link, LinkTable};

impl Carrier {
    /// Takes over the vports of a former run: those that should be there go on, the others go. Before
    /// anything else.
    pub fn adopt(
        &mut self,
        desired: &BTreeMap<PortId, Desired>,
        links: &LinkTable,
    ) -> Result<(), Error> {
        let vports = self.datapath.ports()?;
        self.last = vports.iter().map(|vport| vport.port_no).max().unwrap_or(0);
        self.is_uncounted = true;
        let by_interface: BTreeMap<&str, (&PortId, &Desired)> = desired
            .iter()
            .map(|(port, want)| (want.interface.as_str(), (port, want)))
            .collect();
        for vport in vports.iter().filter(|vport| vport.port_no != 0) {
            let wanted = by_interface
                .get(vport.name.as_str())
                .copied()
                .zip(links.get(&vport.name));
            let taken_over = match wanted {
                Some(((&port, want), link)) => self.take_over(port, want, link, vport),
                None => {
                    tracing::info!(
                        interface = vport.name,
                        number = vport.port_no,
                        "a vport of a former run is not wanted any more"
                    );
                    Ok(false)
                }
            };
            match taken_over {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(link) = links.get(&vport.name) {
                        self.set_down(link);
                    }
                    self.delete_vport(vport.port_no);
                }
                Err(error) => {
                    tracing::warn!(interface = vport.name, %error, "a vport is made anew");
                    self.delete_vport(vport.port_no);
                }
            }
        }
        Ok(())
    }

    fn take_over(
        &mut self,
        port: PortId,
        want: &Desired,
        link: &Link,
        vport: &Vport,
    ) -> Result<bool, CarryError> {
        if vport.kind != VportKind::Netdev || vport.ifindex.is_some_and(|of| of != link.index) {
            return Ok(false);
        }
        let pids = self.hot.attach(port, &want.interface)?;
        if let Err(error) = self.datapath.set_upcall_pids(vport.port_no, &pids) {
            self.hot.detach(port);
            return Err(error.into());
        }
        if let Err(error) = self.setter.prepare(link, None) {
            self.hot.detach(port);
            return Err(error.into());
        }
        self.hot.attached(port, vport.port_no);
        self.carried.insert(
            port,
            Carried {
                interface: want.interface.clone(),
                ifindex: link.index,
                number: vport.port_no,
                mtu: want.mtu.filter(|mtu| *mtu == link.mtu),
                mtu_before: None,
            },
        );
        Ok(true)
    }

    /// The highest number that a flow has: one of the former run must not meet a new port.
    pub(super) fn highest_named(&mut self) -> Result<u32, Error> {
        let mut highest = 0;
        self.datapath.flows(&mut |flow| {
            let Ok(flow) = flow else { return };
            let entered = flow.key.u32(Field::InPort).into_iter();
            let named = entered.chain(outputs(&flow.actions));
            highest = named.filter(|of| *of <= HIGHEST).fold(highest, u32::max);
        })?;
        Ok(highest)
    }
}

/// The numbers that actions send to.
fn outputs(actions: &[Action]) -> Vec<u32> {
    let mut all = Vec::new();
    for action in actions {
        match action {
            Action::Output(number) => all.push(*number),
            Action::Clone(inner) => all.extend(outputs(inner)),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_a_clone_are_found() {
        let inner = Action::Clone(vec![Action::Output(9), Action::PopVlan]);
        let actions = [
            Action::Output(3),
            Action::Clone(vec![inner]),
            Action::Recirc(7),
        ];
        assert_eq!(outputs(&actions), [3, 9]);
    }
}
