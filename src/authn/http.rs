//! One bounded exchange with an HTTP server that was configured, and with no other.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder};
use thiserror::Error;

/// Largest answer about a credential, in bytes.
pub(super) const MAX_ANSWER: usize = 64 * 1024;
/// Connections that are kept open while nobody asks.
const IDLE_CONNECTIONS: usize = 16;

/// Why there is no answer. Neither the address nor what was received is part of it (S-234).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Silence {
    /// No connection, no TLS, or it broke.
    #[error("the server cannot be reached")]
    Connection,
    /// Too slow.
    #[error("the server takes too long")]
    Timeout,
    /// Anything but 2xx: a redirect is not followed, and an error is no answer.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// More than anybody needs.
    #[error("the answer is too large")]
    TooLarge,
    /// No JSON object, or one with a member twice.
    #[error("the answer is not one unambiguous JSON object")]
    Malformed,
}

impl Silence {
    /// For metrics and `/config`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            // Our own credentials, as a rule.
            Self::Status(401 | 403) => "refused_us",
            Self::Status(300..=399) => "redirect",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
        }
    }
}

/// A client for one server. It follows nobody, believes no environment and keeps no cookies.
///
/// # Errors
/// Why the certificates cannot be used, for people.
pub fn client(deadline: Duration, is_tls: bool, authorities: Option<&[u8]>) -> Result<Client, String> {
    let mut client = Client::builder()
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .https_only(is_tls)
        .connect_timeout(deadline)
        .timeout(deadline)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .tcp_nodelay(true);
    if let Some(pem) = authorities {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| "it holds no certificates in PEM")?;
        client = client.tls_certs_only(certificates);
    } else if !is_tls {
        // So that a machine without any authorities can ask its own loopback.
        client = client.tls_certs_only([]);
    }
    client
        .build()
        .map_err(|_| "the certificate authorities of this machine cannot be read; name a `ca_file`".to_owned())
}

/// Sends a request and reads the whole answer, which has no more than `max` bytes.
pub(super) async fn exchange(request: RequestBuilder, max: usize) -> Result<Vec<u8>, Silence> {
    let mut response = request.send().await.map_err(|error| silence(&error))?;
    if !response.status().is_success() {
        return Err(Silence::Status(response.status().as_u16()));
    }
    let announced = response.content_length().unwrap_or_default();
    if usize::try_from(announced).map_or(true, |announced| announced > max) {
        return Err(Silence::TooLarge);
    }
    let mut answer = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| silence(&error))? {
        if answer.len().saturating_add(piece.len()) > max {
            return Err(Silence::TooLarge);
        }
        answer.extend_from_slice(&piece);
    }
    Ok(answer)
}

fn silence(error: &reqwest::Error) -> Silence {
    if error.is_timeout() { Silence::Timeout } else { Silence::Connection }
}
