//! The verdict on one request.

use crate::core::deny::DenyReason;
use crate::core::mutate::Mutations;

/// What to do with the request. There is no fourth word, and none of these is a default.
#[derive(Debug)]
pub enum Decision {
    /// Forward it, changed like this.
    Allow(Box<Mutations>),
    /// Refuse it: a successful answer about the caller.
    Deny(DenyReason),
    /// Could not find out. Goes out as an error of the RPC, so that the proxy fails closed.
    Indeterminate(Outage),
}

/// What could not be asked. Never a property of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outage {
    /// The check came without the HTTP request it is about.
    RequestMissing,
    /// The service is at its limit of concurrent checks.
    Overloaded,
    /// The key store does not answer.
    StoreUnavailable,
    /// More is asked of the key store than it may be asked at one time.
    StoreOverloaded,
    /// The keys of the token's issuer cannot be had.
    IssuerUnavailable,
    /// A client's key has to be registered first, and too many are waiting.
    RegistrationsFull,
    /// A client's key could not be registered, or is not to be seen.
    RegistrationFailed,
    /// The authorization server, or the provider's `UserInfo`, does not answer.
    AuthorizationServer,
    /// The deployment's own authenticator does not answer.
    Authenticator,
    /// More is asked of either than it may be asked at one time.
    AuthenticationOverloaded,
    /// A fault of our own was caught.
    Internal,
}

impl Outage {
    /// Stable label for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RequestMissing => "request_missing",
            Self::Overloaded => "overloaded",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreOverloaded => "store_overloaded",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::RegistrationsFull => "registrations_full",
            Self::RegistrationFailed => "registration_failed",
            Self::AuthorizationServer => "authorization_server_unavailable",
            Self::Authenticator => "authenticator_unavailable",
            Self::AuthenticationOverloaded => "authentication_overloaded",
            Self::Internal => "internal",
        }
    }
}
