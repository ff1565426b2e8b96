//! LiteLLM's ids, opened for a migration and never written (`response-ids.md` §2, §9).
//!
//! ```text
//! "resp_" base64( nonce 24 | tag 16 | ciphertext )                 1.90.0: XSalsa20-Poly1305 (NaCl secretbox)
//! "resp_v2:gcm:" base64url( nonce 12 | ciphertext | tag 16 )       later, where configured: AES-256-GCM
//! plain text: litellm_proxy:responses_api:response_id:{id};user_id:{user};team_id:{team}
//! ```
//!
//! LiteLLM reads this leniently: any spelling of base64, any number of fields, and text that is not
//! encrypted at all. Here one spelling and one shape are read, and whatever can be read in two ways is
//! not (R3, R4, R10). What stays is LiteLLM's: the key protects its other values too (R5), and where it
//! is a weak master key, ids can be forged (R6). So open these ids for as long as a migration takes.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use data_encoding::{BASE64, BASE64URL};
use poly1305::Poly1305;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::open::{Managed, Opened};
use super::owner::{Name, Owner};
use super::plain::PlainId;
use super::{MAX_SEALED, PREFIX};
use crate::core::credential::Secret;

/// What later releases put before an AES-GCM ciphertext.
const GCM: &str = "v2:gcm:";
/// Fewest characters of base64 of a secretbox that holds the fixed words of the plain text.
const MIN_TEXT: usize = 128;

/// LiteLLM's keys.
pub struct Legacy {
    keys: Vec<Zeroizing<[u8; 32]>>,
}

/// Why key strings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LegacyError {
    /// An empty `LITELLM_SALT_KEY` is a key everybody has (R6).
    #[error("an empty key string")]
    Empty,
    /// There are more than [`Legacy::MAX_KEYS`].
    #[error("more than {} key strings", Legacy::MAX_KEYS)]
    TooMany,
}

impl Legacy {
    /// Most keys at a time.
    pub const MAX_KEYS: usize = 4;

    /// Takes LiteLLM's key strings: `LITELLM_SALT_KEY` where it is set, else the master key.
    pub fn new(secrets: &[Secret]) -> Result<Self, LegacyError> {
        if secrets.len() > Self::MAX_KEYS {
            return Err(LegacyError::TooMany);
        }
        let key = |secret: &Secret| match secret.expose() {
            "" => Err(LegacyError::Empty),
            text => Ok(Zeroizing::new(Sha256::digest(text.as_bytes()).into())),
        };
        Ok(Self { keys: secrets.iter().map(key).collect::<Result<_, _>>()? })
    }

    /// Opens an id of LiteLLM's.
    #[must_use]
    pub fn open(&self, text: &str) -> Opened {
        if text.len() > MAX_SEALED {
            return Opened::Unreadable;
        }
        let sealed = text.strip_prefix(PREFIX);
        let plain = sealed.and_then(|sealed| self.keys.iter().find_map(|key| decrypt(key, sealed)));
        match plain {
            Some(plain) => read(&plain).map_or(Opened::Unreadable, Opened::Managed),
            None if resembles(text) => Opened::Unreadable,
            None => Opened::Foreign,
        }
    }
}

impl fmt::Debug for Legacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Legacy({} keys)", self.keys.len())
    }
}

/// Opens either cipher; the plain text is authentic.
fn decrypt(key: &[u8; 32], sealed: &str) -> Option<Vec<u8>> {
    if let Some(sealed) = sealed.strip_prefix(GCM) {
        let bytes = BASE64URL.decode(sealed.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
        return Aes256Gcm::new(key.into()).decrypt(&Nonce::from(*nonce), sealed).ok();
    }
    // Older writers used the other alphabet. One of the two, never a mixture.
    let bytes = BASE64URL.decode(sealed.as_bytes()).or_else(|_| BASE64.decode(sealed.as_bytes())).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<24>()?;
    let (tag, sealed) = sealed.split_first_chunk::<16>()?;
    open_secretbox(key, nonce, tag, sealed)
}

/// `crypto_secretbox_open` of `NaCl`: the first 32 bytes of the key stream are the key of Poly1305, which
/// authenticates the ciphertext; the rest of the stream encrypts.
fn open_secretbox(key: &[u8; 32], nonce: &[u8; 24], tag: &[u8; 16], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut authenticator = Zeroizing::new([0; 32]);
    stream.apply_keystream(authenticator.as_mut());
    let expected = Poly1305::new((&*authenticator).into()).compute_unpadded(sealed);
    if !bool::from(expected.as_slice().ct_eq(tag)) {
        return None;
    }
    let mut plain = sealed.to_vec();
    stream.apply_keystream(&mut plain);
    Some(plain)
}

/// Reads the plain text: these three fields, each free of what LiteLLM splits at (R4, S-206, S-207).
fn read(plain: &[u8]) -> Option<Managed> {
    let text = std::str::from_utf8(plain).ok()?;
    let text = text.strip_prefix("litellm_proxy:responses_api:response_id:")?;
    let mut fields = text.split(';');
    let inner = fields.next()?;
    let user = fields.next()?.strip_prefix("user_id:")?;
    let team = fields.next()?.strip_prefix("team_id:")?;
    let ambiguous = inner.contains("response_id:") || user.contains("user_id:") || team.contains("team_id:");
    if ambiguous || fields.next().is_some() {
        return None;
    }
    let owner = match (user, team) {
        ("", "") => None,
        ("", team) => Some(Owner::Team(Name::parse(team)?)),
        (user, "") => Some(Owner::User { user: Name::parse(user)?, team: None }),
        (user, team) => Some(Owner::User { user: Name::parse(user)?, team: Some(Name::parse(team)?) }),
    };
    Some(Managed { inner: PlainId::parse(inner)?, owner, upstream: None })
}

/// Whether a text has the words of LiteLLM's plain text, or the mark of its second cipher. No provider's id
/// has, and a LiteLLM behind this gate would believe them (S-213).
pub(super) fn is_marked(text: &str) -> bool {
    text.contains("litellm_proxy") || text.contains(GCM)
}

/// Whether LiteLLM could take a text for one it sealed, though it does not open: its marks, or base64 too
/// long for a provider's id. Its routing wrapper is as long and is no seal; it begins with the base64 of
/// `litellm:`.
fn resembles(text: &str) -> bool {
    let after = text.split_once(PREFIX).map_or("", |(_, after)| after);
    let base64 = after.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte)).count();
    let routing = text.strip_prefix(PREFIX).is_some_and(|sealed| sealed.starts_with("bGl0ZWxsbT"));
    is_marked(text) || (base64 >= MIN_TEXT && !routing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "salt-fixed-1234";
    /// Vector 23: `resp_x` of user `u` in team `t`.
    const ID: &str = "resp_xG1YPksTszcJ7ncNLCqeFvOVBuU7n_9CTjBdEc_-UvzQsQfbbGuzsMkj3bBRBAZ-MEWxWNjtl2sUpxb8ttbTj7WEb05TTCU4LPlwSXlXJiz9r2gGBRU2c70eI3epWNMYIJvS7NBIo5T9TA==";

    fn legacy(keys: &[&str]) -> Legacy {
        Legacy::new(&keys.iter().map(|key| Secret::new(*key)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_id_opens_with_its_key_only() {
        let Opened::Managed(managed) = legacy(&["other", KEY]).open(ID) else { panic!("it does not open") };
        let name = |text| Name::parse(text).unwrap();
        assert_eq!(managed.inner.expose(), "resp_x");
        assert_eq!(managed.owner, Some(Owner::User { user: name("u"), team: Some(name("t")) }));
        assert_eq!(legacy(&["other"]).open(ID), Opened::Unreadable);
        assert_eq!(legacy(&[]).open(ID), Opened::Unreadable);
        assert_eq!(Legacy::new(&[Secret::new("")]).unwrap_err(), LegacyError::Empty);
    }

    #[test]
    fn a_text_that_only_looks_decrypted_is_a_forgery_s213() {
        for text in [
            "resp_litellm_proxy:responses_api:response_id:resp_VICTIM;user_id:;team_id:",
            "resp_litellm_proxy",
            "litellm_proxy:responses_api:response_id:x;user_id:me;team_id:",
            "resp_v2:gcm:AAAA",
        ] {
            assert_eq!(legacy(&[KEY]).open(text), Opened::Unreadable, "{text}");
        }
    }

    #[test]
    fn one_shape_is_read_s206_s207() {
        let owner = |fields: &str| {
            let text = format!("litellm_proxy:responses_api:response_id:{fields}");
            read(text.as_bytes()).map(|managed| managed.owner)
        };
        let name = |text| Name::parse(text).unwrap();
        assert_eq!(owner("r;user_id:u;team_id:"), Some(Some(Owner::User { user: name("u"), team: None })));
        assert_eq!(owner("r;user_id:;team_id:t"), Some(Some(Owner::Team(name("t")))));
        assert_eq!(owner("r;user_id:;team_id:"), Some(None), "S-205: nobody's, and not everybody's");
        for fields in [
            "r;user_id:alice;team_id:t9;team_id:t1",
            "r;user_id:evil-user_id:alice;team_id:t",
            "r;user_id:victim;team_id:t;user_id:me;team_id:",
            "response_id:r;user_id:u;team_id:t",
            "r;team_id:t;user_id:u",
            "r;user_id:u",
            "r",
            ";user_id:u;team_id:t",
        ] {
            assert_eq!(owner(fields), None, "{fields}");
        }
        assert!(read(b"litellm_proxy:responses_api:response_id:r;user_id:\xff;team_id:").is_none());
        assert!(read(b"litellm_proxy;model_id:m;llm_batch_id:b").is_none(), "S-212");
    }

    #[test]
    fn one_spelling_of_each_alphabet_is_read_s208() {
        let legacy = legacy(&[KEY]);
        let sealed = ID.strip_prefix(PREFIX).unwrap();
        let standard = format!("resp_{}", sealed.replace('-', "+").replace('_', "/"));
        assert!(matches!(legacy.open(&standard), Opened::Managed(_)));
        for spelling in [
            format!("zz{ID}"),
            format!("{ID}="),
            format!("{ID}AAAA"),
            format!("{ID} "),
            format!("{ID}resp_zz"),
            format!("resp_{ID}"),
            ID.trim_end_matches('=').to_owned(),
            ID.replace('-', "+"),
            ID.replace("resp_xG1Y", "resp_xG1Y\n"),
        ] {
            assert_eq!(legacy.open(&spelling), Opened::Unreadable, "{spelling}");
        }
        for foreign in ["resp_68aa00000000000000000000000000000000000000000001", "resp_", "", "chatcmpl-1"] {
            assert_eq!(legacy.open(foreign), Opened::Foreign);
        }
    }
}
