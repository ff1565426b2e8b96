//! The section `jwt` becomes issuers, what claims mean, and what holds for bearers.

mod issuer;
mod public;
mod rules;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::compile::Section;
use super::raw::{RawConfig, RawJwt, RawRbacRole};
use crate::authn::bearer::BearerRules;
use crate::authn::bearer::writer::Writer;
use crate::authn::jwt::JwtVerifier;
use crate::core::jwt::BadIssuers;
use crate::core::jwt::claims::Mapping;
use crate::core::jwt::path::ClaimPath;
use crate::core::jwt::rbac::{RbacRole, RoleGlob};
use crate::core::record::Role;
use crate::core::route::RouteTable;
use crate::store::Store;

/// What a configuration says of tokens.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) verifier: Option<JwtVerifier>,
    pub(super) bearers: BearerRules,
    pub(super) writer: Option<Writer>,
}

/// Compiles the section, if there is one. `None` when that failed; the reasons were noted. The table is that of the
/// configuration, or none, where its own section failed.
pub(super) fn compile(
    config: &RawConfig,
    table: Option<&RouteTable>,
    store: Option<&Store>,
    section: &mut Section<'_, '_>,
) -> Option<Compiled> {
    let Some(raw) = &config.jwt else {
        return Some(Compiled::default());
    };
    let before = section.problems();
    rules::check(raw, config.store.is_some(), config.keys.is_some(), section);
    public::check(raw, section);
    let mapping = mapping(raw, section);
    let sources = raw
        .issuers
        .iter()
        .enumerate()
        .filter_map(|(index, one)| issuer::compile(&format!("jwt.issuers[{index}]"), one, &mapping, section));
    let sources: Vec<_> = sources.collect();
    // Equal digests, equal meaning: what was read from claims can be kept.
    let written = Sha256::digest(format!("{raw:?}")).into();
    let verifier = JwtVerifier::new(written, raw.max_cached_tokens, sources);
    match &verifier {
        Err(BadIssuers::Twice(_)) => section.problem("jwt.issuers", "two entries are for the same issuer; keep one"),
        Err(BadIssuers::Empty(_)) if section.problems() == before => {
            section.problem("jwt.issuers", "an issuer is empty; say who it is");
        }
        Ok(_) | Err(BadIssuers::Empty(_)) => {}
    }
    let bearers = BearerRules { terms: rules::terms(raw, table, section), clients: rules::clients(raw, section) };
    let writer = match store {
        Some(Store::Database(store)) if rules::writes(raw) => Some(Writer::new(store.spec().place.clone())),
        Some(Store::Database(_) | Store::File(_)) | None => None,
    };
    let compiled = Compiled { verifier: verifier.ok(), bearers, writer };
    (section.problems() == before).then_some(compiled)
}

/// What claims mean, for issuers that say nothing else.
fn mapping(raw: &RawJwt, section: &mut Section<'_, '_>) -> Mapping {
    let mut path = |name: &str, text: &Option<String>| claim_path(&format!("jwt.{name}"), text.as_deref(), section);
    let mut mapping = Mapping {
        required_claims: Vec::new(),
        may_administer: false,
        admin_jwt_scope: raw.admin_jwt_scope.clone(),
        team_id_jwt_field: path("team_id_jwt_field", &raw.team_id_jwt_field),
        team_ids_jwt_field: path("team_ids_jwt_field", &raw.team_ids_jwt_field),
        team_id_default: raw.team_id_default.clone(),
        team_alias_jwt_field: path("team_alias_jwt_field", &raw.team_alias_jwt_field),
        org_id_jwt_field: path("org_id_jwt_field", &raw.org_id_jwt_field),
        org_alias_jwt_field: path("org_alias_jwt_field", &raw.org_alias_jwt_field),
        user_id_jwt_field: path("user_id_jwt_field", &raw.user_id_jwt_field),
        user_email_jwt_field: path("user_email_jwt_field", &raw.user_email_jwt_field),
        email_is_verified: false,
        user_allowed_email_domain: raw.user_allowed_email_domain.clone(),
        user_roles_jwt_field: path("user_roles_jwt_field", &raw.user_roles_jwt_field),
        user_allowed_roles: raw.user_allowed_roles.clone(),
        end_user_id_jwt_field: path("end_user_id_jwt_field", &raw.end_user_id_jwt_field),
        roles_jwt_field: path("roles_jwt_field", &raw.roles_jwt_field),
        role_mappings: Vec::new(),
        role_mappings_first: raw.role_mappings_first,
        object_id_jwt_field: path("object_id_jwt_field", &raw.object_id_jwt_field),
        scope_mappings: None,
        enforce_team_based_model_access: raw.enforce_team_based_model_access,
        team_claim_fallback: raw.team_claim_fallback,
        admin_team_header: raw.admin_team_header,
        jwt_litellm_role_map: Vec::new(),
        virtual_key_claim_field: path("virtual_key_claim_field", &raw.virtual_key_claim_field),
    };
    let roles = raw.role_mappings.iter().map(|row| (row.role.clone(), rbac_role(row.internal_role)));
    mapping.role_mappings = roles.collect();
    let scopes = raw.scope_mappings.iter().map(|row| (row.scope.clone(), row.models.clone()));
    mapping.scope_mappings = raw.enforce_scope_based_access.then(|| scopes.collect());
    for (index, row) in raw.jwt_litellm_role_map.iter().enumerate() {
        let place = format!("jwt.jwt_litellm_role_map[{index}].litellm_role");
        match Role::parse(&row.litellm_role) {
            Some(Role::ProxyAdmin) => {
                section.problem(&place, "a token never makes a proxy administrator for good; write the role to the store by hand, or use `admin_jwt_scope`");
            }
            Some(litellm_role) => {
                mapping.jwt_litellm_role_map.push(RoleGlob { jwt_role: row.jwt_role.clone(), litellm_role });
            }
            None => {
                let roles = Role::ALL.map(Role::as_str).join("`, `");
                section.problem(&place, format!("it is none of `{roles}`"));
            }
        }
    }
    mapping
}

fn claim_path(place: &str, text: Option<&str>, section: &mut Section<'_, '_>) -> Option<ClaimPath> {
    let text = text?;
    let path = ClaimPath::parse(text);
    if path.is_none() {
        section.problem(place, "the path of a claim is empty; name one, or leave the field out");
    }
    path
}

fn rbac_role(raw: RawRbacRole) -> RbacRole {
    match raw {
        RawRbacRole::ProxyAdmin => RbacRole::ProxyAdmin,
        RawRbacRole::Team => RbacRole::Team,
        RawRbacRole::InternalUser => RbacRole::InternalUser,
    }
}

/// A list of routes, by the configuration's own table.
fn routes(
    place: &str,
    list: &[String],
    table: Option<&RouteTable>,
    section: &mut Section<'_, '_>,
) -> Arc<crate::core::route::select::RouteChoice> {
    let choice = table.and_then(|table| super::routes::choice(place, list, table, section));
    Arc::new(choice.unwrap_or_default())
}
