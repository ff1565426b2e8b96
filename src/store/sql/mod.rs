//! SQL that SQLite and PostgreSQL share, made from one description of LiteLLM's tables.

pub mod ddl;
mod directory;
pub mod lookup;
pub mod schema;
pub mod tables;
pub mod triggers;
pub mod write;

use sqlx::SqlStr;

use crate::core::decision::Outage;
pub use directory::{Interpretation, SqlDirectory};
use schema::{Column, Kind, Table};
use tables::{AGENT, OBJECT_PERMISSION};

/// A database that answers look-ups. Every call ends within the database's own deadline.
pub trait Database: std::fmt::Debug + Send + Sync + 'static {
    /// The SQL it speaks.
    const DIALECT: Dialect;

    /// The one text a query yields: no row, a NULL, or the text.
    fn document(
        &self,
        query: &SqlStr,
        parameters: &[Option<&str>],
    ) -> impl Future<Output = Result<Option<Option<String>>, Outage>> + Send;

    /// The one number a query yields.
    fn sum(&self, query: &SqlStr, parameters: &[&str]) -> impl Future<Output = Result<f64, Outage>> + Send;

    /// Whether it answers at all.
    fn ping(&self) -> impl Future<Output = Result<(), Outage>> + Send;
}

/// Which SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `SQLite`: lists and documents are JSON texts, truth is 0 or 1, time is text.
    Sqlite,
    /// PostgreSQL, with LiteLLM's own types.
    Postgres,
}

impl Dialect {
    /// The columns a decision depends on, as one JSON object; NULL where the row is missing.
    fn row(self, table: &Table, alias: &str) -> String {
        self.unless_missing(table, alias, &self.object(table, alias))
    }

    fn unless_missing(self, table: &Table, alias: &str, object: &str) -> String {
        let first = table.key.first().copied().unwrap_or_default();
        let row = format!("CASE WHEN {alias}.\"{first}\" IS NOT NULL THEN {object} END");
        match self {
            // `json()` keeps the value an object: a CASE would make it a text.
            Self::Sqlite => format!("json({row})"),
            Self::Postgres => row,
        }
    }

    fn object(self, table: &Table, alias: &str) -> String {
        self.json_object(&self.members(table, alias))
    }

    fn members(self, table: &Table, alias: &str) -> String {
        let read = table.columns.iter().filter(|column| column.read);
        let members: Vec<_> = read.map(|column| format!("'{}', {}", column.name, self.value(column, alias))).collect();
        members.join(", ")
    }

    /// An object permission, with the agents of the groups it names as `grouped_agents`.
    fn permission(self, alias: &str) -> String {
        let (agents, members) = (AGENT.name, self.members(&OBJECT_PERMISSION, alias));
        let grouped = match self {
            Self::Sqlite => format!(
                "json((SELECT json_group_array(x.agent_id) FROM \"{agents}\" x WHERE EXISTS (SELECT 1 FROM \
                 json_each(x.agent_access_groups) g JOIN json_each({alias}.agent_access_groups) h ON g.value = h.value)))"
            ),
            Self::Postgres => format!(
                "ARRAY(SELECT x.agent_id FROM \"{agents}\" x WHERE x.agent_access_groups && {alias}.agent_access_groups)"
            ),
        };
        let object = self.json_object(&format!("{members}, 'grouped_agents', {grouped}"));
        self.unless_missing(&OBJECT_PERMISSION, alias, &object)
    }

    /// The role of a member in a list of members; the last one that is said (LiteLLM DB-5).
    fn member_role(self, members: &str, user: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "(SELECT m.value ->> 'role' FROM json_each({members}) m WHERE json_type({members}) = 'array' \
                 AND m.value ->> 'user_id' = {user} ORDER BY m.key DESC LIMIT 1)"
            ),
            Self::Postgres => format!(
                "(SELECT m.value ->> 'role' FROM jsonb_array_elements(CASE jsonb_typeof({members}) WHEN 'array' THEN \
                 {members} ELSE '[]' END) WITH ORDINALITY m(value, place) WHERE m.value ->> 'user_id' = {user} \
                 ORDER BY m.place DESC LIMIT 1)"
            ),
        }
    }

    fn json_object(self, members: &str) -> String {
        match self {
            Self::Sqlite => format!("json_object({members})"),
            Self::Postgres => format!("json_build_object({members})"),
        }
    }

    /// A column as a JSON value.
    fn value(self, column: &Column, alias: &str) -> String {
        let name = format!("{alias}.\"{}\"", column.name);
        match (self, column.kind) {
            (Self::Sqlite, Kind::Texts | Kind::Json) => format!("json({name})"),
            (Self::Sqlite, Kind::Bool) => {
                format!("json(CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)")
            }
            _ => name,
        }
    }

    /// All rows of a table that satisfy a condition, as a JSON array.
    fn rows(self, table: &Table, alias: &str, condition: &str) -> String {
        let object = self.object(table, alias);
        let name = table.name;
        match self {
            Self::Sqlite => {
                format!("json((SELECT json_group_array({object}) FROM \"{name}\" {alias} WHERE {condition}))")
            }
            Self::Postgres => {
                format!("(SELECT coalesce(json_agg({object}), '[]') FROM \"{name}\" {alias} WHERE {condition})")
            }
        }
    }

    /// Whether a column's value is in a list of texts.
    fn is_in(self, value: &str, list: &str) -> String {
        match self {
            Self::Sqlite => format!("{value} IN (SELECT value FROM json_each({list}))"),
            Self::Postgres => format!("{value} = ANY({list})"),
        }
    }
}
