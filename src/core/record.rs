//! The records a key points to, as a directory hands them over. Field names are LiteLLM's.

pub mod permissions;

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::credential::KeyHash;
use crate::core::model_list::ModelList;
use crate::core::route::grant::RouteGrants;
use crate::core::route::pass_through::PassThroughGrants;
use permissions::RequestGrants;

/// A virtual key with everything it points to.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// SHA-256 of the key text.
    pub hash: KeyHash,
    /// A name for people.
    pub alias: Option<String>,
    /// Refused when true.
    pub blocked: bool,
    /// Refused once this instant has passed; `None` never expires.
    pub expires: Option<Timestamp>,
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
    /// The person the key belongs to.
    pub user: Option<Arc<User>>,
    /// The team the key belongs to.
    pub team: Option<Arc<Team>>,
    /// The key's organisation, else its team's (LiteLLM DB-3).
    pub organization: Option<Arc<Organization>>,
}

/// A key's `permissions`, as far as a rule asks for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// What `get_spend_routes` says; LiteLLM counts any value (W13).
    pub get_spend_routes: Option<bool>,
}

/// An internal user, the owner of keys.
#[derive(Debug, Clone)]
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
}

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    /// Stable identifier.
    pub id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Refused when true.
    pub blocked: bool,
    /// Models the team's keys may name.
    pub models: ModelList,
    /// What the team's keys may name in requests.
    pub requests: RequestGrants,
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Stable identifier.
    pub id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Models the organisation's keys may name. LiteLLM stores these and never checks them (SEC-12).
    pub models: ModelList,
}

/// LiteLLM's user roles (ID-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    ProxyAdmin,
    /// Reads everything, changes nothing.
    ProxyAdminViewer,
    /// Administers the organisations where the membership says so.
    OrgAdmin,
    /// Uses models, manages own keys.
    InternalUser,
    /// Uses models, reads own spend.
    InternalUserViewer,
    /// A team acting by itself (JWT).
    Team,
    /// An end customer.
    Customer,
}

impl Role {
    /// All roles, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::ProxyAdmin,
        Self::ProxyAdminViewer,
        Self::OrgAdmin,
        Self::InternalUser,
        Self::InternalUserViewer,
        Self::Team,
        Self::Customer,
    ];

    /// LiteLLM's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "proxy_admin",
            Self::ProxyAdminViewer => "proxy_admin_viewer",
            Self::OrgAdmin => "org_admin",
            Self::InternalUser => "internal_user",
            Self::InternalUserViewer => "internal_user_viewer",
            Self::Team => "team",
            Self::Customer => "customer",
        }
    }

    /// `None` for an unknown text. LiteLLM reads that as `internal_user` (W13).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
