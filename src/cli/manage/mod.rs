//! Keys and whom they belong to, in the store that a configuration names.

mod fill;
pub(super) mod keys;
pub(super) mod records;
mod table;
mod values;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Done;
use crate::config::load::{load, process_environment};
use crate::core::header::HeaderValue;
use crate::core::route::grant::RouteGrants;
use crate::store::Store;
use crate::store::admin::{Admin, AdminError, Change, Row};
use crate::store::rows::Meaning;
use crate::store::sql::schema::Table;
use crate::store::sql::tables::{AGENT, BUDGET, ORGANIZATION, PROJECT, TEAM, USER};
use crate::store::sql::write::Condition;
use crate::telemetry;

/// Which store, and how it is shown.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration file, which names the store
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON, under LiteLLM's names
    #[arg(long)]
    json: bool,
}

/// What most records can say.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Models it may name, divided by commas; `""` for no restriction
    #[arg(long, value_name = "MODELS", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// What may be spent, in US dollars, or `none`
    #[arg(long, value_name = "USD", value_parser = values::amount)]
    max_budget: Option<Value>,
    /// Requests a minute, or `none`
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    rpm: Option<Value>,
    /// Tokens a minute, or `none`
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    tpm: Option<Value>,
    /// Requests at one time, or `none`
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    parallel: Option<Value>,
    /// The metadata, in place of what was there
    #[arg(long, value_name = "JSON", value_parser = values::object)]
    metadata: Option<Value>,
    /// Any other column, by LiteLLM's name; can be repeated
    #[arg(long = "set", value_name = "COLUMN=VALUE")]
    set: Vec<String>,
}

impl Common {
    /// The limits, which some records keep in a row of budgets.
    fn limits(&self) -> Row {
        let all = [
            ("max_budget", &self.max_budget),
            ("rpm_limit", &self.rpm),
            ("tpm_limit", &self.tpm),
            ("max_parallel_requests", &self.parallel),
        ];
        said(&all)
    }

    /// Everything else.
    fn own(&self, table: &Table) -> Result<Row, String> {
        let models = self.models.as_deref().map(values::list);
        let mut row = said(&[("models", &models), ("metadata", &self.metadata)]);
        for text in &self.set {
            row.push(values::assignment(table, text)?);
        }
        Ok(row)
    }
}

/// The columns that something was said about.
fn said(columns: &[(&'static str, &Option<Value>)]) -> Row {
    columns.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.clone()))).collect()
}

/// What this program writes as the author of a row.
const AUTHOR: &str = "tollgate";

/// Columns that refer to other rows: the table, what its rows are called, and how to make one.
const REFERENCES: [(&str, &Table, &str, &str); 6] = [
    ("user_id", &USER, "user", "; `tollgate users create` makes one"),
    ("team_id", &TEAM, "team", "; `tollgate teams create` makes one"),
    ("organization_id", &ORGANIZATION, "organisation", "; `tollgate orgs create` makes one"),
    ("project_id", &PROJECT, "project", ""),
    ("agent_id", &AGENT, "agent", ""),
    ("budget_id", &BUDGET, "budget", ""),
];

/// An open store.
struct Desk {
    admin: Admin,
    meaning: Meaning,
    json: bool,
    now: Timestamp,
}

/// Opens the store, does something, and closes it.
fn at_desk(place: &Place, work: impl AsyncFnOnce(&Desk) -> Done) -> Done {
    let configuration = load(&place.config, &process_environment).result.map_err(|problems| problems.to_string())?;
    let Store::Database(store) = &configuration.snapshot.authenticator.store else {
        return Err("the configuration names no `store`; keys of a key file are managed by editing it".to_owned());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let spec = store.spec();
    runtime.block_on(async {
        let admin = Admin::open(&spec.place).await.map_err(in_words)?;
        let meaning = spec.interpretation.meaning.clone();
        work(&Desk { admin, meaning, json: place.json, now: telemetry::now() }).await
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn in_words(error: AdminError) -> String {
    error.to_string()
}

impl Desk {
    async fn find(&self, table: &Table, condition: Condition<'_>) -> Result<Vec<Map<String, Value>>, String> {
        self.admin.find(table, condition).await.map_err(in_words)
    }

    async fn change(&self, changes: &[Change]) -> Result<u64, String> {
        self.admin.change(changes).await.map_err(in_words)
    }

    /// When and by whom a row was changed, where its table says so.
    fn stamp(&self, table: &Table, row: &mut Row) {
        for (name, value) in [("updated_at", values::stored(self.now)), ("updated_by", json!(AUTHOR))] {
            if let Some(column) = table.column(name) {
                row.push((column.name, value));
            }
        }
    }

    /// The same for a new row.
    fn stamp_new(&self, table: &Table, row: &mut Row) {
        for (name, value) in [("created_at", values::stored(self.now)), ("created_by", json!(AUTHOR))] {
            if let Some(column) = table.column(name) {
                row.push((column.name, value));
            }
        }
        self.stamp(table, row);
    }

    /// Whether keys are let in that refer to nobody there.
    fn may_be_missing(&self, name: &str) -> bool {
        self.meaning.allow_orphan_keys && ["user_id", "team_id"].contains(&name)
    }

    /// A reference to nobody would refuse the key (LiteLLM SEC-6, `store.allow_orphan_keys`).
    async fn check_references(&self, row: &Row) -> Result<(), String> {
        for (name, value) in row {
            let reference = REFERENCES.iter().find(|(known, ..)| known == name);
            let (Some((_, table, noun, remedy)), Some(id)) = (reference, value.as_str()) else {
                continue;
            };
            if !self.may_be_missing(name) && self.find(table, Condition::Is(name, id)).await?.is_empty() {
                return Err(format!("there is no {noun} `{}`{remedy}", table::cell(Some(value))));
            }
        }
        Ok(())
    }

    /// Routes that could not be read would refuse the key.
    fn check_routes(&self, row: &Row) -> Result<(), String> {
        let Some((_, Value::Array(routes))) = row.iter().find(|(name, _)| *name == "allowed_routes") else {
            return Ok(());
        };
        let routes: Vec<_> = routes.iter().filter_map(Value::as_str).collect();
        let problem = RouteGrants::compile(routes.iter().copied(), &self.meaning.groups).err();
        match problem.and_then(|errors| errors.into_iter().next()) {
            None => Ok(()),
            Some((index, error)) => {
                Err(format!("`{}` of the routes: {error}", routes.get(index).copied().unwrap_or_default()))
            }
        }
    }
}

/// An id travels in a header, whole or not at all.
fn check_id(id: &str) -> Result<(), String> {
    if HeaderValue::encode(id).is_none() { Err("the id is empty, or too long".to_owned()) } else { Ok(()) }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
