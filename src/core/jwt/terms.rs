//! On which terms bearers of tokens are let in (LiteLLM 4.3, 4.4, 5.1), as far as that is decided before anything is
//! looked up.

use std::sync::Arc;

use super::claims::{Domain, Facts};
use super::rbac::RbacRole;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::record::Role;
use crate::core::route::Match;
use crate::core::route::select::RouteChoice;

/// What a configuration says of bearers, beside what claims mean.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "settings, each with the name it has in LiteLLM")]
pub struct TermRules {
    /// A role is needed, and `role_permissions` hold.
    pub enforce_rbac: bool,
    /// What roles may do; one without an entry is not restricted.
    pub role_permissions: Vec<RolePermission>,
    /// Where a token makes an administrator.
    pub admin_allowed_routes: Arc<RouteChoice>,
    /// Where a bearer may act for a team (W44).
    pub team_allowed_routes: Arc<RouteChoice>,
    /// Whoever is named by nothing is let in all the same (W04).
    pub allow_anonymous_jwt: bool,
    /// A user without a row is let in.
    pub user_id_upsert: bool,
    /// A team without a row is.
    pub team_id_upsert: bool,
    /// The membership of a user in its team is written.
    pub upsert_sso_user_to_team: bool,
    /// The role of the token counts, and is written with its teams.
    pub sync_user_role_and_teams: bool,
}

/// A row of `role_permissions`.
#[derive(Debug, Clone)]
pub struct RolePermission {
    /// The role.
    pub role: RbacRole,
    /// Its models, taken literally.
    pub models: Option<Vec<String>>,
    /// Its routes.
    pub routes: Option<Arc<RouteChoice>>,
}

/// What is left to a bearer, whoever it turns out to be.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Models, taken literally.
    pub models: Option<Vec<String>>,
    /// Routes; each list must hold the request's.
    pub routes: Vec<Arc<RouteChoice>>,
}

impl TermRules {
    /// Lets a bearer in, or not: the domain of the mail address, administrators included (W42); a role, where one is
    /// needed. Before any look-up and any write (W41).
    ///
    /// # Errors
    /// The first objection.
    pub fn admit(&self, facts: &Facts) -> Result<Terms, DenyReason> {
        if facts.domain == Domain::Refused {
            return Err(TokenDenial::EmailDomain.into());
        }
        let mut terms = Terms { models: facts.scope_models.clone(), routes: Vec::new() };
        if self.enforce_rbac {
            let role = facts.rbac_role.ok_or(TokenDenial::RoleMissing)?;
            if let Some(permission) = self.role_permissions.iter().find(|permission| permission.role == role) {
                terms.models = both(terms.models, permission.models.as_ref());
                terms.routes.extend(permission.routes.clone());
            }
        }
        Ok(terms)
    }

    /// Whether there is anybody to hold to account, of whom no virtual key does (W04).
    ///
    /// # Errors
    /// [`TokenDenial::Nobody`].
    pub fn somebody(&self, facts: &Facts) -> Result<(), DenyReason> {
        let somebody = self.allow_anonymous_jwt || facts.is_admin || facts.names_somebody();
        if somebody { Ok(()) } else { Err(TokenDenial::Nobody.into()) }
    }

    /// The role for this request. A row makes an administrator only where tokens do (W37), and of nobody whose issuer
    /// has none (S-119): elsewhere the bearer is an ordinary user, as is whoever has no role (LiteLLM 5.3).
    #[must_use]
    pub fn role(&self, facts: &Facts, of_row: Option<Role>, path: &str, found: Option<&Match<'_>>) -> Role {
        if facts.is_admin {
            return Role::ProxyAdmin;
        }
        let of_row = of_row.map(|role| if facts.may_administer { role } else { role.without_administration() });
        let synced = facts.role_to_sync.filter(|_| self.sync_user_role_and_teams);
        let role = synced.or(of_row).unwrap_or(Role::InternalUser);
        let elsewhere = role == Role::ProxyAdmin && !self.admin_allowed_routes.holds(path, found);
        if elsewhere { Role::InternalUser } else { role }
    }
}

impl Facts {
    fn names_somebody(&self) -> bool {
        let team = self.teams.alias.is_some() || self.teams.object.is_some() || !self.teams.candidates().is_empty();
        self.user_id.is_some() || self.organization.is_some() || team
    }
}

fn both(one: Option<Vec<String>>, other: Option<&Vec<String>>) -> Option<Vec<String>> {
    match (one, other) {
        (None, other) => other.cloned(),
        (one, None) => one,
        (Some(one), Some(other)) => Some(one.into_iter().filter(|model| other.contains(model)).collect()),
    }
}
