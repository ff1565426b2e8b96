//! Token introspection (RFC 7662): an authorization server says whether a token is active, and whose it is.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use zeroize::Zeroizing;

use super::digest;
use crate::authn::Failure;
use crate::authn::calls::Calls;
use crate::authn::http::{MAX_ANSWER, Silence, exchange};
use crate::authn::remembered::{Bounds, Digest, Fresh, Remembered, Verdict};
use crate::core::credential::{KeyHash, Secret};
use crate::core::decision::Outage;
use crate::core::deny::TokenDenial;
use crate::core::oauth2::introspection::{NotAccepted, Terms};
use crate::core::oauth2::{Said, Unusable};

/// How Tollgate shows the server who it is (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In `Authorization`.
    Basic,
    /// As members of the form.
    Post,
}

/// A server, and how it is asked.
#[derive(Debug, Clone)]
pub struct IntrospectionSpec {
    /// The endpoint.
    pub url: Url,
    /// Who Tollgate is there.
    pub client_id: String,
    /// And what proves it.
    pub client_secret: Secret,
    /// Where both go.
    pub authentication: ClientAuthentication,
    /// On which terms tokens are accepted.
    pub terms: Terms,
    /// How long an active token counts as active without another question; its `exp` ends that earlier.
    pub keep_active: Duration,
    /// How long a refused one counts as refused.
    pub keep_refused: Duration,
    /// How much is kept and asked.
    pub bounds: Bounds,
    /// The certificate authorities that are believed, in PEM, where they are configured.
    pub authorities: Option<Vec<u8>>,
}

impl PartialEq for IntrospectionSpec {
    /// What was said under one of two equal specifications holds under the other.
    fn eq(&self, other: &Self) -> bool {
        let secret = |spec: &Self| KeyHash::of(spec.client_secret.expose());
        self.url == other.url
            && self.client_id == other.client_id
            && secret(self).ct_eq(&secret(other))
            && self.authentication == other.authentication
            && self.terms == other.terms
            && (self.keep_active, self.keep_refused) == (other.keep_active, other.keep_refused)
            && self.bounds == other.bounds
            && self.authorities == other.authorities
    }
}

/// An authorization server, and what it said lately. What it said is kept with the one that was asked, so that
/// no other's word is taken for it (S-147).
#[derive(Debug, Clone)]
pub struct Introspection {
    spec: Arc<IntrospectionSpec>,
    client: Client,
    memory: Arc<Remembered<Said>>,
}

impl Introspection {
    /// A server that will be asked by `client`.
    #[must_use]
    pub fn new(spec: IntrospectionSpec, client: Client) -> Self {
        let memory = Arc::new(Remembered::new(
            &spec.bounds,
            Calls::new("the authorization server", Outage::AuthorizationServer),
        ));
        Self { spec: Arc::new(spec), client, memory }
    }

    /// Takes over what an earlier configuration of the same server has heard.
    pub fn succeed(&mut self, earlier: &Self) {
        if self.spec == earlier.spec {
            *self = earlier.clone();
        }
    }

    /// What is counted.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.memory.calls
    }

    /// How many active tokens are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.memory.len()
    }

    /// Whose the token is.
    ///
    /// # Errors
    /// A refusal when the server does not call it active or it is not for us, an outage when there is no answer.
    pub async fn ask(&self, token: &Secret, now: Timestamp) -> Result<Arc<Said>, Failure> {
        let key = digest(token);
        let verdict = match self.memory.look(&key) {
            Some(verdict) => verdict,
            None => self.question(token, key, now).await?,
        };
        let said = verdict?;
        // The clock decides, whatever is kept.
        if said.expires.is_some_and(|end| end <= now) {
            return Err(TokenDenial::Expired.into());
        }
        Ok(said)
    }

    async fn question(&self, token: &Secret, key: Digest, now: Timestamp) -> Result<Verdict<Said>, Outage> {
        let question = Question { spec: Arc::clone(&self.spec), client: self.client.clone(), token: token.clone() };
        let memory = Arc::clone(&self.memory);
        let answer = async move {
            let fresh = question.put(now).await.map_err(|silence| memory.calls.failed(silence.label(), silence))?;
            Ok((fresh, key))
        };
        self.memory.ask(key, answer).await
    }
}

struct Question {
    spec: Arc<IntrospectionSpec>,
    client: Client,
    token: Secret,
}

impl Question {
    async fn put(&self, now: Timestamp) -> Result<Fresh<Said>, Silence> {
        let spec = &self.spec;
        let mut request = self
            .client
            .post(spec.url.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if spec.authentication == ClientAuthentication::Basic {
            request = request.header(AUTHORIZATION, self.basic().ok_or(Silence::Connection)?);
        }
        let answer = exchange(request.body(self.form().to_string()), MAX_ANSWER).await?;
        let verdict = spec.terms.judge(&answer, now).map_err(|_| Silence::Malformed)?;
        Ok(match verdict {
            Ok(said) => {
                let left = said.expires.map_or(spec.keep_active, |end| until(end, now));
                Fresh { verdict: Ok(said), keep: spec.keep_active.min(left) }
            }
            Err(why) => {
                tracing::debug!(reason = %why, "a token was refused");
                Fresh { verdict: Err(reason(why).into()), keep: spec.keep_refused }
            }
        })
    }

    /// Both parts are encoded before they are joined, as RFC 6749 wants it.
    fn basic(&self) -> Option<HeaderValue> {
        let spec = &self.spec;
        let pair = Zeroizing::new(format!("{}:{}", form(&spec.client_id), form(spec.client_secret.expose())));
        let value = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whatever is in a token, it stays one member (S-148).
    fn form(&self) -> Zeroizing<String> {
        let spec = &self.spec;
        let mut body = Zeroizing::new(format!("token={}&token_type_hint=access_token", form(self.token.expose())));
        if spec.authentication == ClientAuthentication::Post {
            body.push_str("&client_id=");
            body.extend(utf8_percent_encode(&spec.client_id, FORM));
            body.push_str("&client_secret=");
            body.extend(utf8_percent_encode(spec.client_secret.expose(), FORM));
        }
        body
    }
}

/// `application/x-www-form-urlencoded`, with `%20` for a space.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

fn form(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

fn reason(why: NotAccepted) -> TokenDenial {
    match why {
        NotAccepted::Inactive => TokenDenial::Inactive,
        NotAccepted::Expired => TokenDenial::Expired,
        NotAccepted::Issuer => TokenDenial::Issuer,
        NotAccepted::Audience => TokenDenial::Audience,
        NotAccepted::Kind => TokenDenial::Type,
        NotAccepted::Unusable(Unusable::Nobody) => TokenDenial::Nobody,
        NotAccepted::Unusable(Unusable::Type(_) | Unusable::Name(_) | Unusable::Role | Unusable::TooMany) => {
            TokenDenial::Claims
        }
    }
}
