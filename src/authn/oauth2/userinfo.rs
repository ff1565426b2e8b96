//! `UserInfo` (`OpenID` Connect Core 5.3): the provider says who a token is about. The claims are as good as those
//! of a verified token and go through the same mapping.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::digest;
use crate::authn::Failure;
use crate::authn::calls::Calls;
use crate::authn::http::{MAX_ANSWER, Silence, exchange};
use crate::authn::remembered::{Bounds, Fresh, Remembered};
use crate::core::credential::Secret;
use crate::core::decision::Outage;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::jwt::issuer::RESERVED;
use crate::core::jwt::json;

/// An endpoint, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfoSpec {
    /// The endpoint.
    pub url: Url,
    /// The issuer whose endpoint it is: what it says is said in that name.
    pub issuer: String,
    /// How long an answer is used; refusals too.
    pub keep: Duration,
    /// How much is kept and asked.
    pub bounds: Bounds,
    /// The certificate authorities that are believed, in PEM, where they are configured.
    pub authorities: Option<Vec<u8>>,
}

/// Claims do not go into logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}

impl Claims {
    /// The members, without those reserved.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// A provider, and what it said lately.
#[derive(Debug, Clone)]
pub struct UserInfo {
    spec: Arc<UserInfoSpec>,
    client: Client,
    memory: Arc<Remembered<Claims>>,
}

impl UserInfo {
    /// An endpoint that will be asked by `client`.
    #[must_use]
    pub fn new(spec: UserInfoSpec, client: Client) -> Self {
        let memory = Arc::new(Remembered::new(&spec.bounds, Calls::new("UserInfo", Outage::AuthorizationServer)));
        Self { spec: Arc::new(spec), client, memory }
    }

    /// Takes over what an earlier configuration of the same endpoint has heard.
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

    /// How many answers about active tokens are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.memory.len()
    }

    /// The issuer in whose name claims are said.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.spec.issuer
    }

    /// What the provider says about the bearer of a token.
    ///
    /// # Errors
    /// A refusal when the provider does not know the token, an outage when there is no answer.
    pub async fn ask(&self, token: &Secret) -> Result<Arc<Claims>, Failure> {
        let key = digest(token);
        if let Some(verdict) = self.memory.look(&key) {
            return Ok(verdict?);
        }
        let (client, spec, token) = (self.client.clone(), Arc::clone(&self.spec), token.clone());
        let memory = Arc::clone(&self.memory);
        let answer = async move {
            let verdict = put(&client, &spec.url, &token)
                .await
                .map_err(|silence| memory.calls.failed(silence.label(), silence))?;
            Ok((Fresh { verdict, keep: spec.keep }, key))
        };
        Ok(self.memory.ask(key, answer).await??)
    }
}

async fn put(client: &Client, url: &Url, token: &Secret) -> Result<Result<Claims, DenyReason>, Silence> {
    let value = Zeroizing::new(format!("Bearer {}", token.expose()));
    // A token that is no header value is nobody's.
    let Ok(mut value) = HeaderValue::from_str(&value) else {
        return Ok(Err(TokenDenial::Inactive.into()));
    };
    value.set_sensitive(true);
    let request = client.get(url.clone()).header(AUTHORIZATION, value).header(ACCEPT, "application/json");
    match exchange(request, MAX_ANSWER).await {
        Ok(answer) => {
            let mut claims = json::object(&answer).map_err(|_| Silence::Malformed)?;
            claims.retain(|name, _| !name.starts_with(RESERVED));
            // `sub` is always there (OpenID Connect Core 5.3.2).
            let about = claims.get("sub").and_then(Value::as_str).is_some_and(|sub| !sub.is_empty());
            Ok(if about { Ok(Claims(claims)) } else { Err(TokenDenial::Nobody.into()) })
        }
        // Here the token is what the status is about (RFC 6750 section 3.1).
        Err(Silence::Status(401 | 403)) => Ok(Err(TokenDenial::Inactive.into())),
        Err(silence) => Err(silence),
    }
}
