//! Databases to read from, and how tests write into them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;
use tollgate::core::credential::KeyHash;
use tollgate::core::record::KeyRecord;
use tollgate::store::rows::{Meaning, Unreadable};
use tollgate::store::sql::schema::Table;
use tollgate::store::sql::write::Statement;
use tollgate::store::sql::{Dialect, Interpretation, SqlDirectory, tables};
use tollgate::store::{Directory as _, Found, Postgres, PostgresOptions, Sqlite, Trouble};

use super::server;

/// What a look-up may take in a test: longer than a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A database with LiteLLM's tables, that a test writes into.
#[derive(Debug)]
pub enum Database {
    Sqlite(SqlitePool, TempDir),
    Postgres(PgPool),
}

impl Database {
    pub async fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("tollgate.db");
        let sqlite = Sqlite::open(&file, DEADLINE);
        sqlite.migrate(&file).await.unwrap();
        Self::Sqlite(sqlite.pool().clone(), directory)
    }

    pub async fn postgres(name: &str) -> Self {
        Self::Postgres(server::shared().await.litellm(name).await)
    }

    /// One of each kind.
    pub async fn both(name: &str) -> [Self; 2] {
        [Self::sqlite().await, Self::postgres(name).await]
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(..) => Dialect::Sqlite,
            Self::Postgres(..) => Dialect::Postgres,
        }
    }

    /// Runs a statement.
    pub async fn run(&self, statement: Statement) {
        let Statement { sql, parameters } = statement;
        match self {
            Self::Sqlite(pool, _) => {
                let query = sqlx::query(AssertSqlSafe(sql));
                parameters.into_iter().fold(query, sqlx::query::Query::bind).execute(pool).await.unwrap();
            }
            Self::Postgres(pool) => {
                let query = sqlx::query(AssertSqlSafe(sql));
                parameters.into_iter().fold(query, sqlx::query::Query::bind).execute(pool).await.unwrap();
            }
        }
    }

    /// Runs plain SQL.
    pub async fn sql(&self, sql: &str) {
        self.run(Statement { sql: sql.to_owned(), parameters: Vec::new() }).await;
    }

    /// Writes a row; the columns that LiteLLM fills itself are filled.
    pub async fn put(&self, table: &Table, row: Value) {
        let mut row: Vec<(String, Value)> = row.as_object().unwrap().clone().into_iter().collect();
        let filled = [
            ("created_by", json!("tests")),
            ("updated_by", json!("tests")),
            ("updated_at", json!("2026-01-01T00:00:00")),
            ("agent_card_params", json!({})),
        ];
        for (name, value) in filled {
            if table.column(name).is_some_and(|column| column.required) {
                row.push((name.to_owned(), value));
            }
        }
        let row: Vec<_> = row.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let known = |name: &str| table.column(name).is_some();
        assert!(row.iter().all(|(name, _)| known(name)), "{}: {row:?}", table.name);
        self.run(self.dialect().upsert(table, &row).unwrap()).await;
    }

    /// Writes a key, with empty lists where LiteLLM has them.
    pub async fn key(&self, text: &str, mut row: Value) {
        let columns = row.as_object_mut().unwrap();
        columns.entry("token").or_insert(json!(KeyHash::of(text).to_hex()));
        columns.entry("models").or_insert(json!([]));
        self.put(&tables::KEY, row).await;
    }

    /// A directory of this database.
    pub fn directory(&self, interpretation: Interpretation) -> Directory {
        match self {
            Self::Sqlite(_, directory) => {
                let sqlite = Sqlite::open(&directory.path().join("tollgate.db"), DEADLINE);
                Directory::Sqlite(SqlDirectory::new(sqlite, interpretation, clock))
            }
            Self::Postgres(pool) => {
                let connect = PgPool::connect_options(pool).as_ref().clone();
                let postgres = Postgres::open(PostgresOptions { connect, connections: 2, deadline: DEADLINE });
                Directory::Postgres(SqlDirectory::new(postgres, interpretation, clock))
            }
        }
    }

    /// What a new reader says of a key.
    pub async fn read(&self, text: &str) -> Result<Option<KeyRecord>, Trouble> {
        self.directory(Interpretation::default()).key(text).await
    }

    /// What is wrong with a key.
    pub async fn unreadable(&self, text: &str) -> Unreadable {
        match self.read(text).await {
            Err(Trouble::Unreadable(unreadable)) => unreadable,
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// A directory of either kind.
#[derive(Debug)]
pub enum Directory {
    Sqlite(SqlDirectory<Sqlite>),
    Postgres(SqlDirectory<Postgres>),
}

impl Directory {
    pub async fn key(&self, text: &str) -> Result<Option<KeyRecord>, Trouble> {
        let hash = KeyHash::of(text);
        let found = match self {
            Self::Sqlite(directory) => directory.key(&hash).await,
            Self::Postgres(directory) => directory.key(&hash).await,
        };
        Ok(found?.map(|Found { record, .. }| KeyRecord::clone(&record)))
    }
}

/// The time of every test.
pub fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn clock() -> Timestamp {
    now()
}

/// What a configuration says when it allows keys without their owners' rows.
pub fn orphans() -> Interpretation {
    Interpretation { meaning: Meaning { allow_orphan_keys: true, ..Meaning::default() }, ..Interpretation::default() }
}
