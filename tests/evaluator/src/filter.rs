//! Rules 16 to 21: chains and connections.

use std::net::IpAddr;

use ipnet::IpNet;
use weft_topology::chain::{Chain, Condition, FragmentPolicy, PortRange, Rule, RuleAction, Test};
use weft_topology::id::{AddressGroupId, ChainId, RuleId};
use weft_topology::port::Port;
use weft_topology::{MacAddr, Object};

use crate::enter::Entered;
use crate::packet::{ARP, Piece};
use crate::{Reason, Said, World};

const DEEPEST: usize = 32;
const LONGEST: usize = 65_536;

/// What a chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Accept,
    Drop(RuleId),
    Reject(RuleId),
}

/// What a chain says, and the rule that said so, if it logs.
type Spoken = (Word, Option<RuleId>);

/// What rules ask of a packet beyond what every packet has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) connection: bool,
    pub(crate) ports: bool,
}

impl World {
    fn chain(&self, id: ChainId) -> Option<&Chain> {
        self.objects.iter().find_map(|object| match object {
            Object::Chain(chain) if chain.id == id => Some(chain.as_ref()),
            _ => None,
        })
    }

    fn rules(&self, chain: &Chain) -> Vec<&Rule> {
        let rule = |id: &RuleId| {
            self.objects.iter().find_map(|object| match object {
                Object::Rule(rule) if rule.id == *id && rule.chain == chain.id => {
                    Some(rule.as_ref())
                }
                _ => None,
            })
        };
        chain.rules.iter().filter_map(rule).collect()
    }

    fn filters(&self, port: &Port) -> [Option<ChainId>; 4] {
        let bridge = port.bridge().and_then(|bridge| self.bridge(bridge));
        let of_bridge =
            |pick: fn(&weft_topology::bridge::Bridge) -> Option<ChainId>| bridge.and_then(pick);
        [
            port.inbound_filter,
            port.outbound_filter,
            of_bridge(|bridge| bridge.inbound_filter),
            of_bridge(|bridge| bridge.outbound_filter),
        ]
    }

    /// What any rule asks that may judge a port's packets, either way.
    pub(crate) fn asked_at(&self, port: &Port) -> Result<Asked, Reason> {
        let mut reached: Vec<ChainId> = Vec::new();
        for chain in self.filters(port).into_iter().flatten() {
            if self.chain(chain).is_none() {
                return Err(Reason::NoSuchChain);
            }
            reached.push(chain);
        }
        let (mut at, mut asked) = (0, Asked::default());
        while let Some(&id) = reached.get(at) {
            at += 1;
            let rules = self.chain(id).map(|chain| self.rules(chain));
            for rule in rules.into_iter().flatten() {
                let of = &rule.condition;
                asked.connection |= of.match_forward_flow || of.match_return_flow;
                asked.ports |= of.source_port.is_some() || of.destination_port.is_some();
                if let RuleAction::Jump { chain } = rule.action
                    && !reached.contains(&chain)
                {
                    reached.push(chain);
                }
            }
        }
        Ok(asked)
    }

    /// What the chains at a place say, the first that does not accept.
    pub(crate) fn say(
        &self,
        chains: [Option<ChainId>; 2],
        entered: &mut Entered,
        out: Option<&Port>,
    ) -> Result<Word, Reason> {
        for chain in chains.into_iter().flatten() {
            // A datagram that came in fragments passes if it would as either of them.
            let pieces = match entered.came_in_fragments {
                true => vec![Piece::First, Piece::Later],
                false => vec![entered.packet.piece],
            };
            let mut accepting = Vec::new();
            for piece in pieces {
                let at = At {
                    world: self,
                    entered,
                    out,
                    piece,
                };
                match at.evaluate(chain, 0, &mut LONGEST.clone())? {
                    None => {}
                    Some((Word::Accept, logging)) => accepting.extend(logging),
                    Some((denial, logging)) => {
                        let said = match denial {
                            Word::Reject(_) => Said::Reject,
                            _ => Said::Drop,
                        };
                        entered.logged.extend(logging.map(|rule| (rule, said)));
                        return Ok(denial);
                    }
                }
            }
            if entered.is_first {
                let said = accepting.into_iter().map(|rule| (rule, Said::Accept));
                entered.logged.extend(said);
            }
        }
        Ok(Word::Accept)
    }
}

/// A packet at a place.
struct At<'a> {
    world: &'a World,
    entered: &'a Entered,
    out: Option<&'a Port>,
    piece: Piece,
}

impl At<'_> {
    fn evaluate(
        &self,
        id: ChainId,
        depth: usize,
        left: &mut usize,
    ) -> Result<Option<Spoken>, Reason> {
        let chain = self.world.chain(id).ok_or(Reason::NoSuchChain)?;
        for rule in self.world.rules(chain) {
            *left = left.checked_sub(1).ok_or(Reason::ChainTooLong)?;
            if !self.holds(&rule.condition) {
                continue;
            }
            let logging = rule.log.as_ref().map(|_| rule.id);
            match rule.action {
                RuleAction::Accept => return Ok(Some((Word::Accept, logging))),
                RuleAction::Drop => return Ok(Some((Word::Drop(rule.id), logging))),
                RuleAction::Reject => return Ok(Some((Word::Reject(rule.id), logging))),
                RuleAction::Return => return Ok(None),
                RuleAction::Jump { .. } if depth == DEEPEST => return Err(Reason::ChainTooLong),
                RuleAction::Jump { chain } => {
                    if let Some(said) = self.evaluate(chain, depth + 1, left)? {
                        return Ok(Some(said));
                    }
                }
                RuleAction::Continue | RuleAction::Nat { .. } => {}
            }
        }
        Ok(None)
    }

    fn holds(&self, of: &Condition) -> bool {
        let policy = match of.fragment_policy {
            FragmentPolicy::Any => true,
            FragmentPolicy::Unfragmented => self.piece == Piece::Whole,
            FragmentPolicy::Header => self.piece != Piece::Later,
            FragmentPolicy::Nonheader => self.piece == Piece::Later,
        };
        policy && (self.tests(of).into_iter().all(|holds| holds) != of.invert)
    }

    fn tests(&self, of: &Condition) -> Vec<bool> {
        let (frame, packet) = (&self.entered.frame, &self.entered.packet);
        let ingress = &self.entered.ingress;
        let returns = self.entered.returns;
        let in_group = |group: AddressGroupId, addr: Option<IpAddr>| {
            addr.is_some_and(|addr| self.world.is_member(group, addr))
        };
        let masked = |mac: MacAddr, mask: MacAddr| -> Vec<u8> {
            let bits = mac.octets().into_iter().zip(mask.octets());
            bits.map(|(octet, mask)| octet & mask).collect()
        };
        let number = |port: Option<u16>, range: PortRange| {
            port.is_some_and(|port| range.first <= port && port <= range.last)
        };
        let prefix =
            |addr: Option<IpAddr>, prefix: IpNet| addr.is_some_and(|addr| prefix.contains(&addr));
        let ports = packet.ports.filter(|_| packet.is_ip());
        let protocol = packet
            .protocol
            .filter(|_| packet.is_ip() || packet.ether_type == Some(ARP));
        vec![
            !of.match_forward_flow || !returns,
            !of.match_return_flow || returns,
            of.in_ports
                .as_ref()
                .is_none_or(|t| t.value.contains(&ingress.id) != t.invert),
            of.out_ports
                .as_ref()
                .is_none_or(|t| self.out.is_some_and(|out| t.value.contains(&out.id)) != t.invert),
            test(of.port_group, |group| ingress.port_groups.contains(&group)),
            test(of.in_port_group, |group| {
                ingress.port_groups.contains(&group)
            }),
            test(of.out_port_group, |group| {
                self.out.is_some_and(|out| out.port_groups.contains(&group))
            }),
            test(of.source_group, |group| in_group(group, packet.source)),
            test(of.destination_group, |group| {
                in_group(group, packet.destination)
            }),
            test(of.ether_type, |value| packet.ether_type == Some(value)),
            test(of.mac_source, |of| {
                masked(frame.source, of.mask) == masked(of.mac, of.mask)
            }),
            test(of.mac_destination, |of| {
                masked(frame.destination, of.mask) == masked(of.mac, of.mask)
            }),
            test(of.vlan, |vlan| self.entered.vlan == vlan),
            test(of.protocol, |value| protocol == Some(value)),
            test(of.tos, |value| packet.tos == Some(value)),
            test(of.source, |of| prefix(packet.source, of)),
            test(of.destination, |of| prefix(packet.destination, of)),
            test(of.source_port, |range| {
                number(ports.map(|(from, _)| from), range)
            }),
            test(of.destination_port, |range| {
                number(ports.map(|(_, to)| to), range)
            }),
        ]
    }
}

fn test<T>(test: Option<Test<T>>, equals: impl FnOnce(T) -> bool) -> bool {
    test.is_none_or(|test| equals(test.value) != test.invert)
}

impl World {
    fn is_member(&self, group: AddressGroupId, addr: IpAddr) -> bool {
        let exists = self
            .objects
            .iter()
            .any(|object| matches!(object, Object::AddressGroup(of) if of.id == group));
        exists
            && self.objects.iter().any(|object| match object {
                Object::AddressGroupMember(member) => {
                    member.group == group && member.prefix.contains(&addr)
                }
                _ => false,
            })
    }
}
