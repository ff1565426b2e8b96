//! A credential becomes an identity, or a reason why not. The only awaits of the request path begin here.

pub mod bearer;
mod calls;
pub mod custom;
pub mod http;
pub mod jwks;
pub mod jwt;
mod master_key;
mod named;
pub mod oauth2;
pub mod outside;
mod remembered;
mod virtual_key;

pub use calls::Calls;
pub use master_key::MasterKey;
pub use remembered::Bounds;

use jiff::Timestamp;

use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::credential::{Credential, Secret};
use crate::core::decision::Outage;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::Identity;
use crate::core::jwt::looks_like_jwt;
use crate::core::record::Named;
use crate::store::{Store, Trouble};
use bearer::writer::Writer;
use bearer::writes::Write;
use bearer::{Asking, BearerRules, Undecided};
use jwks::KeyStatus;
use jwt::JwtVerifier;
use outside::Outside;

/// Why there is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The credential is nobody's.
    Denied(DenyReason),
    /// It could not be found out whose it is.
    Outage(Outage),
}

impl From<DenyReason> for Failure {
    fn from(reason: DenyReason) -> Self {
        Self::Denied(reason)
    }
}

impl From<TokenDenial> for Failure {
    fn from(denial: TokenDenial) -> Self {
        Self::Denied(denial.into())
    }
}

impl From<Outage> for Failure {
    fn from(outage: Outage) -> Self {
        Self::Outage(outage)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Outage(outage) => Self::Outage(outage),
            Trouble::Unreadable(_) => Self::Denied(DenyReason::RecordUnreadable),
        }
    }
}

/// The caller, and what is known of the caller's record.
#[derive(Debug)]
pub struct Identified {
    /// Who it is.
    pub identity: Identity,
    /// Whether the store could not be asked for a newer record.
    pub stale: bool,
    /// Teams between which the request decides.
    pub undecided: Option<Box<Undecided>>,
    /// What is to be written, should the request be allowed.
    pub writes: Vec<Write>,
}

impl Identified {
    fn new(identity: Identity, stale: bool) -> Self {
        Self { identity, stale, undecided: None, writes: Vec::new() }
    }
}

/// Whom a credential may belong to.
#[derive(Debug)]
pub struct Authenticator {
    /// The master key, when one is configured.
    pub master_key: Option<MasterKey>,
    /// Where virtual keys live.
    pub store: Store,
    /// Whose tokens are believed, when any are.
    pub jwt: Option<JwtVerifier>,
    /// What holds for the bearers of tokens.
    pub bearers: BearerRules,
    /// Writes what tokens make known, where that is wanted.
    pub writer: Option<Writer>,
    /// Others who vouch for callers without a key.
    pub outside: Outside,
}

impl Authenticator {
    /// Finds the caller. The order is closed and ends in a refusal: nothing falls through to an empty
    /// identity (S-179), and no credential is tried as another kind.
    ///
    /// # Errors
    /// [`Failure::Denied`] when the credential is nobody's, [`Failure::Outage`] when that is not known.
    pub async fn identify(
        &self,
        presented: Result<&Credential, DenyReason>,
        asking: &Asking<'_>,
        now: Timestamp,
    ) -> Result<Identified, Failure> {
        if let Some(said) = self.outside.signed_in(asking)? {
            return match presented {
                Err(DenyReason::CredentialMissing) => self.outside.proxied(&said, &self.store).await,
                // Whichever of the two we believed, the other might be what the upstream sees.
                Ok(_) => Err(DenyReason::CredentialConflict.into()),
                Err(reason) => Err(reason.into()),
            };
        }
        let credential = presented?;
        // The master key begins like all keys, which is no secret; tokens need not be hashed for it.
        let is_key = virtual_key::is_one(credential.secret.expose());
        if is_key && self.master_key.as_ref().is_some_and(|master_key| master_key.matches(credential)) {
            // A query ends up in logs and histories: never the master key (SEC-16).
            let refused = credential.is_in_query_only();
            let master = Identified::new(Identity::MasterKey, false);
            return if refused { Err(DenyReason::CredentialUnknown.into()) } else { Ok(master) };
        }
        if is_key {
            return virtual_key::identify(credential, &self.store).await;
        }
        // Nor tokens, which are good for everybody who reads them (W50): nobody outside is asked about one either.
        if credential.is_in_query_only() {
            let is_token = looks_like_jwt(credential.secret.expose());
            let reason = if is_token { DenyReason::CredentialMalformed } else { DenyReason::CredentialNotAKey };
            return Err(reason.into());
        }
        self.bearer(&credential.secret, asking, now).await
    }

    /// The bearer of what is no key. Whoever is responsible for a credential decides: nobody after it is asked.
    async fn bearer(&self, secret: &Secret, asking: &Asking<'_>, now: Timestamp) -> Result<Identified, Failure> {
        let text = secret.expose();
        if let Some(identified) = self.outside.first(secret, asking, &self.store, now).await? {
            return Ok(identified);
        }
        if let Some(jwt) = &self.jwt
            && let Some(claimed) = jwt.verify(text, now).await?
        {
            self.outside.validate_token(text, &claimed, asking).await?;
            return self.bearers.identify(claimed, asking, &self.store).await;
        }
        if let Some(identified) = self.outside.introspected(secret, &self.store, now).await? {
            return Ok(identified);
        }
        if let Some(claimed) = self.outside.described(secret, self.jwt.as_ref(), asking).await? {
            return self.bearers.identify(claimed, asking, &self.store).await;
        }
        Err(DenyReason::CredentialNotAKey.into())
    }

    /// The bearer, acting for one of its teams. `None` when there is no such team.
    ///
    /// # Errors
    /// See [`Authenticator::identify`].
    pub async fn acting_for(&self, undecided: &Undecided, team: &str) -> Result<Option<Identified>, Failure> {
        self.bearers.acting_for(undecided, team, &self.store).await
    }

    /// Hands over what a request has made known, once it is allowed.
    ///
    /// # Errors
    /// An outage, where a key that would restrict the caller cannot be registered.
    pub fn write_later(&self, writes: Vec<Write>) -> Result<(), Outage> {
        match &self.writer {
            Some(queue) => queue.take(writes),
            None => Ok(()),
        }
    }

    /// Opens what has to be opened, and begins what goes on in the background.
    pub async fn open(&self) {
        self.store.open().await;
        self.jwt.iter().for_each(JwtVerifier::open);
        self.writer.iter().for_each(Writer::open);
    }

    /// What is known of the keys of issuers.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.jwt.iter().flat_map(JwtVerifier::status).collect()
    }

    /// Takes the place of another one, with what that has learned, as far as the configuration says the same.
    pub fn succeed(&mut self, other: &Self) {
        self.store.succeed(&other.store);
        if let (Some(own), Some(known)) = (&mut self.jwt, &other.jwt) {
            own.succeed(known);
        }
        if let (Some(own), Some(known)) = (&mut self.writer, &other.writer) {
            own.succeed(known);
        }
        self.outside.succeed(&other.outside);
    }

    /// Finds the records a request names.
    ///
    /// # Errors
    /// An outage when that could not be found out; a refusal when a record cannot be believed.
    pub async fn named(&self, ask: &Ask, identity: &Identity, rules: &RequestRules) -> Result<Named, Failure> {
        named::look_up(ask, identity, rules, &self.store).await
    }
}
