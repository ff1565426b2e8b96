//! Keys in a file of SQLite, which needs nothing to be installed.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqlStr};
use tokio::time::timeout;

use super::sql::tables::TABLES;
use super::sql::{Database, Dialect, ddl};
use crate::core::decision::Outage;

/// The version of the tables, in `user_version`.
const VERSION: i64 = 2;
/// Readers at one time.
const CONNECTIONS: u32 = 4;

/// A file of SQLite.
#[derive(Debug, Clone)]
pub struct Sqlite {
    pool: SqlitePool,
    deadline: Duration,
}

impl Sqlite {
    /// Opens a file, which is created on first use. A question that takes longer than `deadline` has failed.
    /// It must be called within a runtime.
    #[must_use]
    pub fn open(file: &Path, deadline: Duration) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(deadline)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(deadline);
        Self { pool: pool.connect_lazy_with(options), deadline }
    }

    /// Creates the tables that are missing, and adds what an earlier version did not have.
    ///
    /// # Errors
    /// When the file cannot be written, or is of a newer version of this program.
    pub async fn migrate(&self, file: &Path) -> Result<(), sqlx::Error> {
        // Nobody else may read hashes, or change grants.
        OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        if version > VERSION {
            let text = format!("the file is of version {version}, and this program knows {VERSION}; use a newer one");
            return Err(sqlx::Error::Configuration(text.into()));
        }
        let mut statements = ddl::create(Dialect::Sqlite);
        if version < VERSION {
            for table in TABLES {
                let columns = "SELECT name FROM pragma_table_info($1)";
                let there: Vec<String> =
                    sqlx::query_scalar(columns).bind(table.name).fetch_all(&mut *transaction).await?;
                let missing = table.columns.iter().filter(|column| !there.iter().any(|name| name == column.name));
                let missing = missing.filter(|_| !there.is_empty());
                statements.extend(missing.map(|column| ddl::add(Dialect::Sqlite, table, column)));
            }
        }
        statements.extend(ddl::index());
        statements.push(format!("PRAGMA user_version = {VERSION}"));
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// The connections, for those who write.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    async fn ask<T>(&self, question: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Outage> {
        let answer = timeout(self.deadline, question).await.map_err(|_| "it took too long".to_owned());
        answer.and_then(|answer| answer.map_err(|error| error.to_string())).map_err(|error| {
            tracing::warn!(error, "the key store did not answer");
            Outage::StoreUnavailable
        })
    }
}

impl Database for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn document(&self, query: &SqlStr, parameters: &[Option<&str>]) -> Result<Option<Option<String>>, Outage> {
        let query = parameters.iter().fold(sqlx::query_scalar(query.clone()), |query, text| query.bind(*text));
        self.ask(query.fetch_optional(&self.pool)).await
    }

    async fn sum(&self, query: &SqlStr, parameters: &[&str]) -> Result<f64, Outage> {
        let query = sqlx::query_scalar(query.clone());
        let query = parameters.iter().fold(query, |query, text| query.bind(*text));
        self.ask(query.fetch_one(&self.pool)).await
    }

    async fn ping(&self) -> Result<(), Outage> {
        self.ask(sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(&self.pool)).await.map(drop)
    }
}
