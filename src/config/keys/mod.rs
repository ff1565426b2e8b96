//! `keys.yaml` becomes key records, each with everything it points to.

mod money;
mod people;
mod records;
mod refer;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::permissions::{self, AgentGroups};
use super::problem::Problems;
use super::raw::{RawAgent, RawKey, RawKeyFile, RawObjectPermission};
use crate::authn::MasterKey;
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::model_list::ModelList;
use crate::core::record::permissions::{Names, ObjectGrants, RequestGrants, mcp_servers};
use crate::core::record::{Agent, Aliases, EndUser, KeyRecord, Organization, Permissions, User};
use crate::core::route::grant::RouteGrants;
use crate::core::route::groups::GroupNames;
use crate::core::route::pass_through::PassThroughGrants;
use crate::store::FileStore;
use money::{Rows, Written, limits};
use people::{TeamAndMore, bare_organization, bare_project, bare_team};
use records::{Group, Members, ProjectAndMore, with_default};

/// What the configuration hands to the key file.
pub(super) struct Context<'a> {
    pub(super) file: &'a Path,
    pub(super) master_key: Option<&'a MasterKey>,
    pub(super) names: &'a GroupNames,
    /// The entry of `budgets` for end users without a limit of their own.
    pub(super) default_end_user_budget: Option<&'a str>,
}

/// Compiles a key file. `None` when that failed, with the reasons in `problems`; `warnings` are what was
/// ignored.
pub(super) fn compile(
    context: &Context<'_>,
    raw: &RawKeyFile,
    problems: &mut Problems,
    warnings: &mut Problems,
) -> Option<FileStore> {
    let mut compiler = Compiler {
        file: context.file,
        names: context.names,
        agent_groups: agent_groups(raw.agents.as_deref().unwrap_or_default()),
        problems: Problems::default(),
        warnings: Problems::default(),
    };
    let sections = compiler.sections(raw);
    let records: Vec<_> =
        raw.keys.iter().enumerate().filter_map(|(index, key)| compiler.key(index, key, &sections)).collect();
    compiler.distinct(raw, context.master_key);
    let mut store = FileStore::new(records);
    compiler.named(raw, &sections.rows, context.default_end_user_budget, &mut store);
    store.places.names = compiler.other_names(raw);
    sections.hand_over(&mut store.places);
    let found = compiler.problems;
    let sound = found.is_empty();
    problems.extend(found);
    warnings.extend(compiler.warnings);
    sound.then_some(store)
}

type Section<T> = Option<HashMap<String, Arc<T>>>;

/// The other sections by id; `None` where the file has no such section.
struct Sections {
    users: Section<User>,
    teams: Section<TeamAndMore>,
    organizations: Section<Organization>,
    projects: Section<ProjectAndMore>,
    agents: Section<Agent>,
    members: Members,
    groups: HashMap<String, Arc<Group>>,
    rows: Rows,
}

struct Compiler<'a> {
    file: &'a Path,
    names: &'a GroupNames,
    agent_groups: AgentGroups,
    problems: Problems,
    warnings: Problems,
}

impl Compiler<'_> {
    fn problem(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.problems.add(self.file, place, text);
    }

    fn warning(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.warnings.add(self.file, place, text);
    }

    fn sections(&mut self, raw: &RawKeyFile) -> Sections {
        let rows = self.index("budgets", Some(&raw.budgets), Self::row).unwrap_or_default();
        let groups = self.index("access_groups", Some(&raw.access_groups), Self::group).unwrap_or_default();
        let organizations = self.index("organizations", raw.organizations.as_deref(), |compiler, place, raw| {
            compiler.organization(place, raw, &rows)
        });
        let teams = self.index("teams", raw.teams.as_deref(), |compiler, place, raw| {
            compiler.team(place, raw, organizations.as_ref(), &groups, &rows)
        });
        let users = self.index("users", raw.users.as_deref(), Self::user);
        let projects = self.index("projects", raw.projects.as_deref(), |compiler, place, raw| {
            compiler.project(place, raw, teams.as_ref(), &rows)
        });
        let agents = self.index("agents", raw.agents.as_deref(), Self::agent);
        let defaults = teams.iter().flatten().filter_map(|(id, team)| Some((id.clone(), team.member_row.clone()?)));
        let members = self.members(&raw.team_memberships, users.as_ref(), teams.as_ref(), &rows, &defaults.collect());
        Sections { users, teams, organizations, projects, agents, members, groups, rows }
    }

    /// What requests name beside their key.
    fn named(&mut self, raw: &RawKeyFile, rows: &Rows, default: Option<&str>, store: &mut FileStore) {
        let default = default.and_then(|id| rows.get(id)).map(AsRef::as_ref);
        let end_users = self.index("end_users", Some(&raw.end_users), |compiler, place, raw| {
            compiler.end_user(place, raw, rows, default)
        });
        store.end_users = end_users.unwrap_or_default();
        store.unknown_end_user = default.map(|row| {
            let model_budgets = self.model_budgets("", &row.models, &BTreeMap::new());
            let budget = with_default(Budget::default(), Some(row));
            Arc::new(EndUser { budget, model_budgets, limits: row.limits, ..EndUser::default() })
        });
        let spent = raw.proxy_spend.map(|spend| self.amount("proxy_spend", spend));
        let resets_at = self.time("proxy_budget_reset_at", raw.proxy_budget_reset_at.as_deref());
        store.proxy = spent.flatten().map(|spend| Budget { spend, resets_at, ..Budget::default() });
        let emails = raw.users.iter().flatten().filter_map(|user| user.user_email.as_deref());
        let ids = raw.users.iter().flatten().map(|user| user.user_id.as_str());
        store.people = ids.chain(emails).map(str::to_lowercase).collect();
        let tags = self.index("tags", Some(&raw.tags), |compiler, place, raw| compiler.tag(place, raw, rows));
        store.tags = tags.unwrap_or_default();
        store.places.mapped_keys = self.mapped_keys(&raw.jwt_key_mappings);
    }

    /// `metadata.allowed_passthrough_routes`: a list of paths, or nothing.
    fn pass_through(&mut self, place: &str, metadata: &BTreeMap<String, Value>) -> PassThroughGrants {
        let place = format!("{place}.metadata.allowed_passthrough_routes");
        let entries = match metadata.get("allowed_passthrough_routes") {
            None | Some(Value::Null) => return PassThroughGrants::default(),
            Some(Value::Array(entries)) => entries.iter().map(|entry| entry.as_str().unwrap_or_default()),
            Some(_) => {
                self.problem(place, "it must be a list of paths");
                return PassThroughGrants::default();
            }
        };
        PassThroughGrants::compile(entries).unwrap_or_else(|(index, error)| {
            self.problem(format!("{place}[{index}]"), error.to_string());
            PassThroughGrants::default()
        })
    }

    /// What requests may carry.
    fn requests(
        &mut self,
        place: &str,
        metadata: &BTreeMap<String, Value>,
        objects: Option<&RawObjectPermission>,
    ) -> RequestGrants {
        let mut problems = Vec::new();
        let grants = permissions::compile(metadata, objects, &self.agent_groups, &mut problems);
        self.report(place, problems);
        grants
    }

    /// Objects that somebody beside key and team leaves to requests.
    fn restrictions(&mut self, place: &str, objects: Option<&RawObjectPermission>) -> ObjectGrants {
        let mut problems = Vec::new();
        let grants = permissions::restrictions(objects, &self.agent_groups, &mut problems);
        self.report(place, problems);
        grants
    }

    fn report(&mut self, place: &str, problems: permissions::Problems) {
        for (member, text) in problems {
            self.problem(format!("{place}.{member}"), text);
        }
    }

    fn permissions(&mut self, place: &str, raw: &BTreeMap<String, Value>) -> Permissions {
        let spend = raw.get("get_spend_routes");
        if spend.is_some_and(|value| !value.is_boolean()) {
            self.problem(format!("{place}.permissions.get_spend_routes"), "it must be `true` or `false`");
        }
        Permissions { get_spend_routes: spend.and_then(Value::as_bool) }
    }

    fn key(&mut self, index: usize, raw: &RawKey, sections: &Sections) -> Option<KeyRecord> {
        let place = format!("keys[{index}]");
        let hash = self.key_hash(&format!("{place}.key_hash"), &raw.key_hash);
        // A key without a sound hash is looked at for its other mistakes, and dropped.
        let mut key = KeyRecord::new(hash.unwrap_or_else(|| KeyHash::of("")));
        key.alias = raw.key_alias.as_deref().map(Into::into);
        key.blocked = raw.blocked;
        // Any problem refuses the whole file, so an expiry that cannot be read is never "no expiry".
        key.expires = self.time(&format!("{place}.expires"), raw.expires.as_deref());
        key.terms_mut().models = model_list(&raw.models);
        key.terms_mut().aliases = aliases(&raw.aliases);
        match RouteGrants::compile(raw.allowed_routes.iter().map(String::as_str), self.names) {
            Ok(routes) => key.terms_mut().allowed_routes = routes,
            Err(errors) => {
                for (entry, error) in errors {
                    self.problem(format!("{place}.allowed_routes[{entry}]"), error.to_string());
                }
            }
        }
        key.terms_mut().permissions = self.permissions(&place, &raw.permissions);
        let mut requests = self.requests(&place, &raw.metadata, raw.object_permission.as_ref());
        key.terms_mut().pass_through = self.pass_through(&place, &raw.metadata);
        key.terms_mut().tags = self.tags_of(&place, &raw.metadata);
        self.owners(&place, raw, sections, &mut key);
        let (groups, team) = (&sections.groups, raw.team_id.as_deref());
        let granted = self.groups(&place, &raw.access_group_ids, groups, team, Some(&key.hash));
        key.terms_mut().group_models = granted.models;
        let of_team = team.and_then(|id| sections.teams.as_ref()?.get(id)).map(|team| &team.team.mcp_servers);
        let of_team = of_team.cloned().unwrap_or(Names::Only(BTreeSet::new()));
        let objects = &mut requests.objects;
        objects.mcp_servers = mcp_servers(&objects.mcp_servers, &of_team, &granted.mcp_servers);
        key.terms_mut().requests = requests;
        self.money(&place, raw, sections, &mut key);
        hash.map(|_| key)
    }

    /// Who the key belongs to, and what it inherits from them.
    fn owners(&mut self, place: &str, raw: &RawKey, sections: &Sections, key: &mut KeyRecord) {
        let (users, teams) = (sections.users.as_ref(), sections.teams.as_ref());
        let (projects, organizations) = (sections.projects.as_ref(), sections.organizations.as_ref());
        key.user = self.refer(place, "user_id", raw.user_id.as_deref(), users, |id| User::new(id));
        let team = self.refer(place, "team_id", raw.team_id.as_deref(), teams, bare_team);
        let project = self.refer(place, "project_id", raw.project_id.as_deref(), projects, bare_project);
        let organization =
            self.refer(place, "organization_id", raw.organization_id.as_deref(), organizations, bare_organization);
        let bare_agent = |id: &str| Agent { id: id.to_owned(), ..Agent::default() };
        key.agent = self.refer(place, "agent_id", raw.agent_id.as_deref(), sections.agents.as_ref(), bare_agent);
        key.organization = organization.or_else(|| team.as_ref().and_then(|team| team.team.organization.clone()));
        if let Some(team) = team {
            let listed = raw.user_id.as_ref().zip(raw.team_id.as_ref());
            let listed = listed.and_then(|(user, team)| sections.members.get(&(user.clone(), team.clone())));
            team.team.bequeath(key, raw.user_id.as_deref(), listed);
        }
        if let Some(project) = project {
            if project.team.as_ref().is_some_and(|team| raw.team_id.as_ref().is_some_and(|own| own != team)) {
                self.problem(format!("{place}.project_id"), "the project belongs to another team than the key");
            }
            key.terms_mut().tags.extend(project.tags.iter().cloned());
            key.project = Some(Arc::clone(&project.project));
        }
    }

    /// What the key may spend and ask for.
    fn money(&mut self, place: &str, raw: &RawKey, sections: &Sections, key: &mut KeyRecord) {
        let row = self.find(place, "budget_id", raw.budget_id.as_deref(), &sections.rows);
        let written = Written { max: raw.max_budget, spend: raw.spend, reset_at: raw.budget_reset_at.as_deref() };
        key.budget = self.budget(place, &written, row.as_deref());
        key.budget.increase = self.increase(place, &raw.metadata);
        key.windows = self.windows(place, &raw.budget_limits).into();
        let own = self.models(place, &raw.model_max_budget);
        let of_row = row.as_ref().map(|row| row.models.clone()).unwrap_or_default();
        let models = if own.is_empty() { of_row } else { own };
        key.model_budgets = self.model_budgets(place, &models, &raw.model_spend);
        let own = limits(raw.rpm_limit, raw.tpm_limit, raw.max_parallel_requests);
        key.terms_mut().limits = own.or(row.map(|row| row.limits).unwrap_or_default());
        key.terms_mut().model_limits = self.model_limits(place, &raw.metadata);
        if key.terms.model_limits.is_empty() {
            let limited = models.into_iter().filter(|(_, model)| !model.limits.is_empty());
            key.terms_mut().model_limits = limited.map(|(name, model)| (name, model.limits)).collect();
        }
    }

    fn key_hash(&mut self, place: &str, written: &str) -> Option<KeyHash> {
        let hash = KeyHash::from_hex(written);
        if hash.is_none() {
            let text = if written.starts_with("sk-") {
                "this is a key in plain text, which a file must not hold; run `tollgate keys hash`, enter the key, and write what it prints. Treat the key as leaked if others could read this file"
            } else {
                "it must be 64 lower-case hexadecimal digits; `tollgate keys hash` prints them"
            };
            self.problem(place, text);
        }
        hash
    }

    /// One secret has one meaning: no hash twice, none of them the master key's.
    fn distinct(&mut self, raw: &RawKeyFile, master_key: Option<&MasterKey>) {
        let mut seen = HashSet::new();
        for (index, key) in raw.keys.iter().enumerate() {
            let place = format!("keys[{index}].key_hash");
            if !seen.insert(key.key_hash.as_str()) {
                self.problem(place.clone(), "this key is listed twice; keep one");
            }
            let hash = KeyHash::from_hex(&key.key_hash);
            if hash.is_some_and(|hash| master_key.is_some_and(|master_key| master_key.has_hash(&hash))) {
                self.problem(place, "this is the master key; a virtual key needs a text of its own");
            }
        }
    }
}

fn agent_groups(agents: &[RawAgent]) -> AgentGroups {
    let mut groups = AgentGroups::new();
    for agent in agents {
        for group in &agent.agent_access_groups {
            groups.entry(group.clone()).or_default().push(agent.agent_id.clone());
        }
    }
    groups
}

fn model_list(models: &[String]) -> ModelList {
    ModelList::compile(models.iter().map(String::as_str))
}

fn aliases(raw: &BTreeMap<String, String>) -> Aliases {
    raw.iter().map(|(name, target)| (name.as_str().into(), target.as_str().into())).collect()
}
