//! How those are named who call without a key.

/// Somebody's place: who it is, and in which team and organisation. An absent part is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The user's id.
    pub user: Option<Box<str>>,
    /// The team's id.
    pub team: Option<Box<str>>,
    /// The organisation's id; else it is the team's.
    pub organization: Option<Box<str>>,
}

/// A name that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlsoKnownAs {
    /// What the identity provider calls a user (LiteLLM 5.2.2).
    SsoId(Box<str>),
    /// A user's e-mail address, in any case.
    Email(Box<str>),
    /// A team's name for people.
    TeamAlias(Box<str>),
    /// An organisation's name for people.
    OrganizationAlias(Box<str>),
}

/// Whose name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The id of the only one.
    One(Box<str>),
    /// More than one has it, so that it names nobody.
    Several,
}

/// What a token says, in place of which a virtual key counts (LiteLLM 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimValue {
    /// The name of the claim, as it is stored.
    pub name: Box<str>,
    /// Its value, as text.
    pub value: Box<str>,
}
