//! `tollgate keys import`: a key file becomes rows of a store.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use super::values::fresh_id;
use super::{Desk, Done, REFERENCES, values};
use crate::config::load::{check, process_environment, read as read_file};
use crate::config::schema::foreign_yaml;
use crate::core::credential::KeyHash;
use crate::core::time;
use crate::store::admin::{Change, Row};
use crate::store::sql::schema::{Kind, Table};
use crate::store::sql::tables::{
    AGENT, BUDGET, END_USER, JWT_KEY_MAPPING, KEY, MEMBERSHIP, OBJECT_PERMISSION, ORGANIZATION,
    ORGANIZATION_MEMBERSHIP, PROJECT, TAG, TEAM, USER,
};
use crate::store::sql::write::Condition;

/// Sections of a key file, in the order in which rows may refer to each other, and their tables.
const SECTIONS: [(&str, &Table); 10] = [
    ("budgets", &BUDGET),
    ("organizations", &ORGANIZATION),
    ("teams", &TEAM),
    ("users", &USER),
    ("projects", &PROJECT),
    ("team_memberships", &MEMBERSHIP),
    ("end_users", &END_USER),
    ("tags", &TAG),
    ("keys", &KEY),
    ("jwt_key_mappings", &JWT_KEY_MAPPING),
];

/// A row of a table with all that goes with it.
struct Record {
    table: &'static Table,
    /// The values of its key.
    id: Vec<String>,
    changes: Vec<Change>,
}

/// What a key file comes to. Everything that is wrong with it is said, and everything that a store cannot hold.
pub(super) fn read(file: &Path, config: &Path) -> Result<Rows, String> {
    let text = read_file(file).map_err(|text| format!("{}: {text}", file.display()))?;
    let Ok(Value::Object(mut document)) = foreign_yaml(&text) else {
        return Err(sound(file, config).err().unwrap_or_else(|| format!("{}: it is no key file", file.display())));
    };
    sound(file, config)?;
    let mut records = Vec::new();
    let mut problems = Vec::new();
    for (section, table) in SECTIONS {
        let Some(Value::Array(rows)) = document.remove(section) else {
            continue;
        };
        for (index, row) in rows.into_iter().enumerate() {
            let Value::Object(row) = row else { continue };
            match record(table, row) {
                Ok(record) => records.push(record),
                Err(text) => problems.push(format!("{}: {section}[{index}]: {text}", file.display())),
            }
        }
    }
    for name in document.keys() {
        problems.push(format!("{}: {name}: this section cannot be imported; write its rows by SQL", file.display()));
    }
    if problems.is_empty() { Ok(Rows(records)) } else { Err(problems.join("\n")) }
}

/// The rows of a key file.
pub(super) struct Rows(Vec<Record>);

/// Whether Tollgate would serve the file, with the groups of routes that the configuration has.
fn sound(file: &Path, config: &Path) -> Result<(), String> {
    let file = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let routes = read_file(config).ok().and_then(|text| foreign_yaml(&text).ok()).and_then(|mut document| {
        let routes = document.get_mut("routes")?.take();
        Some(json!({ "groups": routes.get("groups")? }))
    });
    let mut document = json!({ "keys": { "file": file } });
    if let (Some(routes), Some(document)) = (routes, document.as_object_mut()) {
        document.insert("routes".to_owned(), routes);
    }
    check(config, &document.to_string(), &process_environment).result.map(drop).map_err(|problems| problems.to_string())
}

/// Limits that some tables leave to a row of budgets.
const LIMITS: [&str; 7] = [
    "max_budget",
    "budget_reset_at",
    "rpm_limit",
    "tpm_limit",
    "max_parallel_requests",
    "model_max_budget",
    "allowed_models",
];

fn record(table: &'static Table, fields: Map<String, Value>) -> Result<Record, String> {
    let (mut row, mut budget, mut others): (Row, Row, Vec<Change>) = (Vec::new(), Vec::new(), Vec::new());
    let mut after = Vec::new();
    for (name, value) in fields {
        let name = if name == "key_hash" { "token" } else { name.as_str() };
        if let Some(column) = table.column(name) {
            row.push((column.name, stored(column.kind, value)));
        } else if let Some(column) = BUDGET.column(name).filter(|_| LIMITS.contains(&name)) {
            budget.push((column.name, stored(column.kind, value)));
        } else if name == "object_permission" && table.column("object_permission_id").is_some() {
            let id = json!(fresh_id()?);
            others.push(Change::Insert(&OBJECT_PERMISSION, objects(&id, value)));
            row.push(("object_permission_id", id));
        } else if name == "organization_memberships" {
            after = value.as_array().cloned().unwrap_or_default();
        } else {
            let text = "`tollgate` writes no such column; take it out, and write it by SQL";
            return Err(format!("{name}: {text}"));
        }
    }
    if !budget.is_empty() || (table.name == ORGANIZATION.name && !has(&row, "budget_id")) {
        if has(&row, "budget_id") {
            return Err("a database keeps limits in `budget_id` or beside it, not in both; keep one".to_owned());
        }
        let id = json!(fresh_id()?);
        budget.push(("budget_id", id.clone()));
        authored(&BUDGET, &mut budget);
        others.push(Change::Insert(&BUDGET, budget));
        row.push(("budget_id", id));
    }
    if table.name == JWT_KEY_MAPPING.name {
        // The file names a mapping by its claim, so that one imported twice is one.
        let claim = format!("{}\0{}", text(&row, "jwt_claim_name"), text(&row, "jwt_claim_value"));
        row.push(("id", json!(KeyHash::of(&claim).to_hex())));
    }
    let id: Vec<_> = table.key.iter().map(|name| text(&row, name)).collect();
    complete(table, &id, &mut row);
    others.push(Change::Insert(table, row));
    let user = json!(id.first());
    for membership in after {
        let mut row = vec![("user_id", user.clone())];
        for name in ["organization_id", "user_role"] {
            row.push((name, membership.get(name).cloned().unwrap_or_default()));
        }
        others.push(Change::Insert(&ORGANIZATION_MEMBERSHIP, row));
    }
    Ok(Record { table, id, changes: others })
}

fn objects(id: &Value, value: Value) -> Row {
    let mut row = vec![("object_permission_id", id.clone())];
    if let Value::Object(fields) = value {
        let columns =
            fields.into_iter().filter_map(|(name, value)| Some((OBJECT_PERMISSION.column(&name)?.name, value)));
        row.extend(columns);
    }
    row
}

/// What a database requires, and a key file leaves open.
fn complete(table: &'static Table, id: &[String], row: &mut Row) {
    if table.column("models").is_some() && !has(row, "models") && table.name != TAG.name {
        row.push(("models", json!([])));
    }
    if table.name == ORGANIZATION.name && !has(row, "organization_alias") {
        row.push(("organization_alias", json!(id.first())));
    }
    authored(table, row);
}

fn authored(table: &'static Table, row: &mut Row) {
    for name in ["created_by", "updated_by"] {
        if let Some(column) = table.column(name) {
            row.push((column.name, json!(super::AUTHOR)));
        }
    }
}

fn has(row: &Row, name: &str) -> bool {
    row.iter().any(|(known, _)| *known == name)
}

fn text(row: &Row, name: &str) -> String {
    row.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

/// Times are stored in UTC without an offset.
fn stored(kind: Kind, value: Value) -> Value {
    match (kind, value.as_str().and_then(time::parse)) {
        (Kind::Time, Some(at)) => values::stored(at),
        _ => value,
    }
}

/// In a key file, an id without a section is a label; in a store it is a reference, and one to nobody refuses the key.
fn dangling(desk: &Desk, records: &[Record], known: &HashSet<(&str, Vec<String>)>) -> Result<(), String> {
    let new: HashSet<_> = records.iter().map(|record| (record.table.name, record.id.as_slice())).collect();
    let made: HashSet<_> = records
        .iter()
        .flat_map(|record| &record.changes)
        .filter_map(|change| match change {
            Change::Insert(table, row) if table.name == BUDGET.name => Some(text(row, "budget_id")),
            Change::Insert(..) | Change::Update(..) | Change::Delete(..) => None,
        })
        .collect();
    let mut missing = BTreeSet::new();
    for change in records.iter().flat_map(|record| &record.changes) {
        let Change::Insert(table, row) = change else { continue };
        for (name, value) in row {
            let reference = REFERENCES.iter().find(|(known, other, ..)| known == name && other.name != table.name);
            let (Some((_, other, noun, _)), Some(id)) = (reference, value.as_str()) else {
                continue;
            };
            let is_budget = *name == "budget_id" && made.contains(id);
            let id = vec![id.to_owned()];
            let is_end_user = table.name == END_USER.name && *name == "user_id";
            let there = new.contains(&(other.name, id.as_slice())) || known.contains(&(other.name, id.clone()));
            if !there && !is_budget && !is_end_user && !desk.may_be_missing(name) {
                missing.insert(format!("there is no {noun} `{}`, in the file or in the store", id.concat()));
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.into_iter().collect::<Vec<_>>().join("\n")) }
}

/// How long somebody looks at nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Records written in one transaction.
const TOGETHER: usize = 500;

/// Writes what is not there yet.
pub(super) async fn fill(desk: &Desk, rows: Rows) -> Done {
    let mut known = HashSet::new();
    for (_, table) in SECTIONS {
        for row in desk.find(table, Condition::All).await? {
            let id = |name: &&str| row.get(*name).and_then(Value::as_str).unwrap_or_default().to_owned();
            known.insert((table.name, table.key.iter().map(id).collect::<Vec<_>>()));
        }
    }
    for row in desk.find(&AGENT, Condition::All).await? {
        let id = row.get("agent_id").and_then(Value::as_str).unwrap_or_default();
        known.insert((AGENT.name, vec![id.to_owned()]));
    }
    dangling(desk, &rows.0, &known)?;
    let all = rows.0.len();
    let new: Vec<_> =
        rows.0.into_iter().filter(|record| !known.contains(&(record.table.name, record.id.clone()))).collect();
    let count = |name: &str| new.iter().filter(|record| record.table.name == name).count();
    let keys = count(KEY.name);
    // On a terminal alone, and once it takes longer than a second; elsewhere it is silent.
    let bar = ProgressBar::with_draw_target(Some(new.len() as u64), ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    bar.set_style(style.map_err(|error| format!("cannot show progress: {error}"))?);
    for records in new.chunks(TOGETHER) {
        let changes: Vec<_> = records.iter().flat_map(|record| record.changes.iter().cloned()).collect();
        let done = bar.position();
        desk.change(&changes)
            .await
            .map_err(|error| format!("{error}; {done} records were written, and the command can be run again"))?;
        bar.inc(records.len() as u64);
        if bar.is_hidden() && bar.elapsed() > PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
    bar.finish_and_clear();
    let (others, there) = (new.len() - keys, all - new.len());
    if desk.json {
        return Ok(super::pretty(&json!({ "keys": keys, "other_records": others, "already_there": there })));
    }
    Ok(format!("imported {keys} keys and {others} other records; {there} were there already, and stay as they are\n"))
}
