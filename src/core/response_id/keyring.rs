//! The keys that seal and open ids.

use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::core::credential::Secret;

/// First byte of everything sealed.
pub(super) const VERSION: u8 = 1;
/// Version and key id. A multiple of three, so that it is a text of its own in base64.
pub(super) const HEADER: usize = 6;
/// Characters of the header in base64.
pub(super) const MARKER: usize = 8;

/// Purposes of derived keys (RFC 5869 `info`). A value sealed for another purpose opens nothing (S-212).
const SEAL: &[u8] = b"tollgate/response-id/v1/seal";
const KEY_ID: &[u8] = b"tollgate/response-id/v1/key-id";

/// The keys: the first seals, all of them open. To rotate, put the new one first and drop the old one
/// when its ids may die (S-215).
#[derive(Debug)]
pub struct Keyring {
    pub(super) sealing: Key,
    pub(super) retired: Vec<Key>,
}

/// Why secrets make no keyring. `index` counts from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// There is no secret.
    #[error("no secret")]
    Empty,
    /// There are more than [`Keyring::MAX_KEYS`].
    #[error("more than {} secrets", Keyring::MAX_KEYS)]
    TooMany,
    /// A secret has fewer than [`Keyring::MIN_SECRET`] bytes (R6, S-214).
    #[error("secret {index} has fewer than {} bytes", Keyring::MIN_SECRET)]
    Short {
        /// Which one.
        index: usize,
    },
    /// A secret is a few bytes repeated: it was typed and not drawn.
    #[error("secret {index} is not random")]
    NotRandom {
        /// Which one.
        index: usize,
    },
    /// A secret comes twice. (Or two keys have the same id, one chance in 10¹².)
    #[error("secret {index} is there already")]
    Twice {
        /// Which one.
        index: usize,
    },
}

impl Keyring {
    /// Shortest secret, in bytes.
    pub const MIN_SECRET: usize = 32;
    /// Most keys at a time.
    pub const MAX_KEYS: usize = 16;
    /// Fewest different bytes in a secret: 32 random bytes, hexadecimal digits included, have more.
    const MIN_VARIETY: usize = 8;

    /// Derives a key from each secret.
    pub fn new(secrets: &[Secret]) -> Result<Self, KeyringError> {
        if secrets.len() > Self::MAX_KEYS {
            return Err(KeyringError::TooMany);
        }
        let mut keys: Vec<Key> = Vec::with_capacity(secrets.len());
        for (index, secret) in secrets.iter().enumerate() {
            let key = Key::derive(secret, index)?;
            if keys.iter().any(|other| other.header == key.header) {
                return Err(KeyringError::Twice { index });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let sealing = keys.next().ok_or(KeyringError::Empty)?;
        Ok(Self { sealing, retired: keys.collect() })
    }

    /// Every key, the sealing one first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.sealing).chain(&self.retired)
    }
}

/// One key, and what its ids begin with.
pub(super) struct Key {
    bytes: Zeroizing<[u8; 64]>,
    pub(super) header: [u8; HEADER],
    /// The header in base64: what follows `resp_` in every id of this key.
    pub(super) marker: String,
}

impl Key {
    fn derive(secret: &Secret, index: usize) -> Result<Self, KeyringError> {
        let secret = secret.expose().as_bytes();
        if secret.len() < Keyring::MIN_SECRET {
            return Err(KeyringError::Short { index });
        }
        let varied = (0..=u8::MAX).filter(|byte| secret.contains(byte)).count() >= Keyring::MIN_VARIETY;
        if !varied {
            return Err(KeyringError::NotRandom { index });
        }
        let source = Hkdf::<Sha256>::new(None, secret);
        let (mut bytes, mut header) = (Zeroizing::new([0; 64]), [VERSION; HEADER]);
        let [_, id @ ..] = &mut header;
        // HKDF can only fail for outputs of more than 8 KiB.
        let derived = source.expand(SEAL, bytes.as_mut()).and_then(|()| source.expand(KEY_ID, id));
        derived.map_err(|_| KeyringError::NotRandom { index })?;
        Ok(Self { bytes, header, marker: BASE64URL_NOPAD.encode(&header) })
    }

    /// The cipher. It has state, so each use has its own.
    pub(super) fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new((&*self.bytes).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(secrets: &[&str]) -> Result<Keyring, KeyringError> {
        Keyring::new(&secrets.iter().map(|secret| Secret::new(*secret)).collect::<Vec<_>>())
    }

    const GOOD: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn weak_secrets_are_refused_s214() {
        assert_eq!(build(&[]).unwrap_err(), KeyringError::Empty);
        assert_eq!(build(&[GOOD, ""]).unwrap_err(), KeyringError::Short { index: 1 });
        assert_eq!(build(&[GOOD.strip_prefix('0').unwrap()]).unwrap_err(), KeyringError::Short { index: 0 });
        assert_eq!(build(&[&"abcdefg".repeat(9)]).unwrap_err(), KeyringError::NotRandom { index: 0 });
        assert_eq!(build(&[GOOD, GOOD]).unwrap_err(), KeyringError::Twice { index: 1 });
        assert_eq!(build(&[GOOD; 17]).unwrap_err(), KeyringError::TooMany);
        assert_eq!(build(&[GOOD]).unwrap().keys().count(), 1);
    }

    #[test]
    fn a_key_is_known_by_its_marker_and_shown_by_nothing_else() {
        let keyring = build(&[GOOD]).unwrap();
        assert_eq!(keyring.sealing.marker.len(), MARKER);
        assert_eq!(format!("{:?}", keyring.sealing), format!("Key({})", keyring.sealing.marker));
    }
}
