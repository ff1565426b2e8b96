//! `tollgate.authn.v1.Authenticator` on the wire: the one place of this room that knows gRPC.

use std::error::Error as _;
use std::time::Duration;
use std::{fmt, io};

use jiff::Timestamp;
use tokio::sync::OnceCell;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use super::v1::authenticator_client::AuthenticatorClient;
use super::v1::cache::Scope;
use super::v1::refusal::Kind;
use super::v1::{self, authenticate_response, validate_response};
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::oauth2::said::{MAX_MODELS, email, name};
use crate::core::oauth2::{RoleRule, Said, Unusable};

/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// An idle connection is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where an authenticator is. The connection is made by the first question, and again when it was lost.
#[derive(Debug)]
pub struct Line {
    endpoint: Endpoint,
    channel: OnceCell<Channel>,
}

/// What an authenticator said, and how long it holds.
pub(super) struct Told<T> {
    pub(super) verdict: Result<T, DenyReason>,
    pub(super) keep: Duration,
    pub(super) scope: Scope,
}

/// Why it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Silence {
    /// It cannot be reached.
    #[error("it cannot be reached")]
    Connection,
    /// It is there, and it cannot be told that it is the one that was configured.
    #[error("TLS fails, or its certificate is not one that is vouched for")]
    Tls,
    /// It is too slow.
    #[error("it takes too long")]
    Timeout,
    /// It answers with an error.
    #[error("it answers with an error")]
    Error,
    /// It answers, and says nothing.
    #[error("its answer says nothing")]
    Empty,
}

impl Silence {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Empty => "empty",
        }
    }
}

impl Line {
    /// A line to `https://…`, `http://…` or `unix:///…`. Nothing is opened.
    ///
    /// # Errors
    /// Why that is impossible, for people.
    pub fn new(url: &str, deadline: Duration, authorities: Option<&[u8]>) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| "it is no URL".to_owned())?;
        let mut endpoint = endpoint
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| "it is no URL".to_owned())?
            .timeout(deadline)
            .connect_timeout(deadline)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_while_idle(true);
        if url.starts_with("https://") {
            let tls = ClientTlsConfig::new();
            let tls = match authorities {
                Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
                None => tls.with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|_| "its certificate authorities cannot be read".to_owned())?;
        }
        Ok(Self { endpoint, channel: OnceCell::new() })
    }

    async fn client(&self) -> AuthenticatorClient<Channel> {
        // Made here, for it needs the runtime that a configuration is loaded without.
        let channel = self.channel.get_or_init(async || self.endpoint.connect_lazy()).await;
        AuthenticatorClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(super) async fn authenticate(
        &self,
        request: v1::AuthenticateRequest,
        roles: &RoleRule,
        now: Timestamp,
    ) -> Result<Told<Said>, Silence> {
        let answer = self.client().await.authenticate(request).await.map_err(|status| silence(&status))?;
        let v1::AuthenticateResponse { verdict, cache } = answer.into_inner();
        let (keep, scope) = kept(cache);
        let verdict = match verdict.ok_or(Silence::Empty)? {
            authenticate_response::Verdict::Refusal(refusal) => Err(refused(refusal.kind()).into()),
            authenticate_response::Verdict::Identity(identity) => {
                let said = said(&identity, roles).map_err(|why| {
                    tracing::warn!(reason = %why, "the authenticator names somebody who cannot be used");
                    let denial = if why == Unusable::Nobody { TokenDenial::Nobody } else { TokenDenial::Claims };
                    DenyReason::from(denial)
                });
                said.and_then(|said| if ended(&said, now) { Err(TokenDenial::Expired.into()) } else { Ok(said) })
            }
        };
        Ok(Told { verdict, keep, scope })
    }

    pub(super) async fn validate(&self, request: v1::ValidateRequest) -> Result<Told<()>, Silence> {
        let answer = self.client().await.validate(request).await.map_err(|status| silence(&status))?;
        let v1::ValidateResponse { verdict, cache } = answer.into_inner();
        let (keep, scope) = kept(cache);
        let verdict = match verdict.ok_or(Silence::Empty)? {
            validate_response::Verdict::Accepted(v1::Accepted {}) => Ok(()),
            validate_response::Verdict::Refusal(refusal) => Err(refused(refusal.kind()).into()),
        };
        Ok(Told { verdict, keep, scope })
    }
}

fn silence(status: &Status) -> Silence {
    match status.code() {
        Code::Unavailable if is_about_tls(status) => Silence::Tls,
        Code::Unavailable => Silence::Connection,
        // The client's own deadline shows as a cancellation.
        Code::DeadlineExceeded | Code::Cancelled => Silence::Timeout,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => Silence::Error,
    }
}

/// TLS tells what is wrong with it as data that cannot be used. The text of it is the other side's, and not passed on.
fn is_about_tls(status: &Status) -> bool {
    let causes = std::iter::successors(status.source(), |&cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| error.kind() == io::ErrorKind::InvalidData)
}

fn kept(cache: Option<v1::Cache>) -> (Duration, Scope) {
    let seconds = cache.as_ref().map_or(0, |cache| cache.seconds);
    // A scope from a newer protocol is no scope we may widen to.
    let scope = cache.and_then(|cache| Scope::try_from(cache.scope).ok()).unwrap_or(Scope::Request);
    (Duration::from_secs(seconds.into()), scope)
}

fn refused(kind: Kind) -> TokenDenial {
    match kind {
        Kind::Unspecified | Kind::Invalid => TokenDenial::Inactive,
        Kind::Forbidden => TokenDenial::Refused,
    }
}

fn ended(said: &Said, now: Timestamp) -> bool {
    said.expires.is_some_and(|end| end <= now)
}

/// An identity, if everything it says can be used. An empty text is none.
fn said(identity: &v1::Identity, roles: &RoleRule) -> Result<Said, Unusable> {
    let text = |setting, text: &str| (!text.is_empty()).then(|| name(setting, text)).transpose();
    let address = (!identity.user_email.is_empty()).then(|| email("user_email", &identity.user_email)).transpose()?;
    if identity.models.len() > MAX_MODELS {
        return Err(Unusable::TooMany);
    }
    // A list that restricts nothing is a mistake, and the generous reading of it is not ours.
    if !identity.restrict_models && !identity.models.is_empty() {
        return Err(Unusable::Type("models"));
    }
    let models: Vec<_> = identity.models.iter().map(|model| name("models", model)).collect::<Result<_, _>>()?;
    let expires = match identity.expires_at {
        0 => None,
        seconds => Some(Timestamp::from_second(seconds).map_err(|_| Unusable::Type("expires_at"))?),
    };
    let said = Said {
        user_id: text("user_id", &identity.user_id)?,
        email: address,
        team_id: text("team_id", &identity.team_id)?,
        organization_id: text("organization_id", &identity.organization_id)?,
        end_user: text("end_user_id", &identity.end_user_id)?,
        role: (!identity.role.is_empty()).then(|| roles.judge(&identity.role)).transpose()?,
        models: identity.restrict_models.then_some(models),
        expires,
        ..Said::default()
    };
    said.about_somebody()
}

impl fmt::Debug for v1::AuthenticateRequest {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateRequest").field("request", &self.request).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::ValidateRequest {
    /// Without the claims.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateRequest").field("request", &self.request).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::Header {
    /// Without the value: it may be a secret we do not know as one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> v1::Identity {
        v1::Identity { user_id: "ada".to_owned(), ..v1::Identity::default() }
    }

    #[test]
    fn an_identity_is_usable_or_refused_s179_s187() {
        let read = |identity: v1::Identity| said(&identity, &RoleRule::default());
        assert_eq!(read(identity()).unwrap().user_id.as_deref(), Some("ada"));
        assert_eq!(read(v1::Identity::default()), Err(Unusable::Nobody));
        for bad in [
            v1::Identity { role: "proxy_admin".to_owned(), ..identity() },
            v1::Identity { role: "root".to_owned(), ..identity() },
            v1::Identity { user_id: "a\r\nb".to_owned(), ..identity() },
            v1::Identity { team_id: " ".to_owned(), ..identity() },
            v1::Identity { user_email: "a@b@c".to_owned(), ..identity() },
            v1::Identity { models: vec!["m".to_owned()], ..identity() },
            v1::Identity { models: vec![String::new()], restrict_models: true, ..identity() },
            v1::Identity { expires_at: i64::MAX, ..identity() },
        ] {
            assert!(read(bad.clone()).is_err(), "{bad:?}");
        }
        let none = v1::Identity { restrict_models: true, ..identity() };
        assert_eq!(read(none).unwrap().models, Some(vec![]), "no model, and not all");
        let past = v1::Identity { expires_at: -5, ..identity() };
        assert!(ended(&read(past).unwrap(), Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn an_unknown_scope_is_the_narrow_one() {
        let cache = |scope| Some(v1::Cache { seconds: 9, scope });
        assert_eq!(kept(cache(7)), (Duration::from_secs(9), Scope::Request));
        assert_eq!(kept(cache(1)), (Duration::from_secs(9), Scope::Credential));
        assert_eq!(kept(None), (Duration::ZERO, Scope::Request));
    }

    #[test]
    fn debug_shows_no_secret() {
        let header = v1::Header { name: "cookie".to_owned(), value: b"canary".to_vec() };
        let request = Some(v1::RequestFacts { headers: vec![header], ..v1::RequestFacts::default() });
        let asked = v1::AuthenticateRequest { credential: "canary".to_owned(), request: request.clone() };
        let validated = v1::ValidateRequest { claims_json: "canary".to_owned(), request, ..Default::default() };
        assert!(!format!("{asked:?}{validated:?}").contains("canary"));
    }
}
