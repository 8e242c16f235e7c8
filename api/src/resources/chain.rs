//! `/chains`: ordered lists of rules.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use weft_topology::id::{ChainId, RuleId};
use weft_topology::{Kind, Object, Topology, chain};

use super::generic::{self, Resource, missing};
use super::{App, View};
use crate::error::ApiError;
use crate::http::Media;
use crate::http::path::Args;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/chains", generic::collection::<Chain>())
        .route("/chains/{chain}", generic::item::<Chain>())
}

/// A chain's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chain {
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing)]
    logger_ids: Vec<Value>,
    #[serde(flatten, skip_deserializing)]
    shown: Shown,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uri: String,
    rules: String,
    /// Weft's own: its rules in their order.
    rule_ids: Vec<RuleId>,
}

/// The chain that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<Arc<chain::Chain>, ApiError> {
    let id: ChainId = args.id("chain")?;
    topology.chain(id).cloned().ok_or_else(|| missing(id))
}

/// The address of a chain that filters something.
pub(super) fn link(chain: Option<ChainId>, view: &View) -> Option<String> {
    chain.map(|chain| view.urls.to(&format!("/chains/{chain}")))
}

impl Resource for Chain {
    type Object = chain::Chain;

    const MEDIA: Media = Media::new("Chain", &[1]);

    fn list(topology: &Topology, _: &Args) -> Result<Vec<Arc<chain::Chain>>, ApiError> {
        let chains = topology
            .of_kind(Kind::Chain)
            .filter_map(|object| match object {
                Object::Chain(chain) => Some(chain.clone()),
                _ => None,
            });
        Ok(chains.collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<chain::Chain>, ApiError> {
        of_path(topology, args)
    }

    fn show(chain: &chain::Chain, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(chain, view.topology));
        Self {
            id: Some(chain.id.0),
            tenant_id: chain.tenant_id.clone(),
            name: chain.name.clone(),
            logger_ids: Vec::new(),
            shown: Shown {
                rules: format!("{uri}/rules"),
                rule_ids: chain.rules.clone(),
                uri,
            },
        }
    }

    fn path(chain: &chain::Chain, _: &Topology) -> String {
        format!("/chains/{}", chain.id)
    }

    fn create(self, _: &Topology, _: &Args) -> Result<chain::Chain, ApiError> {
        let id = ChainId(self.id.unwrap_or_else(Uuid::new_v4));
        self.object(id, Vec::new())
    }

    fn update(self, old: &chain::Chain, _: &Topology, _: &Args) -> Result<chain::Chain, ApiError> {
        self.object(old.id, old.rules.clone())
    }

    fn tenant<'a>(chain: &'a chain::Chain, _: &'a Topology) -> Option<&'a str> {
        chain.tenant_id.as_deref()
    }

    /// Its rules are not written here.
    fn same_to_clients(a: &chain::Chain, b: &chain::Chain) -> bool {
        (&a.tenant_id, &a.name) == (&b.tenant_id, &b.name)
    }
}

impl Chain {
    fn object(self, id: ChainId, rules: Vec<RuleId>) -> Result<chain::Chain, ApiError> {
        if !self.logger_ids.is_empty() {
            let problem =
                "there are no loggers here; give the rules to be logged a 'log' of their own";
            return Err(ApiError::property("loggerIds", problem));
        }
        Ok(chain::Chain {
            id,
            tenant_id: self.tenant_id,
            name: self.name,
            rules,
        })
    }
}
