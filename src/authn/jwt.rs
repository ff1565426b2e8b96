//! JSON Web Tokens: verified with the issuer's keys, or remembered (LiteLLM section 1).

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use memchr::memchr_iter;

use super::Failure;
use super::bearer::Claimed;
use super::jwks::{KeySource, KeyStatus};
use crate::core::decision::Outage;
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::Vouched;
use crate::core::jwt::claims::{Facts, Mapping};
use crate::core::jwt::seen::TokenHash;
use crate::core::jwt::{self, Issuer, Issuers, KeySet, MAX_TOKEN, Token, Verified, looks_like_jwt};
use crate::store::cached::bounded::Bounded;

/// One issuer: its terms, its keys, and what its claims mean.
#[derive(Debug)]
pub struct Source {
    /// The terms.
    pub issuer: Issuer,
    /// The keys.
    pub keys: Arc<KeySource>,
    /// The claims.
    pub mapping: Mapping,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct JwtVerifier {
    /// SHA-256 of what it was made from: while that stays, what it remembers does.
    written: [u8; 32],
    issuers: Issuers,
    sources: Vec<(Arc<KeySource>, Mapping)>,
    seen: Arc<Seen>,
}

/// Tokens that were verified before. An entry is never written again when it is used.
struct Seen(Bounded<TokenHash, Arc<Known>>);

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({})", self.0.len())
    }
}

/// What is remembered of a token: no part of its text.
struct Known {
    verified: Verified,
    until: Timestamp,
    source: usize,
    facts: Arc<Facts>,
}

impl JwtVerifier {
    /// Takes the entries of a configuration, whose digest is `written`, and remembers so many tokens.
    ///
    /// # Errors
    /// When two of them are for the same issuer, or one is empty.
    pub fn new(written: [u8; 32], remembers: usize, sources: Vec<Source>) -> Result<Self, jwt::BadIssuers> {
        let issuers = Issuers::new(sources.iter().map(|source| source.issuer.clone()).collect())?;
        let sources = sources.into_iter().map(|source| (source.keys, source.mapping)).collect();
        let seen = Arc::new(Seen(Bounded::new(remembers)));
        Ok(Self { written, issuers, sources, seen })
    }

    /// Takes over what another one has fetched and verified, as far as the configuration says the same.
    pub fn succeed(&mut self, other: &Self) {
        for (keys, _) in &mut self.sources {
            if let Some((known, _)) = other.sources.iter().find(|(known, _)| known.is_like(keys)) {
                *keys = Arc::clone(known);
            }
        }
        if self.written == other.written {
            self.seen = Arc::clone(&other.seen);
        }
    }

    /// Begins to fetch keys.
    pub fn open(&self) {
        self.sources.iter().for_each(|(keys, _)| keys.open());
    }

    /// What is known of the issuers' keys.
    pub fn status(&self) -> impl Iterator<Item = KeyStatus> {
        self.sources.iter().map(|(keys, _)| keys.status())
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.seen.0.len()
    }

    /// What the claims of an issuer mean.
    #[must_use]
    pub fn mapping_of(&self, issuer: &str) -> Option<&Mapping> {
        let (_, mapping) = self.sources.get(self.issuers.position(issuer)?)?;
        Some(mapping)
    }

    /// The claims by whose lack a token is refused that was found to be [`TokenDenial::RequiredClaim`], for whoever
    /// explains it. Nothing here is verified.
    #[must_use]
    pub fn lacking(&self, text: &str) -> Vec<String> {
        let Ok(token) = Token::parse(text, MAX_TOKEN) else { return Vec::new() };
        let source = self.issuers.select(&token).ok().and_then(|(source, _)| self.sources.get(source));
        source.map(|(_, mapping)| token.lacking(mapping)).unwrap_or_default()
    }

    /// What a token says. `None` when the text does not claim to be one.
    ///
    /// # Errors
    /// Why it is not believed; an outage when its issuer's keys cannot be had.
    pub async fn verify(&self, text: &str, now: Timestamp) -> Result<Option<Claimed>, Failure> {
        if memchr_iter(b'.', text.as_bytes()).count() != 2 {
            return Ok(None);
        }
        let hash = TokenHash::of(text);
        if let Some(known) = self.remembered_as(&hash, now) {
            return Ok(Some(claimed(&known)));
        }
        if !looks_like_jwt(text) {
            return Ok(None);
        }
        let token = Token::parse(text, MAX_TOKEN).map_err(refused)?;
        let (source, issuer) = self.issuers.select(&token).map_err(refused)?;
        let (keys, mapping) = self.sources.get(source).ok_or(Failure::Outage(Outage::Internal))?;
        let verified = verified(issuer, &token, keys, now).await?;
        let facts = mapping.facts(&verified).map_err(|unmapped| {
            tracing::debug!(issuer = verified.issuer(), %unmapped, "a verified token cannot be mapped");
            DenyReason::from(TokenDenial::from(unmapped))
        })?;
        let until = verified.remember_until(now);
        let known = Known { verified: verified.without_claims(), until, source, facts: Arc::new(facts) };
        let claimed = claimed(&known);
        if now < until {
            self.seen.0.insert(hash, Arc::new(known));
        }
        Ok(Some(claimed))
    }

    fn remembered_as(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Known>> {
        let known = self.seen.0.get(hash)?;
        let (source, _) = self.sources.get(known.source)?;
        let good = source.keys().is_some_and(|keys| known.verified.is_still_good(known.until, &keys, now));
        if !good {
            self.seen.0.remove(hash);
        }
        good.then_some(known)
    }
}

fn claimed(known: &Known) -> Claimed {
    Claimed { vouched: Vouched::Jwt, facts: Arc::clone(&known.facts), expires: known.verified.expires() }
}

fn refused(refusal: jwt::Refusal) -> Failure {
    tracing::debug!(%refusal, "a token is refused");
    DenyReason::from(TokenDenial::from(refusal)).into()
}

/// Verifies with the keys there are. When the one the token names is not among them, they are fetched again, once, and
/// not sooner than a short time after the last fetch.
async fn verified(issuer: &Issuer, token: &Token<'_>, source: &KeySource, now: Timestamp) -> Result<Verified, Failure> {
    let check = |keys: Option<Arc<KeySet>>| keys.map(|keys| issuer.verify(token, &keys, now));
    let keys = source.keys();
    let first = check(keys.clone());
    let unknown = matches!(first, None | Some(Err(jwt::Refusal::NoKey)));
    let second = if unknown && source.refreshed(keys.as_ref()).await { check(source.keys()) } else { None };
    // Without keys nothing is known of the token: that is no fault of its bearer (S-134).
    second.or(first).ok_or(Failure::Outage(Outage::IssuerUnavailable))?.map_err(refused)
}
