//! `store` as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// A database of keys: one of `sqlite` and `postgres`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStore {
    /// A file on this machine, made when it is not there.
    pub sqlite: Option<RawSqlite>,
    /// PostgreSQL with LiteLLM's tables.
    pub postgres: Option<RawPostgres>,
    /// What is kept in memory of its answers.
    #[serde(default)]
    pub cache: RawCache,
    /// How long a look-up may take, in milliseconds, until the store counts as not answering.
    #[serde(default = "deadline")]
    #[schemars(range(min = 10, max = 10_000))]
    pub deadline_ms: u64,
    /// Let keys in whose `user_id` or `team_id` names nobody, without what the missing record would restrict.
    #[serde(default)]
    pub allow_orphan_keys: bool,
}

fn deadline() -> u64 {
    500
}

/// A file of SQLite.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawSqlite {
    /// The file, relative to this one.
    pub file: PathBuf,
}

impl Default for RawSqlite {
    fn default() -> Self {
        Self { file: PathBuf::from("tollgate.db") }
    }
}

/// A PostgreSQL database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPostgres {
    /// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=PATH`; write `${NAME}` or
    /// `file:PATH`, for it holds a password. A role that may read is enough.
    pub url: String,
    /// Connections for look-ups, at most. One more listens for changes.
    #[serde(default = "connections")]
    #[schemars(range(min = 2, max = 100))]
    pub max_connections: u32,
}

fn connections() -> u32 {
    8
}

/// What is kept in memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawCache {
    /// Keys held at one time, at most; and as many end users, and tags.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_keys: usize,
    /// Unknown keys remembered at one time, at most.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_missing: usize,
    /// How long a record is used before it is asked for again, in seconds, while the store tells of changes.
    #[schemars(range(max = 3600))]
    pub ttl_seconds: u64,
    /// The same while the store does not tell of changes: this is how late a change is seen then.
    #[schemars(range(max = 3600))]
    pub unwatched_ttl_seconds: u64,
    /// How long an unknown key stays unknown, in seconds.
    #[schemars(range(max = 60))]
    pub negative_ttl_seconds: u64,
    /// How much longer a record is used when the store does not answer, in seconds; `0` for not at all.
    #[schemars(range(max = 86_400))]
    pub max_stale_seconds: u64,
}

impl Default for RawCache {
    fn default() -> Self {
        Self {
            max_keys: 250_000,
            max_missing: 100_000,
            ttl_seconds: 60,
            unwatched_ttl_seconds: 5,
            negative_ttl_seconds: 5,
            max_stale_seconds: 600,
        }
    }
}
