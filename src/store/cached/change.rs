//! What changed in the store, and which records that makes old.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::{Cached, Directory, Standing};
use crate::core::credential::KeyHash;
use crate::core::record::KeyRecord;

/// Something changed in the store, was added or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// A key.
    Key(KeyHash),
    /// A person, or the person's role somewhere.
    User(String),
    /// A team, or what it says of a member.
    Team(String),
    /// An organisation.
    Organization(String),
    /// A project.
    Project(String),
    /// An agent.
    Agent(String),
    /// An end user.
    EndUser(String),
    /// A tag.
    Tag(String),
    /// Which key a claim stands for.
    Mapping,
    /// Nobody knows what, or something that many records were made from.
    Anything,
}

/// Changes that are looked for together.
#[derive(Debug, Default)]
struct Changes<'a> {
    keys: HashSet<KeyHash>,
    users: HashSet<&'a str>,
    teams: HashSet<&'a str>,
    organizations: HashSet<&'a str>,
    projects: HashSet<&'a str>,
    agents: HashSet<&'a str>,
}

impl Changes<'_> {
    /// Whether a record was made from something that changed.
    fn touch(&self, key: &KeyRecord) -> bool {
        let is = |ids: &HashSet<&str>, id: Option<&String>| id.is_some_and(|id| ids.contains(id.as_str()));
        self.keys.contains(&key.hash)
            || is(&self.users, key.user.as_ref().map(|user| &user.id))
            || is(&self.teams, key.team.as_ref().map(|team| &team.id))
            || is(&self.organizations, key.organization.as_ref().map(|organization| &organization.id))
            || is(&self.projects, key.project.as_ref().map(|project| &project.id))
            || is(&self.agents, key.agent.as_ref().map(|agent| &agent.id))
    }

    /// Whether a part of a standing changed, which may not have been there before.
    fn name(&self, who: &Standing) -> bool {
        let is = |ids: &HashSet<&str>, id: &Option<Box<str>>| id.as_deref().is_some_and(|id| ids.contains(id));
        is(&self.users, &who.user) || is(&self.teams, &who.team) || is(&self.organizations, &who.organization)
    }

    fn is_about_keys_alone(&self) -> bool {
        [&self.users, &self.teams, &self.organizations, &self.projects, &self.agents].iter().all(|ids| ids.is_empty())
    }
}

impl<D: Directory + Send + Sync + 'static> Cached<D> {
    /// Forgets what changes made old. A change of many records makes them doubtful instead: they are asked for
    /// again before they are used, and stand in if nobody answers.
    pub fn apply(&self, all: &[Change]) {
        let inner = &self.0;
        inner.stats.changes.fetch_add(all.len() as u64, Ordering::Relaxed);
        let mut changes = Changes::default();
        for change in all {
            match change {
                Change::Key(hash) => {
                    inner.keys.forget(hash);
                    changes.keys.insert(*hash);
                }
                Change::User(id) => drop(changes.users.insert(id)),
                Change::Team(id) => drop(changes.teams.insert(id)),
                Change::Organization(id) => drop(changes.organizations.insert(id)),
                Change::Project(id) => drop(changes.projects.insert(id)),
                Change::Agent(id) => drop(changes.agents.insert(id)),
                Change::EndUser(id) => inner.end_users.forget(&id.as_str().into()),
                Change::Tag(name) => inner.tags.forget(&name.as_str().into()),
                Change::Mapping => inner.mappings.doubt(),
                Change::Anything => self.doubt(),
            }
        }
        if all.iter().any(|change| matches!(change, Change::User(_) | Change::EndUser(_))) {
            inner.people.doubt();
        }
        let named = |change: &Change| matches!(change, Change::User(_) | Change::Team(_) | Change::Organization(_));
        if all.iter().any(named) {
            inner.names.doubt();
            inner.standings.forget_where(|who, record| changes.touch(record) || changes.name(who));
        }
        // A replaced key is known under its old hash too (S-087); no other way leads from one to the other.
        let graced = inner.graced.load(Ordering::Acquire) && !changes.keys.is_empty();
        if graced || !changes.is_about_keys_alone() {
            inner.keys.forget_where(|_, key| changes.touch(key));
        }
    }

    /// Whether the store tells of changes from now on. What it may have failed to tell is asked for again.
    pub fn watched(&self, watched: bool) {
        self.0.keys.watched(watched);
        self.0.end_users.watched(watched);
        self.0.tags.watched(watched);
        self.0.people.watched(watched);
        self.0.proxy.watched(watched);
        self.0.standings.watched(watched);
        self.0.names.watched(watched);
        self.0.mappings.watched(watched);
        self.0.stats.watched.store(u64::from(watched), Ordering::Relaxed);
        if watched {
            self.doubt();
        }
    }

    /// Asks for everything again before it is used again: nobody knows what changed.
    pub fn doubt(&self) {
        self.0.keys.doubt();
        self.0.end_users.doubt();
        self.0.tags.doubt();
        self.0.people.doubt();
        self.0.proxy.doubt();
        self.0.standings.doubt();
        self.0.names.doubt();
        self.0.mappings.doubt();
    }
}
