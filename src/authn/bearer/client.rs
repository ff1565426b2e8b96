//! Virtual keys that stand for tokens (LiteLLM section 7): the token's own terms hold on every request, and the key's
//! as well (W27).

use std::sync::Arc;

use super::writes::{Registration, Write};
use super::{BearerRules, Claimed, Person};
use crate::authn::{Failure, Identified};
use crate::core::budget::{Amount, Budget};
use crate::core::credential::KeyHash;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::{Bearer, Identity};
use crate::core::jwt::claims::ClientClaim;
use crate::core::jwt::terms::Terms;
use crate::core::limits::Limits;
use crate::core::model_list::ModelList;
use crate::core::record::KeyRecord;
use crate::store::{ClaimValue, Directory as _, Found, Store};

/// How keys are found for tokens.
#[derive(Debug, Clone)]
pub struct ClientRules {
    /// What becomes of tokens without one.
    pub unregistered: Unregistered,
    /// The only issuer there is: mappings that LiteLLM has made, which name none, are its.
    pub only_issuer: Option<String>,
}

/// What becomes of tokens no key is registered for.
#[derive(Debug, Clone)]
pub enum Unregistered {
    /// They stand for themselves.
    Fallback,
    /// They are refused.
    Reject,
    /// A key like this is made for them, and until then they are restricted like it.
    Register(Arc<KeyTemplate>),
}

/// What keys are made with.
#[derive(Debug, Clone, Default)]
pub struct KeyTemplate {
    /// Models, as they are written, and as they are compared.
    pub models: (Vec<String>, ModelList),
    /// US dollars.
    pub max_budget: Option<Amount>,
    /// How much may be asked in a minute.
    pub limits: Limits,
    /// How many days it is good.
    pub days: Option<u32>,
}

impl KeyTemplate {
    /// Restricts somebody whose key is not written yet.
    pub(super) fn restrict(&self, record: &mut KeyRecord) {
        let terms = record.terms_mut();
        terms.models = self.models.1.clone();
        terms.limits = self.limits;
        record.budget = Budget { max: self.max_budget, ..Budget::default() };
    }
}

/// The name a mapping is stored under: the issuer is part of it (S-125, W28). A claim's path cannot hold a space before
/// an issuer by chance: both are configured.
#[must_use]
fn stored_name(client: &ClientClaim) -> String {
    format!("{} {}", client.issuer.as_deref().unwrap_or_default(), client.field)
}

impl BearerRules {
    /// The key that stands for a token. Its owner, team and limits count, and the token's scopes and roles still do.
    pub(super) async fn registered(
        &self,
        claimed: &Claimed,
        terms: &Terms,
        store: &Store,
    ) -> Result<Option<Identified>, Failure> {
        let Some(rules) = &self.clients else { return Ok(None) };
        let Some(client) = &claimed.facts.client else {
            return match rules.unregistered {
                Unregistered::Fallback => Ok(None),
                Unregistered::Reject | Unregistered::Register(_) => Err(TokenDenial::ClientMissing.into()),
            };
        };
        let Some((hash, stale)) = rules.mapped(client, store).await? else {
            return match rules.unregistered {
                Unregistered::Fallback | Unregistered::Register(_) => Ok(None),
                Unregistered::Reject => Err(TokenDenial::ClientUnregistered.into()),
            };
        };
        let Found { record, stale: also } = store.key(&hash).await?.ok_or(DenyReason::CredentialUnknown)?;
        let user = record.user.as_deref();
        let bearer = Bearer {
            vouched: claimed.vouched,
            issuer: claimed.facts.issuer.clone(),
            user_id: user.map(|user| user.id.clone()),
            email: user.and_then(|user| user.email.clone()),
            role: user.and_then(|user| user.role),
            end_user: claimed.facts.end_user_id.clone(),
            models: terms.models.clone(),
            routes: terms.routes.clone(),
            expires: claimed.expires,
            registered: true,
            record,
        };
        let identity = Identity::Bearer(Arc::new(bearer));
        Ok(Some(Identified { identity, stale: stale || also, undecided: None, writes: Vec::new() }))
    }

    /// What restricts somebody for whom a key is about to be made.
    pub(super) fn template(&self, person: &Person) -> Option<&Arc<KeyTemplate>> {
        let rules = self.clients.as_ref().filter(|_| !person.claimed.facts.is_admin)?;
        person.claimed.facts.client.as_ref()?;
        match &rules.unregistered {
            Unregistered::Register(template) => Some(template),
            Unregistered::Fallback | Unregistered::Reject => None,
        }
    }

    /// The key to make, of the person as it is (LiteLLM 7.5).
    pub(super) fn registration(&self, person: &Person) -> Option<Write> {
        let template = Arc::clone(self.template(person)?);
        let client = person.claimed.facts.client.as_ref()?;
        let record = &person.record;
        Some(Write::Register(Box::new(Registration {
            name: stored_name(client),
            value: client.value.clone(),
            user: person.place.user.as_deref().map(str::to_owned),
            team: record.team.as_ref().map(|team| team.id.clone()),
            organization: record.organization.as_ref().map(|organization| organization.id.clone()),
            template,
        })))
    }
}

impl ClientRules {
    async fn mapped(&self, client: &ClientClaim, store: &Store) -> Result<Option<(KeyHash, bool)>, Failure> {
        let value: Box<str> = client.value.as_str().into();
        let own = ClaimValue { name: stored_name(client).into(), value: value.clone() };
        let is_only = self.only_issuer.is_some() && self.only_issuer == client.issuer;
        let plain = is_only.then(|| ClaimValue { name: client.field.as_str().into(), value });
        for claim in [Some(own), plain].into_iter().flatten() {
            if let Some(Found { record, stale }) = store.mapped_key(&claim).await? {
                return Ok(Some((*record, stale)));
            }
        }
        Ok(None)
    }
}
