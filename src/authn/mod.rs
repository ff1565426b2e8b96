//! A credential becomes an identity, or a reason why not. The only awaits of the request path begin here.

pub mod jwks;
mod master_key;
mod named;
mod virtual_key;

pub use master_key::MasterKey;

use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::credential::Credential;
use crate::core::decision::Outage;
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::record::Named;
use crate::store::{Store, Trouble};

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
}

impl Identified {
    fn fresh(identity: Identity) -> Self {
        Self { identity, stale: false }
    }
}

/// Whom a credential may belong to.
#[derive(Debug)]
pub struct Authenticator {
    /// The master key, when one is configured.
    pub master_key: Option<MasterKey>,
    /// Where virtual keys live.
    pub store: Store,
}

impl Authenticator {
    /// Finds the caller. The order is closed and ends in a refusal: nothing falls through to an empty
    /// identity (S-179).
    ///
    /// # Errors
    /// [`Failure::Denied`] when the credential is nobody's, [`Failure::Outage`] when that is not known.
    pub async fn identify(&self, credential: &Credential) -> Result<Identified, Failure> {
        if self.master_key.as_ref().is_some_and(|master_key| master_key.matches(credential)) {
            // A query ends up in logs and histories: never the master key (SEC-16).
            let refused = credential.is_in_query_only();
            let master = Identified::fresh(Identity::MasterKey);
            return if refused { Err(DenyReason::CredentialUnknown.into()) } else { Ok(master) };
        }
        virtual_key::identify(credential, &self.store).await
    }

    /// Finds the records a request names.
    ///
    /// # Errors
    /// An outage when that could not be found out; a refusal when a record cannot be believed.
    pub async fn named(&self, ask: &Ask, identity: &Identity, rules: &RequestRules) -> Result<Named, Failure> {
        named::look_up(ask, identity, rules, &self.store).await
    }
}
