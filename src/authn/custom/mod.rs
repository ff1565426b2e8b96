//! A service of the operator's own that says who callers are: LiteLLM's `user_custom_auth` and
//! `custom_validate`, out of process. What it says is believed within bounds: no administrators, no unknown teams,
//! and nothing for longer than the configuration allows.

mod wire;

/// Messages and client of `proto/tollgate/authn/v1/authenticator.proto`, and the server for those who write one in
/// Rust. Generated; `tests/it/authenticator_proto.rs` keeps it current.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    clippy::pedantic,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod v1 {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/proto/gen/tollgate.authn.v1.rs"));
}

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

pub use wire::Line;

use super::Failure;
use super::bearer::Asking;
use super::calls::Calls;
use super::remembered::{Bounds, Digest, Fresh, Remembered, Verdict};
use crate::core::credential::Secret;
use crate::core::decision::Outage;
use crate::core::deny::TokenDenial;
use crate::core::header::HeaderName;
use crate::core::oauth2::{RoleRule, Said};
use v1::cache::Scope;
use wire::Told;

/// Which credentials an authenticator is asked about. Keys that begin with `sk-` are never among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Those that are neither keys nor JSON Web Tokens.
    pub opaque: bool,
    /// JSON Web Tokens, in place of verifying them here.
    pub jwt: bool,
}

/// An authenticator, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomSpec {
    /// Where it is.
    pub url: String,
    /// What it is asked about.
    pub credentials: Asked,
    /// Whether it may refuse the bearers of verified tokens.
    pub validates_claims: bool,
    /// Headers it is told, by lower-case name.
    pub headers: Vec<HeaderName>,
    /// The roles it may give.
    pub roles: RoleRule,
    /// How long an answer is kept at most, whatever it says itself.
    pub keep: Duration,
    /// How much is kept and asked.
    pub bounds: Bounds,
    /// The certificate authorities that are believed, in PEM, where they are configured.
    pub authorities: Option<Vec<u8>>,
}

/// An authenticator, and what it said lately.
#[derive(Debug, Clone)]
pub struct Custom {
    spec: Arc<CustomSpec>,
    line: Arc<Line>,
    callers: Arc<Remembered<Said>>,
    bearers: Arc<Remembered<()>>,
}

impl Custom {
    /// An authenticator at the end of a line.
    #[must_use]
    pub fn new(spec: CustomSpec, line: Line) -> Self {
        let callers = Arc::new(Remembered::new(&spec.bounds, calls()));
        let bearers = Arc::new(Remembered::new(&spec.bounds, calls()));
        Self { spec: Arc::new(spec), line: Arc::new(line), callers, bearers }
    }

    /// Takes over what an earlier configuration of the same authenticator has heard, and its connection.
    pub fn succeed(&mut self, earlier: &Self) {
        if self.spec == earlier.spec {
            *self = earlier.clone();
        }
    }

    /// What is counted: about credentials, and about claims.
    #[must_use]
    pub fn calls(&self) -> [&Calls; 2] {
        [&self.callers.calls, &self.bearers.calls]
    }

    /// How many callers are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.callers.len()
    }

    /// What it is asked about.
    #[must_use]
    pub fn credentials(&self) -> Asked {
        self.spec.credentials
    }

    /// Whether it may refuse the bearers of verified tokens.
    #[must_use]
    pub fn validates_claims(&self) -> bool {
        self.spec.validates_claims
    }

    /// Who shows a credential.
    ///
    /// # Errors
    /// A refusal when it refuses, or names somebody in a way that cannot be used; an outage when it says nothing.
    pub async fn authenticate(
        &self,
        credential: &Secret,
        asking: &Asking<'_>,
        now: Timestamp,
    ) -> Result<Arc<Said>, Failure> {
        let keys = Keys::new(credential.expose(), "", asking, &self.spec.headers);
        let verdict = match keys.look(&self.callers) {
            Some(verdict) => verdict,
            None => self.ask(credential, asking, keys, now).await?,
        };
        let said = verdict?;
        // The clock decides, whatever is kept.
        if said.expires.is_some_and(|end| end <= now) {
            return Err(TokenDenial::Expired.into());
        }
        Ok(said)
    }

    async fn ask(
        &self,
        credential: &Secret,
        asking: &Asking<'_>,
        keys: Keys,
        now: Timestamp,
    ) -> Result<Verdict<Said>, Outage> {
        let credential = credential.expose().to_owned();
        let request = v1::AuthenticateRequest { credential, request: Some(self.facts(asking)) };
        let (spec, line, memory) = (Arc::clone(&self.spec), Arc::clone(&self.line), Arc::clone(&self.callers));
        let answer = async move {
            let told = line.authenticate(request, &spec.roles, now).await;
            let Told { verdict, keep, scope } =
                told.map_err(|silence| memory.calls.failed(silence.label(), silence))?;
            let end = verdict.as_ref().ok().and_then(|said| said.expires);
            let left = end.map_or(spec.keep, |end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
            Ok((Fresh { verdict, keep: keep.min(spec.keep).min(left) }, keys.of(scope)))
        };
        self.callers.ask(keys.request, answer).await
    }

    /// Whether the bearer of a token that was verified may come in.
    ///
    /// # Errors
    /// A refusal when it refuses, an outage when it says nothing.
    pub async fn validate(
        &self,
        claims: &Map<String, Value>,
        issuer: &str,
        asking: &Asking<'_>,
    ) -> Result<(), Failure> {
        let claims_json = serde_json::to_string(claims).map_err(|_| Outage::Internal)?;
        let keys = Keys::new(&claims_json, issuer, asking, &self.spec.headers);
        if let Some(verdict) = keys.look(&self.bearers) {
            return Ok(verdict.map(|_| ())?);
        }
        let request = v1::ValidateRequest { claims_json, issuer: issuer.to_owned(), request: Some(self.facts(asking)) };
        let (cap, line, memory) = (self.spec.keep, Arc::clone(&self.line), Arc::clone(&self.bearers));
        let answer = async move {
            let told = line.validate(request).await.map_err(|silence| memory.calls.failed(silence.label(), silence))?;
            Ok((Fresh { verdict: told.verdict, keep: told.keep.min(cap) }, keys.of(told.scope)))
        };
        Ok(self.bearers.ask(keys.request, answer).await?.map(|_| ())?)
    }

    fn facts(&self, asking: &Asking<'_>) -> v1::RequestFacts {
        v1::RequestFacts {
            method: asking.method.to_owned(),
            path: asking.path.to_owned(),
            route: route(asking).to_owned(),
            headers: told(asking, &self.spec.headers)
                .map(|(name, value)| v1::Header { name: name.to_owned(), value: value.to_vec() })
                .collect(),
            peer_address: asking.peer.address.map(|address| address.to_canonical().to_string()).unwrap_or_default(),
            peer_principal: asking.peer.principal.unwrap_or_default().to_owned(),
        }
    }
}

/// The route's stable name; empty beyond the catalogue.
fn route<'a>(asking: &Asking<'a>) -> &'a str {
    asking.found.map_or("", |found| found.route.id)
}

/// The headers that are told, line by line.
fn told<'a>(asking: &Asking<'a>, names: &'a [HeaderName]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let headers = asking.headers;
    names.iter().flat_map(move |name| headers.all(name.as_str()).map(|value| (name.as_str(), value)))
}

fn calls() -> Calls {
    Calls::new("the authenticator", Outage::Authenticator)
}

/// What answers are kept under: the credential alone, or everything that was told.
#[derive(Debug, Clone, Copy)]
struct Keys {
    credential: Digest,
    request: Digest,
}

impl Keys {
    fn new(credential: &str, issuer: &str, asking: &Asking<'_>, headers: &[HeaderName]) -> Self {
        let mut hash = Sha256::new();
        let add = |hash: &mut Sha256, part: &[u8]| {
            // With its length, so that no two lists of parts are one text.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(&mut hash, credential.as_bytes());
        add(&mut hash, issuer.as_bytes());
        let alone = hash.clone().finalize().into();
        for part in [asking.method, asking.path, route(asking), asking.peer.principal.unwrap_or_default()] {
            add(&mut hash, part.as_bytes());
        }
        add(&mut hash, asking.peer.address.map(|address| address.to_string()).unwrap_or_default().as_bytes());
        for (name, value) in told(asking, headers) {
            add(&mut hash, name.as_bytes());
            add(&mut hash, value);
        }
        Self { credential: alone, request: hash.finalize().into() }
    }

    fn of(&self, scope: Scope) -> Digest {
        match scope {
            Scope::Request => self.request,
            Scope::Credential => self.credential,
        }
    }

    fn look<V: Send + Sync + 'static>(&self, memory: &Remembered<V>) -> Option<Verdict<V>> {
        memory.look(&self.credential).or_else(|| memory.look(&self.request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::peer::Peer;
    use crate::core::request::{Fidelity, HeaderView};

    fn keys(credential: &str, method: &str, path: &str, headers: &[(&str, &[u8])], address: &str) -> Digest {
        let view = HeaderView::new(headers.to_vec(), Fidelity::Exact);
        let peer = Peer { address: address.parse().ok(), principal: None };
        let asking = Asking { method, path, found: None, headers: &view, peer };
        let names = [HeaderName::new("x-a").unwrap(), HeaderName::new("x-b").unwrap()];
        Keys::new(credential, "", &asking, &names).request
    }

    #[test]
    fn an_answer_is_kept_for_everything_it_was_told_s142_s146() {
        let base = keys("c", "GET", "/p", &[("x-a", b"1")], "10.0.0.1");
        assert_eq!(base, keys("c", "GET", "/p", &[("x-a", b"1"), ("x-other", b"2")], "10.0.0.1"), "not told");
        let others = [
            keys("d", "GET", "/p", &[("x-a", b"1")], "10.0.0.1"),
            keys("c", "POST", "/p", &[("x-a", b"1")], "10.0.0.1"),
            keys("c", "GET", "/q", &[("x-a", b"1")], "10.0.0.1"),
            keys("c", "GET", "/p", &[("x-a", b"2")], "10.0.0.1"),
            keys("c", "GET", "/p", &[("x-b", b"1")], "10.0.0.1"),
            keys("c", "GET", "/p", &[("x-a", b"1"), ("x-a", b"1")], "10.0.0.1"),
            keys("c", "GET", "/p", &[], "10.0.0.1"),
            keys("c", "GET", "/p", &[("x-a", b"1")], "10.0.0.2"),
            keys("cG", "ET", "/p", &[("x-a", b"1")], "10.0.0.1"),
        ];
        for (number, other) in others.iter().enumerate() {
            assert_ne!(base, *other, "{number}");
        }
    }
}
