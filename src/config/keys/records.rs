//! Projects, members, access groups, agents, end users and tags of the key file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::money::{Row, Rows, Written, limits};
use super::people::TeamAndMore;
use super::{Compiler, model_list};
use crate::config::raw::{RawAccessGroup, RawAgent, RawEndUser, RawProject, RawTag, RawTeamMembership};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::limits::Limits;
use crate::core::model_list::ModelList;
use crate::core::record::{Agent, EndUser, Member, Project, Tag, User};

/// A project, and what its keys inherit from it.
pub(super) struct ProjectAndMore {
    pub(super) project: Arc<Project>,
    /// Its team.
    pub(super) team: Option<String>,
    pub(super) tags: Vec<String>,
}

/// Members by user and team.
pub(super) type Members = HashMap<(String, String), Arc<Member>>;

/// An access group.
pub(super) struct Group {
    models: Vec<String>,
    mcp_servers: Vec<String>,
    teams: Vec<String>,
    keys: Vec<KeyHash>,
}

/// What access groups grant.
pub(super) struct Granted {
    /// `None` when there are no models.
    pub(super) models: Option<ModelList>,
    pub(super) mcp_servers: BTreeSet<String>,
}

impl Compiler<'_> {
    pub(super) fn project(
        &mut self,
        place: &str,
        raw: &RawProject,
        teams: Option<&HashMap<String, Arc<TeamAndMore>>>,
        rows: &Rows,
    ) -> (String, ProjectAndMore) {
        let row = self.find(place, "budget_id", raw.budget_id.as_deref(), rows);
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        let project = Project {
            id: raw.project_id.clone(),
            alias: raw.project_alias.clone(),
            blocked: raw.blocked,
            models: model_list(&raw.models),
            budget: self.budget(place, &written, row.as_deref()),
            model_limits: self.model_limits(place, &raw.metadata),
        };
        if let Some(team) = &raw.team_id {
            self.find_if(place, "team_id", team, teams);
        }
        let tags = self.tags_of(place, &raw.metadata);
        let project = ProjectAndMore { project: Arc::new(project), team: raw.team_id.clone(), tags };
        (raw.project_id.clone(), project)
    }

    pub(super) fn members(
        &mut self,
        raw: &[RawTeamMembership],
        users: Option<&HashMap<String, Arc<User>>>,
        teams: Option<&HashMap<String, Arc<TeamAndMore>>>,
        rows: &Rows,
        defaults: &HashMap<String, Arc<Row>>,
    ) -> Members {
        let mut members = Members::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = format!("team_memberships[{index}]");
            self.find_if(&place, "user_id", &raw.user_id, users);
            self.find_if(&place, "team_id", &raw.team_id, teams);
            let row = self.find(&place, "budget_id", raw.budget_id.as_deref(), rows);
            let row = row.as_deref();
            let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
            let default = defaults.get(&raw.team_id).map(AsRef::as_ref);
            let mut budget = self.budget(&place, &written, row);
            if budget.max.is_none() {
                budget = with_default(budget, default);
            }
            // What the membership leaves open, the team's default says.
            let rows = [row, default].into_iter().flatten();
            let models = match raw.allowed_models.as_slice() {
                [] => rows.clone().map(|row| &row.allowed_models).find(|models| !models.is_unrestricted()).cloned(),
                models => Some(model_list(models)),
            };
            let limits = rows.map(|row| row.limits).reduce(Limits::or).unwrap_or_default();
            let member = Member { models: models.unwrap_or_default(), budget, limits };
            if members.insert((raw.user_id.clone(), raw.team_id.clone()), Arc::new(member)).is_some() {
                self.problem(place, "this member is listed twice; keep one");
            }
        }
        members
    }

    pub(super) fn group(&mut self, place: &str, raw: &RawAccessGroup) -> (String, Group) {
        let keys = raw
            .assigned_key_ids
            .iter()
            .enumerate()
            .filter_map(|(index, written)| self.key_hash(&format!("{place}.assigned_key_ids[{index}]"), written));
        let keys = keys.collect();
        let group = Group {
            models: raw.access_model_names.clone(),
            mcp_servers: raw.access_mcp_server_ids.clone(),
            teams: raw.assigned_team_ids.clone(),
            keys,
        };
        (raw.access_group_id.clone(), group)
    }

    /// What the groups grant that name this team or key in return (SEC-35).
    pub(super) fn groups(
        &mut self,
        place: &str,
        ids: &[String],
        groups: &HashMap<String, Arc<Group>>,
        team: Option<&str>,
        key: Option<&KeyHash>,
    ) -> Granted {
        let (mut names, mut mcp_servers) = (Vec::new(), BTreeSet::new());
        for (index, id) in ids.iter().enumerate() {
            let Some(group) = self.find(place, &format!("access_group_ids[{index}]"), Some(id), groups) else {
                continue;
            };
            let of_team = team.is_some_and(|team| group.teams.iter().any(|known| known == team));
            let of_key = key.is_some_and(|key| group.keys.contains(key));
            if of_team || of_key {
                names.extend(group.models.iter().cloned());
                mcp_servers.extend(group.mcp_servers.iter().cloned());
            }
        }
        Granted { models: (!names.is_empty()).then(|| model_list(&names)), mcp_servers }
    }

    pub(super) fn end_user(
        &mut self,
        place: &str,
        raw: &RawEndUser,
        rows: &Rows,
        default: Option<&Row>,
    ) -> (String, EndUser) {
        let row = self.find(place, "budget_id", raw.budget_id.as_deref(), rows);
        let row = row.as_deref();
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        let mut budget = self.budget(place, &written, row);
        if budget.max.is_none() {
            budget = with_default(budget, default);
        }
        let row = row.or(default);
        let models = row.map(|row| row.models.clone()).unwrap_or_default();
        let end_user = EndUser {
            blocked: raw.blocked,
            objects: self.restrictions(place, raw.object_permission.as_ref()),
            region: raw.allowed_model_region.clone(),
            budget,
            model_budgets: self.model_budgets(place, &models, &raw.model_spend),
            limits: row.map(|row| row.limits).unwrap_or_default(),
        };
        (raw.user_id.clone(), end_user)
    }

    pub(super) fn tag(&mut self, place: &str, raw: &RawTag, rows: &Rows) -> (String, Tag) {
        let row = self.find(place, "budget_id", raw.budget_id.as_deref(), rows);
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        (raw.tag_name.clone(), Tag { budget: self.budget(place, &written, row.as_deref()) })
    }

    pub(super) fn agent(&mut self, place: &str, raw: &RawAgent) -> (String, Agent) {
        let agent = Agent {
            id: raw.agent_id.clone(),
            needs_trace_id: raw.require_trace_id_on_calls_by_agent,
            objects: self.restrictions(place, raw.object_permission.as_ref()),
            limits: limits(raw.rpm_limit, raw.tpm_limit, None),
        };
        (raw.agent_id.clone(), agent)
    }

    /// `metadata.tags`: a list of texts, or nothing.
    pub(super) fn tags_of(&mut self, place: &str, metadata: &BTreeMap<String, Value>) -> Vec<String> {
        let tags = match metadata.get("tags") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(tags)) => tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        tags.unwrap_or_else(|| {
            self.problem(format!("{place}.metadata.tags"), "it must be a list of texts");
            Vec::new()
        })
    }
}

/// What holds for those without a limit of their own.
pub(super) fn with_default(budget: Budget, default: Option<&Row>) -> Budget {
    let Some(row) = default else {
        return budget;
    };
    Budget { max: row.max, resets_at: budget.resets_at.or(row.resets_at), ..budget }
}
