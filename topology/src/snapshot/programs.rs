//! Chains as they are evaluated: the rules themselves in their order, and what any of them needs to know of
//! a packet beyond its key.
//!
//! A program is a function of the chain, its rules and the programs that it jumps to. A change of a rule makes
//! its chain's program anew, and goes up to those that jump there only where their needs change with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::checks::Checks;
use super::tables::Tables;
use crate::chain::{Condition, Rule, RuleAction};
use crate::id::{ChainId, Kind, ObjectId, RuleId};
use crate::object::Object;
use crate::tag::Tag;

/// A chain to evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The chain.
    pub chain: ChainId,
    /// Its rules in their order; those that do not exist, or are another chain's, are left out.
    pub rules: Vec<Step>,
    /// What its rules, and those of the chains that it jumps to, ask of a packet.
    pub needs: Needs,
    /// Rules that the chain names and that are not among `rules`, be they missing or not there.
    unmet: Vec<RuleId>,
}

/// One place in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A rule, and what it asks.
    Rule(Checks, Arc<Rule>),
    /// A rule that is not loaded: nothing after it can be decided.
    Missing(RuleId),
}

/// What rules ask of a packet that its key alone may not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The direction of its connection.
    pub state: bool,
    /// Its layer 4 header, which later fragments do not have.
    pub transport: bool,
}

impl Needs {
    /// What either asks.
    pub fn or(self, other: Self) -> Self {
        Self {
            state: self.state || other.state,
            transport: self.transport || other.transport,
        }
    }

    fn of(condition: &Condition) -> Self {
        Self {
            state: condition.match_forward_flow || condition.match_return_flow,
            transport: condition.source_port.is_some() || condition.destination_port.is_some(),
        }
    }
}

impl Program {
    /// The chains that it jumps to.
    pub fn jumps(&self) -> impl Iterator<Item = ChainId> {
        self.rules.iter().filter_map(|step| match step {
            Step::Rule(_, rule) => match rule.action {
                RuleAction::Jump { chain } => Some(chain),
                _ => None,
            },
            Step::Missing(_) => None,
        })
    }

    fn own_needs(&self) -> Needs {
        let rules = self.rules.iter().filter_map(|step| match step {
            Step::Rule(_, rule) => Some(Needs::of(&rule.condition)),
            Step::Missing(_) => None,
        });
        rules.fold(Needs::default(), Needs::or)
    }
}

/// The chains to which something leads; none that has no chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leads<K: Ord + Clone>(OrdMap<K, OrdSet<ChainId>>);

impl<K: Ord + Clone> Default for Leads<K> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone> Leads<K> {
    fn of(&self, key: K) -> impl Iterator<Item = ChainId> + '_ {
        self.0.get(&key).into_iter().flatten().copied()
    }

    fn insert(&mut self, key: K, chain: ChainId) {
        self.0.entry(key).or_default().insert(chain);
    }

    fn remove(&mut self, key: K, chain: ChainId) {
        if let Some(chains) = self.0.get_mut(&key) {
            chains.remove(&chain);
            if chains.is_empty() {
                self.0.remove(&key);
            }
        }
    }
}

/// Chains whose programs must be made anew.
#[derive(Debug, Default)]
pub(super) struct Stale(BTreeSet<ChainId>);

impl Stale {
    /// Notes what one object's change makes stale; `tables` are those before it.
    pub(super) fn note(
        &mut self,
        tables: &Tables,
        id: ObjectId,
        old: Option<&Object>,
        new: Option<&Object>,
    ) {
        for object in [old, new].into_iter().flatten() {
            match object {
                Object::Chain(chain) => self.0.extend([chain.id]),
                Object::Rule(rule) => self.0.extend([rule.chain]),
                _ => {}
            }
        }
        if id.kind == Kind::Rule {
            self.0.extend(tables.waiting.of(id.id.into()));
        }
    }

    /// Makes the programs anew, with the tags of what changed.
    pub(super) fn settle(self, tables: &mut Tables, tags: &mut BTreeSet<Tag>) {
        for &chain in &self.0 {
            if tables.make_program(chain) {
                tags.insert(Tag::Object(chain.into()));
            }
        }
        for chain in tables.with_callers(self.0) {
            if tables.settle_needs(chain) {
                tags.insert(Tag::Object(chain.into()));
            }
        }
    }
}

impl Tables {
    /// Makes a chain's program anew, its needs apart. Whether it is another one.
    fn make_program(&mut self, id: ChainId) -> bool {
        let old = self.programs.get(&id).cloned();
        let new = self.program_of(id);
        for callee in old.iter().flat_map(|program| program.jumps()) {
            self.callers.remove(callee, id);
        }
        for rule in old.iter().flat_map(|program| &program.unmet) {
            self.waiting.remove(*rule, id);
        }
        for callee in new.iter().flat_map(Program::jumps) {
            self.callers.insert(callee, id);
        }
        for rule in new.iter().flat_map(|program| &program.unmet) {
            self.waiting.insert(*rule, id);
        }
        let Some(new) = new else {
            return self.programs.remove(&id).is_some();
        };
        let needs = old.as_ref().map(|old| old.needs).unwrap_or_default();
        let new = Arc::new(Program { needs, ..new });
        let differs = old.as_ref() != Some(&new);
        if differs {
            self.programs.insert(id, new);
        }
        differs
    }

    fn program_of(&self, id: ChainId) -> Option<Program> {
        let Some(Object::Chain(chain)) = self.here(id.into()) else {
            return None;
        };
        let (mut rules, mut unmet) = (Vec::new(), Vec::new());
        for &rule in &chain.rules {
            match self.objects.get(&ObjectId::from(rule)) {
                Some(Some(Object::Rule(rule))) if rule.chain == id => {
                    rules.push(Step::Rule(Checks::of(&rule.condition), rule.clone()));
                    continue;
                }
                Some(_) => {}
                None => rules.push(Step::Missing(rule)),
            }
            unmet.push(rule);
        }
        Some(Program {
            chain: id,
            rules,
            needs: Needs::default(),
            unmet,
        })
    }

    /// Chains, and all from which they can be reached.
    fn with_callers(&self, chains: BTreeSet<ChainId>) -> BTreeSet<ChainId> {
        let mut queue: Vec<ChainId> = chains.iter().copied().collect();
        let mut all = chains;
        while let Some(chain) = queue.pop() {
            queue.extend(self.callers.of(chain).filter(|&caller| all.insert(caller)));
        }
        all
    }

    /// Finds a program's needs again. Whether they are others.
    fn settle_needs(&mut self, id: ChainId) -> bool {
        let needs = self.needs_of(id);
        let Some(program) = self.programs.get_mut(&id) else {
            return false;
        };
        let differs = program.needs != needs;
        if differs {
            Arc::make_mut(program).needs = needs;
        }
        differs
    }

    /// What a chain and all that can be reached from it ask. It ends where chains jump in a circle, too.
    fn needs_of(&self, id: ChainId) -> Needs {
        let mut seen = BTreeSet::from([id]);
        let mut queue = vec![id];
        let mut needs = Needs::default();
        while let Some(program) = queue.pop().map(|id| self.programs.get(&id)) {
            let Some(program) = program else { continue };
            needs = needs.or(program.own_needs());
            queue.extend(program.jumps().filter(|&callee| seen.insert(callee)));
        }
        needs
    }
}
