//! What a token makes known that the store lacks. Nothing here writes: it is handed to a writer in the background.

use std::sync::Arc;

use super::KeyTemplate;
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
    },
    /// The role that the token gives (`sync_user_role_and_teams`). Never proxy administrator (W39).
    Role {
        /// The user.
        user: String,
        /// The role.
        role: Role,
    },
    /// All the user's teams.
    Teams {
        /// The user.
        user: String,
        /// Their ids.
        teams: Vec<String>,
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

impl Write {
    /// What it is about: while one is waiting, or was written a short time ago, another of the name is not needed.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::User { id, .. } => format!("user {id:?}"),
            Self::Team { id } => format!("team {id:?}"),
            Self::Join { user, team } => format!("join {user:?} {team:?}"),
            Self::Role { user, role } => format!("role {user:?} {}", role.as_str()),
            Self::Teams { user, teams } => format!("teams {user:?} {teams:?}"),
            Self::Register(registration) => format!("register {:?} {:?}", registration.name, registration.value),
        }
    }
}
