//! The master key (LiteLLM LOOK-5).

use thiserror::Error;

use crate::core::credential::{Credential, KeyHash, Secret};

/// Shortest master key accepted, in bytes: `sk-` and 17 more.
const MIN_LENGTH: usize = 20;

/// Keys printed in public documentation, examples and scanners' dictionaries begin like this.
const KNOWN_EXAMPLES: [&str; 6] = ["sk-1234", "sk-master", "sk-litellm", "sk-test", "sk-your", "sk-changeme"];

/// The digest of the master key. The key itself is not kept.
#[derive(Debug, Clone)]
pub struct MasterKey(KeyHash);

/// Why a text cannot be the master key. The text is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MasterKeyError {
    /// Empty, as from an environment variable that was set to nothing (S-079).
    #[error("it is empty; leave `master_key` out to run without one")]
    Empty,
    /// Not `sk-…`.
    #[error("it does not begin with `sk-`")]
    Prefix,
    /// Too few characters to resist guessing.
    #[error("it is shorter than 20 characters; `tollgate keys generate` makes a good one")]
    Short,
    /// A byte that cannot travel in a header, or a comma.
    #[error("it holds a character other than visible ASCII without comma")]
    Characters,
    /// A key from somebody's documentation, with or without padding.
    #[error("it is a well-known example key; `tollgate keys generate` makes a good one")]
    WellKnown,
}

impl MasterKey {
    /// Checks and digests a configured key.
    pub fn new(key: &Secret) -> Result<Self, MasterKeyError> {
        let text = key.expose();
        if text.is_empty() {
            return Err(MasterKeyError::Empty);
        }
        if !text.starts_with("sk-") {
            return Err(MasterKeyError::Prefix);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
            return Err(MasterKeyError::Characters);
        }
        let distinct = text.bytes().collect::<std::collections::HashSet<_>>().len();
        let famous = text.starts_with("sk-1234");
        if famous
            || distinct < 8
            || (text.len() < MIN_LENGTH && KNOWN_EXAMPLES.iter().any(|known| text.starts_with(known)))
        {
            return Err(MasterKeyError::WellKnown);
        }
        if text.len() < MIN_LENGTH {
            return Err(MasterKeyError::Short);
        }
        Ok(Self(KeyHash::of(text)))
    }

    /// Compares digests in constant time (S-080). A candidate that is not ASCII never gets here (S-081).
    pub(super) fn matches(&self, candidate: &Credential) -> bool {
        self.0.ct_eq(&KeyHash::of(candidate.secret.expose()))
    }

    /// Whether a key hash in a store is the master key's: then one secret would have two meanings.
    #[must_use]
    pub fn has_hash(&self, hash: &KeyHash) -> bool {
        self.0.ct_eq(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_master_keys_are_refused_s079() {
        let error = |text| MasterKey::new(&Secret::new(text)).err();
        assert_eq!(error(""), Some(MasterKeyError::Empty));
        assert_eq!(error("abcdefghijklmnopqrstuvwxyz"), Some(MasterKeyError::Prefix));
        assert_eq!(error("sk-1234"), Some(MasterKeyError::WellKnown));
        assert_eq!(error("sk-1234-1234-1234-abcdef"), Some(MasterKeyError::WellKnown));
        assert_eq!(error("sk-aaaaaaaaaaaaaaaaaaaaaaaa"), Some(MasterKeyError::WellKnown));
        assert_eq!(error("sk-abcdefgh"), Some(MasterKeyError::Short));
        assert_eq!(error("sk-abcdefgh ijklmnopqrst"), Some(MasterKeyError::Characters));
        assert_eq!(error("sk-master-1234567890"), None);
    }
}
