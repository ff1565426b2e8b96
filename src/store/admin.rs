//! Writing to a store: for operators, and never on the way of a request.

mod members;
mod rows;

use serde_json::{Map, Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row as _};
use std::time::Duration;
use thiserror::Error;

pub use rows::{Change, Row};

use super::Place;
use super::sql::schema::Table;
use super::sql::tables::{DEPRECATED_KEY, JWT_KEY_MAPPING, KEY, TABLES};
use super::sql::write::Statement;
use super::sql::{Dialect, ddl, triggers};
use super::sqlite::Sqlite;
use crate::core::credential::KeyHash;

/// How long an operator waits for a database.
const DEADLINE: Duration = Duration::from_secs(30);

/// A store that is written to.
#[derive(Debug)]
pub struct Admin {
    place: Open,
}

#[derive(Debug)]
enum Open {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Why something could not be written.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The database said no.
    #[error("the store cannot do that: {0}")]
    Database(#[from] sqlx::Error),
    /// LiteLLM has no such column.
    #[error("`{table}` has no column of that name")]
    UnknownColumn {
        /// The table.
        table: &'static str,
    },
    /// SQLite is watched without triggers.
    #[error("a file of SQLite needs no triggers")]
    NoTriggers,
    /// There is no such row.
    #[error("there is no such row in `{table}`")]
    NotFound {
        /// The table.
        table: &'static str,
    },
    /// There is a row with the same key.
    #[error("there is such a row in `{table}` already")]
    Exists {
        /// The table.
        table: &'static str,
    },
    /// What the store returned is no row.
    #[error("a row cannot be read")]
    Unreadable,
}

/// What a store lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Tables, and columns as `table.column`.
    pub missing: Vec<String>,
    /// Whether changes are told.
    pub watched: bool,
}

impl Admin {
    /// Opens a store. A file of SQLite is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn open(place: &Place) -> Result<Self, AdminError> {
        let place = match place {
            Place::Sqlite(file) => {
                let sqlite = Sqlite::open(file, DEADLINE);
                sqlite.migrate(file).await?;
                Open::Sqlite(sqlite.pool().clone())
            }
            Place::Postgres { connect, .. } => {
                let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(DEADLINE);
                Open::Postgres(pool.connect_with(connect.as_ref().clone()).await?)
            }
        };
        Ok(Self { place })
    }

    fn dialect(&self) -> Dialect {
        match self.place {
            Open::Sqlite(_) => Dialect::Sqlite,
            Open::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Creates the tables that are missing, and changes none that is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn create_tables(&self) -> Result<(), AdminError> {
        self.all(ddl::create(self.dialect()).into_iter().chain(ddl::index()).collect()).await
    }

    /// Installs the triggers by which PostgreSQL tells of changes, or brings them up to date.
    ///
    /// # Errors
    /// When the database refuses, or is one of SQLite.
    pub async fn install_triggers(&self) -> Result<(), AdminError> {
        match self.place {
            Open::Sqlite(_) => Err(AdminError::NoTriggers),
            Open::Postgres(_) => self.all(triggers::install()).await,
        }
    }

    /// Removes them.
    ///
    /// # Errors
    /// When the database refuses, or is one of SQLite.
    pub async fn remove_triggers(&self) -> Result<(), AdminError> {
        match self.place {
            Open::Sqlite(_) => Err(AdminError::NoTriggers),
            Open::Postgres(_) => self.all(triggers::remove()).await,
        }
    }

    /// What is missing for the store to serve (S-188).
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn check(&self) -> Result<Report, AdminError> {
        let Open::Postgres(pool) = &self.place else {
            return Ok(Report { missing: Vec::new(), watched: true });
        };
        let mut missing = Vec::new();
        for table in TABLES {
            let columns = "SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = to_regclass($1)";
            let name = format!("\"{}\"", table.name);
            let columns: Vec<String> = sqlx::query_scalar(columns).bind(&name).fetch_all(pool).await?;
            if columns.is_empty() {
                missing.push(table.name.to_owned());
                continue;
            }
            let needed =
                table.columns.iter().filter(|column| column.read && !columns.iter().any(|one| one == column.name));
            missing.extend(needed.map(|column| format!("{}.{}", table.name, column.name)));
        }
        let count: i64 = sqlx::query_scalar(triggers::COUNT).fetch_one(pool).await?;
        Ok(Report { missing, watched: usize::try_from(count).is_ok_and(|count| count >= triggers::WATCHED.len()) })
    }

    /// Writes the named columns of a row: a new one, or over that with the same key.
    ///
    /// # Errors
    /// A name that is no column; a database that refuses.
    pub async fn upsert(&self, table: &Table, row: &[(&str, Value)]) -> Result<(), AdminError> {
        let statement = self.dialect().upsert(table, row).ok_or(AdminError::UnknownColumn { table: table.name })?;
        self.run(&[statement]).await.map(drop)
    }

    /// Deletes the rows whose columns have these values, and says how many.
    ///
    /// # Errors
    /// A name that is no column; a database that refuses.
    pub async fn delete(&self, table: &Table, row: &[(&str, Value)]) -> Result<u64, AdminError> {
        let statement = self.dialect().delete(table, row).ok_or(AdminError::UnknownColumn { table: table.name })?;
        self.run(&[statement]).await
    }

    /// All rows of a table, as objects of the columns that decisions depend on, by their key.
    ///
    /// # Errors
    /// A database that refuses, or a row that cannot be read.
    pub async fn list(&self, table: &Table) -> Result<Vec<Map<String, Value>>, AdminError> {
        let sql = self.dialect().list(table);
        let texts: Vec<String> = match &self.place {
            Open::Sqlite(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Open::Postgres(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
        };
        texts.iter().map(|text| serde_json::from_str(text).map_err(|_| AdminError::Unreadable)).collect()
    }

    /// Blocks a key, or lets it in again.
    ///
    /// # Errors
    /// When there is no such key, or the database refuses.
    pub async fn block(&self, key: &KeyHash, blocked: bool) -> Result<(), AdminError> {
        let changes = [("blocked", json!(blocked))];
        let statement = self.dialect().update(&KEY, &changes, &[("token", json!(key.to_hex()))]);
        let statement = statement.ok_or(AdminError::UnknownColumn { table: KEY.name })?;
        if self.run(&[statement]).await? == 0 { Err(AdminError::NotFound { table: KEY.name }) } else { Ok(()) }
    }

    /// Gives a key a new text. The old one works until `revoke_at`, in UTC as `2027-01-31T12:00:00`, or not at
    /// all (LiteLLM LOOK-10). `id` names the row of the old one.
    ///
    /// # Errors
    /// When there is no such key, or the database refuses; then nothing is changed.
    pub async fn rotate(&self, old: &KeyHash, new: &KeyHash, grace: Option<(&str, &str)>) -> Result<(), AdminError> {
        let (dialect, unknown) = (self.dialect(), || AdminError::UnknownColumn { table: KEY.name });
        let (was, becomes) = (json!(old.to_hex()), json!(new.to_hex()));
        let renamed = dialect.update(&KEY, &[("token", becomes.clone())], &[("token", was.clone())]);
        // Keys replaced before lead to the newest one: only one step is ever taken.
        let moved = [("active_token_id", becomes.clone())];
        let moved = dialect.update(&DEPRECATED_KEY, &moved, &[("active_token_id", was.clone())]);
        let mapped = dialect.update(&JWT_KEY_MAPPING, &[("token", becomes.clone())], &[("token", was.clone())]);
        let mut statements =
            [renamed, moved, mapped].map(|one| one.ok_or_else(unknown)).into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some((id, revoke_at)) = grace {
            let row =
                [("id", json!(id)), ("token", was), ("active_token_id", becomes), ("revoke_at", json!(revoke_at))];
            statements.push(dialect.upsert(&DEPRECATED_KEY, &row).ok_or_else(unknown)?);
        }
        if self.run(&statements).await? == 0 { Err(AdminError::NotFound { table: KEY.name }) } else { Ok(()) }
    }

    /// Runs statements in one transaction; all of them, or none. Returns how many rows the first one changed:
    /// when that is none, nothing is done.
    async fn run(&self, statements: &[Statement]) -> Result<u64, AdminError> {
        let mut first = None;
        match &self.place {
            Open::Sqlite(pool) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                for Statement { sql, parameters } in statements {
                    let query = sqlx::query(AssertSqlSafe(sql.clone()));
                    let query = parameters.iter().fold(query, sqlx::query::Query::bind);
                    let changed = query.execute(&mut *transaction).await?.rows_affected();
                    if *first.get_or_insert(changed) == 0 {
                        return Ok(0);
                    }
                }
                transaction.commit().await?;
            }
            Open::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                for Statement { sql, parameters } in statements {
                    let query = sqlx::query(AssertSqlSafe(sql.clone()));
                    let query = parameters.iter().fold(query, sqlx::query::Query::bind);
                    let changed = query.execute(&mut *transaction).await?.rows_affected();
                    if *first.get_or_insert(changed) == 0 {
                        return Ok(0);
                    }
                }
                transaction.commit().await?;
            }
        }
        Ok(first.unwrap_or_default())
    }

    async fn all(&self, statements: Vec<String>) -> Result<(), AdminError> {
        match &self.place {
            Open::Sqlite(pool) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                for sql in statements {
                    sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
            Open::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                for sql in statements {
                    sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }
}
