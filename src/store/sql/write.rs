//! Statements that write rows. The request path never comes here.

use serde_json::Value;

use super::Dialect;
use super::ddl::quoted;
use super::schema::{Column, Kind, Table};

/// A statement, and its parameters as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text, made of names of columns alone; what is written is bound.
    pub sql: String,
    /// What to bind, in order.
    pub parameters: Vec<Option<String>>,
}

/// Which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// All of them.
    All,
    /// Whose column of text is this.
    Is(&'a str, &'a str),
    /// Whose column of text begins with this.
    Begins(&'a str, &'a str),
}

const ON_CONFLICT: &str = " ON CONFLICT ";

/// Columns that no decision depends on, and people look for.
const SHOWN: [&str; 4] = ["user_alias", "budget_duration", "created_at", "updated_at"];

impl Dialect {
    /// Writes a new row; one with the same key is an error. `None` when a name is no column of the table.
    #[must_use]
    pub fn insert(self, table: &Table, row: &[(&str, Value)]) -> Option<Statement> {
        let Statement { sql, parameters } = self.upsert(table, row)?;
        let (sql, _) = sql.rsplit_once(ON_CONFLICT)?;
        Some(Statement { sql: sql.to_owned(), parameters })
    }

    /// Reads the rows whose column has a text, or begins with it, each as a JSON object of the columns that decisions
    /// and people look at; all rows, where no column is named. `None` when a name is no column of text.
    #[must_use]
    pub fn find(self, table: &Table, condition: Condition<'_>) -> Option<Statement> {
        let column = |name| table.column(name).filter(|column: &&Column| column.kind == Kind::Text);
        let (condition, parameters) = match condition {
            Condition::All => (String::new(), Vec::new()),
            Condition::Is(name, text) => {
                let column = column(name)?;
                (format!(" WHERE \"{name}\" = {}", self.parameter(column, 1)), vec![Some(text.to_owned())])
            }
            Condition::Begins(name, text) => {
                let column = column(name)?;
                let part = format!("substr(\"{name}\", 1, {})", text.chars().count());
                (format!(" WHERE {part} = {}", self.parameter(column, 1)), vec![Some(text.to_owned())])
            }
        };
        let text = match self {
            Self::Sqlite => "",
            Self::Postgres => "::text",
        };
        let members = table.columns.iter().filter(|column| column.read || SHOWN.contains(&column.name));
        let members: Vec<_> = members.map(|column| format!("'{}', {}", column.name, self.value(column, "t"))).collect();
        let (row, name) = (self.json_object(&members.join(", ")), table.name);
        let sql = format!("SELECT {row}{text} FROM \"{name}\" t{condition} ORDER BY {}", quoted(table.key));
        Some(Statement { sql, parameters })
    }

    /// Writes the named columns of a row: a new one, or over that with the same key. `None` when a name is no
    /// column of the table.
    #[must_use]
    pub fn upsert(self, table: &Table, row: &[(&str, Value)]) -> Option<Statement> {
        let columns: Option<Vec<_>> = row.iter().map(|(name, _)| table.column(name)).collect();
        let columns = columns?;
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let values: Vec<_> = (1..).zip(&columns).map(|(place, column)| self.parameter(column, place)).collect();
        let rest = names.iter().filter(|name| !table.key.contains(name));
        let changes: Vec<_> = rest.map(|name| format!("\"{name}\" = excluded.\"{name}\"")).collect();
        let conflict =
            if changes.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", changes.join(", ")) };
        let sql = format!(
            "INSERT INTO \"{}\" ({}) VALUES ({}){ON_CONFLICT}({}) DO {conflict}",
            table.name,
            quoted(&names),
            values.join(", "),
            quoted(table.key),
        );
        Some(Statement { sql, parameters: parameters(&columns, row) })
    }

    /// Changes columns of the rows whose columns have these values. `None` when a name is no column of the
    /// table, or nothing is named: no statement changes a whole table.
    #[must_use]
    pub fn update(self, table: &Table, changes: &[(&str, Value)], row: &[(&str, Value)]) -> Option<Statement> {
        let columns =
            |row: &[(&str, Value)]| -> Option<Vec<_>> { row.iter().map(|(name, _)| table.column(name)).collect() };
        let (written, found) = (columns(changes)?, columns(row)?);
        if written.is_empty() || found.is_empty() {
            return None;
        }
        let pair =
            |(place, column): (usize, &&Column)| format!("\"{}\" = {}", column.name, self.parameter(column, place));
        let set: Vec<_> = (1..).zip(&written).map(pair).collect();
        let conditions: Vec<_> = (written.len() + 1..).zip(&found).map(pair).collect();
        let sql = format!("UPDATE \"{}\" SET {} WHERE {}", table.name, set.join(", "), conditions.join(" AND "));
        let mut bound = parameters(&written, changes);
        bound.extend(parameters(&found, row));
        Some(Statement { sql, parameters: bound })
    }

    /// Reads all rows of a table, each as a JSON object of the columns that decisions depend on.
    #[must_use]
    pub fn list(self, table: &Table) -> String {
        let text = match self {
            Self::Sqlite => "",
            Self::Postgres => "::text",
        };
        let (row, name) = (self.object(table, "t"), table.name);
        format!("SELECT {row}{text} FROM \"{name}\" t ORDER BY {}", quoted(table.key))
    }

    /// Deletes the rows whose columns have these values. `None` when a name is no column of the table, or
    /// nothing is named: no statement empties a table.
    #[must_use]
    pub fn delete(self, table: &Table, row: &[(&str, Value)]) -> Option<Statement> {
        let columns: Option<Vec<_>> = row.iter().map(|(name, _)| table.column(name)).collect();
        let columns = columns.filter(|columns| !columns.is_empty())?;
        let conditions: Vec<_> = (1..)
            .zip(&columns)
            .map(|(place, column)| format!("\"{}\" = {}", column.name, self.parameter(column, place)))
            .collect();
        let sql = format!("DELETE FROM \"{}\" WHERE {}", table.name, conditions.join(" AND "));
        Some(Statement { sql, parameters: parameters(&columns, row) })
    }

    /// A parameter that is bound as a text, as a value of the column.
    pub(super) fn parameter(self, column: &Column, place: usize) -> String {
        match (self, column.kind) {
            (Self::Sqlite, Kind::Text | Kind::Time) => format!("${place}"),
            (Self::Sqlite, Kind::Texts | Kind::Json) => format!("json(${place})"),
            (Self::Sqlite, Kind::Bool) => format!("CASE ${place} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"),
            (Self::Sqlite, Kind::Float) => format!("CAST(${place} AS REAL)"),
            (Self::Sqlite, Kind::Int | Kind::BigInt | Kind::Serial) => format!("CAST(${place} AS INTEGER)"),
            (Self::Postgres, Kind::Text) => format!("${place}::text"),
            (Self::Postgres, Kind::Texts) => format!(
                "CASE WHEN ${place}::text IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(${place}::text::jsonb)) END"
            ),
            (Self::Postgres, Kind::Json) => format!("${place}::text::jsonb"),
            (Self::Postgres, Kind::Bool) => format!("${place}::text::boolean"),
            (Self::Postgres, Kind::Float) => format!("${place}::text::double precision"),
            (Self::Postgres, Kind::Int | Kind::Serial) => format!("${place}::text::integer"),
            (Self::Postgres, Kind::BigInt) => format!("${place}::text::bigint"),
            (Self::Postgres, Kind::Time) => format!("${place}::text::timestamp"),
        }
    }
}

fn parameters(columns: &[&Column], row: &[(&str, Value)]) -> Vec<Option<String>> {
    let text = |column: &Column, value: &Value| match value {
        Value::Null => None,
        Value::String(text) if column.kind != Kind::Json => Some(text.clone()),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    };
    columns.iter().zip(row).map(|(column, (_, value))| text(column, value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::sql::tables::{KEY, MEMBERSHIP};

    #[test]
    fn values_are_bound_and_names_are_known_s073() {
        let row = [("token", json!("x'; DROP TABLE")), ("models", json!(["a"])), ("blocked", json!(true))];
        let statement = Dialect::Postgres.upsert(&KEY, &row).unwrap();
        assert!(!statement.sql.contains("DROP"));
        assert_eq!(
            statement.parameters,
            [Some("x'; DROP TABLE".to_owned()), Some("[\"a\"]".to_owned()), Some("true".to_owned())]
        );
        assert_eq!(Dialect::Sqlite.upsert(&KEY, &[("token\" = 1; --", json!(1))]), None);
    }

    #[test]
    fn no_statement_empties_a_table() {
        assert_eq!(Dialect::Sqlite.delete(&KEY, &[]), None);
        let member = [("user_id", json!("u")), ("team_id", json!("t"))];
        let statement = Dialect::Sqlite.delete(&MEMBERSHIP, &member).unwrap();
        assert_eq!(statement.sql, r#"DELETE FROM "LiteLLM_TeamMembership" WHERE "user_id" = $1 AND "team_id" = $2"#);
    }
}
