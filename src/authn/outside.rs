//! Callers for whom somebody outside vouches: who is asked about which credential, and what the directory knows
//! of whoever is named.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

use super::bearer::{Asking, Claimed};
use super::custom::Custom;
use super::jwt::JwtVerifier;
use super::oauth2::{Introspection, UserInfo};
use super::{Calls, Failure, Identified};
use crate::core::credential::Secret;
use crate::core::decision::Outage;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::{Bearer, Identity, Vouched};
use crate::core::jwt::{json, looks_like_jwt};
use crate::core::oauth2::Said;
use crate::core::oauth2::proxy_headers::ProxyHeaders;
use crate::core::oauth2::routing::Rules;
use crate::core::record::{KeyRecord, Role};
use crate::core::route::groups::Group;
use crate::store::{AlsoKnownAs, Directory as _, Found, Resolved, Standing, Store};

/// Somebody who vouches for callers.
#[derive(Debug, Clone)]
pub struct Voucher<T> {
    /// Who.
    pub who: T,
    /// Whether users are let in of whom the directory knows nothing.
    pub allow_unknown_users: bool,
}

/// Everybody outside who vouches for callers.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// The operator's own service.
    pub custom: Option<Voucher<Custom>>,
    /// An authorization server.
    pub introspection: Option<Voucher<Introspection>>,
    /// JSON Web Tokens it is asked about.
    pub overrides: Rules,
    /// A provider's `UserInfo`.
    pub userinfo: Option<UserInfo>,
    /// A proxy in front.
    pub proxy: Option<Voucher<ProxyHeaders>>,
}

/// What one of them is doing, for operators.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// Its name in metrics and in `/config`.
    pub name: &'static str,
    /// What is counted.
    pub calls: &'a Calls,
    /// How many callers are kept.
    pub cached: usize,
}

impl Outside {
    /// Takes over what an earlier configuration of the same services has heard.
    pub fn succeed(&mut self, earlier: &Self) {
        if let (Some(new), Some(old)) = (&mut self.custom, &earlier.custom) {
            new.who.succeed(&old.who);
        }
        if let (Some(new), Some(old)) = (&mut self.introspection, &earlier.introspection) {
            new.who.succeed(&old.who);
        }
        if let (Some(new), Some(old)) = (&mut self.userinfo, &earlier.userinfo) {
            new.succeed(old);
        }
    }

    /// Those that are configured.
    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let introspection = self.introspection.as_ref().map(|Voucher { who, .. }| Service {
            name: "introspection",
            calls: who.calls(),
            cached: who.cached(),
        });
        let userinfo =
            self.userinfo.as_ref().map(|who| Service { name: "userinfo", calls: who.calls(), cached: who.cached() });
        let custom = self.custom.iter().flat_map(|Voucher { who, .. }| {
            let [callers, bearers] = who.calls();
            [
                Service { name: "custom_authenticator", calls: callers, cached: who.cached() },
                Service { name: "custom_validation", calls: bearers, cached: 0 },
            ]
        });
        introspection.into_iter().chain(userinfo).chain(custom)
    }

    /// Whom a proxy in front has signed in. `None` when the request is not its own, or it signed nobody in.
    ///
    /// # Errors
    /// When it says something that cannot be used.
    pub(super) fn signed_in(&self, asking: &Asking<'_>) -> Result<Option<Said>, DenyReason> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        proxy.who.read(asking.headers, &asking.peer)
    }

    /// Whoever a proxy in front has signed in. It makes nobody an administrator of anything (W25).
    ///
    /// # Errors
    /// As [`identify`].
    pub(super) async fn proxied(&self, said: &Said, store: &Store) -> Result<Identified, Failure> {
        let unknown = self.proxy.as_ref().is_some_and(|proxy| proxy.allow_unknown_users);
        identify(said, Vouched::Oauth2Proxy, unknown, store).await
    }

    /// Asks those who come before a token is verified here: the operator's own service, and, by routing overrides,
    /// the authorization server. `None` when neither is for this credential.
    ///
    /// # Errors
    /// A refusal, or an outage when there is no answer.
    pub(super) async fn first(
        &self,
        credential: &Secret,
        asking: &Asking<'_>,
        store: &Store,
        now: Timestamp,
    ) -> Result<Option<Identified>, Failure> {
        if self.custom.is_none() && self.overrides.0.is_empty() {
            return Ok(None);
        }
        let is_jwt = looks_like_jwt(credential.expose());
        if let Some(Voucher { who, allow_unknown_users }) = &self.custom {
            let asked = who.credentials();
            if if is_jwt { asked.jwt } else { asked.opaque } {
                let said = who.authenticate(credential, asking, now).await?;
                return identify(&said, Vouched::Custom, *allow_unknown_users, store).await.map(Some);
            }
        }
        if is_jwt && is_ordinary(asking) && self.overrides.match_token(credential.expose()) {
            return self.introspected(credential, store, now).await;
        }
        Ok(None)
    }

    /// Asks the authorization server. `None` when there is none.
    ///
    /// # Errors
    /// A refusal, or an outage when there is no answer.
    pub(super) async fn introspected(
        &self,
        credential: &Secret,
        store: &Store,
        now: Timestamp,
    ) -> Result<Option<Identified>, Failure> {
        let Some(Voucher { who, allow_unknown_users }) = &self.introspection else { return Ok(None) };
        let said = who.ask(credential, now).await?;
        identify(&said, Vouched::Oauth2, *allow_unknown_users, store).await.map(Some)
    }
}

impl Outside {
    /// Asks the operator's own service whether the bearer of a token that was verified may come in, where that is
    /// configured (LiteLLM's `custom_validate`).
    ///
    /// # Errors
    /// A refusal, or an outage when there is no answer.
    pub(super) async fn validate_token(
        &self,
        token: &str,
        claimed: &Claimed,
        asking: &Asking<'_>,
    ) -> Result<(), Failure> {
        let Some(custom) = self.validator() else { return Ok(()) };
        // What was verified is this text, so these are its claims.
        let payload = token.split('.').nth(1).and_then(|payload| BASE64URL_NOPAD.decode(payload.as_bytes()).ok());
        let claims = payload.and_then(|payload| json::object(&payload).ok()).ok_or(TokenDenial::Malformed)?;
        let issuer = claimed.facts.issuer.as_deref().unwrap_or_default();
        custom.validate(&claims, issuer, asking).await
    }

    fn validator(&self) -> Option<&Custom> {
        self.custom.as_ref().map(|custom| &custom.who).filter(|custom| custom.validates_claims())
    }

    /// Asks the provider who the bearer is. `None` when there is none.
    ///
    /// # Errors
    /// A refusal, or an outage when there is no answer.
    pub(super) async fn described(
        &self,
        credential: &Secret,
        jwt: Option<&JwtVerifier>,
        asking: &Asking<'_>,
    ) -> Result<Option<Claimed>, Failure> {
        let Some(provider) = &self.userinfo else { return Ok(None) };
        let issuer = provider.issuer();
        // The configuration has made sure that somebody says what the claims mean.
        let mapping = jwt.and_then(|jwt| jwt.mapping_of(issuer)).ok_or(Outage::Internal)?;
        let claims = provider.ask(credential).await?;
        if let Some(custom) = self.validator() {
            custom.validate(claims.members(), issuer, asking).await?;
        }
        let facts = mapping.read(Some(issuer), claims.members()).map_err(|unmapped| {
            tracing::debug!(issuer, %unmapped, "what a provider says of a bearer cannot be mapped");
            TokenDenial::from(unmapped)
        })?;
        Ok(Some(Claimed { vouched: Vouched::UserInfo, facts: Arc::new(facts), expires: None }))
    }
}

/// A route of the model API or of information: routing overrides hold there alone (LiteLLM 8.1.2).
fn is_ordinary(asking: &Asking<'_>) -> bool {
    asking.found.is_some_and(|found| found.groups.is_llm() || found.groups.has(Group::InfoRoutes))
}

/// Finds whoever is named in the directory. Whatever is named must be there (W06), but for users where the
/// operator says otherwise.
///
/// # Errors
/// A refusal when somebody is unknown, an outage when that cannot be found out.
async fn identify(
    said: &Said,
    vouched: Vouched,
    allow_unknown_users: bool,
    store: &Store,
) -> Result<Identified, Failure> {
    let team = match (&said.team_id, &said.team_alias) {
        (Some(id), _) => Some(Box::from(id.as_str())),
        (None, Some(alias)) => Some(named_team(alias, store).await?),
        (None, None) => None,
    };
    let place = Standing {
        user: said.user_id.as_deref().map(Box::from),
        team,
        organization: said.organization_id.as_deref().map(Box::from),
    };
    let Found { mut record, stale } = store.standing(&place).await?.ok_or(DenyReason::RecordUnreadable)?;
    if place.user.is_some() && record.user.is_none() && !allow_unknown_users {
        return Err(TokenDenial::UserUnknown.into());
    }
    // Where both are said, both must mean the same team.
    let another = said.team_alias.is_some() && record.team.as_ref().map(|team| &team.alias) != Some(&said.team_alias);
    if place.team.is_some() && (record.team.is_none() || another) {
        return Err(TokenDenial::TeamUnknown.into());
    }
    let organization = record.organization.as_ref().map(|organization| organization.id.as_str());
    if place.organization.is_some() && organization != place.organization.as_deref() {
        return Err(TokenDenial::OrganizationUnknown.into());
    }
    // Whatever is said, the row loses what nobody may have here.
    let of_row = lowered(&mut record, vouched);
    let role = said.role.or(of_row).unwrap_or(Role::InternalUser);
    let bearer = Bearer {
        vouched,
        issuer: said.issuer.clone(),
        user_id: record.user.as_ref().map(|user| user.id.clone()).or_else(|| said.user_id.clone()),
        email: said.email.clone(),
        role: Some(role),
        end_user: said.end_user.clone(),
        models: said.models.clone(),
        routes: Vec::new(),
        expires: said.expires,
        registered: false,
        record,
    };
    Ok(Identified::new(Identity::Bearer(Arc::new(bearer)), stale))
}

/// The id of the one team of this name (V106).
async fn named_team(alias: &str, store: &Store) -> Result<Box<str>, Failure> {
    let found = store.resolve(&AlsoKnownAs::TeamAlias(alias.into())).await?;
    match found.as_ref().map(|found| found.record.as_ref()) {
        Some(Resolved::One(id)) => Ok(id.clone()),
        Some(Resolved::Several) | None => Err(TokenDenial::TeamUnknown.into()),
    }
}

/// The role of the user's row, without what only keys and verified tokens give: nobody administers the proxy by the
/// word of others (W23, W25), and nobody administers anything by a header.
fn lowered(record: &mut Arc<KeyRecord>, vouched: Vouched) -> Option<Role> {
    let row = record.user.as_ref()?.role;
    let by_header = vouched == Vouched::Oauth2Proxy;
    let role = match row {
        Some(Role::ProxyAdmin) => Some(Role::InternalUser),
        Some(Role::ProxyAdminViewer) => Some(Role::InternalUserViewer),
        Some(Role::OrgAdmin) if by_header => Some(Role::InternalUser),
        other => other,
    };
    let administers = by_header && record.user.as_ref().is_some_and(|user| !user.memberships.is_empty());
    // The directory's own record is shared, and a copy is made for those few who lose something.
    if role != row || administers {
        let user = Arc::make_mut(Arc::make_mut(record).user.as_mut()?);
        user.role = role;
        if by_header {
            user.memberships.clear();
        }
    }
    role
}
