//! How a store does at scale: `cargo bench --bench store`, or `-- 100000` for fewer keys in memory. Prints a table for `docs/performance.md`.
//!
//! One million keys of a thousand teams and a hundred thousand people are cached from documents as a database
//! answers them; a hundred thousand keys are served from a real file of SQLite.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking; clippy excepts functions marked #[test] only")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, SqlStr};
use tollgate::core::credential::KeyHash;
use tollgate::core::decision::Outage;
use tollgate::store::cached::{CacheOptions, Cached};
use tollgate::store::sql::schema::Table;
use tollgate::store::sql::{Database, Dialect, Interpretation, SqlDirectory, tables};
use tollgate::store::{DatabaseSpec, DatabaseStore, Directory as _, Place, Sqlite};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CACHED: usize = 1_000_000;
const STORED: usize = 100_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("| what | measured |\n|---|---|");
    let cached = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(CACHED);
    runtime.block_on(memory(cached));
    runtime.block_on(start());
}

/// A database that makes up its rows.
#[derive(Debug)]
struct Invented;

impl Database for Invented {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn document(&self, _: &SqlStr, parameters: &[Option<&str>]) -> Result<Option<Option<String>>, Outage> {
        Ok(Some(parameters.first().copied().flatten().map(document)))
    }

    async fn sum(&self, _: &SqlStr, _: &[&str]) -> Result<f64, Outage> {
        Ok(0.0)
    }

    async fn ping(&self) -> Result<(), Outage> {
        Ok(())
    }
}

/// A key as people have it: an owner, a team, a budget, a limit, an alias.
fn document(hash: &str) -> String {
    let number = usize::from_str_radix(hash.get(..8).unwrap_or_default(), 16).unwrap();
    let (user, team) = (format!("user-{}", number % 100_000), format!("team-{}", number % 1_000));
    let key = row(
        &tables::KEY,
        &json!({
            "token": hash, "key_alias": format!("key-{number}"), "models": ["gpt-4o", "claude-*"], "spend": 1.5,
            "max_budget": 100, "user_id": user, "team_id": team, "metadata": {}, "aliases": {}, "permissions": {},
            "model_spend": {}, "model_max_budget": {}, "rpm_limit": 60, "access_group_ids": [], "allowed_routes": [],
            "expires": "2027-01-31T12:00:00",
        }),
    );
    let user = json!({
        "user_id": user, "user_email": format!("{user}@example.com"), "user_role": "internal_user", "models": [],
        "spend": 10, "metadata": {},
    });
    let team = json!({
        "team_id": team, "team_alias": team, "models": ["gpt-4o", "claude-*", "o1"], "spend": 100, "max_budget": 1000,
        "metadata": {}, "blocked": false,
    });
    let mut document = json!({
        "key": key, "user": row(&tables::USER, &user), "team": row(&tables::TEAM, &team),
        "key_groups": [], "team_groups": [], "user_roles": [],
    });
    for name in [
        "revoke_at",
        "key_budget",
        "key_objects",
        "team_aliases",
        "team_objects",
        "team_default",
        "member",
        "member_role",
        "member_budget",
        "organization",
        "organization_budget",
        "organization_objects",
        "project",
        "project_budget",
        "agent",
        "agent_objects",
    ] {
        document.as_object_mut().unwrap().insert(name.to_owned(), Value::Null);
    }
    document.to_string()
}

fn row(table: &Table, set: &Value) -> Value {
    let columns = table.columns.iter().filter(|column| column.read);
    let mut row: Map<_, _> = columns.map(|column| (column.name.to_owned(), Value::Null)).collect();
    row.extend(set.as_object().unwrap().clone());
    Value::Object(row)
}

async fn memory(cached: usize) {
    let directory = SqlDirectory::new(Invented, Interpretation::default(), clock);
    let cache = Cached::new(directory, &CacheOptions { max_keys: cached, ..CacheOptions::default() });
    cache.watched(true);
    let before = resident();
    for number in 0..cached {
        cache.key(&KeyHash::of(&number.to_string())).await.unwrap().unwrap();
    }
    let used = resident().saturating_sub(before);
    println!(
        "| memory of {cached} cached keys, 1,000 teams, 100,000 people | {} MB, {} bytes a key |",
        used / 1_000_000,
        used / cached
    );
    let hash = KeyHash::of("7");
    let begin = Instant::now();
    for _ in 0..STORED {
        std::hint::black_box(cache.key(&hash).await.unwrap());
    }
    println!("| a look-up that is cached | {} ns |", begin.elapsed().as_nanos() / STORED as u128);
}

async fn start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tollgate.db");
    let sqlite = Sqlite::open(&file, Duration::from_secs(10));
    sqlite.migrate(&file).await.unwrap();
    let mut transaction = sqlite.pool().begin().await.unwrap();
    for number in 0..STORED {
        let row = [("token", json!(KeyHash::of(&number.to_string()).to_hex())), ("models", json!(["gpt-4o"]))];
        let statement = Dialect::Sqlite.upsert(&tables::KEY, &row).unwrap();
        let query = sqlx::query(AssertSqlSafe(statement.sql));
        let query = statement.parameters.into_iter().fold(query, sqlx::query::Query::bind);
        query.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    sqlite.pool().close().await;

    let begin = Instant::now();
    let store = DatabaseStore::new(DatabaseSpec {
        place: Place::Sqlite(file),
        deadline: Duration::from_millis(500),
        cache: CacheOptions::default(),
        interpretation: Interpretation::default(),
    });
    store.open().await;
    while !store.stats().unwrap().has_answered() {
        tokio::task::yield_now().await;
    }
    println!("| a file of {STORED} keys: from opening it to the first answer | {:.1} ms |", millis(begin));
    let mut worst = Duration::ZERO;
    for number in 0..1000 {
        let begin = Instant::now();
        store.key(&KeyHash::of(&number.to_string())).await.unwrap().unwrap();
        worst = worst.max(begin.elapsed());
    }
    println!("| a first look-up of a key there, worst of 1,000 | {:.2} ms |", worst.as_secs_f64() * 1e3);
}

fn millis(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn clock() -> Timestamp {
    Timestamp::UNIX_EPOCH
}
