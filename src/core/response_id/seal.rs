//! Sealing an id for its owner.

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;

use super::keyring::Keyring;
use super::owner::{Name, Owner};
use super::payload;
use super::plain::PlainId;
use super::{MAX_SEALED, PREFIX};

/// An id could not be sealed. It must not be shown instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the id cannot be sealed")]
pub struct SealError;

impl Keyring {
    /// The id that `owner` sees in place of `inner`, the same every time. `upstream` names the backend
    /// that knows `inner`, where there are several.
    pub fn seal(&self, inner: &PlainId, owner: &Owner, upstream: Option<&Name>) -> Result<String, SealError> {
        let key = &self.sealing;
        let payload = payload::write(inner, owner, upstream).ok_or(SealError)?;
        let sealed = key.cipher().encrypt([key.header], &payload).map_err(|_| SealError)?;
        let mut text = String::with_capacity(PREFIX.len() + (sealed.len() + key.header.len()).div_ceil(3) * 4);
        text.push_str(PREFIX);
        text.push_str(&key.marker);
        BASE64URL_NOPAD.encode_append(&sealed, &mut text);
        // What cannot be opened must not be handed out.
        if text.len() > MAX_SEALED { Err(SealError) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::Opened;
    use super::super::owner::Caller;
    use super::*;
    use crate::core::credential::Secret;

    #[test]
    fn the_longest_of_everything_can_be_sealed_and_opened() {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        let long = "x".repeat(Name::MAX);
        let caller = Caller::new(Some(&long), Some(&long), None, false).unwrap();
        let inner = PlainId::parse(&"y".repeat(PlainId::MAX)).unwrap();
        let text = keyring.seal(&inner, caller.owner(), Name::parse(&long).as_ref()).unwrap();
        assert_eq!(text.len(), MAX_SEALED);
        assert!(matches!(keyring.open(&text), Opened::Managed(_)));
    }

    /// Written once and never to change: ids live as long as clients keep them.
    #[test]
    fn ids_of_today_open_tomorrow() {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        let alice = Caller::new(Some("alice"), Some("t1"), None, false).unwrap();
        let text = keyring.seal(&PlainId::parse("resp_68aa01").unwrap(), alice.owner(), None).unwrap();
        assert_eq!(text, "resp_ATBlMMsiA--WUKaCBn2SojhR3u_-jHVH3g38ABOcX9bL8Tw9GzXI1-1G_2qkpcJAOg");
    }
}
