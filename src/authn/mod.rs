//! A credential becomes an identity, or a reason why not. The only awaits of the request path begin here.

pub mod bearer;
pub mod jwks;
pub mod jwt;
mod master_key;
mod named;
mod virtual_key;

pub use master_key::MasterKey;

use jiff::Timestamp;

use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::credential::Credential;
use crate::core::decision::Outage;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::Identity;
use crate::core::record::Named;
use crate::store::{Store, Trouble};
use bearer::writer::Writer;
use bearer::writes::Write;
use bearer::{Asking, BearerRules, Undecided};
use jwks::KeyStatus;
use jwt::JwtVerifier;

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
}

impl Authenticator {
    /// Finds the caller. The order is closed and ends in a refusal: nothing falls through to an empty
    /// identity (S-179), and no credential is tried as another kind.
    ///
    /// # Errors
    /// [`Failure::Denied`] when the credential is nobody's, [`Failure::Outage`] when that is not known.
    pub async fn identify(
        &self,
        credential: &Credential,
        asking: &Asking<'_>,
        now: Timestamp,
    ) -> Result<Identified, Failure> {
        let text = credential.secret.expose();
        // The master key begins like all keys, which is no secret; tokens need not be hashed for it.
        let is_key = virtual_key::is_one(text);
        if is_key && self.master_key.as_ref().is_some_and(|master_key| master_key.matches(credential)) {
            // A query ends up in logs and histories: never the master key (SEC-16).
            let refused = credential.is_in_query_only();
            let master = Identified::new(Identity::MasterKey, false);
            return if refused { Err(DenyReason::CredentialUnknown.into()) } else { Ok(master) };
        }
        if let Some(jwt) = self.jwt.as_ref().filter(|_| !is_key)
            && let Some(claimed) = jwt.verify(text, now).await?
        {
            // Nor tokens, which are good for everybody who reads them (W50).
            let refused = credential.is_in_query_only();
            let bearer = self.bearers.identify(claimed, asking, &self.store).await;
            return if refused { Err(DenyReason::CredentialMalformed.into()) } else { bearer };
        }
        virtual_key::identify(credential, &self.store).await
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
    }

    /// Finds the records a request names.
    ///
    /// # Errors
    /// An outage when that could not be found out; a refusal when a record cannot be believed.
    pub async fn named(&self, ask: &Ask, identity: &Identity, rules: &RequestRules) -> Result<Named, Failure> {
        named::look_up(ask, identity, rules, &self.store).await
    }
}
