//! The records a key points to, as a directory hands them over. Field names are LiteLLM's.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::credential::KeyHash;
use crate::core::model_list::ModelList;
use crate::core::route::grant::RouteGrants;

/// A virtual key with everything it points to.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// SHA-256 of the key text.
    pub hash: KeyHash,
    /// A name for people.
    pub alias: Option<String>,
    /// Refused when true.
    pub blocked: bool,
    /// Refused from this instant on; `None` never expires.
    pub expires: Option<Timestamp>,
    /// Models the key may name.
    pub models: ModelList,
    /// Routes the key may call.
    pub allowed_routes: RouteGrants,
    /// The person the key belongs to.
    pub user: Option<Arc<User>>,
    /// The team the key belongs to.
    pub team: Option<Arc<Team>>,
    /// The key's organisation, else its team's (LiteLLM DB-3).
    pub organization: Option<Arc<Organization>>,
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
