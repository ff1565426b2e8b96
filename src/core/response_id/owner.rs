//! Who may use an id.

use crate::core::credential::KeyHash;
use crate::core::identity::Identity;
use crate::core::record::Role;

/// The id of a user, a team or an upstream: 1 to [`Self::MAX`] bytes. Nothing is cut: a text cut short
/// could name somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Longest name, in bytes.
    pub const MAX: usize = 256;

    /// `None` when the text is empty or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= Self::MAX).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom a response belongs to: the user, else the team, else the key that created it. Nobody is no owner
/// (LiteLLM: an id without user and team is everybody's; R7, S-205).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user, by any key; by a key of `team` where the creating key had one.
    User {
        /// The user's id.
        user: Name,
        /// The team of the key that created the response.
        team: Option<Name>,
    },
    /// Every key of a team: it was created by a key without a user.
    Team(Name),
    /// One key: it has neither user nor team.
    Key(KeyHash),
}

impl Owner {
    /// Whether the caller is the owner. Names are compared exactly, case included; one that the caller
    /// lacks differs from every one (`response-ids.md` §5).
    #[must_use]
    pub fn admits(&self, caller: &Caller) -> bool {
        let is_team = |team: &Name| caller.team.as_ref() == Some(team);
        match self {
            Self::User { user, team } => caller.user.as_ref() == Some(user) && team.as_ref().is_none_or(is_team),
            Self::Team(team) => is_team(team),
            Self::Key(hash) => caller.key.is_some_and(|key| key.ct_eq(hash)),
        }
    }
}

/// Who asks: somebody, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    user: Option<Name>,
    team: Option<Name>,
    key: Option<KeyHash>,
    owner: Owner,
    admin: bool,
}

impl Caller {
    /// `None` when nothing tells who asks, or a name is too long to be sealed: such a caller has no
    /// responses. An empty text is no name. `admin` is LiteLLM's `proxy_admin`, and nobody below it.
    #[must_use]
    pub fn new(user: Option<&str>, team: Option<&str>, key: Option<KeyHash>, admin: bool) -> Option<Self> {
        let (user, team) = (optional(user).ok()?, optional(team).ok()?);
        let owner = match (&user, &team, key) {
            (Some(user), team, _) => Owner::User { user: user.clone(), team: team.clone() },
            (None, Some(team), _) => Owner::Team(team.clone()),
            (None, None, Some(key)) => Owner::Key(key),
            (None, None, None) => return None,
        };
        Some(Self { user, team, key, owner, admin })
    }

    /// The caller of an authenticated request; `None` for nobody in particular.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<Self> {
        let team = identity.team().map(|team| team.id.as_str());
        let admin = identity.role() == Some(Role::ProxyAdmin);
        Self::new(identity.user_id(), team, identity.key().map(|key| key.hash), admin)
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> Option<&Name> {
        self.user.as_ref()
    }

    /// The team.
    #[must_use]
    pub fn team(&self) -> Option<&Name> {
        self.team.as_ref()
    }

    /// The hash of the key.
    #[must_use]
    pub fn key(&self) -> Option<KeyHash> {
        self.key
    }

    /// Whom the caller's new responses belong to.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether the caller has every right.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.admin
    }
}

/// A name is too long to be sealed.
struct TooLong;

/// The name, where there is one.
fn optional(text: Option<&str>) -> Result<Option<Name>, TooLong> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Name::parse(text).map(Some).ok_or(TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(user: &str, team: &str, key: &str) -> Caller {
        Caller::new(Some(user), Some(team), Some(KeyHash::of(key)), false).unwrap()
    }

    #[test]
    fn user_else_team_else_key_s205() {
        let owner = |user, team, key| caller(user, team, key).owner().clone();
        let name = |text| Name::parse(text).unwrap();
        assert_eq!(owner("u", "t", "k"), Owner::User { user: name("u"), team: Some(name("t")) });
        assert_eq!(owner("u", "", "k"), Owner::User { user: name("u"), team: None });
        assert_eq!(owner("", "t", "k"), Owner::Team(name("t")));
        assert_eq!(owner("", "", "k"), Owner::Key(KeyHash::of("k")));
        assert_eq!(Caller::new(Some(""), None, None, true), None, "nobody owns nothing, admin or not");
        assert_eq!(Caller::of(&Identity::Anonymous), None);
        let long = "x".repeat(Name::MAX + 1);
        assert_eq!(Caller::new(Some(&long), Some("t"), None, false), None, "not the team's instead");
        assert_eq!(Caller::new(Some("u"), Some(&long), None, false), None);
    }

    #[test]
    fn the_owner_is_admitted_and_nobody_else_s202() {
        let admits = |owner: &Caller, asking: &Caller| owner.owner().admits(asking);
        let alice = caller("alice", "t1", "k1");
        for (user, team, expected) in [
            ("alice", "t1", true),
            ("alice", "t2", false),
            ("alice", "", false),
            ("bob", "t1", false),
            ("", "t1", false),
        ] {
            assert_eq!(admits(&alice, &caller(user, team, "k1")), expected, "{user} of {team}");
        }
        let personal = caller("alice", "", "k1");
        assert!(admits(&personal, &caller("alice", "t9", "k2")), "no team was named, none is asked for");
        assert!(!admits(&personal, &caller("Alice", "", "k1")), "case counts");
        let service = caller("", "t1", "k1");
        assert!(admits(&service, &caller("bob", "t1", "k2")) && !admits(&service, &caller("bob", "t2", "k1")));
        let lone = caller("", "", "k1");
        assert!(admits(&lone, &caller("bob", "t1", "k1")) && !admits(&lone, &caller("", "", "k2")), "S-205");
    }
}
