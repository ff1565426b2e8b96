//! Documents of identity providers: one GET, bounded in every way, no redirects, no proxy of the environment.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};
use serde_json::Value;
use thiserror::Error;

use crate::authn::http::{Silence, exchange};
use crate::core::jwt::json;
use crate::core::jwt::key_set::MAX_DOCUMENT;

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The discovery document, or the keys themselves.
    pub place: Place,
    /// Whether `http://` to this machine is allowed.
    pub http_on_loopback: bool,
    /// Certificates, in PEM, of those who alone may vouch for the server.
    pub authorities: Option<Vec<u8>>,
    /// A file with a bearer token, read for each fetch: such tokens live for an hour.
    pub token_file: Option<PathBuf>,
    /// How long all of it may take.
    pub limit: Duration,
}

/// One URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A discovery document (`OpenID` Connect Discovery 1.0, RFC 8414) of this issuer, which names the keys' URL.
    Discovery {
        /// The document.
        url: Url,
        /// Who it must say it is about.
        issuer: String,
        /// Hosts it may name, beside its own.
        hosts: Vec<String>,
    },
    /// A key set.
    Keys(Url),
}

/// Why there is no document. Never quotes what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The name does not resolve, nobody listens, TLS fails, or the connection breaks.
    #[error("cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("does not answer in time")]
    Late,
    /// A status other than 2xx; redirects are not followed.
    #[error("answers with status {0}")]
    Status(u16),
    /// More than a document may have.
    #[error("sends more than 1 MiB")]
    TooLarge,
    /// The discovery document is no JSON object.
    #[error("the discovery document is not a JSON object")]
    NotADocument,
    /// It is about somebody else (S-139).
    #[error("the discovery document is about another issuer")]
    OtherIssuer,
    /// It names no keys, or keys in a place that is not allowed (S-138).
    #[error("the discovery document names no keys, or keys at a place that is not allowed")]
    BadKeysUrl,
    /// The bearer token to ask with cannot be read.
    #[error("the bearer token to ask with cannot be read")]
    Token,
    /// The certificates cannot be used.
    #[error("the certificates to trust cannot be used")]
    Authorities,
}

impl From<Silence> for FetchError {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::Connection => Self::Unreachable,
            Silence::Timeout => Self::Late,
            Silence::Status(status) => Self::Status(status),
            Silence::TooLarge => Self::TooLarge,
            Silence::Malformed => Self::NotADocument,
        }
    }
}

/// Longest `jwks_uri`, in bytes.
const MAX_URL: usize = 2048;
/// Longest token to ask with, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

impl Remote {
    /// Fetches a key set: its text, not yet believed.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        tokio::time::timeout(self.limit, self.unlimited()).await.unwrap_or(Err(FetchError::Late))
    }

    async fn unlimited(&self) -> Result<Vec<u8>, FetchError> {
        let client = self.client()?;
        let token = self.token().await?;
        match &self.place {
            Place::Keys(url) => get(&client, url, token.as_ref()).await,
            Place::Discovery { url, issuer, hosts } => {
                let document = get(&client, url, token.as_ref()).await?;
                let keys = self.keys_url(&document, url, issuer, hosts)?;
                // The token is for those who were configured.
                let token = token.filter(|_| is_same_place(&keys, url));
                get(&client, &keys, token.as_ref()).await
            }
        }
    }

    /// Made for each fetch: a connection to a provider would idle for minutes, and addresses change.
    fn client(&self) -> Result<Client, FetchError> {
        let mut client = Client::builder()
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .https_only(!self.http_on_loopback)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(self.limit);
        if let Some(authorities) = &self.authorities {
            let authorities = Certificate::from_pem_bundle(authorities).map_err(|_| FetchError::Authorities)?;
            client = client.tls_certs_only(authorities);
        }
        client.build().map_err(|_| FetchError::Authorities)
    }

    async fn token(&self) -> Result<Option<HeaderValue>, FetchError> {
        let Some(file) = &self.token_file else {
            return Ok(None);
        };
        let size = tokio::fs::metadata(file).await.map_err(|_| FetchError::Token)?.len();
        if size > MAX_TOKEN {
            return Err(FetchError::Token);
        }
        let text = tokio::fs::read_to_string(file).await.map_err(|_| FetchError::Token)?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim_end())).map_err(|_| FetchError::Token)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// `OpenID` Connect Discovery 4.3: the document must be about the issuer that was asked for.
    fn keys_url(&self, document: &[u8], from: &Url, issuer: &str, hosts: &[String]) -> Result<Url, FetchError> {
        let document = json::object(document).map_err(|_| FetchError::NotADocument)?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(FetchError::OtherIssuer);
        }
        let text = document.get("jwks_uri").and_then(Value::as_str).ok_or(FetchError::BadKeysUrl)?;
        let url = Some(text).filter(|text| text.len() <= MAX_URL).and_then(|text| Url::parse(text).ok());
        let url = url.filter(|url| is_allowed(url, self.http_on_loopback)).ok_or(FetchError::BadKeysUrl)?;
        let listed = url.host_str().is_some_and(|host| hosts.iter().any(|known| known == host));
        if listed || is_same_place(&url, from) { Ok(url) } else { Err(FetchError::BadKeysUrl) }
    }
}

/// Whether a document may be fetched from there: `https`, or `http` to this machine where that is allowed; without user
/// name, password and fragment.
#[must_use]
pub fn is_allowed(url: &Url, http_on_loopback: bool) -> bool {
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    plain && (url.scheme() == "https" || (url.scheme() == "http" && http_on_loopback && loopback))
}

fn is_same_place(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// The body of a successful answer, read up to its bound and not further.
async fn get(client: &Client, url: &Url, token: Option<&HeaderValue>) -> Result<Vec<u8>, FetchError> {
    let mut request = client.get(url.clone()).header(ACCEPT, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    Ok(exchange(request, MAX_DOCUMENT).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        let url = Url::parse("https://idp.example.com/.well-known/openid-configuration").unwrap();
        let issuer = "https://idp.example.com".to_owned();
        Remote {
            place: Place::Discovery { url, issuer, hosts: vec!["keys.example.com".to_owned()] },
            http_on_loopback: false,
            authorities: None,
            token_file: None,
            limit: Duration::from_secs(1),
        }
    }

    fn keys_url(document: &str) -> Result<String, FetchError> {
        let remote = remote();
        let Place::Discovery { url, issuer, hosts } = &remote.place else { unreachable!() };
        remote.keys_url(document.as_bytes(), url, issuer, hosts).map(String::from)
    }

    #[test]
    fn keys_are_where_the_configuration_lets_them_be_s138() {
        let of = |uri: &str| keys_url(&format!(r#"{{"issuer":"https://idp.example.com","jwks_uri":"{uri}"}}"#));
        assert_eq!(of("https://idp.example.com/jwks").unwrap(), "https://idp.example.com/jwks");
        assert!(of("https://keys.example.com/jwks").is_ok());
        let long = format!("https://idp.example.com/{}", "x".repeat(MAX_URL));
        for bad in [
            "http://idp.example.com/jwks",
            "http://127.0.0.1:5432/",
            "https://169.254.169.254/",
            "gopher://idp.example.com/",
            "file:///etc/passwd",
            "https://idp.example.com@evil.example.com/",
            "https://user:pw@idp.example.com/",
            "https://idp.example.com:8443/jwks",
            "https://idp.example.com/jwks#x",
            "https://evil.example.com/",
            "/jwks",
            "",
            &long,
        ] {
            assert_eq!(of(bad), Err(FetchError::BadKeysUrl), "{bad}");
        }
    }

    #[test]
    fn the_document_is_about_the_issuer_s139_v042() {
        let uri = r#""jwks_uri":"https://idp.example.com/jwks""#;
        for issuer in ["\"https://idp.example.com/\"", "\"https://other\"", "null", "5"] {
            assert_eq!(keys_url(&format!(r#"{{"issuer":{issuer},{uri}}}"#)), Err(FetchError::OtherIssuer), "{issuer}");
        }
        assert_eq!(keys_url(&format!("{{{uri}}}")), Err(FetchError::OtherIssuer));
        assert_eq!(keys_url(r#"{"issuer":"https://idp.example.com"}"#), Err(FetchError::BadKeysUrl));
        for other in ["<html>", "[]", "{\"issuer\":\"a\",\"issuer\":\"a\"}", ""] {
            assert_eq!(keys_url(other), Err(FetchError::NotADocument), "{other}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let allowed = |text: &str, http| is_allowed(&Url::parse(text).unwrap(), http);
        assert!(allowed("https://idp.example.com/", false));
        for local in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:1/", "http://127.9.9.9/"] {
            assert!(allowed(local, true) && !allowed(local, false), "{local}");
        }
        for far in ["http://idp.example.com/", "http://localhost.evil.com/", "http://10.0.0.1/", "http://0.0.0.0/"] {
            assert!(!allowed(far, true), "{far}");
        }
    }
}
