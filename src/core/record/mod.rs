//! The records a key points to, as a directory hands them over. Field names are LiteLLM's.

mod agent;
mod named;
pub mod permissions;
mod project;
mod role;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::budget::{Budget, ModelBudgets};
use crate::core::credential::KeyHash;
use crate::core::limits::{Limits, ModelLimits};
use crate::core::model_list::ModelList;
use crate::core::route::grant::RouteGrants;
use crate::core::route::pass_through::PassThroughGrants;
use permissions::{ObjectGrants, RequestGrants};

pub use agent::Agent;
pub use named::{EndUser, Named, Tag};
pub use project::{Member, Project};
pub use role::Role;

/// Names that stand for other names.
pub type Aliases = BTreeMap<Box<str>, Box<str>>;

/// A virtual key with everything it points to. There may be a million of them in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRecord {
    /// SHA-256 of the key text.
    pub hash: KeyHash,
    /// A name for people.
    pub alias: Option<Box<str>>,
    /// Refused when true.
    pub blocked: bool,
    /// Refused once this instant has passed; `None` never expires.
    pub expires: Option<Timestamp>,
    /// What it may do; keys that may do the same share it.
    pub terms: Arc<Terms>,
    /// The person the key belongs to.
    pub user: Option<Arc<User>>,
    /// The team the key belongs to.
    pub team: Option<Arc<Team>>,
    /// The key's organisation, else its team's (LiteLLM DB-3).
    pub organization: Option<Arc<Organization>>,
    /// The project the key belongs to.
    pub project: Option<Arc<Project>>,
    /// What the team says of the owner.
    pub member: Option<Arc<Member>>,
    /// The agent that calls with the key.
    pub agent: Option<Arc<Agent>>,
    /// What the key may spend; its own limit, else that of its budget row (LiteLLM DB-2).
    pub budget: Budget,
    /// What it may spend in windows of time.
    pub windows: Box<[Budget]>,
    /// What it may spend on single models.
    pub model_budgets: ModelBudgets,
}

/// What a key may do, whoever has it. By default nothing is restricted, and any MCP server may be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// Models the key may name.
    pub models: ModelList,
    /// Routes the key may call.
    pub allowed_routes: RouteGrants,
    /// Pass-through endpoints the key was granted: its own list, else its team's.
    pub pass_through: PassThroughGrants,
    /// What else the key may do.
    pub permissions: Permissions,
    /// What the key may name in requests.
    pub requests: RequestGrants,
    /// The owner's role in the team, for the upstream.
    pub member_role: Option<String>,
    /// Models of its access groups, as far as a group names the key or its team (SEC-35).
    pub group_models: Option<ModelList>,
    /// Names the upstream replaces after it was asked for them (SEC-11).
    pub aliases: Aliases,
    /// Tags of every request: the key's, its team's and its project's (SEC-10).
    pub tags: Vec<String>,
    /// How much may be asked of the upstream.
    pub limits: Limits,
    /// And of single models.
    pub model_limits: ModelLimits,
}

impl KeyRecord {
    /// A key that nothing restricts and that belongs to nobody; it may use any MCP server.
    #[must_use]
    pub fn new(hash: KeyHash) -> Self {
        Self {
            hash,
            alias: None,
            blocked: false,
            expires: None,
            terms: Arc::default(),
            user: None,
            team: None,
            organization: None,
            project: None,
            member: None,
            agent: None,
            budget: Budget::default(),
            windows: Box::default(),
            model_budgets: ModelBudgets::default(),
        }
    }

    /// What it may do, while the record is being made.
    pub fn terms_mut(&mut self) -> &mut Terms {
        Arc::make_mut(&mut self.terms)
    }

    /// Whether a text is the key's alias, or the first 8 digits or more of its hash.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        self.alias.as_deref() == Some(text) || (text.len() >= 8 && self.hash.to_hex().starts_with(text))
    }
}

/// A key's `permissions`, as far as a rule asks for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// What `get_spend_routes` says; LiteLLM counts any value (W13).
    pub get_spend_routes: Option<bool>,
}

/// An internal user, the owner of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Stable identifier.
    pub id: String,
    /// E-mail address, for people.
    pub email: Option<String>,
    /// What the person may do.
    pub role: Option<Role>,
    /// Roles the person has in organisations, by the organisation's id.
    pub memberships: Vec<(String, Option<Role>)>,
    /// Models the person may name with keys outside a team (LiteLLM COMMON-5).
    pub models: ModelList,
    /// False when the person was deactivated by the identity provider (SCIM).
    pub active: bool,
    /// What the person may spend with keys outside a team (LiteLLM COMMON-12).
    pub budget: Budget,
    /// How much may be asked of the upstream.
    pub limits: Limits,
    /// The team, of a person who is in exactly one (LiteLLM JWT 5.1, step 19).
    pub only_team: Option<Box<str>>,
}

impl User {
    /// A person of whom nothing but the id is known.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            email: None,
            role: None,
            memberships: Vec::new(),
            models: ModelList::default(),
            active: true,
            budget: Budget::default(),
            limits: Limits::default(),
            only_team: None,
        }
    }

    /// Whether the person administers the proxy or an organisation, if only by looking.
    #[must_use]
    pub fn administers(&self) -> bool {
        let in_organizations = self.memberships.iter().filter_map(|(_, role)| *role);
        self.role.into_iter().chain(in_organizations).any(Role::administers)
    }

    /// Takes all of that away.
    pub fn step_down(&mut self) {
        let in_organizations = self.memberships.iter_mut().map(|(_, role)| role);
        for role in [&mut self.role].into_iter().chain(in_organizations) {
            *role = role.map(Role::without_administration);
        }
    }

    /// What `metadata.scim_active` says. Any falsy value deactivates; LiteLLM overlooks the text `"false"`
    /// (SEC-32).
    #[must_use]
    pub fn is_active(scim_active: Option<&Value>) -> bool {
        match scim_active {
            None | Some(Value::Bool(true)) => true,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(_) => false,
        }
    }
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Team {
    /// Stable identifier.
    pub id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Refused when true.
    pub blocked: bool,
    /// Nothing is known of the team but its id: a label, which grants nothing and lifts no rule about owners.
    pub is_label: bool,
    /// Models the team's keys may name.
    pub models: ModelList,
    /// What the team's keys may name in requests.
    pub requests: RequestGrants,
    /// Models of the team's access groups, as far as a group names the team (SEC-35).
    pub group_models: Option<ModelList>,
    /// Names the upstream replaces after it was asked for them (SEC-11).
    pub aliases: Aliases,
    /// What the team may spend.
    pub budget: Budget,
    /// What it may spend in windows of time.
    pub windows: Vec<Budget>,
    /// How much may be asked of the upstream.
    pub limits: Limits,
    /// And of single models.
    pub model_limits: ModelLimits,
}

/// An organisation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Organization {
    /// Stable identifier.
    pub id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Models the organisation's keys may name. LiteLLM stores these and never checks them (SEC-12).
    pub models: ModelList,
    /// Objects the organisation leaves to its keys.
    pub objects: ObjectGrants,
    /// What the organisation may spend.
    pub budget: Budget,
    /// How much may be asked of the upstream.
    pub limits: Limits,
    /// And of single models.
    pub model_limits: ModelLimits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_steps_down_administers_nothing() {
        let roles = Role::ALL.map(|role| ("o1".to_owned(), Some(role)));
        let mut user = User { memberships: roles.into(), ..User::new("u") };
        assert!(user.administers(), "by a role in an organisation");
        user.step_down();
        assert!(!user.administers());
        assert_eq!(user.memberships.len(), 7, "a member all the same");
        for role in Role::ALL {
            let mut user = User { role: Some(role), ..User::new("u") };
            user.step_down();
            assert!(!user.administers(), "{role:?}");
        }
    }

    #[test]
    fn any_falsy_scim_active_deactivates() {
        assert!(User::is_active(None));
        assert!(User::is_active(Some(&true.into())));
        for value in [false.into(), "false".into(), "0".into(), 0.into(), Value::Null] {
            assert!(!User::is_active(Some(&value)), "K07b: {value}");
        }
    }
}
