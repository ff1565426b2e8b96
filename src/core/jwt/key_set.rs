//! The keys of an issuer (RFC 7517 section 5), and which of them a token is checked with.

use serde_json::Value;

use super::compact::Compact;
use super::key::{Key, Unusable};
use super::{Refusal, json};

/// Largest document read, in bytes (S-140).
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// Most entries a document may have (S-140).
pub const MAX_KEYS: usize = 100;

/// Why a document is no key set. It then never takes the place of a good one (W10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadDocument {
    /// More than [`MAX_DOCUMENT`] bytes.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// Not JSON, or a member is there twice.
    #[error("not JSON, or a member is there twice")]
    NotJson,
    /// Neither an object whose `keys` is a list, nor a list.
    #[error("not a key set")]
    Shape,
    /// More than [`MAX_KEYS`] entries.
    #[error("more than 100 keys")]
    TooMany,
    /// No entry can be used.
    #[error("no key that can be used")]
    NoKeys,
}

/// Keys that may verify tokens of one issuer. There is at least one.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    /// Positions in the document of entries that are not used, and why.
    skipped: Vec<(usize, Unusable)>,
}

impl KeySet {
    /// Reads a document: an object with `keys`, or a bare list (V032). An entry that cannot be used is
    /// skipped (S-141).
    ///
    /// # Errors
    /// See [`BadDocument`].
    pub fn parse(document: &[u8]) -> Result<Self, BadDocument> {
        if document.len() > MAX_DOCUMENT {
            return Err(BadDocument::TooLarge);
        }
        let entries = match json::value(document).map_err(|_| BadDocument::NotJson)? {
            Value::Object(mut members) => members.remove("keys").unwrap_or_default(),
            list @ Value::Array(_) => list,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(BadDocument::Shape),
        };
        let Value::Array(entries) = entries else {
            return Err(BadDocument::Shape);
        };
        if entries.len() > MAX_KEYS {
            return Err(BadDocument::TooMany);
        }
        let mut set = Self { keys: Vec::new(), skipped: Vec::new() };
        for (position, entry) in entries.iter().enumerate() {
            match Key::parse(entry) {
                Ok(key) => set.keys.push(key),
                Err(unusable) => set.skipped.push((position, unusable)),
            }
        }
        if set.keys.is_empty() { Err(BadDocument::NoKeys) } else { Ok(set) }
    }

    /// The keys in use.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Positions of entries that are not in use, and why: for a log line.
    #[must_use]
    pub fn skipped(&self) -> &[(usize, Unusable)] {
        &self.skipped
    }

    /// Whether a key is still there. What it verified is forgotten when it is not.
    #[must_use]
    pub fn has(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|key| key.thumbprint() == *thumbprint)
    }

    /// The key a token is checked with. Without `kid` that is the only key of the set; with `kid` it is
    /// the one of that name (LiteLLM 1.6, S-106). Of several keys of a name the one that fits the
    /// algorithm, when that is one (W15); two that differ are refused, and no key is tried (S-105).
    ///
    /// # Errors
    /// [`Refusal::NoKey`], which a refresh of the set may cure, [`Refusal::KeyAlgorithm`] or
    /// [`Refusal::AmbiguousKey`], which it hardly will.
    pub fn choose(&self, token: &Compact<'_>) -> Result<&Key, Refusal> {
        let Some(kid) = token.kid() else {
            let [key] = self.keys.as_slice() else {
                return Err(Refusal::NoKey);
            };
            return if key.fits(token.algorithm()) { Ok(key) } else { Err(Refusal::KeyAlgorithm) };
        };
        let named: Vec<_> = self.keys.iter().filter(|key| key.kid() == Some(kid)).collect();
        if named.is_empty() {
            return Err(Refusal::NoKey);
        }
        let mut fitting = named.into_iter().filter(|key| key.fits(token.algorithm()));
        let key = fitting.next().ok_or(Refusal::KeyAlgorithm)?;
        if fitting.any(|other| other.thumbprint() != key.thumbprint()) { Err(Refusal::AmbiguousKey) } else { Ok(key) }
    }

    /// Verifies the signature, and tells with which key.
    ///
    /// # Errors
    /// Those of [`KeySet::choose`], or [`Refusal::Signature`].
    pub fn verify(&self, token: &Compact<'_>) -> Result<&Key, Refusal> {
        let key = self.choose(token)?;
        if key.verifies(token.algorithm, token.signed, token.signature) { Ok(key) } else { Err(Refusal::Signature) }
    }
}
