//! Projects, and members of teams.

use crate::core::budget::Budget;
use crate::core::limits::{Limits, ModelLimits};
use crate::core::model_list::ModelList;

/// A project of a team.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    /// Stable identifier.
    pub id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Refused when true.
    pub blocked: bool,
    /// Models the project's keys may name.
    pub models: ModelList,
    /// What the project may spend.
    pub budget: Budget,
    /// How much may be asked of single models.
    pub model_limits: ModelLimits,
}

/// A person's membership in a team.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Member {
    /// Models the member may name with the team's keys (LiteLLM COMMON-3).
    pub models: ModelList,
    /// What the member may spend with the team's keys: its own limit, else the team's for members.
    pub budget: Budget,
    /// How much may be asked of the upstream.
    pub limits: Limits,
}
