//! LiteLLM's rows become records. Pure, and the same for every database: what cannot be read in a column
//! that a decision depends on is an error, and whoever needs the record is refused.

mod columns;
mod document;
mod money;
mod named;
mod people;
mod pool;
mod requests;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Standing;
use super::sql::tables::{
    ACCESS_GROUP, AGENT, BUDGET, KEY, MEMBERSHIP, MODEL, OBJECT_PERMISSION, ORGANIZATION, ORGANIZATION_MEMBERSHIP,
    PROJECT, TEAM, USER,
};
use crate::core::credential::KeyHash;
use crate::core::model_list::ModelList;
use crate::core::record::permissions::{Names, mcp_servers};
use crate::core::record::{Agent, KeyRecord, Member, Organization, Permissions, Project, Team, Terms, User};
use crate::core::route::grant::RouteGrants;
use crate::core::route::groups::GroupNames;
use columns::Columns;
use document::{Document, Ids, Row, dangling, grace, one, parse, parse_all, related};
use money::Window;
use people::{DANGLING, OfTeam, TeamRows};
use pool::{Pool, Recent};

pub use columns::Unreadable;

/// What rows mean in a configuration, and the records that many keys share.
#[derive(Debug, Default)]
pub struct Reader {
    meaning: Meaning,
    teams: Pool<Team>,
    users: Pool<User>,
    members: Pool<Member>,
    organizations: Pool<Organization>,
    projects: Pool<Project>,
    agents: Pool<Agent>,
    terms: Pool<Terms>,
    models: Recent<ModelList>,
}

/// What a configuration says about rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Groups that `allowed_routes` can name.
    pub groups: GroupNames,
    /// Keys whose owner or team has no row are let in, without what the row would restrict (SEC-6).
    pub allow_orphan_keys: bool,
}

/// A key, and what has to be summed up before it can be believed.
#[derive(Debug)]
pub struct Key {
    /// The record, its windows not spent yet.
    pub record: KeyRecord,
    /// When each window of the key began.
    pub windows: Vec<Timestamp>,
    /// When each window of its team began.
    pub team_windows: Vec<Timestamp>,
}

/// A project, and the tags its keys inherit from it.
type OfProject = (Arc<Project>, Vec<String>);

impl Reader {
    /// A reader for a configuration.
    #[must_use]
    pub fn new(meaning: Meaning) -> Self {
        Self { meaning, ..Self::default() }
    }

    /// The key of a document. `None` when its grace period is over (LiteLLM LOOK-10). `now` judges that, and
    /// where windows without an end begin.
    ///
    /// # Errors
    /// A column that cannot be believed, or a reference to a row that is missing.
    pub fn key(&self, document: &str, now: Timestamp) -> Result<Option<Key>, Unreadable> {
        let rows: Document<'_> = serde_json::from_str(document).map_err(|_| Unreadable {
            table: KEY.name,
            column: "*",
            problem: "the answer is no document",
        })?;
        let grace = grace(&rows)?;
        if grace.is_some_and(|until| until <= now) {
            return Ok(None);
        }
        let row = parse(&KEY, rows.key)?.ok_or(Unreadable { table: KEY.name, column: "token", problem: DANGLING })?;
        let hash = row.text("token")?.and_then(KeyHash::from_hex);
        let hash = hash.ok_or_else(|| row.error("token", "it must be 64 lower-case hexadecimal digits"))?;
        let mut record = KeyRecord::new(hash);
        self.own(&row, &rows, &mut record)?;
        if let Some(until) = grace {
            record.expires = Some(record.expires.map_or(until, |expires| expires.min(until)));
        }
        let windows = money::windows(&row, now)?;
        record.windows = windows.iter().map(|window| window.budget).collect();
        let team_windows = self.owners(&Ids::of(&row)?, &rows, now, &mut record)?;
        self.of_key(&row, &rows, &mut record)?;
        self.terms.alike(&mut record.terms);
        Ok(Some(Key { record, windows: since(&windows), team_windows }))
    }

    /// The record of somebody without a key. A part that has no row is absent, whatever `allow_orphan_keys`
    /// says: whoever asks has to judge that.
    ///
    /// # Errors
    /// A column that cannot be believed, or a reference to a row that is missing.
    pub fn standing(&self, who: &Standing, document: &str, now: Timestamp) -> Result<Key, Unreadable> {
        let rows: Document<'_> = serde_json::from_str(document).map_err(|_| Unreadable {
            table: USER.name,
            column: "*",
            problem: "the answer is no document",
        })?;
        // No key has the hash of the empty text.
        let mut record = KeyRecord::new(KeyHash::of(""));
        record.terms_mut().requests.objects.mcp_servers = Names::Only(BTreeSet::new());
        let there = |id: &'_ Option<Box<str>>, row: Row<'_>| id.clone().filter(|_| row.is_some());
        let (user, team) = (there(&who.user, rows.user), there(&who.team, rows.team));
        let organization = there(&who.organization, rows.organization);
        let ids = Ids {
            user: user.as_deref(),
            team: team.as_deref(),
            organization: organization.as_deref(),
            // One that was named and is not there is not its team's.
            of_team: who.organization.is_none(),
        };
        let team_windows = self.owners(&ids, &rows, now, &mut record)?;
        self.terms.alike(&mut record.terms);
        Ok(Key { record, windows: Vec::new(), team_windows })
    }

    /// What the key's own row says.
    fn own(&self, row: &Columns, rows: &Document<'_>, key: &mut KeyRecord) -> Result<(), Unreadable> {
        let metadata = row.metadata()?;
        key.alias = row.text("key_alias")?.map(Into::into);
        key.blocked = row.is_true("blocked")?;
        key.expires = row.time("expires")?;
        // NULL is not read as "all models" (DB-9).
        let models = row.texts("models")?.ok_or_else(|| row.error("models", "it must not be NULL"))?;
        key.terms_mut().models = self.models.get(&models, || ModelList::compile(models.iter().copied()));
        let routes = row.texts("allowed_routes")?.unwrap_or_default();
        key.terms_mut().allowed_routes = RouteGrants::compile(routes, &self.meaning.groups)
            .map_err(|_| row.error("allowed_routes", "an entry is no route, no group, or no restriction"))?;
        let spend_routes = row.object("permissions")?.and_then(|permissions| permissions.get("get_spend_routes"));
        key.terms_mut().permissions =
            Permissions { get_spend_routes: spend_routes.and_then(serde_json::Value::as_bool) };
        let objects = parse(&OBJECT_PERMISSION, rows.key_objects)?;
        key.terms_mut().requests = requests::requests(row, metadata, objects.as_ref())?;
        key.terms_mut().pass_through = people::pass_through(metadata)?;
        key.terms_mut().tags = people::owned(metadata.texts("tags", "metadata.tags")?);
        key.terms_mut().aliases = people::aliases(row)?;
        let budget = people::referred(row, "budget_id", parse(&BUDGET, rows.key_budget)?.as_ref())?;
        let budget = budget.as_ref();
        key.budget = money::budget(row, budget)?;
        key.budget.increase = money::increase(metadata);
        key.terms_mut().limits = money::limits(row)?.or(budget.map(|row| row.limits).unwrap_or_default());
        let own = money::models(row)?;
        let models = if own.is_empty() { budget.map(|row| row.models.as_slice()).unwrap_or_default() } else { &own };
        let error = row.error("model_spend", columns::NO_AMOUNT);
        key.model_budgets = money::model_budgets(models, row.object("model_spend")?, error)?;
        key.terms_mut().model_limits = money::metadata_limits(metadata)?;
        if key.terms.model_limits.is_empty() {
            key.terms_mut().model_limits = money::limits_of(models);
        }
        Ok(())
    }

    /// The agent and the project the key belongs to.
    fn of_key(&self, row: &Columns, rows: &Document<'_>, key: &mut KeyRecord) -> Result<(), Unreadable> {
        let made_of = [rows.agent, rows.agent_objects];
        key.agent = related(row.id("agent_id")?, &made_of, &self.agents, row.error("agent_id", DANGLING), || {
            people::agent(&one(&AGENT, rows.agent)?, parse(&OBJECT_PERMISSION, rows.agent_objects)?.as_ref())
        })?;
        if let Some((project, tags)) = self.project(row, rows)? {
            key.terms_mut().tags.extend(tags);
            key.project = Some(project);
        }
        Ok(())
    }

    /// Whose the key is, and what it inherits from them. Returns when the windows of its team began.
    fn owners(
        &self,
        ids: &Ids<'_>,
        rows: &Document<'_>,
        now: Timestamp,
        key: &mut KeyRecord,
    ) -> Result<Vec<Timestamp>, Unreadable> {
        key.user = self.user(ids, rows)?;
        let team = self.team(ids, rows, now)?;
        let of_team = team.as_ref().map(|(_, of_team)| of_team);
        let made_of = [rows.organization, rows.organization_budget, rows.organization_objects];
        let of_its_team = of_team.filter(|_| ids.of_team).and_then(|team| team.organization_id.as_deref());
        let id = ids.organization.or(of_its_team);
        key.organization = related(id, &made_of, &self.organizations, dangling("organization_id"), || {
            let budget = parse(&BUDGET, rows.organization_budget)?;
            let objects = parse(&OBJECT_PERMISSION, rows.organization_objects)?;
            people::organization(&one(&ORGANIZATION, rows.organization)?, budget.as_ref(), objects.as_ref())
        })?;
        self.with_team(ids, rows, of_team, key)?;
        let mut windows = Vec::new();
        if let Some((team, of_team)) = team {
            if key.terms.pass_through.is_empty() {
                key.terms_mut().pass_through = of_team.pass_through;
            }
            key.terms_mut().tags.extend(of_team.tags);
            windows = since(&of_team.windows);
            key.team = Some(team);
        }
        Ok(windows)
    }

    /// What depends on the key and its team alike.
    fn with_team(
        &self,
        ids: &Ids<'_>,
        rows: &Document<'_>,
        team: Option<&OfTeam>,
        key: &mut KeyRecord,
    ) -> Result<(), Unreadable> {
        let groups = rows.key_groups.map(|groups| parse_all(&ACCESS_GROUP, groups)).transpose()?.unwrap_or_default();
        let granted = requests::groups(&groups, ids.team, Some(&key.hash))?;
        key.terms_mut().group_models = granted.models;
        let nothing = Names::Only(BTreeSet::new());
        let of_team = team.map_or(&nothing, |team| &team.mcp_servers);
        let objects = &mut key.terms_mut().requests.objects;
        objects.mcp_servers = mcp_servers(&objects.mcp_servers, of_team, &granted.mcp_servers);
        if let Some(team) = team {
            key.member = self.member(ids, rows, team)?;
            key.terms_mut().member_role.clone_from(&rows.member_role);
        }
        Ok(())
    }

    fn project(&self, row: &Columns, rows: &Document<'_>) -> Result<Option<OfProject>, Unreadable> {
        if row.id("project_id")?.is_none() {
            return Ok(None);
        }
        let own = parse(&PROJECT, rows.project)?.ok_or_else(|| row.error("project_id", DANGLING))?;
        let (project, tags) = people::project(&own, parse(&BUDGET, rows.project_budget)?.as_ref())?;
        let made_of = [rows.project, rows.project_budget].map(|row| row.map(RawValue::get));
        Ok(Some((self.projects.share(&made_of, project), tags)))
    }

    fn user(&self, ids: &Ids<'_>, rows: &Document<'_>) -> Result<Option<Arc<User>>, Unreadable> {
        if let (Some(id), None, true) = (ids.user, rows.user, self.meaning.allow_orphan_keys) {
            return Ok(Some(Arc::new(User::new(id))));
        }
        let made_of = [rows.user, Some(rows.user_roles)];
        related(ids.user, &made_of, &self.users, dangling("user_id"), || {
            people::user(&one(&USER, rows.user)?, &parse_all(&ORGANIZATION_MEMBERSHIP, rows.user_roles)?)
        })
    }

    fn team(
        &self,
        ids: &Ids<'_>,
        rows: &Document<'_>,
        now: Timestamp,
    ) -> Result<Option<(Arc<Team>, OfTeam)>, Unreadable> {
        let Some(id) = ids.team else {
            return Ok(None);
        };
        if rows.team.is_none() {
            let bare = Team { id: id.to_owned(), is_label: true, ..Team::default() };
            let orphan = self.meaning.allow_orphan_keys.then(|| (Arc::new(bare), OfTeam::nothing()));
            return orphan.map(Some).ok_or(dangling("team_id"));
        }
        let parts = TeamRows {
            team: one(&TEAM, rows.team)?,
            aliases: parse(&MODEL, rows.team_aliases)?,
            objects: parse(&OBJECT_PERMISSION, rows.team_objects)?,
            groups: parse_all(&ACCESS_GROUP, rows.team_groups)?,
            member_default: parse(&BUDGET, rows.team_default)?,
        };
        let (team, of_team) = parts.read(now)?;
        let made_of = [rows.team, rows.team_aliases, rows.team_objects, Some(rows.team_groups), rows.team_default];
        Ok(Some((self.teams.share(&made_of.map(|row| row.map(RawValue::get)), team), of_team)))
    }

    /// What the team says of the key's owner; else what it says of every member (LiteLLM COMMON-13).
    fn member(&self, ids: &Ids<'_>, rows: &Document<'_>, team: &OfTeam) -> Result<Option<Arc<Member>>, Unreadable> {
        let nothing_said = rows.member.is_none() && team.member_row.is_none();
        if nothing_said || ids.user.is_none() {
            return Ok(None);
        }
        let made_of = [rows.member, rows.member_budget, rows.team_default].map(|row| row.map(RawValue::get));
        let member = self.members.get(&made_of, || {
            let member = parse(&MEMBERSHIP, rows.member)?;
            people::member(member.as_ref(), parse(&BUDGET, rows.member_budget)?.as_ref(), team.member_row.as_ref())
        })?;
        Ok(Some(member))
    }
}

fn since(windows: &[Window]) -> Vec<Timestamp> {
    windows.iter().map(|window| window.since).collect()
}

#[cfg(test)]
mod tests;
