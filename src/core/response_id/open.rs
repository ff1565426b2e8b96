//! Opening an id.

use data_encoding::BASE64URL_NOPAD;

use super::keyring::{Key, Keyring, MARKER, VERSION};
use super::owner::{Name, Owner};
use super::payload::{self, Payload};
use super::plain::PlainId;
use super::{MAX_SEALED, PREFIX};

/// What a text that should be an id is. Never is one read as another: a text that looks like ours and
/// does not open is not the provider's (R3, S-208, S-213).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Issued here, or by LiteLLM where its ids are opened.
    Managed(Managed),
    /// Nothing of ours: a provider's id, or anything else.
    Foreign,
    /// Ours by its looks, and damaged, respelt, forged, or sealed with a key that is gone.
    Unreadable,
}

/// What an id of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The provider's id.
    pub inner: PlainId,
    /// Whom it belongs to. LiteLLM issued ids that belong to nobody.
    pub owner: Option<Owner>,
    /// The backend that knows it, where that was told.
    pub upstream: Option<Name>,
}

/// Shortest header, synthetic IV and payload that a key of any ring writes, in characters of base64.
const MIN_TEXT: usize = MARKER + 28;

impl Keyring {
    /// Opens an id. The time does not depend on why one is refused, beyond its length and its key.
    #[must_use]
    pub fn open(&self, text: &str) -> Opened {
        if text.len() > MAX_SEALED {
            return Opened::Unreadable;
        }
        let sealed = text.strip_prefix(PREFIX);
        let key = sealed.and_then(|sealed| self.keys().find(|key| sealed.starts_with(&key.marker)));
        match (sealed, key) {
            (Some(sealed), Some(key)) => key.open(sealed).map_or(Opened::Unreadable, Opened::Managed),
            _ if self.resembles(text) => Opened::Unreadable,
            _ => Opened::Foreign,
        }
    }

    /// Whether a text could be taken for one of ours by a lenient reader: the marker of a key anywhere,
    /// in either alphabet and with whatever in between, or the shape of an id whose key is gone.
    fn resembles(&self, text: &str) -> bool {
        let squeezed: String = text.chars().filter_map(base64url).collect();
        let shaped = || {
            let sealed = text.strip_prefix(PREFIX).filter(|sealed| sealed.len() >= MIN_TEXT);
            let bytes = sealed.and_then(|sealed| BASE64URL_NOPAD.decode(sealed.as_bytes()).ok());
            bytes.is_some_and(|bytes| bytes.first() == Some(&VERSION))
        };
        self.keys().any(|key| squeezed.contains(&key.marker)) || shaped()
    }
}

/// The character as base64url has it, `None` for those that lenient readers skip.
fn base64url(c: char) -> Option<char> {
    match c {
        '+' => Some('-'),
        '/' => Some('_'),
        c => (c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).then_some(c),
    }
}

impl Key {
    /// Opens what follows `resp_`.
    fn open(&self, sealed: &str) -> Option<Managed> {
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let sealed = bytes.strip_prefix(&self.header)?;
        let plain = self.cipher().decrypt([self.header], sealed).ok()?;
        let Payload { inner, owner, upstream } = payload::read(&plain)?;
        Some(Managed { inner, owner: Some(owner), upstream })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::owner::Caller;
    use super::*;
    use crate::core::credential::Secret;

    const NEW: &str = "new-0123456789abcdef0123456789abcdef";
    const OLD: &str = "old-0123456789abcdef0123456789abcdef";

    fn keyring(secrets: &[&str]) -> Keyring {
        Keyring::new(&secrets.iter().map(|secret| Secret::new(*secret)).collect::<Vec<_>>()).unwrap()
    }

    fn seal(keyring: &Keyring, inner: &str, user: &str) -> String {
        let caller = Caller::new(Some(user), Some("t1"), None, false).unwrap();
        keyring.seal(&PlainId::parse(inner).unwrap(), caller.owner(), None).unwrap()
    }

    fn inner(opened: Opened) -> String {
        match opened {
            Opened::Managed(managed) => managed.inner.expose().to_owned(),
            Opened::Foreign | Opened::Unreadable => panic!("{opened:?}"),
        }
    }

    #[test]
    fn the_same_response_of_the_same_owner_has_the_same_id_s211() {
        let keyring = keyring(&[NEW]);
        assert_eq!(seal(&keyring, "resp_1", "alice"), seal(&keyring, "resp_1", "alice"));
        assert_ne!(seal(&keyring, "resp_1", "alice"), seal(&keyring, "resp_1", "bob"));
        assert_ne!(seal(&keyring, "resp_1", "alice"), seal(&keyring, "resp_2", "alice"));
    }

    #[test]
    fn keys_rotate_without_downtime_s215() {
        let (before, during, after) = (keyring(&[OLD]), keyring(&[NEW, OLD]), keyring(&[NEW]));
        let (old, new) = (seal(&before, "resp_1", "alice"), seal(&during, "resp_1", "alice"));
        assert_eq!(new, seal(&after, "resp_1", "alice"), "the first key seals");
        assert_eq!(inner(during.open(&old)), "resp_1");
        assert_eq!(inner(during.open(&new)), "resp_1");
        assert_eq!(after.open(&old), Opened::Unreadable, "never the provider's");
    }

    #[test]
    fn one_spelling_is_ours_and_the_others_are_nobodys_s208() {
        let keyring = keyring(&[NEW]);
        let id = seal(&keyring, "resp_68aa0123456789", "alice");
        let sealed = id.strip_prefix(PREFIX).unwrap();
        let standard = sealed.replace('-', "+").replace('_', "/");
        for spelling in [
            format!("zzz{id}"),
            format!("{id}resp_zz"),
            format!("{id}="),
            format!("{id}=="),
            format!("{id}A"),
            format!("{id} "),
            format!(" {id}"),
            format!("{id}\n"),
            format!("resp_{id}"),
            id.replace(&keyring.sealing.marker, &format!("{}*", keyring.sealing.marker)),
            id.replace("resp_A", "resp_A*"),
            format!("resp_ {sealed}"),
            format!("resp_{standard}."),
            format!("RESP_{sealed}"),
            sealed.to_owned(),
            format!("{PREFIX}{}", "A".repeat(MAX_SEALED)),
        ] {
            assert_eq!(keyring.open(&spelling), Opened::Unreadable, "{spelling}");
        }
    }

    #[test]
    fn the_ids_of_others_are_foreign() {
        let keyring = keyring(&[NEW]);
        for id in [
            "resp_68aa00000000000000000000000000000000000000000001",
            "resp_0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "chatcmpl-123",
            "resp_",
            "",
            "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDp4O3Jlc3BvbnNlX2lkOnk=",
        ] {
            assert_eq!(keyring.open(id), Opened::Foreign, "{id}");
        }
    }

    /// S-209, P-24: no bit can be flipped and no end be cut.
    #[test]
    fn what_was_tampered_with_does_not_open_s209() {
        let keyring = keyring(&[NEW]);
        let id = seal(&keyring, "resp_68aa0123456789", "alice");
        let bytes = BASE64URL_NOPAD.decode(id.strip_prefix(PREFIX).unwrap().as_bytes()).unwrap();
        let managed = |text: &str| matches!(keyring.open(text), Opened::Managed(_));
        assert!(managed(&id));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!managed(&format!("resp_{}", BASE64URL_NOPAD.encode(&flipped))), "bit {bit}");
        }
        for cut in 0..id.len() {
            let (left, right) = id.split_at(cut);
            assert!(!managed(left), "cut at {cut}");
            for other in ['A', '_', '=', '%', '\u{e9}'] {
                let changed = format!("{left}{other}{}", right.get(1..).unwrap());
                assert!(changed == id || !managed(&changed), "{changed}");
            }
        }
    }

    proptest! {
        #[test]
        fn open_is_the_inverse_of_seal(id in "[!-~]{3,200}", user in "\\PC{1,60}") {
            let keyring = keyring(&[NEW, OLD]);
            prop_assert_eq!(inner(keyring.open(&seal(&keyring, &id, &user))), id);
        }

        /// S-210 too: whatever an id contains, only its beginning is cut off.
        #[test]
        fn no_other_string_opens(text in "(resp_)?[A-Za-z0-9_=-]{0,120}", other in "[!-~]{3,60}") {
            let (ours, theirs) = (keyring(&[NEW]), keyring(&[OLD]));
            prop_assert!(!matches!(ours.open(&text), Opened::Managed(_)));
            let marked = format!("resp_{}{text}", ours.sealing.marker);
            prop_assert_eq!(ours.open(&marked), Opened::Unreadable);
            prop_assert_eq!(ours.open(&seal(&theirs, &other, "alice")), Opened::Unreadable);
        }
    }
}
