//! `keys.yaml` becomes key records, each with everything it points to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::permissions;
use super::problem::Problems;
use super::raw::{RawKey, RawKeyFile, RawMembership, RawObjectPermission, RawOrganization, RawTeam, RawUser};
use crate::authn::MasterKey;
use crate::core::credential::KeyHash;
use crate::core::header::HeaderValue;
use crate::core::model_list::ModelList;
use crate::core::record::permissions::RequestGrants;
use crate::core::record::{KeyRecord, Organization, Permissions, Role, Team, User};
use crate::core::route::grant::RouteGrants;
use crate::core::route::groups::GroupNames;
use crate::core::route::pass_through::PassThroughGrants;
use crate::store::FileStore;

/// Compiles a key file. `None` when that failed, with the reasons in `problems`.
pub(super) fn compile(
    file: &Path,
    raw: &RawKeyFile,
    master_key: Option<&MasterKey>,
    names: &GroupNames,
    problems: &mut Problems,
) -> Option<FileStore> {
    let mut compiler = Compiler { file, names, problems: Problems::default() };
    let organizations = compiler.index("organizations", raw.organizations.as_deref(), |_, _, raw| {
        let RawOrganization { organization_id, organization_alias, models, metadata: _ } = raw;
        let organization =
            Organization { id: organization_id.clone(), alias: organization_alias.clone(), models: model_list(models) };
        (organization_id.clone(), organization)
    });
    let teams = compiler.index("teams", raw.teams.as_deref(), |compiler, place, raw: &RawTeam| {
        let organization = compiler.organization(place, raw.organization_id.as_deref(), organizations.as_ref());
        let team = Team {
            id: raw.team_id.clone(),
            alias: raw.team_alias.clone(),
            blocked: raw.blocked,
            models: model_list(&raw.models),
            requests: compiler.requests(place, &raw.metadata, raw.object_permission.as_ref()),
        };
        let pass_through = compiler.pass_through(place, &raw.metadata);
        (raw.team_id.clone(), TeamAndMore { team: Arc::new(team), organization, pass_through })
    });
    let users = compiler.index("users", raw.users.as_deref(), Compiler::user);
    let sections = Sections { users, teams, organizations };
    let records: Vec<_> =
        raw.keys.iter().enumerate().filter_map(|(index, key)| compiler.key(index, key, &sections)).collect();
    compiler.distinct(raw, master_key);
    let found = compiler.problems;
    let sound = found.is_empty();
    problems.extend(found);
    sound.then(|| FileStore::new(records))
}

type Section<T> = Option<HashMap<String, Arc<T>>>;

/// A team, and what its keys inherit from it.
struct TeamAndMore {
    team: Arc<Team>,
    organization: Option<Arc<Organization>>,
    pass_through: PassThroughGrants,
}

/// The other sections by id; `None` where the file has no such section.
struct Sections {
    users: Section<User>,
    teams: Section<TeamAndMore>,
    organizations: Section<Organization>,
}

struct Compiler<'a> {
    file: &'a Path,
    names: &'a GroupNames,
    problems: Problems,
}

impl Compiler<'_> {
    fn problem(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.problems.add(self.file, place, text);
    }

    /// Compiles a section into a map by id, refusing an id that comes twice.
    fn index<R, T>(
        &mut self,
        name: &str,
        section: Option<&[R]>,
        compile: impl Fn(&mut Self, &str, &R) -> (String, T),
    ) -> Section<T> {
        let mut map = HashMap::new();
        for (index, raw) in section?.iter().enumerate() {
            let place = format!("{name}[{index}]");
            let (id, record) = compile(self, &place, raw);
            self.check_id(&place, Some(&id));
            if map.insert(id, Arc::new(record)).is_some() {
                self.problem(place, "this id is listed twice; keep one");
            }
        }
        Some(map)
    }

    fn user(&mut self, place: &str, raw: &RawUser) -> (String, User) {
        let role = self.role(place, raw.user_role.as_deref());
        let memberships = raw.organization_memberships.iter().enumerate().map(|(index, membership)| {
            let RawMembership { organization_id, user_role } = membership;
            let place = format!("{place}.organization_memberships[{index}]");
            self.check_id(&format!("{place}.organization_id"), Some(organization_id));
            (organization_id.clone(), self.role(&place, user_role.as_deref()))
        });
        let memberships = memberships.collect();
        let user = User {
            id: raw.user_id.clone(),
            email: raw.user_email.clone(),
            role,
            memberships,
            models: model_list(&raw.models),
            active: is_active(&raw.metadata),
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

    fn requests(
        &mut self,
        place: &str,
        metadata: &BTreeMap<String, Value>,
        objects: Option<&RawObjectPermission>,
    ) -> RequestGrants {
        let mut problems = Vec::new();
        let grants = permissions::compile(metadata, objects, &mut problems);
        for (member, text) in problems {
            self.problem(format!("{place}.{member}"), text);
        }
        grants
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
        let hash = self.key_hash(&place, &raw.key_hash);
        let expires = raw.expires.as_deref().map(parse_time);
        if expires == Some(None) {
            self.problem(format!("{place}.expires"), "it is no time; write it like `2027-01-31T12:00:00Z`");
        }
        let allowed_routes = RouteGrants::compile(raw.allowed_routes.iter().map(String::as_str), self.names);
        let allowed_routes = allowed_routes.map_err(|errors| {
            for (entry, error) in errors {
                self.problem(format!("{place}.allowed_routes[{entry}]"), error.to_string());
            }
        });
        let user = self.refer(&place, "user_id", raw.user_id.as_deref(), sections.users.as_ref(), bare_user);
        let team = self.refer(&place, "team_id", raw.team_id.as_deref(), sections.teams.as_ref(), bare_team);
        let own = self.organization(&place, raw.organization_id.as_deref(), sections.organizations.as_ref());
        let inherited = team.as_ref().and_then(|team| team.organization.clone());
        let granted = self.pass_through(&place, &raw.metadata);
        let of_team = || team.as_ref().map(|team| team.pass_through.clone()).unwrap_or_default();
        Some(KeyRecord {
            hash: hash?,
            alias: raw.key_alias.clone(),
            blocked: raw.blocked,
            // An expiry that cannot be read is no key, and never a key without expiry.
            expires: match expires {
                Some(time) => Some(time?),
                None => None,
            },
            models: model_list(&raw.models),
            allowed_routes: allowed_routes.ok()?,
            pass_through: if granted.is_empty() { of_team() } else { granted },
            permissions: self.permissions(&place, &raw.permissions),
            requests: self.requests(&place, &raw.metadata, raw.object_permission.as_ref()),
            user,
            team: team.map(|team| team.team.clone()),
            organization: own.or(inherited),
        })
    }

    fn key_hash(&mut self, place: &str, written: &str) -> Option<KeyHash> {
        let hash = KeyHash::from_hex(written);
        if hash.is_none() {
            let text = if written.starts_with("sk-") {
                "this is a key in plain text, which a file must not hold; run `tollgate keys hash`, enter the key, and write what it prints. Treat the key as leaked if others could read this file"
            } else {
                "it must be 64 lower-case hexadecimal digits; `tollgate keys hash` prints them"
            };
            self.problem(format!("{place}.key_hash"), text);
        }
        hash
    }

    fn organization(
        &mut self,
        place: &str,
        id: Option<&str>,
        section: Option<&HashMap<String, Arc<Organization>>>,
    ) -> Option<Arc<Organization>> {
        self.refer(place, "organization_id", id, section, bare_organization)
    }

    /// Resolves an id. Where the file has the section, an id that is not in it is a mistake, and would
    /// lift whatever the missing record restricts (SEC-6). Where it has none, the id is a mere label.
    fn refer<T>(
        &mut self,
        place: &str,
        field: &str,
        id: Option<&str>,
        section: Option<&HashMap<String, Arc<T>>>,
        bare: impl Fn(&str) -> T,
    ) -> Option<Arc<T>> {
        let id = id?;
        let place = format!("{place}.{field}");
        let Some(section) = section else {
            self.check_id(&place, Some(id));
            return Some(Arc::new(bare(id)));
        };
        let found = section.get(id).cloned();
        if found.is_none() {
            let name = match field {
                "user_id" => "users",
                "team_id" => "teams",
                _ => "organizations",
            };
            self.problem(place, format!("it is not listed under `{name}`; list it there, or remove it here"));
        }
        found
    }

    /// An id travels in a header, whole or not at all.
    fn check_id(&mut self, place: &str, id: Option<&str>) {
        if id.is_some_and(|id| HeaderValue::encode(id).is_none()) {
            self.problem(place, "the id is empty, or longer than 256 bytes once percent-encoded");
        }
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

fn bare_user(id: &str) -> User {
    User {
        id: id.to_owned(),
        email: None,
        role: None,
        memberships: Vec::new(),
        models: ModelList::default(),
        active: true,
    }
}

fn bare_team(id: &str) -> TeamAndMore {
    let team = Team {
        id: id.to_owned(),
        alias: None,
        blocked: false,
        models: ModelList::default(),
        requests: RequestGrants::default(),
    };
    TeamAndMore { team: Arc::new(team), organization: None, pass_through: PassThroughGrants::default() }
}

fn bare_organization(id: &str) -> Organization {
    Organization { id: id.to_owned(), alias: None, models: ModelList::default() }
}

fn model_list(models: &[String]) -> ModelList {
    ModelList::compile(models.iter().map(String::as_str))
}

/// Any falsy `scim_active` deactivates; LiteLLM overlooks the text `"false"` (SEC-32).
fn is_active(metadata: &BTreeMap<String, Value>) -> bool {
    match metadata.get("scim_active") {
        None | Some(Value::Bool(true)) => true,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(_) => false,
    }
}

/// RFC 3339, or the same without an offset, which is UTC (LiteLLM DB-7). A date alone is refused: it
/// leaves open whether the day still counts.
fn parse_time(text: &str) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    text.parse::<Timestamp>().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        naive.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_offset_is_utc_s083() {
        let at = |text| parse_time(text).map(|time| time.to_string());
        assert_eq!(at("2027-01-31T12:00:00Z").unwrap(), "2027-01-31T12:00:00Z");
        assert_eq!(at("2027-01-31T12:00:00+05:30").unwrap(), "2027-01-31T06:30:00Z");
        assert_eq!(at("2027-01-31T12:00:00").unwrap(), "2027-01-31T12:00:00Z");
        assert_eq!(at("2027-01-31 12:00:00.123").unwrap(), "2027-01-31T12:00:00.123Z");
        for text in ["", "tomorrow", "2027-01-31", "31.01.2027 12:00", "infinity", "1798761600", "2027-02-30T00:00:00Z"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn any_falsy_scim_active_deactivates() {
        let active = |json: Value| is_active(&serde_json::from_value(json).unwrap());
        assert!(active(serde_json::json!({})));
        assert!(active(serde_json::json!({"scim_active": true})));
        for value in [serde_json::json!(false), "false".into(), "0".into(), 0.into(), Value::Null] {
            assert!(!active(serde_json::json!({"scim_active": value})), "K07b: {value}");
        }
    }
}
