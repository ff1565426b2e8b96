//! Records a request names, beside the key's own.

use std::sync::Arc;

use super::permissions::ObjectGrants;
use crate::core::budget::{Budget, ModelBudgets};
use crate::core::limits::Limits;

/// A customer of the caller, as the caller names it. It is used for limits, and never for access (S-176).
#[derive(Debug, Clone, Default)]
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
#[derive(Debug, Clone, Default)]
pub struct Tag {
    /// What may be spent under the label.
    pub budget: Budget,
}

/// The records a request names, as far as there are any.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// For whom the request counts: the end user it names, unless the deployment wants it known and nobody
    /// knows it (LiteLLM EU-1).
    pub end_user_id: Option<String>,
    /// What all requests together have spent and may spend, where that is limited (LiteLLM COMMON-16).
    pub proxy: Option<Budget>,
    /// The end user, or what holds for every unknown one.
    pub end_user: Option<Arc<EndUser>>,
    /// The tags of the request and of its key.
    pub tags: Vec<Arc<Tag>>,
}
