//! Keys in PostgreSQL, in LiteLLM's own tables. A role that may read is enough.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, SqlStr};
use tokio::time::timeout;

use super::sql::{Database, Dialect};
use crate::core::decision::Outage;

/// How a database is reached, with a password.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it would show the password")]
pub struct PostgresOptions {
    /// Where it is, and who asks.
    pub connect: PgConnectOptions,
    /// Connections at one time, at most.
    pub connections: u32,
    /// A question that takes longer has failed.
    pub deadline: Duration,
}

/// A PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    deadline: Duration,
}

impl Postgres {
    /// Connects when it is first asked. It must be called within a runtime.
    #[must_use]
    pub fn open(options: PostgresOptions) -> Self {
        let PostgresOptions { connect, connections, deadline } = options;
        // Also on the server: what nobody waits for any more must not go on there.
        let limit = deadline.as_millis().to_string();
        let connect = connect
            .application_name("tollgate")
            .options([("statement_timeout", limit.as_str()), ("lock_timeout", limit.as_str())])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(deadline);
        Self { pool: pool.connect_lazy_with(connect), deadline }
    }

    /// The connections, for those who write.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Asks one question on a connection of its own. A connection whose answer nobody waited for is closed,
    /// so that its place in the pool is free at once (S-184).
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Outage> {
        let mut connection = match timeout(self.deadline, self.pool.acquire()).await {
            Ok(connection) => connection.map_err(|error| outage(&error.to_string()))?,
            Err(_) => return Err(outage("no connection came in time")),
        };
        let Ok(answer) = timeout(self.deadline, question(&mut connection)).await else {
            drop(connection.detach());
            return Err(outage("it took too long"));
        };
        answer.map_err(|error| outage(&error.to_string()))
    }
}

fn outage(error: &str) -> Outage {
    tracing::warn!(error, "the key store did not answer");
    Outage::StoreUnavailable
}

impl Database for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn document(&self, query: &SqlStr, parameters: &[Option<&str>]) -> Result<Option<Option<String>>, Outage> {
        self.ask(async |connection| {
            let query = sqlx::query_scalar(query.clone());
            parameters.iter().fold(query, |query, text| query.bind(*text)).fetch_optional(connection).await
        })
        .await
    }

    async fn sum(&self, query: &SqlStr, parameters: &[&str]) -> Result<f64, Outage> {
        self.ask(async |connection| {
            let query = sqlx::query_scalar(query.clone());
            parameters.iter().fold(query, |query, text| query.bind(*text)).fetch_one(connection).await
        })
        .await
    }

    async fn ping(&self) -> Result<(), Outage> {
        self.ask(async |connection| sqlx::query("SELECT 1").execute(connection).await.map(drop)).await
    }
}
