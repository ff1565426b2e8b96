//! Virtual keys that stand for tokens (LiteLLM section 7): the token's own terms hold on every request, and the key's
//! as well (W27).

use std::sync::Arc;

use super::writes::{Registration, Write};
use super::{BearerRules, Person};
use crate::authn::Failure;
use crate::core::budget::{Amount, Budget};
use crate::core::credential::KeyHash;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::jwt::claims::{ClientClaim, Facts};
use crate::core::limits::Limits;
use crate::core::model_list::ModelList;
use crate::core::record::KeyRecord;
use crate::store::{ClaimValue, Directory as _, Found, Standing, Store};

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
    /// The key that stands for a token.
    pub(super) async fn registered(&self, facts: &Facts, store: &Store) -> Result<Option<Found<KeyRecord>>, Failure> {
        let Some(rules) = &self.clients else { return Ok(None) };
        let Some(client) = &facts.client else {
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
        Ok(Some(Found { record, stale: stale || also }))
    }

    /// What restricts somebody for whom a key is about to be made.
    pub(super) fn template(&self, person: &Person) -> Option<&Arc<KeyTemplate>> {
        let rules = self.clients.as_ref().filter(|_| person.key.is_none() && !person.claimed.facts.is_admin)?;
        person.claimed.facts.client.as_ref()?;
        match &rules.unregistered {
            Unregistered::Register(template) => Some(template),
            Unregistered::Fallback | Unregistered::Reject => None,
        }
    }

    /// The key to make. What it leaves to the token, each request brings anew (LiteLLM 7.5).
    pub(super) fn registration(&self, person: &Person) -> Option<Write> {
        let template = Arc::clone(self.template(person)?);
        let client = person.claimed.facts.client.as_ref()?;
        Some(Write::Register(Box::new(Registration {
            name: stored_name(client),
            value: client.value.clone(),
            user: person.place.user.as_deref().filter(|_| client.is_user).map(str::to_owned),
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

/// A key, of whoever has come with the token: what it says of itself holds, and of its place what the token adds.
///
/// # Errors
/// [`TokenDenial::KeyOfAnother`].
pub(super) fn joined(key: &Arc<KeyRecord>, place: &Standing, found: &KeyRecord) -> Result<Arc<KeyRecord>, TokenDenial> {
    let [ours, theirs] = [key, found].map(|record| {
        let team = record.team.as_ref().filter(|team| !team.is_label);
        let organization = record.organization.as_ref();
        [record.user.as_ref().map(|user| &*user.id), team.map(|team| &*team.id), organization.map(|one| &*one.id)]
    });
    let theirs = match theirs {
        [None, team, organization] => [place.user.as_deref(), team, organization],
        all => all,
    };
    let differs = |(one, other): (Option<&str>, Option<&str>)| one.is_some() && other.is_some() && one != other;
    if ours.into_iter().zip(theirs).any(differs) {
        return Err(TokenDenial::KeyOfAnother);
    }
    if ours.into_iter().zip(theirs).all(|(ours, theirs)| ours.is_some() || theirs.is_none()) {
        return Ok(Arc::clone(key));
    }
    let mut record = KeyRecord::clone(key);
    record.user = found.user.clone().or(record.user);
    record.team = found.team.clone().or(record.team);
    record.organization = found.organization.clone().or(record.organization);
    record.member.clone_from(&found.member);
    let terms = record.terms_mut();
    terms.member_role.clone_from(&found.terms.member_role);
    let tags = found.terms.tags.iter().filter(|tag| !key.terms.tags.contains(tag));
    terms.tags.extend(tags.cloned());
    Ok(Arc::new(record))
}
