//! What the section `jwt` says of bearers, and fields of it that need or exclude each other.

use std::sync::Arc;

use super::{rbac_role, routes};
use crate::authn::bearer::{ClientRules, KeyTemplate, Unregistered};
use crate::config::compile::Section;
use crate::config::raw::{RawIssuer, RawJwt, RawKeyTemplate, RawRbacRole, RawRoleMapping, RawUnregistered};
use crate::core::budget::Amount;
use crate::core::jwt::terms::{RolePermission, TermRules};
use crate::core::limits::Limits;
use crate::core::model_list::ModelList;
use crate::core::route::RouteTable;

/// Something wrong, the field, and what to do.
type Mistake = (bool, &'static str, &'static str);

/// Notes fields that would do nothing, or something else than they seem to (LiteLLM 2.0.3, W44).
pub(super) fn check(raw: &RawJwt, has_store: bool, has_keys: bool, section: &mut Section<'_, '_>) {
    let all = [&of_roles(raw)[..], &of_people(raw), &of_clients(raw, has_store, has_keys), &of_writes(raw, has_store)];
    let own = |issuer: &RawIssuer| issuer.user_id_jwt_field.is_some() || issuer.team_id_jwt_field.is_some();
    let common = raw.user_id_jwt_field.is_some() || raw.team_id_jwt_field.is_some();
    let is_satisfied = common || raw.issuers.iter().any(own);
    let has_roles = !raw.role_mappings.is_empty() || !raw.user_allowed_roles.is_empty();
    if raw.enforce_rbac && has_roles && is_satisfied && !raw.role_mappings_first {
        section.warning(
            "jwt.enforce_rbac",
            "a token that names a user or a team needs no role; set `role_mappings_first: true`, so that it does"
                .to_owned(),
        );
    }
    for (_, name, text) in all.concat().into_iter().filter(|(wrong, ..)| *wrong) {
        section.problem(&format!("jwt.{name}"), text);
    }
}

fn of_roles(raw: &RawJwt) -> [Mistake; 7] {
    let reads_roles = !raw.role_mappings.is_empty() || !raw.jwt_litellm_role_map.is_empty();
    let admin = |row: &RawRoleMapping| row.internal_role == RawRbacRole::ProxyAdmin;
    [
        (
            raw.user_roles_jwt_field.is_some() == raw.user_allowed_roles.is_empty(),
            "user_allowed_roles",
            "it goes with `user_roles_jwt_field`; set both, or none",
        ),
        (
            raw.object_id_jwt_field.is_some() && raw.role_mappings.is_empty(),
            "object_id_jwt_field",
            "nothing says whether it names a team or a user; set `role_mappings`",
        ),
        (
            reads_roles != raw.roles_jwt_field.is_some(),
            "roles_jwt_field",
            "it goes with `role_mappings` or `jwt_litellm_role_map`; set both, or none",
        ),
        (
            raw.role_mappings.iter().any(admin),
            "role_mappings",
            "`proxy_admin` would make nobody an administrator; use `admin_jwt_scope`, or a user's role in the store",
        ),
        (
            raw.scope_mappings.is_empty() == raw.enforce_scope_based_access,
            "scope_mappings",
            "it goes with `enforce_scope_based_access: true`; set both, or none",
        ),
        (
            !raw.role_permissions.is_empty() && !raw.enforce_rbac,
            "role_permissions",
            "it does nothing without `enforce_rbac: true`",
        ),
        (
            !raw.jwt_litellm_role_map.is_empty() && !raw.sync_user_role_and_teams,
            "jwt_litellm_role_map",
            "it does nothing without `sync_user_role_and_teams: true`",
        ),
    ]
}

fn of_people(raw: &RawJwt) -> [Mistake; 8] {
    let domain = raw.user_allowed_email_domain.as_deref();
    [
        (
            raw.issuers.is_empty(),
            "issuers",
            "it is empty, so that every token would be refused; name whose are accepted",
        ),
        (
            domain.is_some() && raw.user_email_jwt_field.is_none(),
            "user_allowed_email_domain",
            "nothing says where the address is, so that every token would be refused; set `user_email_jwt_field`",
        ),
        (
            domain.is_some_and(|domain| domain.is_empty() || domain.contains('@')),
            "user_allowed_email_domain",
            "it is a domain, such as `example.com`",
        ),
        (
            raw.team_claim_fallback && raw.team_id_jwt_field.is_none(),
            "team_claim_fallback",
            "it is about `team_id_jwt_field`, which is not set",
        ),
        (
            raw.admin_team_header && raw.admin_jwt_scope.is_none(),
            "admin_team_header",
            "it does nothing without `admin_jwt_scope`",
        ),
        (
            raw.admin_jwt_scope.as_deref() == Some(""),
            "admin_jwt_scope",
            "it is empty; leave it out, so that no scope makes administrators",
        ),
        (!(1..=1_000_000).contains(&raw.max_cached_tokens), "max_cached_tokens", "it must be between 1 and 1000000"),
        (
            !names_somebody(raw),
            "allow_anonymous_jwt",
            "no field says who the bearer is, so that every token would be refused; set `user_id_jwt_field` or another, or `allow_anonymous_jwt: true`",
        ),
    ]
}

fn of_clients(raw: &RawJwt, has_store: bool, has_keys: bool) -> [Mistake; 4] {
    let claim = raw.virtual_key_claim_field.is_some();
    let behaviour = raw.unregistered_jwt_client_behavior;
    let registers = behaviour == RawUnregistered::AutoRegister;
    [
        (
            claim && !has_store && !has_keys,
            "virtual_key_claim_field",
            "there is nothing to look keys up in; set `store` or `keys.file`",
        ),
        (
            behaviour != RawUnregistered::FallbackTeamMapping && !claim,
            "unregistered_jwt_client_behavior",
            "nothing says which claim keys are registered for; set `virtual_key_claim_field`",
        ),
        (registers && !has_store, "unregistered_jwt_client_behavior", "there is nothing to write keys to; set `store`"),
        (
            !registers && raw.auto_registered_keys != RawKeyTemplate::default(),
            "auto_registered_keys",
            "it does nothing without `unregistered_jwt_client_behavior: auto_register`",
        ),
    ]
}

fn of_writes(raw: &RawJwt, has_store: bool) -> [Mistake; 4] {
    let written = [
        (raw.user_id_upsert, "user_id_upsert"),
        (raw.team_id_upsert, "team_id_upsert"),
        (raw.upsert_sso_user_to_team, "upsert_sso_user_to_team"),
        (raw.sync_user_role_and_teams, "sync_user_role_and_teams"),
    ];
    written.map(|(on, name)| (on && !has_store, name, "there is nothing to write to; set `store`"))
}

fn names_somebody(raw: &RawJwt) -> bool {
    let own = raw.issuers.iter().flat_map(|issuer| {
        [
            &issuer.user_id_jwt_field,
            &issuer.user_email_jwt_field,
            &issuer.team_id_jwt_field,
            &issuer.team_ids_jwt_field,
            &issuer.org_id_jwt_field,
        ]
    });
    let common = [
        &raw.user_id_jwt_field,
        &raw.user_email_jwt_field,
        &raw.team_id_jwt_field,
        &raw.team_ids_jwt_field,
        &raw.team_id_default,
        &raw.team_alias_jwt_field,
        &raw.org_id_jwt_field,
        &raw.org_alias_jwt_field,
        &raw.object_id_jwt_field,
        &raw.admin_jwt_scope,
        &raw.virtual_key_claim_field,
    ];
    raw.allow_anonymous_jwt || common.into_iter().chain(own).any(Option::is_some)
}

/// Whether anything is written to the store.
pub(super) fn writes(raw: &RawJwt) -> bool {
    raw.user_id_upsert
        || raw.team_id_upsert
        || raw.upsert_sso_user_to_team
        || raw.sync_user_role_and_teams
        || raw.unregistered_jwt_client_behavior == RawUnregistered::AutoRegister
}

pub(super) fn terms(raw: &RawJwt, table: Option<&RouteTable>, section: &mut Section<'_, '_>) -> TermRules {
    let role_permissions = raw.role_permissions.iter().enumerate().map(|(index, row)| RolePermission {
        role: rbac_role(row.role),
        models: row.models.clone(),
        routes: row
            .routes
            .as_ref()
            .map(|list| routes(&format!("jwt.role_permissions[{index}].routes"), list, table, section)),
    });
    TermRules {
        role_permissions: role_permissions.collect(),
        enforce_rbac: raw.enforce_rbac,
        admin_allowed_routes: routes("jwt.admin_allowed_routes", &raw.admin_allowed_routes, table, section),
        team_allowed_routes: routes("jwt.team_allowed_routes", &raw.team_allowed_routes, table, section),
        allow_anonymous_jwt: raw.allow_anonymous_jwt,
        user_id_upsert: raw.user_id_upsert,
        team_id_upsert: raw.team_id_upsert,
        upsert_sso_user_to_team: raw.upsert_sso_user_to_team,
        sync_user_role_and_teams: raw.sync_user_role_and_teams,
    }
}

pub(super) fn clients(raw: &RawJwt, section: &mut Section<'_, '_>) -> Option<ClientRules> {
    raw.virtual_key_claim_field.as_ref()?;
    let unregistered = match raw.unregistered_jwt_client_behavior {
        RawUnregistered::FallbackTeamMapping => Unregistered::Fallback,
        RawUnregistered::Reject => Unregistered::Reject,
        RawUnregistered::AutoRegister => Unregistered::Register(Arc::new(template(&raw.auto_registered_keys, section))),
    };
    let only_issuer = match raw.issuers.as_slice() {
        [one] => one.issuer.clone(),
        _ => None,
    };
    Some(ClientRules { unregistered, only_issuer })
}

fn template(raw: &RawKeyTemplate, section: &mut Section<'_, '_>) -> KeyTemplate {
    let max_budget = raw.max_budget.map(Amount::new);
    if max_budget == Some(None) {
        section.problem("jwt.auto_registered_keys.max_budget", "it is no amount of money");
    }
    if raw.days.is_some_and(|days| !(1..=3650).contains(&days)) {
        section.problem("jwt.auto_registered_keys.days", "it must be between 1 and 3650");
    }
    KeyTemplate {
        models: (raw.models.clone(), ModelList::compile(raw.models.iter().map(String::as_str))),
        max_budget: max_budget.flatten(),
        limits: Limits { requests: raw.rpm_limit, tokens: raw.tpm_limit, parallel: None },
        days: raw.days,
    }
}
