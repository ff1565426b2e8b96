//! May this caller use this id?

use thiserror::Error;

use super::keyring::Keyring;
use super::legacy::{self, Legacy};
use super::open::{Managed, Opened};
use super::owner::{Caller, Name, Owner};
use super::plain::PlainId;
use super::seal::SealError;

/// Everything that opens, judges and seals ids.
#[derive(Debug)]
pub struct ResponseIds {
    /// The keys.
    pub keyring: Keyring,
    /// LiteLLM's keys, while its ids are opened.
    pub legacy: Option<Legacy>,
    /// What the configuration leaves open.
    pub rules: AccessRules,
}

/// What the configuration leaves open. Both are LiteLLM's, and both are off unless they are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// Ids that were not issued here are passed on, for everybody (`allow_unmanaged_response_ids`).
    pub allow_unmanaged: bool,
    /// Proxy administrators use every id, and those that were not issued here (S-216).
    pub admins_use_all: bool,
}

/// An id that the caller may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What the provider is to see.
    pub inner: PlainId,
    /// Whom the response belongs to: who created it, whoever asks now (R7). The caller, where it
    /// belonged to nobody.
    pub owner: Owner,
    /// The backend that knows the id, where that was told.
    pub upstream: Option<Name>,
}

/// Why an id is refused. The caller is told the same of all of them: 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccessError {
    /// It belongs to somebody else, or to nobody.
    #[error("the response id belongs to somebody else")]
    NotOwner,
    /// It was not issued here (R1, S-203).
    #[error("the response id was not issued here")]
    Unmanaged,
    /// It is damaged, forged, or older than every key.
    #[error("the response id cannot be read")]
    Unreadable,
    /// It belongs to a backend that this request does not go to (R11).
    #[error("the response id belongs to another upstream")]
    OtherUpstream,
}

impl ResponseIds {
    /// Opens an id of ours or of LiteLLM's.
    #[must_use]
    pub fn open(&self, text: &str) -> Opened {
        match (self.keyring.open(text), &self.legacy) {
            (Opened::Foreign, Some(legacy)) => legacy.open(text),
            (Opened::Foreign, None) if legacy::is_marked(text) => Opened::Unreadable,
            (opened, _) => opened,
        }
    }

    /// Opens an id for a caller whose request goes to `upstream`.
    pub fn admit(&self, text: &str, caller: &Caller, upstream: Option<&Name>) -> Result<Admitted, AccessError> {
        let every = self.rules.admins_use_all && caller.is_admin();
        let managed = match self.open(text) {
            Opened::Managed(managed) => managed,
            Opened::Unreadable => return Err(AccessError::Unreadable),
            Opened::Foreign if every || self.rules.allow_unmanaged => {
                let inner = PlainId::parse(text).ok_or(AccessError::Unreadable)?;
                return Ok(Admitted { inner, owner: caller.owner().clone(), upstream: upstream.cloned() });
            }
            Opened::Foreign => return Err(AccessError::Unmanaged),
        };
        let Managed { inner, owner, upstream: known_by } = managed;
        if !every && !owner.as_ref().is_some_and(|owner| owner.admits(caller)) {
            return Err(AccessError::NotOwner);
        }
        if known_by.is_some() && known_by.as_ref() != upstream {
            return Err(AccessError::OtherUpstream);
        }
        let owner = owner.unwrap_or_else(|| caller.owner().clone());
        Ok(Admitted { inner, owner, upstream: known_by })
    }

    /// The id that `owner` sees in place of `inner`.
    pub fn seal(&self, inner: &PlainId, owner: &Owner, upstream: Option<&Name>) -> Result<String, SealError> {
        self.keyring.seal(inner, owner, upstream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credential::Secret;

    const RAW: &str = "resp_68aa00000000000000000000000000000000000000000001";

    fn ids(rules: AccessRules) -> ResponseIds {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        ResponseIds { keyring, legacy: Some(Legacy::new(&[Secret::new("sk-1234")]).unwrap()), rules }
    }

    fn caller(user: &str, admin: bool) -> Caller {
        Caller::new(Some(user), None, None, admin).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn ids_are_for_their_owner_s202_s203_s216() {
        let strict = ids(AccessRules::default());
        let open = ids(AccessRules { allow_unmanaged: true, admins_use_all: true });
        let (alice, bob, root) = (caller("alice", false), caller("bob", false), caller("root", true));
        let id = strict.seal(&PlainId::parse(RAW).unwrap(), alice.owner(), None).unwrap();
        let inner = |ids: &ResponseIds, text: &str, caller: &Caller| {
            ids.admit(text, caller, None).map(|admitted| (admitted.inner.expose().to_owned(), admitted.owner))
        };
        let alices = Ok((RAW.to_owned(), alice.owner().clone()));
        assert_eq!(inner(&strict, &id, &alice), alices);
        assert_eq!(inner(&strict, &id, &bob), Err(AccessError::NotOwner));
        assert_eq!(inner(&strict, &id, &root), Err(AccessError::NotOwner));
        assert_eq!(inner(&open, &id, &bob), Err(AccessError::NotOwner), "being unmanaged is not being open");
        assert_eq!(inner(&open, &id, &root), alices, "R7: it stays alice's");
        assert_eq!(inner(&strict, RAW, &root), Err(AccessError::Unmanaged));
        assert_eq!(inner(&open, RAW, &bob), Ok((RAW.to_owned(), bob.owner().clone())));
        for forged in
            [id.get(..id.len() - 1).unwrap(), "resp_litellm_proxy:responses_api:response_id:x;user_id:;team_id:"]
        {
            assert_eq!(inner(&open, forged, &root), Err(AccessError::Unreadable));
        }
        assert_eq!(inner(&open, "..", &root), Err(AccessError::Unreadable));
        let without = ResponseIds { legacy: None, ..open };
        let forged = "resp_litellm_proxy:responses_api:response_id:x;user_id:;team_id:";
        assert_eq!(inner(&without, forged, &bob), Err(AccessError::Unreadable), "S-213, whatever is configured");
    }

    /// Vector 6: an id of LiteLLM's without user and team.
    #[test]
    fn what_belongs_to_nobody_is_not_everybodys_s205() {
        let id = "resp_tintZsf0VUr5YqJ6KdtplDWxePjVSP-_PRsZ4CnTbPeva3dF3RpRUOkZtmC8hmPaX-7dY97z5Uk1LtzRLsLXMBu8p4ohrXlZ4CbCSS5gfE72t3m-ULMdJ__zYBHenSndvTPJtCT2BJTRNXyWDLmMmUrq-4V0DNd2NTJ7K1epGrDq9RIpyG991nHrHk3RXhC7XoSeO8Lp5Q==";
        let admins = AccessRules { admins_use_all: true, ..AccessRules::default() };
        assert_eq!(ids(admins).admit(id, &caller("bob", false), None).unwrap_err(), AccessError::NotOwner);
        let admitted = ids(admins).admit(id, &caller("root", true), None).unwrap();
        assert_eq!(admitted.owner, *caller("root", true).owner());
    }

    #[test]
    fn an_id_works_at_its_upstream_only() {
        let ids = ids(AccessRules::default());
        let alice = caller("alice", false);
        let id = ids.seal(&PlainId::parse(RAW).unwrap(), alice.owner(), Some(&name("east"))).unwrap();
        assert!(ids.admit(&id, &alice, Some(&name("east"))).is_ok());
        for other in [Some(name("west")), None] {
            assert_eq!(ids.admit(&id, &alice, other.as_ref()), Err(AccessError::OtherUpstream));
        }
        let anywhere = ids.seal(&PlainId::parse(RAW).unwrap(), alice.owner(), None).unwrap();
        assert!(ids.admit(&anywhere, &alice, Some(&name("west"))).is_ok(), "it was sealed before there were several");
    }
}
