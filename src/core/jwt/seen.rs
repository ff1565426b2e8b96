//! Tokens that were verified before: their names in a cache, and how long they are remembered.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::issuer::Verified;
use super::key_set::KeySet;

/// Longest time a verified token is remembered.
pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// SHA-256 of a whole token, signature included. A type of its own, so that no id and no key hash can be
/// taken for one (W02, S-092).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of the exact bytes of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl Verified {
    /// Until when it is remembered: its expiry, without leeway, or five minutes.
    #[must_use]
    pub fn remember_until(&self, now: Timestamp) -> Timestamp {
        let most = now.saturating_add(MAX_AGE).unwrap_or(now);
        self.expires().map_or(most, |expires| expires.min(most))
    }

    /// Whether a remembered token is still good: its time has not come, and the key that verified it is
    /// still in the set (S-136).
    #[must_use]
    pub fn is_still_good(&self, until: Timestamp, keys: &KeySet, now: Timestamp) -> bool {
        now < until && keys.has(self.key())
    }
}
