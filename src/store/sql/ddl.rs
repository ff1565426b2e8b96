//! Statements that create the tables.

use super::Dialect;
use super::schema::{Column, Kind, Table};
use super::tables::TABLES;

/// Creates every table that is missing, and changes none that is there.
#[must_use]
pub fn create(dialect: Dialect) -> Vec<String> {
    TABLES.iter().map(|table| dialect.create(table)).collect()
}

/// Creates every index that is missing, under the name that LiteLLM gives it.
#[must_use]
pub fn index() -> Vec<String> {
    TABLES.iter().flat_map(|table| indexes(table)).collect()
}

/// Adds a column to a table of an earlier version.
#[must_use]
pub fn add(dialect: Dialect, table: &Table, column: &Column) -> String {
    // What is there already has no value for it.
    let column = Column { required: false, ..*column };
    format!("ALTER TABLE \"{}\" ADD COLUMN {}", table.name, dialect.column(&column, None))
}

fn indexes(table: &Table) -> Vec<String> {
    let name = table.name;
    let index = |kind: &str, columns: &[&str], end: &str| {
        let (parts, columns) = (columns.join("_"), quoted(columns));
        format!("CREATE {kind} IF NOT EXISTS \"{name}_{parts}_{end}\" ON \"{name}\" ({columns})")
    };
    let unique = table.unique.iter().map(|column| index("UNIQUE INDEX", &[column], "key"));
    let together = Some(table.unique_together).filter(|columns| !columns.is_empty());
    let together = together.map(|columns| index("UNIQUE INDEX", columns, "key"));
    let searched = table.indexed.iter().map(|column| index("INDEX", &[column], "idx"));
    unique.chain(together).chain(searched).collect()
}

impl Dialect {
    fn create(self, table: &Table) -> String {
        let columns = table.columns.iter().map(|column| self.column(column, self.default_of(column)));
        let lines: Vec<_> = columns.chain([format!("PRIMARY KEY ({})", quoted(table.key))]).collect();
        let strict = match self {
            Self::Sqlite => " STRICT",
            Self::Postgres => "",
        };
        let name = table.name;
        format!("CREATE TABLE IF NOT EXISTS \"{name}\" (\n  {}\n){strict}", lines.join(",\n  "))
    }

    fn column(self, column: &Column, default: Option<&str>) -> String {
        let Column { name, kind, required, read: _ } = *column;
        let null = if required { " NOT NULL" } else { "" };
        let default = default.map(|value| format!(" DEFAULT {value}")).unwrap_or_default();
        let check = match (self, kind) {
            (Self::Sqlite, Kind::Texts) => format!(" CHECK (json_type(\"{name}\") = 'array')"),
            // To SQLite before 3.41, NULL is invalid.
            (Self::Sqlite, Kind::Json) => format!(" CHECK (\"{name}\" IS NULL OR json_valid(\"{name}\"))"),
            (Self::Sqlite, Kind::Bool) => format!(" CHECK (\"{name}\" IN (0, 1))"),
            _ => String::new(),
        };
        format!("\"{name}\" {}{null}{default}{check}", self.kind(kind))
    }

    fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, Kind::Text | Kind::Texts | Kind::Json | Kind::Time) => "TEXT",
            (Self::Sqlite, Kind::Bool | Kind::Int | Kind::BigInt | Kind::Serial) => "INTEGER",
            (Self::Sqlite, Kind::Float) => "REAL",
            (Self::Postgres, Kind::Text) => "text",
            (Self::Postgres, Kind::Texts) => "text[]",
            (Self::Postgres, Kind::Json) => "jsonb",
            (Self::Postgres, Kind::Bool) => "boolean",
            (Self::Postgres, Kind::Float) => "double precision",
            (Self::Postgres, Kind::Int) => "integer",
            (Self::Postgres, Kind::BigInt) => "bigint",
            (Self::Postgres, Kind::Serial) => "serial",
            (Self::Postgres, Kind::Time) => "timestamp(3) without time zone",
        }
    }

    fn default_of(self, column: &Column) -> Option<&'static str> {
        let is_stamp = matches!(column.name, "created_at" | "updated_at");
        match (self, column.kind) {
            (Self::Sqlite, Kind::Time) if is_stamp => Some("(strftime('%Y-%m-%dT%H:%M:%f', 'now'))"),
            (Self::Postgres, Kind::Time) if is_stamp => Some("(now() AT TIME ZONE 'UTC')"),
            (_, Kind::Json) if column.required => Some("'{}'"),
            (_, Kind::Float) if column.required => Some("0.0"),
            (Self::Sqlite, Kind::Bool) if column.required => Some("0"),
            (Self::Postgres, Kind::Bool) if column.required => Some("false"),
            (Self::Sqlite, Kind::Texts) if column.name != "models" => Some("'[]'"),
            (Self::Postgres, Kind::Texts) if column.name != "models" => Some("'{}'"),
            _ => None,
        }
    }
}

/// Names in quotes, with commas between them.
pub(crate) fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}
