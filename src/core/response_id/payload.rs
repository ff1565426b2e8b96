//! What is sealed.
//!
//! ```text
//! kind 1 | per kind: names | upstream | inner id        every field: length 2, big endian | bytes
//!   1 user            user
//!   2 user in a team  user, team
//!   3 team            team
//!   4 key             SHA-256 in hexadecimal
//! ```
//!
//! Nothing may follow, and an absent upstream is an empty field.

use super::owner::{Name, Owner};
use super::plain::PlainId;
use crate::core::credential::KeyHash;

/// What an id says once it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) inner: PlainId,
    pub(super) owner: Owner,
    pub(super) upstream: Option<Name>,
}

const USER: u8 = 1;
const USER_IN_TEAM: u8 = 2;
const TEAM: u8 = 3;
const KEY: u8 = 4;

/// Writes a payload. `None` when a field is longer than its prefix can say, which its type excludes.
pub(super) fn write(inner: &PlainId, owner: &Owner, upstream: Option<&Name>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64 + inner.expose().len());
    match owner {
        Owner::User { user, team: None } => {
            bytes.push(USER);
            field(&mut bytes, user.as_str().as_bytes())?;
        }
        Owner::User { user, team: Some(team) } => {
            bytes.push(USER_IN_TEAM);
            field(&mut bytes, user.as_str().as_bytes())?;
            field(&mut bytes, team.as_str().as_bytes())?;
        }
        Owner::Team(team) => {
            bytes.push(TEAM);
            field(&mut bytes, team.as_str().as_bytes())?;
        }
        Owner::Key(hash) => {
            bytes.push(KEY);
            field(&mut bytes, hash.to_hex().as_bytes())?;
        }
    }
    field(&mut bytes, upstream.map_or("", Name::as_str).as_bytes())?;
    field(&mut bytes, inner.expose().as_bytes())?;
    Some(bytes)
}

fn field(bytes: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    bytes.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
    bytes.extend(value);
    Some(())
}

/// Reads a payload. `None` for any other shape, and for bytes that [`write()`] would not have written.
pub(super) fn read(bytes: &[u8]) -> Option<Payload> {
    let (kind, rest) = bytes.split_first()?;
    let mut fields = Fields(rest);
    let owner = match *kind {
        USER => Owner::User { user: fields.name()?, team: None },
        USER_IN_TEAM => Owner::User { user: fields.name()?, team: Some(fields.name()?) },
        TEAM => Owner::Team(fields.name()?),
        KEY => Owner::Key(KeyHash::from_hex(fields.text()?)?),
        _ => return None,
    };
    let upstream = match fields.text()? {
        "" => None,
        text => Some(Name::parse(text)?),
    };
    let inner = PlainId::parse(fields.text()?)?;
    fields.0.is_empty().then_some(Payload { inner, owner, upstream })
}

/// The fields not yet read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.0 = rest;
        Some(value)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.next()?).ok()
    }

    fn name(&mut self) -> Option<Name> {
        Name::parse(self.text()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owners() -> impl Strategy<Value = Owner> {
        let name = || "\\PC{1,40}".prop_map(|text| Name::parse(&text).unwrap());
        prop_oneof![
            (name(), proptest::option::of(name())).prop_map(|(user, team)| Owner::User { user, team }),
            name().prop_map(Owner::Team),
            "\\PC{0,9}".prop_map(|key| Owner::Key(KeyHash::of(&key))),
        ]
    }

    proptest! {
        /// S-206, S-207: whatever the names say, they come back as they were.
        #[test]
        fn read_is_the_inverse_of_write(inner in "[!-~]{3,99}", owner in owners(), upstream in "\\PC{0,20}") {
            let (inner, upstream) = (PlainId::parse(&inner).unwrap(), Name::parse(&upstream));
            let bytes = write(&inner, &owner, upstream.as_ref()).unwrap();
            prop_assert_eq!(read(&bytes), Some(Payload { inner, owner, upstream }));
            for cut in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..cut]), None, "cut at {}", cut);
            }
            prop_assert_eq!(read(&[&bytes[..], b"\0"].concat()), None, "something follows");
        }

        #[test]
        fn what_is_read_is_what_would_be_written(bytes in proptest::collection::vec(0..6_u8, 0..40)) {
            if let Some(Payload { inner, owner, upstream }) = read(&bytes) {
                prop_assert_eq!(write(&inner, &owner, upstream.as_ref()), Some(bytes));
            }
        }
    }

    #[test]
    fn empty_names_are_no_names_s205() {
        assert_eq!(read(b"\x01\0\0\0\0\0\x01x"), None, "a user");
        assert_eq!(read(b"\x04\0\0\0\0\0\x01x"), None, "a key");
        assert!(read(b"\x01\0\x01u\0\0\0\x01x").is_some());
        assert_eq!(read(b"\x01\0\x01u\0\0\0\0"), None, "an inner id");
        assert_eq!(read(b"\x05\0\x01u\0\0\0\x01x"), None, "a kind");
    }
}
