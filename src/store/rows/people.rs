//! Users, teams, organisations, projects, members and agents of rows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::columns::{Columns, Members, Unreadable};
use super::money::{self, BudgetRow, Window};
use super::requests::{groups, requests, restrictions};
use crate::core::budget::Budget;
use crate::core::limits::Limits;
use crate::core::model_list::ModelList;
use crate::core::record::permissions::Names;
use crate::core::record::{Agent, Aliases, Member, Organization, Project, Role, Team, User};
use crate::core::route::pass_through::PassThroughGrants;

/// What a team's keys inherit from it.
#[derive(Debug)]
pub(super) struct OfTeam {
    pub(super) organization_id: Option<String>,
    pub(super) windows: Vec<Window>,
    pub(super) pass_through: PassThroughGrants,
    pub(super) tags: Vec<String>,
    /// MCP servers it grants, by itself and by its access groups.
    pub(super) mcp_servers: Names,
    /// The budget of members without a limit of their own (LiteLLM COMMON-13).
    pub(super) member_row: Option<BudgetRow>,
}

impl OfTeam {
    /// What a team has to give of which nothing but the id is known.
    pub(super) fn nothing() -> Self {
        Self {
            organization_id: None,
            windows: Vec::new(),
            pass_through: PassThroughGrants::default(),
            tags: Vec::new(),
            mcp_servers: Names::Only(BTreeSet::new()),
            member_row: None,
        }
    }
}

/// The rows a team is made of.
pub(super) struct TeamRows {
    pub(super) team: Columns,
    pub(super) aliases: Option<Columns>,
    pub(super) objects: Option<Columns>,
    pub(super) groups: Vec<Columns>,
    pub(super) member_default: Option<Columns>,
}

impl TeamRows {
    pub(super) fn read(&self, now: Timestamp) -> Result<(Team, OfTeam), Unreadable> {
        let (row, id) = (&self.team, self.team.own_id("team_id")?);
        let metadata = row.metadata()?;
        if row.count("model_id")?.is_some() && self.aliases.is_none() {
            return Err(row.error("model_id", DANGLING));
        }
        if metadata.get("team_member_budget_id").is_some() && self.member_default.is_none() {
            return Err(row.error("metadata.team_member_budget_id", DANGLING));
        }
        let windows = money::windows(row, now)?;
        let granted = groups(&self.groups, Some(id), None)?;
        let mut requests = requests(row, metadata, self.objects.as_ref())?;
        // They count together with the key's own (OBJ-1).
        let of_team = std::mem::take(&mut requests.objects.mcp_servers);
        let team = Team {
            is_label: false,
            id: id.to_owned(),
            alias: row.text("team_alias")?.map(str::to_owned),
            blocked: row.is_true("blocked")?,
            // NULL is LiteLLM's way to say that the team is not restricted (DB-4).
            models: ModelList::compile(row.texts("models")?.unwrap_or_default()),
            requests,
            group_models: granted.models,
            aliases: self.aliases.as_ref().map(aliases).transpose()?.unwrap_or_default(),
            budget: money::budget(row, None)?,
            windows: windows.iter().map(|window| window.budget).collect(),
            limits: money::limits(row)?,
            model_limits: money::metadata_limits(metadata)?,
        };
        let of_team = OfTeam {
            organization_id: row.id("organization_id")?.map(str::to_owned),
            windows,
            pass_through: pass_through(metadata)?,
            tags: owned(metadata.texts("tags", "metadata.tags")?),
            mcp_servers: of_team.or(&Names::Only(granted.mcp_servers)),
            member_row: self.member_default.as_ref().map(BudgetRow::read).transpose()?,
        };
        Ok((team, of_team))
    }
}

/// What is wrong with a reference to a row that is not there: it would lift what the row restricts (SEC-6).
pub(super) const DANGLING: &str = "the row it refers to is missing";

pub(super) fn user(row: &Columns, roles: &[Columns]) -> Result<User, Unreadable> {
    let roles = roles.iter().map(|row| Ok((row.own_id("organization_id")?.to_owned(), role(row)?)));
    Ok(User {
        id: row.own_id("user_id")?.to_owned(),
        email: row.text("user_email")?.map(str::to_owned),
        role: role(row)?,
        memberships: roles.collect::<Result<_, _>>()?,
        models: ModelList::compile(row.texts("models")?.unwrap_or_default()),
        active: User::is_active(row.metadata()?.raw("scim_active")),
        budget: money::budget(row, None)?,
        limits: money::limits(row)?,
        only_team: only(&row.texts("teams")?.unwrap_or_default()),
    })
}

fn only(teams: &[&str]) -> Option<Box<str>> {
    if let [team] = teams { Some((*team).into()) } else { None }
}

/// A text that is no role gives none (LiteLLM ID-3, and W13 for what LiteLLM makes of it).
fn role(row: &Columns) -> Result<Option<Role>, Unreadable> {
    Ok(row.text("user_role")?.and_then(Role::parse))
}

/// What a team says of a member: its own row, else what holds for all (LiteLLM COMMON-13).
pub(super) fn member(
    row: Option<&Columns>,
    budget: Option<&Columns>,
    default: Option<&BudgetRow>,
) -> Result<Member, Unreadable> {
    let Some(row) = row else {
        let budget = money::or_budget(Budget::default(), default);
        let models = default.map(|row| row.allowed_models.clone()).unwrap_or_default();
        return Ok(Member { models, budget, limits: default.map(|row| row.limits).unwrap_or_default() });
    };
    let budget = referred(row, "budget_id", budget)?;
    // What the membership leaves open, the team's default says.
    let rows = || [budget.as_ref(), default].into_iter().flatten();
    let models = rows().map(|row| &row.allowed_models).find(|models| !models.is_unrestricted()).cloned();
    Ok(Member {
        models: models.unwrap_or_default(),
        budget: money::or_budget(money::or_budget(money::spent(row)?, budget.as_ref()), default),
        limits: rows().map(|row| row.limits).reduce(Limits::or).unwrap_or_default(),
    })
}

pub(super) fn organization(
    row: &Columns,
    budget: Option<&Columns>,
    objects: Option<&Columns>,
) -> Result<Organization, Unreadable> {
    let budget = referred(row, "budget_id", budget)?;
    Ok(Organization {
        id: row.own_id("organization_id")?.to_owned(),
        alias: row.text("organization_alias")?.map(str::to_owned),
        models: ModelList::compile(row.texts("models")?.unwrap_or_default()),
        objects: restrictions(row, objects)?,
        budget: money::or_budget(money::spent(row)?, budget.as_ref()),
        limits: budget.map(|row| row.limits).unwrap_or_default(),
        model_limits: money::metadata_limits(row.metadata()?)?,
    })
}

/// A project, and the tags its keys inherit from it.
pub(super) fn project(row: &Columns, budget: Option<&Columns>) -> Result<(Project, Vec<String>), Unreadable> {
    let budget = referred(row, "budget_id", budget)?;
    let metadata = row.metadata()?;
    let columns = (row.object("model_rpm_limit")?, row.object("model_tpm_limit")?);
    let error = row.error("model_rpm_limit", "it must hold whole numbers");
    let mut model_limits = money::metadata_limits(metadata)?;
    model_limits.extend(money::model_limits(columns.0, columns.1, error)?);
    let project = Project {
        id: row.own_id("project_id")?.to_owned(),
        alias: row.text("project_alias")?.map(str::to_owned),
        blocked: row.is_true("blocked")?,
        models: ModelList::compile(row.texts("models")?.unwrap_or_default()),
        budget: money::or_budget(money::spent(row)?, budget.as_ref()),
        model_limits,
    };
    Ok((project, owned(metadata.texts("tags", "metadata.tags")?)))
}

pub(super) fn agent(row: &Columns, objects: Option<&Columns>) -> Result<Agent, Unreadable> {
    const COLUMN: &str = "litellm_params.require_trace_id_on_calls_by_agent";
    let traced = row.object("litellm_params")?.and_then(|params| params.get("require_trace_id_on_calls_by_agent"));
    let needs_trace_id = match traced {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool().ok_or_else(|| row.error(COLUMN, "it must be true or false"))?,
    };
    let limits = Limits { requests: row.count("rpm_limit")?, tokens: row.count("tpm_limit")?, parallel: None };
    Ok(Agent { id: row.own_id("agent_id")?.to_owned(), needs_trace_id, objects: restrictions(row, objects)?, limits })
}

/// The budget row a row refers to.
pub(super) fn referred(
    row: &Columns,
    column: &'static str,
    budget: Option<&Columns>,
) -> Result<Option<BudgetRow>, Unreadable> {
    match (row.text(column)?, budget) {
        (None, _) => Ok(None),
        (Some(_), None) => Err(row.error(column, DANGLING)),
        (Some(_), Some(budget)) => BudgetRow::read(budget).map(Some),
    }
}

/// `metadata.allowed_passthrough_routes`.
pub(super) fn pass_through(metadata: Members<'_>) -> Result<PassThroughGrants, Unreadable> {
    const COLUMN: &str = "metadata.allowed_passthrough_routes";
    let paths = metadata.texts("allowed_passthrough_routes", COLUMN)?;
    PassThroughGrants::compile(paths).map_err(|_| metadata.error(COLUMN, "an entry is no path"))
}

/// Names that stand for other names.
pub(super) fn aliases(row: &Columns) -> Result<Aliases, Unreadable> {
    let target = |(name, value): (&String, &Value)| {
        let target = value.as_str().ok_or_else(|| row.error("aliases", "it must map texts to texts"))?;
        Ok((name.as_str().into(), target.into()))
    };
    row.object("aliases")?.into_iter().flatten().map(target).collect()
}

pub(super) fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
