//! What RBAC takes a bearer for (LiteLLM 4.1), and the role the directory learns (4.7).

use super::claims::{Mapping, Reader, Unmapped};
use crate::core::glob::Glob;
use crate::core::record::Role;

/// Not the role of the identity (LiteLLM 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RbacRole {
    /// By the admin scope only (W36).
    ProxyAdmin,
    /// A team acting by itself.
    Team,
    /// A person.
    InternalUser,
}

impl RbacRole {
    /// LiteLLM's spelling, also in `role_permissions`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "proxy_admin",
            Self::Team => "team",
            Self::InternalUser => "internal_user",
        }
    }
}

/// A row of `jwt_litellm_role_map`.
#[derive(Debug, Clone)]
pub struct RoleGlob {
    /// The provider's role; `*` stands for anything.
    pub jwt_role: String,
    /// Ours.
    pub litellm_role: Role,
}

/// The first that holds: admin scope, team, user, allowed role, mapping. Where mappings come first, only a role of the
/// provider is a role: that the token names a team or a user, as every token does, is none (W35).
pub(super) fn role(
    mapping: &Mapping,
    reader: &Reader<'_>,
    is_admin: bool,
    has_team: bool,
    has_user: bool,
    roles: &[String],
) -> Result<Option<RbacRole>, Unmapped> {
    // Read in any case: a claim that cannot be read refuses the token whoever it is.
    let of_user = reader.names("user_roles_jwt_field", mapping.user_roles_jwt_field.as_ref())?.unwrap_or_default();
    let mapped = mapping.role_mappings.iter().find(|(role, _)| roles.contains(role)).map(|(_, internal)| *internal);
    let is_user = of_user.iter().any(|role| mapping.user_allowed_roles.contains(role));
    let allowed = is_user.then_some(RbacRole::InternalUser);
    Ok(if is_admin {
        Some(RbacRole::ProxyAdmin)
    } else if mapping.role_mappings_first {
        mapped.or(allowed)
    } else if has_team {
        Some(RbacRole::Team)
    } else if has_user {
        Some(RbacRole::InternalUser)
    } else {
        allowed.or(mapped)
    })
}

/// The first row that matches any role. Nobody becomes proxy admin this way (W39).
pub(super) fn role_to_sync(rows: &[RoleGlob], roles: &[String]) -> Option<Role> {
    let matches = |row: &&RoleGlob| match Glob::parse(&row.jwt_role) {
        Some(glob) => roles.iter().any(|role| glob.matches(role)),
        None => roles.contains(&row.jwt_role),
    };
    rows.iter().find(matches).map(|row| row.litellm_role).filter(|role| *role != Role::ProxyAdmin)
}
