//! Keys from `keys.yaml`: compiled at load, immutable, replaced as a whole with the configuration.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::rows::Unreadable;
use super::{AlsoKnownAs, Answer, ClaimValue, Directory, Found, Resolved, Standing};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::record::permissions::{Names, mcp_servers};
use crate::core::record::{EndUser, KeyRecord, Member, Organization, Tag, Team, User};
use crate::core::route::pass_through::PassThroughGrants;

/// All keys of a file. An empty store knows nobody.
#[derive(Debug, Default)]
pub struct FileStore {
    keys: HashMap<KeyHash, Arc<KeyRecord>>,
    /// Customers that requests name, by their ids.
    pub end_users: HashMap<String, Arc<EndUser>>,
    /// What holds for every other one.
    pub unknown_end_user: Option<Arc<EndUser>>,
    /// Labels of requests.
    pub tags: HashMap<String, Arc<Tag>>,
    /// Ids and e-mail addresses of users, in lower case.
    pub people: HashSet<String>,
    /// What all requests together have spent.
    pub proxy: Option<Budget>,
    /// Who calls without a key.
    pub places: FilePlaces,
}

/// Those whom tokens name.
#[derive(Debug, Default)]
pub struct FilePlaces {
    /// Users by their ids.
    pub users: HashMap<String, Arc<User>>,
    /// Teams by their ids.
    pub teams: HashMap<String, Arc<FileTeam>>,
    /// Organisations by their ids.
    pub organizations: HashMap<String, Arc<Organization>>,
    /// Members by user and team.
    pub members: HashMap<(String, String), Arc<Member>>,
    /// Ids by other names.
    pub names: HashMap<AlsoKnownAs, Resolved>,
    /// Keys by what tokens claim; none, where the mapping is turned off.
    pub mapped_keys: HashMap<ClaimValue, Option<KeyHash>>,
}

/// A team, and what its keys inherit from it.
#[derive(Debug)]
pub struct FileTeam {
    /// The team.
    pub team: Arc<Team>,
    /// The organisation it belongs to.
    pub organization: Option<Arc<Organization>>,
    /// Pass-through endpoints it grants.
    pub pass_through: PassThroughGrants,
    /// MCP servers it grants, by itself and by its access groups.
    pub mcp_servers: Names,
    /// Roles of members.
    pub roles: HashMap<String, String>,
    /// Tags of every request.
    pub tags: Vec<String>,
    /// What holds for members the file does not list.
    pub unlisted_member: Option<Arc<Member>>,
}

impl FileTeam {
    /// Gives a key, or whoever is in its place, what it inherits. It has been told whose it is.
    pub fn bequeath(&self, key: &mut KeyRecord, user: Option<&str>, listed: Option<&Arc<Member>>) {
        key.member = listed.cloned().or_else(|| user.and(self.unlisted_member.clone()));
        key.terms_mut().member_role = user.and_then(|id| self.roles.get(id)).cloned();
        if key.terms.pass_through.is_empty() {
            key.terms_mut().pass_through = self.pass_through.clone();
        }
        key.terms_mut().tags.extend(self.tags.iter().cloned());
        key.team = Some(Arc::clone(&self.team));
    }
}

impl FilePlaces {
    fn standing(&self, who: &Standing) -> KeyRecord {
        // No key has the hash of the empty text.
        let mut record = KeyRecord::new(KeyHash::of(""));
        record.user = who.user.as_deref().and_then(|id| self.users.get(id)).cloned();
        record.organization = who.organization.as_deref().and_then(|id| self.organizations.get(id)).cloned();
        let team = who.team.as_deref().and_then(|id| self.teams.get(id));
        let nothing = Names::Only(BTreeSet::new());
        let of_team = team.map_or(&nothing, |team| &team.mcp_servers);
        let objects = &mut record.terms_mut().requests.objects;
        objects.mcp_servers = mcp_servers(&nothing, of_team, &BTreeSet::new());
        if let Some(team) = team {
            if who.organization.is_none() {
                record.organization.clone_from(&team.organization);
            }
            let user = record.user.as_ref().map(|user| user.id.clone());
            let listed = user.clone().and_then(|user| self.members.get(&(user, team.team.id.clone())));
            team.bequeath(&mut record, user.as_deref(), listed);
        }
        record
    }
}

impl FileStore {
    /// Takes records whose hashes are distinct.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = KeyRecord>) -> Self {
        let keys = records.into_iter().map(|record| (record.hash, Arc::new(record))).collect();
        Self { keys, ..Self::default() }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Keys whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        self.keys.values().filter(|key| key.is_called(text)).cloned().collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Directory for FileStore {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        Ok(found(self.keys.get(hash)))
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        Ok(found(self.end_users.get(id).or(self.unknown_end_user.as_ref())))
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        Ok(found(self.tags.get(name)))
    }

    async fn known(&self, id: &str) -> Answer<()> {
        let known = self.end_users.contains_key(id) || self.people.contains(&id.to_lowercase());
        Ok(known.then(|| Found::fresh(Arc::new(()))))
    }

    async fn proxy(&self) -> Answer<Budget> {
        Ok(self.proxy.map(|budget| Found::fresh(Arc::new(budget))))
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        Ok(Some(Found::fresh(Arc::new(self.places.standing(who)))))
    }

    async fn resolve(&self, name: &AlsoKnownAs) -> Answer<Resolved> {
        let folded = match name {
            AlsoKnownAs::Email(email) => &AlsoKnownAs::Email(email.to_lowercase().into()),
            AlsoKnownAs::SsoId(_) | AlsoKnownAs::TeamAlias(_) | AlsoKnownAs::OrganizationAlias(_) => name,
        };
        Ok(self.places.names.get(folded).cloned().map(Arc::new).map(Found::fresh))
    }

    async fn mapped_key(&self, claim: &ClaimValue) -> Answer<KeyHash> {
        let problem = "the mapping is not active";
        let off = Unreadable { table: "jwt_key_mappings", column: "is_active", problem };
        let Some(mapped) = self.places.mapped_keys.get(claim) else { return Ok(None) };
        Ok(Some(Found::fresh(Arc::new(mapped.ok_or(off)?))))
    }
}

fn found<T>(record: Option<&Arc<T>>) -> Option<Found<T>> {
    record.cloned().map(Found::fresh)
}
