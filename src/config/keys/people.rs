//! Users, teams and organisations of the key file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::money::{Row, Rows, Written, limits};
use super::records::{Group, ProjectAndMore, with_default};
use super::{Compiler, aliases, model_list};
use crate::config::raw::{RawMembership, RawOrganization, RawTeam, RawUser};
use crate::core::budget::Budget;
use crate::core::record::permissions::Names;
use crate::core::record::{Member, Organization, Project, Role, Team, User};
use crate::core::route::pass_through::PassThroughGrants;
use crate::store::FileTeam;

/// A team, and what it says of its members.
pub(super) struct TeamAndMore {
    pub(super) team: Arc<FileTeam>,
    /// The budget of members without a limit of their own (LiteLLM COMMON-13).
    pub(super) member_row: Option<Arc<Row>>,
}

impl Compiler<'_> {
    pub(super) fn organization(&mut self, place: &str, raw: &RawOrganization, rows: &Rows) -> (String, Organization) {
        let row = self.find(place, "budget_id", raw.budget_id.as_deref(), rows);
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        let own = limits(raw.rpm_limit, raw.tpm_limit, raw.max_parallel_requests);
        let organization = Organization {
            id: raw.organization_id.clone(),
            alias: raw.organization_alias.clone(),
            models: model_list(&raw.models),
            objects: self.restrictions(place, raw.object_permission.as_ref()),
            budget: self.budget(place, &written, row.as_deref()),
            limits: own.or(row.map(|row| row.limits).unwrap_or_default()),
            model_limits: self.model_limits(place, &raw.metadata),
        };
        (raw.organization_id.clone(), organization)
    }

    pub(super) fn team(
        &mut self,
        place: &str,
        raw: &RawTeam,
        organizations: Option<&HashMap<String, Arc<Organization>>>,
        groups: &HashMap<String, Arc<Group>>,
        rows: &Rows,
    ) -> (String, TeamAndMore) {
        let id = raw.team_id.as_str();
        let organization =
            self.refer(place, "organization_id", raw.organization_id.as_deref(), organizations, bare_organization);
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        let granted = self.groups(place, &raw.access_group_ids, groups, Some(id), None);
        let mut requests = self.requests(place, &raw.metadata, raw.object_permission.as_ref());
        // They count together with the key's own (OBJ-1).
        let of_team = std::mem::take(&mut requests.objects.mcp_servers);
        let team = Team {
            id: id.to_owned(),
            alias: raw.team_alias.clone(),
            blocked: raw.blocked,
            is_label: false,
            models: model_list(&raw.models),
            requests,
            group_models: granted.models,
            aliases: aliases(&raw.model_aliases),
            budget: self.budget(place, &written, None),
            windows: self.windows(place, &raw.budget_limits),
            limits: limits(raw.rpm_limit, raw.tpm_limit, raw.max_parallel_requests),
            model_limits: self.model_limits(place, &raw.metadata),
        };
        let row = self.member_row(place, &raw.metadata, rows);
        let unlisted = row.as_deref().map(|row| {
            let budget = with_default(Budget::default(), Some(row));
            Arc::new(Member { models: row.allowed_models.clone(), budget, limits: row.limits })
        });
        let team = FileTeam {
            team: Arc::new(team),
            organization,
            pass_through: self.pass_through(place, &raw.metadata),
            mcp_servers: of_team.or(&Names::Only(granted.mcp_servers)),
            roles: raw.members_with_roles.iter().map(|member| (member.user_id.clone(), member.role.clone())).collect(),
            tags: self.tags_of(place, &raw.metadata),
            unlisted_member: unlisted,
        };
        (id.to_owned(), TeamAndMore { team: Arc::new(team), member_row: row })
    }

    /// `metadata.team_member_budget_id`.
    fn member_row(&mut self, place: &str, metadata: &BTreeMap<String, Value>, rows: &Rows) -> Option<Arc<Row>> {
        let field = "metadata.team_member_budget_id";
        match metadata.get("team_member_budget_id")? {
            Value::Null => None,
            Value::String(id) => self.find(place, field, Some(id), rows),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.problem(format!("{place}.{field}"), "it must be a text");
                None
            }
        }
    }

    pub(super) fn user(&mut self, place: &str, raw: &RawUser) -> (String, User) {
        let role = self.role(place, raw.user_role.as_deref());
        let memberships = raw.organization_memberships.iter().enumerate().map(|(index, membership)| {
            let RawMembership { organization_id, user_role } = membership;
            let place = format!("{place}.organization_memberships[{index}]");
            self.check_id(&format!("{place}.organization_id"), Some(organization_id));
            (organization_id.clone(), self.role(&place, user_role.as_deref()))
        });
        let memberships = memberships.collect();
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        let user = User {
            id: raw.user_id.clone(),
            email: raw.user_email.clone(),
            role,
            memberships,
            models: model_list(&raw.models),
            active: User::is_active(raw.metadata.get("scim_active")),
            budget: self.budget(place, &written, None),
            limits: limits(raw.rpm_limit, raw.tpm_limit, raw.max_parallel_requests),
            only_team: only_team(&raw.teams),
        };
        (raw.user_id.clone(), user)
    }

    fn role(&mut self, place: &str, written: Option<&str>) -> Option<Role> {
        let role = written.and_then(Role::parse);
        if written.is_some() && role.is_none() {
            let known: Vec<_> = Role::ALL.into_iter().map(Role::as_str).collect();
            self.problem(format!("{place}.user_role"), format!("it must be one of `{}`", known.join("`, `")));
        }
        role
    }
}

fn only_team(teams: &[String]) -> Option<Box<str>> {
    if let [team] = teams { Some(team.as_str().into()) } else { None }
}

pub(super) fn bare_team(id: &str) -> TeamAndMore {
    let team = Team { id: id.to_owned(), is_label: true, ..Team::default() };
    let team = FileTeam {
        team: Arc::new(team),
        organization: None,
        pass_through: PassThroughGrants::default(),
        mcp_servers: Names::Only(BTreeSet::new()),
        roles: HashMap::new(),
        tags: Vec::new(),
        unlisted_member: None,
    };
    TeamAndMore { team: Arc::new(team), member_row: None }
}

pub(super) fn bare_organization(id: &str) -> Organization {
    Organization { id: id.to_owned(), ..Organization::default() }
}

pub(super) fn bare_project(id: &str) -> ProjectAndMore {
    let project = Project { id: id.to_owned(), ..Project::default() };
    ProjectAndMore { project: Arc::new(project), team: None, tags: Vec::new() }
}
