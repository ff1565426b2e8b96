//! What was presented, not yet believed.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::core::extract::Place;

/// Longest credential looked at, in bytes (S-091).
pub const MAX_CREDENTIAL: usize = 1024;

/// A secret text. Its `Debug` is blind, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a complete key text, `sk-` included (LiteLLM LOOK-8). It identifies a key at rest and is
/// never itself a credential (S-075).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a presented key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads exactly 64 lower-case hexadecimal digits (S-089).
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// All 64 digits, as LiteLLM stores and propagates them.
    #[must_use]
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The first 8 digits: enough to find a key in a log, not enough to look one up.
    #[must_use]
    pub fn prefix(self) -> String {
        let mut hex = self.to_hex();
        hex.truncate(8);
        hex
    }

    /// Equality whose time does not depend on where the two differ (S-080).
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}…)", self.prefix())
    }
}

/// A credential found in a request, and the places that carried it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The text, as presented.
    pub secret: Secret,
    /// Where it was; more than one place when they agree.
    pub places: Vec<Place>,
}

impl Credential {
    /// Whether it came in the query alone, where logs and histories keep it.
    #[must_use]
    pub fn is_in_query_only(&self) -> bool {
        self.places.iter().all(|place| *place == Place::QueryKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("sk-canary")), "Secret(…)");
        let hash = format!("{:?}", KeyHash::of("sk-canary"));
        assert_eq!(hash.len(), "KeyHash(01234567…)".len());
    }

    #[test]
    fn a_hash_is_64_lower_case_digits_s089() {
        let hex = KeyHash::of("sk-a").to_hex();
        assert_eq!(KeyHash::from_hex(&hex), Some(KeyHash::of("sk-a")));
        for bad in [hex.to_uppercase(), hex.get(1..).unwrap().to_owned(), format!("{hex}0"), String::new()] {
            assert_eq!(KeyHash::from_hex(&bad), None, "{bad}");
        }
    }
}
