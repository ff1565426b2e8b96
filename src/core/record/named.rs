//! Records a request names, beside the key's own.

use std::sync::Arc;

use super::permissions::ObjectGrants;
use crate::core::ask::Ask;
use crate::core::budget::{Budget, ModelBudgets};
use crate::core::limits::Limits;

/// A customer of the caller, as the caller names it. It is used for limits, and never for access (S-176).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndUser {
    /// Refused when true. LiteLLM stores it and never asks (E03, SEC-12).
    pub blocked: bool,
    /// Objects that requests for this end user may name.
    pub objects: ObjectGrants,
    /// Where the models that serve this end user must run, such as `eu`.
    pub region: Option<String>,
    /// What the end user may spend: its own limit, else the default one.
    pub budget: Budget,
    /// And on single models (LiteLLM KEY-12).
    pub model_budgets: ModelBudgets,
    /// How much may be asked of the upstream.
    pub limits: Limits,
}

/// A label of requests with a budget of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tag {
    /// What may be spent under the label.
    pub budget: Budget,
}

/// The records a request names, as far as there are any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    /// The deployment wants end users known and nobody knows this one, so the request counts for none (LiteLLM EU-1).
    pub end_user_dropped: bool,
    /// What all requests together have spent and may spend, where that is limited (LiteLLM COMMON-16).
    pub proxy: Option<Budget>,
    /// The end user, or what holds for every unknown one.
    pub end_user: Option<Arc<EndUser>>,
    /// Labels of the request and of its key, from every source (SEC-10).
    pub labels: Vec<String>,
    /// Those of them that have a record.
    pub tags: Vec<Arc<Tag>>,
    /// Whether the store could not be asked for a newer one of these.
    pub stale: bool,
}

impl Named {
    /// For whom a request counts.
    #[must_use]
    pub fn end_user_of<'a>(&self, ask: &'a Ask) -> Option<&'a str> {
        ask.end_user.as_deref().filter(|_| !self.end_user_dropped)
    }
}
