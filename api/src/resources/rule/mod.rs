//! `/chains/ID/rules`, `/rules/ID` and, Weft's own, `/rules`: the rules of chains.
//!
//! ```text
//!  Form ─▶ action, condition ─▶ Rule ─▶ Placed: with its place ─▶ rule and chain in one transaction
//! ```
//! A field that asks for what Weft does not do is refused, see `action`: a rule that is half kept
//! would let pass, or stop, what nobody meant.

mod action;
mod condition;
mod form;

use std::sync::Arc;

use axum::Router;
use uuid::Uuid;
use weft_topology::chain::{self, FragmentPolicy};
use weft_topology::id::RuleId;
use weft_topology::{Change, Kind, Object, Topology};

use super::generic::{self, Resource, missing};
use super::{App, View};
use crate::error::{ApiError, InvalidProperty};
use crate::http::path::Args;
use crate::http::{Media, Number};
use form::{Form, Shown};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/chains/{chain}/rules", generic::collection::<Form>())
        .route("/rules", generic::listing::<Form>(Form::list))
        .route("/rules/{rule}", generic::item::<Form>())
}

/// A rule and its place in its chain, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    rule: chain::Rule,
    position: usize,
}

impl From<Placed> for Object {
    fn from(placed: Placed) -> Self {
        placed.rule.into()
    }
}

/// Collects what is wrong with a body.
#[derive(Default)]
struct Problems(Vec<InvalidProperty>);

impl Problems {
    fn add(&mut self, property: &str, message: impl ToString) {
        self.0.push(InvalidProperty {
            object: None,
            property: property.to_owned(),
            message: message.to_string(),
        });
    }
}

/// The rules of a chain in their order.
fn rules_of<'a>(
    topology: &'a Topology,
    chain: &'a chain::Chain,
) -> impl Iterator<Item = Arc<Placed>> + use<'a> {
    let rules = chain.rules.iter().enumerate();
    rules.filter_map(|(place, id)| {
        Some(Arc::new(Placed {
            rule: chain::Rule::clone(topology.rule(*id)?),
            position: place + 1,
        }))
    })
}

impl Resource for Form {
    type Object = Placed;

    const MEDIA: Media = Media::new("Rule", &[2]);
    const NAMES: &[(&str, &str)] = &[
        ("chain", "chainId"),
        ("action.chain", "jumpChainId"),
        ("action.targets", "natTargets"),
        ("condition.portGroup", "portGroup"),
        ("condition.inPortGroup", "inPortGroup"),
        ("condition.outPortGroup", "outPortGroup"),
        ("condition.sourceGroup", "ipAddrGroupSrc"),
        ("condition.destinationGroup", "ipAddrGroupDst"),
        ("condition.etherType", "dlType"),
        ("condition.vlan", "vlan"),
        ("condition.source", "nwSrcAddress"),
        ("condition.destination", "nwDstAddress"),
        ("condition.sourcePort", "tpSrc"),
        ("condition.destinationPort", "tpDst"),
        ("condition.fragmentPolicy", "fragmentPolicy"),
    ];

    /// A chain's in their order; all of them chain by chain.
    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<Placed>>, ApiError> {
        if args.path.contains_key("chain") {
            let chain = super::chain::of_path(topology, args)?;
            return Ok(rules_of(topology, &chain).collect());
        }
        let chains = topology
            .of_kind(Kind::Chain)
            .filter_map(|object| match object {
                Object::Chain(chain) => Some(&**chain),
                _ => None,
            });
        Ok(chains.flat_map(|chain| rules_of(topology, chain)).collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<Placed>, ApiError> {
        let id: RuleId = args.id("rule")?;
        let rule = topology.rule(id).ok_or_else(|| missing(id))?;
        let chain = topology.chain(rule.chain);
        let place = chain.and_then(|chain| chain.rules.iter().position(|own| *own == id));
        Ok(Arc::new(Placed {
            rule: chain::Rule::clone(rule),
            position: place.unwrap_or(0) + 1,
        }))
    }

    fn show(placed: &Placed, view: &View) -> Self {
        let Placed { rule, position } = placed;
        let mut form = Form {
            id: Some(rule.id.0),
            chain_id: Some(rule.chain.0),
            position: Some(Number(*position)),
            log: rule.log.clone(),
            shown: Shown {
                uri: view.urls.to(&Self::path(placed, view.topology)),
                chain: view.urls.to(&format!("/chains/{}", rule.chain)),
                summary: rule.in_words(&|id| view.topology.name_of(id)),
            },
            ..Form::default()
        };
        form.show_action(&rule.action, view.topology);
        form.show_condition(&rule.condition);
        form
    }

    fn path(placed: &Placed, _: &Topology) -> String {
        format!("/rules/{}", placed.rule.id)
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<Placed, ApiError> {
        let chain = super::chain::of_path(topology, args)?;
        let id = RuleId(self.id.unwrap_or_else(Uuid::new_v4));
        self.placed(id, &chain, 1, chain.rules.len() + 1)
    }

    fn update(mut self, old: &Placed, topology: &Topology, _: &Args) -> Result<Placed, ApiError> {
        let chain = topology.chain(old.rule.chain);
        let chain = chain.ok_or_else(|| missing(old.rule.chain))?;
        // A policy that came from the rule's tests goes with them: who changes these need not know of it.
        let (condition, action) = (&old.rule.condition, &old.rule.action);
        let policy = condition.fragment_policy;
        if policy == FragmentPolicy::default_of(condition, action)
            && self.fragment_policy == Some(policy.to_string())
        {
            self.fragment_policy = None;
        }
        self.placed(old.rule.id, chain, old.position, chain.rules.len())
    }

    /// The chain, with the rule in its place.
    fn beside(placed: &Placed, topology: &Topology) -> Vec<Change> {
        let Some(chain) = topology.chain(placed.rule.chain) else {
            return Vec::new();
        };
        let mut chain = chain::Chain::clone(chain);
        chain.rules.retain(|id| *id != placed.rule.id);
        let place = placed.position.saturating_sub(1).min(chain.rules.len());
        chain.rules.insert(place, placed.rule.id);
        vec![Change::Put(chain.into())]
    }

    /// A rule is its chain's.
    fn tenant<'a>(placed: &'a Placed, topology: &'a Topology) -> Option<&'a str> {
        topology.chain(placed.rule.chain)?.tenant_id.as_deref()
    }
}

impl Form {
    /// The rule that a client wants, at `default` unless it says where, at `last` at most.
    fn placed(
        self,
        id: RuleId,
        chain: &chain::Chain,
        default: usize,
        last: usize,
    ) -> Result<Placed, ApiError> {
        let mut problems = Problems::default();
        self.refuse_what_is_not_done(&mut problems);
        if self.chain_id.is_some_and(|said| said != chain.id.0) {
            problems.add(
                "chainId",
                format!("a rule stays in its chain, {}", chain.id),
            );
        }
        let position = self.position.map_or(default, |position| position.0);
        if !(1..=last).contains(&position) {
            let message = format!("{position} is not within 1 to {last}");
            problems.add("position", message);
        }
        let action = self.action(&mut problems);
        let mut condition = self.condition(&mut problems);
        let said = self.fragment_policy.as_deref().map(str::to_ascii_lowercase);
        let said = said
            .map(|policy| policy.parse::<FragmentPolicy>())
            .transpose();
        let said = said.unwrap_or_else(|error| {
            problems.add("fragmentPolicy", error);
            None
        });
        let (Some(action), true) = (action, problems.0.is_empty()) else {
            return Err(ApiError::Invalid(problems.0));
        };
        condition.fragment_policy =
            said.unwrap_or_else(|| FragmentPolicy::default_of(&condition, &action));
        let rule = chain::Rule {
            id,
            chain: chain.id,
            condition,
            action,
            log: self.log,
        };
        Ok(Placed { rule, position })
    }
}
