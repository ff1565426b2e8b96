//! What a token makes known that the store lacks. Nothing here writes: it is handed to a writer in the background.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::KeyTemplate;
use crate::core::jwt::moment::Seconds;
use crate::core::record::Role;

/// One thing to write.
#[derive(Debug, Clone)]
pub enum Write {
    /// A user without a row (`user_id_upsert`).
    User {
        /// Its id.
        id: String,
        /// Its e-mail address.
        email: Option<String>,
    },
    /// A team without a row (`team_id_upsert`).
    Team {
        /// Its id.
        id: String,
    },
    /// A user who acts for a team without being a member (`upsert_sso_user_to_team`).
    Join {
        /// The user.
        user: String,
        /// The team.
        team: String,
        /// When the token was issued.
        issued: Option<Seconds>,
    },
    /// The role that the token gives (`sync_user_role_and_teams`). Never proxy administrator (W39).
    Role {
        /// The user.
        user: String,
        /// The role.
        role: Role,
        /// When the token was issued.
        issued: Option<Seconds>,
        /// Whether the row had that role when it was last looked at.
        is_there: bool,
    },
    /// All the user's teams.
    Teams {
        /// The user.
        user: String,
        /// Their ids.
        teams: Vec<String>,
        /// When the token was issued.
        issued: Option<Seconds>,
    },
    /// A virtual key for a client (`auto_register`).
    Register(Box<Registration>),
}

/// A key that will stand for a client's tokens.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The name of the claim, as it is stored.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whose key it is, where the claim is the user's id. Of other claims, and of team and organisation, each token says
    /// its own.
    pub user: Option<String>,
    /// What it may do.
    pub template: Arc<KeyTemplate>,
}

/// Something that tokens say about one name, and not always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// SHA-256 of what is said: teams may be long, and many statements are remembered.
    pub value: [u8; 32],
    /// When the token was issued. Without, it is older than any that says.
    pub issued: Option<Seconds>,
}

impl Write {
    /// What it is about: while one is waiting, or was written a short time ago, another of the name is not needed,
    /// unless it states something else.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::User { id, .. } => format!("user {id:?}"),
            Self::Team { id } => format!("team {id:?}"),
            Self::Join { user, team, .. } => format!("join {user:?} {team:?}"),
            Self::Role { user, .. } => format!("role {user:?}"),
            Self::Teams { user, .. } => name_of_teams(user),
            Self::Register(registration) => format!("register {:?} {:?}", registration.name, registration.value),
        }
    }

    /// What it states, if tokens can state something else about the name.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        match self {
            Self::Role { role, issued, .. } => {
                Some(Statement { value: Sha256::digest(role.as_str()).into(), issued: *issued })
            }
            Self::Teams { teams, issued, .. } => {
                let mut teams: Vec<_> = teams.iter().collect();
                teams.sort_unstable();
                Some(Statement { value: Sha256::digest(format!("{teams:?}")).into(), issued: *issued })
            }
            Self::User { .. } | Self::Team { .. } | Self::Join { .. } | Self::Register(_) => None,
        }
    }

    /// The name of what it must not be older than, and when its token was issued: who has left a team by a later
    /// token does not enter it again.
    #[must_use]
    pub fn follows(&self) -> Option<(String, Option<Seconds>)> {
        match self {
            Self::Join { user, issued, .. } => Some((name_of_teams(user), *issued)),
            Self::User { .. } | Self::Team { .. } | Self::Role { .. } | Self::Teams { .. } | Self::Register(_) => None,
        }
    }

    /// Whether the store had it already. What is queued may still change that.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self, Self::Role { is_there: true, .. })
    }
}

fn name_of_teams(user: &str) -> String {
    format!("teams {user:?}")
}
