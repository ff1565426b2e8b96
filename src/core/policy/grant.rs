//! What the other filters are told of a request that is allowed.

use super::{Asked, budget, model};
use crate::core::budget::Budget;
use crate::core::models::Chain;
use crate::core::record::permissions::{Names, ObjectGrants};

/// What the caller may name, and what is known of the models the request names.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// The model that is served, where aliases make it another than the one that was asked for.
    pub upstream_model: Option<String>,
    /// Every name the models of the request have on their way, where there are limits of models.
    pub reached: Vec<String>,
    /// On routes that list models: the list of each level that has one.
    pub models: Vec<Names>,
    /// Tools.
    pub tools: Names,
    /// Other objects.
    pub objects: ObjectGrants,
    /// The key's budgets for the models of the request.
    pub key_models: Vec<(String, Budget)>,
    /// The end user's.
    pub end_user_models: Vec<(String, Budget)>,
}

impl Asked<'_> {
    /// What was granted. Worth its cost only when the request is allowed.
    #[must_use]
    pub fn grant(&self) -> Grant {
        let tools = self.request_grants().fold(Names::Any, |all, grants| all.and(&grants.tools));
        let objects = self.object_grants().fold(ObjectGrants::default(), |all, grants| all.and(grants));
        let models = if self.lists_models() { model::lists_told(self) } else { Vec::new() };
        let of_key = self.identity.record().map(|key| &key.model_budgets);
        let of_end_user = self.named.end_user.as_deref().map(|end_user| &end_user.model_budgets);
        let limited = self.identity.has_model_limits();
        let names = self.chains.iter().flat_map(Chain::names);
        Grant {
            upstream_model: self.upstream_model().map(str::to_owned),
            reached: if limited { names.map(str::to_owned).collect() } else { Vec::new() },
            models,
            tools,
            objects,
            key_models: budget::of_each_model(self, of_key),
            end_user_models: budget::of_each_model(self, of_end_user),
        }
    }
}
