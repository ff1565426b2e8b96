//! A Tollgate on a database: what is written there is what holds.

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use serde_json::json;
use tollgate::store::sql::{tables, triggers};

use super::world::Database;
use crate::harness::{Client, Files, MASTER_KEY, Outcome, Running, eventually, hash, post};

/// A Tollgate on a database.
pub struct Serving {
    pub files: Files,
    pub running: Running,
    pub client: Client,
}

/// The configuration for a store.
pub fn config(store: &str) -> String {
    format!(
        "listen: {{ grpc: '127.0.0.1:0', http: '127.0.0.1:0' }}\nmaster_key: {MASTER_KEY}\n\
         envoy: {{ max_request_bytes: 1048576 }}\nroutes: {{ public: [/health/liveliness] }}\nstore:\n{store}"
    )
}

impl Serving {
    /// Starts one, and waits until it is ready.
    pub async fn start(store: &str) -> Self {
        let files = Files::new(&config(store), "");
        let running = Running::start(&files.config()).await;
        eventually("ready", async || (running.page("/readyz").await.0 == 200).then_some(())).await;
        let client = running.client().await;
        Self { files, running, client }
    }

    /// What a key comes to.
    pub async fn ask(&self, key: &str) -> String {
        let body = r#"{"model": "gpt-4o", "messages": []}"#;
        outcome(&self.client, post("/v1/chat/completions", body).key(key).raw()).await
    }

    /// Waits for it to come to that.
    pub async fn until(&self, key: &str, outcome: &str) {
        let what = format!("{key}: {outcome}");
        eventually(&what, async || self.ask(key).await.starts_with(outcome).then_some(())).await;
    }

    /// A value of a metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = self.running.page("/metrics").await.1;
        let line = page.lines().find(|line| line.starts_with(&format!("tollgate_{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name}: {page}"))
    }

    /// Waits for a value of a metric.
    pub async fn until_metric(&self, name: &str, value: f64) {
        eventually(name, async || ((self.metric(name).await - value).abs() < 1e-9).then_some(())).await;
    }
}

/// What a check comes to; Envoy answers an error with 503.
pub async fn outcome(client: &Client, check: CheckRequest) -> String {
    match client.check(check).await {
        Ok(response) => Outcome::of(response).summary(),
        Err(status) => format!("503 {:?}", status.code()),
    }
}

/// How a configuration names a database.
pub fn store_of(database: &Database) -> String {
    match database {
        Database::Sqlite(_, directory) => {
            format!("  sqlite: {{ file: {} }}\n", directory.path().join("tollgate.db").display())
        }
        Database::Postgres(pool) => {
            let options = sqlx::PgPool::connect_options(pool);
            let database = options.get_database().unwrap();
            format!("  postgres: {{ url: 'postgresql://postgres@127.0.0.1:{}/{database}' }}\n", options.get_port())
        }
    }
}

async fn with_triggers(name: &str) -> Database {
    let database = Database::postgres(name).await;
    for statement in triggers::install() {
        database.sql(&statement).await;
    }
    database
}

/// Changes made by plain SQL, and what they do to the key that every step asks about.
const STEPS: &[(&str, &str)] = &[
    (r#"INSERT INTO "LiteLLM_UserTable" (user_id) VALUES ('ada')"#, "401"),
    (r#"INSERT INTO "LiteLLM_TeamTable" (team_id) VALUES ('red')"#, "401"),
    ("INSERT KEY", "200"),
    (r#"UPDATE "LiteLLM_VerificationToken" SET blocked = true"#, "401 key_blocked"),
    (r#"UPDATE "LiteLLM_VerificationToken" SET blocked = NULL"#, "200"),
    (r#"UPDATE "LiteLLM_TeamTable" SET blocked = true"#, "403 team_blocked"),
    (r#"UPDATE "LiteLLM_TeamTable" SET blocked = false"#, "200"),
    (r#"UPDATE "LiteLLM_UserTable" SET metadata = '{"scim_active": false}'"#, "401 user_inactive"),
    (r#"UPDATE "LiteLLM_UserTable" SET metadata = '{}'"#, "200"),
    (r#"UPDATE "LiteLLM_VerificationToken" SET max_budget = 10"#, "200"),
    (r#"UPDATE "LiteLLM_VerificationToken" SET spend = 10"#, "429 key_budget_exceeded"),
    (r#"UPDATE "LiteLLM_VerificationToken" SET max_budget = NULL"#, "200"),
    (r#"DELETE FROM "LiteLLM_TeamTable""#, "403 record_unreadable"),
    (r#"INSERT INTO "LiteLLM_TeamTable" (team_id) VALUES ('red')"#, "200"),
    (r#"DELETE FROM "LiteLLM_VerificationToken""#, "401 credential_unknown"),
];

#[tokio::test]
async fn changes_made_by_plain_sql_hold_s085_s173_s192() {
    for database in [Database::sqlite().await, with_triggers("serving").await] {
        let serving = Serving::start(&format!("{}  cache: {{ ttl_seconds: 3600 }}\n", store_of(&database))).await;
        serving.until_metric("store_watched", 1.0).await;
        for (step, outcome) in STEPS {
            let key = format!(
                r#"INSERT INTO "LiteLLM_VerificationToken" (token, models, user_id, team_id) VALUES ('{}', '{}', 'ada', 'red')"#,
                hash("sk-a"),
                if matches!(database, Database::Sqlite(..)) { "[]" } else { "{}" },
            );
            database.sql(if *step == "INSERT KEY" { &key } else { step }).await;
            serving.until("sk-a", outcome).await;
        }
    }
}

#[tokio::test]
async fn without_triggers_a_change_is_seen_all_the_same_s199() {
    let database = Database::postgres("unwatched").await;
    let cache = "  cache: { ttl_seconds: 3600, unwatched_ttl_seconds: 1, negative_ttl_seconds: 1 }\n";
    let serving = Serving::start(&format!("{}{cache}", store_of(&database))).await;
    assert_eq!(serving.ask("sk-a").await, "401 credential_unknown");
    database.key("sk-a", json!({})).await;
    serving.until("sk-a", "200").await;
    database.sql(r#"UPDATE "LiteLLM_VerificationToken" SET blocked = true"#).await;
    serving.until("sk-a", "401 key_blocked").await;
    for statement in triggers::install() {
        database.sql(&statement).await;
    }
    serving.until_metric("store_watched", 1.0).await;
    database.sql(r#"UPDATE "LiteLLM_VerificationToken" SET blocked = false"#).await;
    serving.until("sk-a", "200").await;
    for statement in triggers::remove() {
        database.sql(&statement).await;
    }
    serving.until_metric("store_watched", 0.0).await;
}

#[tokio::test]
async fn spending_alone_is_not_told() {
    let database = with_triggers("spending").await;
    database.put(&tables::USER, json!({"user_id": "ada"})).await;
    database.key("sk-a", json!({"user_id": "ada", "max_budget": 10})).await;
    let serving = Serving::start(&store_of(&database)).await;
    serving.until_metric("store_watched", 1.0).await;
    let before = serving.metric("store_changes_total").await;
    for spend in 1..10 {
        database.sql(&format!(r#"UPDATE "LiteLLM_VerificationToken" SET spend = {spend}, updated_at = now()"#)).await;
    }
    database.sql(r#"UPDATE "LiteLLM_UserTable" SET spend = 5, model_spend = '{"gpt-4o": 5}'"#).await;
    database.sql(r#"UPDATE "LiteLLM_VerificationToken" SET spend = 10"#).await;
    serving.until_metric("store_changes_total", before + 1.0).await;
}

#[tokio::test]
async fn a_reading_role_is_enough() {
    let database = with_triggers("reader").await;
    database.put(&tables::USER, json!({"user_id": "ada"})).await;
    database.key("sk-a", json!({"user_id": "ada"})).await;
    database.sql("CREATE ROLE reader LOGIN").await;
    for table in tables::TABLES {
        let columns: Vec<_> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let columns =
            if table.name == "LiteLLM_UserTable" { format!("({})", columns.join(", ")) } else { String::new() };
        database.sql(&format!("GRANT SELECT {columns} ON \"{}\" TO reader", table.name)).await;
    }
    let serving = Serving::start(&store_of(&database).replace("postgres@", "reader@")).await;
    assert_eq!(serving.ask("sk-a").await, "200 allow");
    serving.until_metric("store_watched", 1.0).await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_known() {
    let database = with_triggers("reload").await;
    database.key("sk-a", json!({})).await;
    let store = store_of(&database);
    let serving = Serving::start(&store).await;
    assert_eq!(serving.ask("sk-a").await, "200 allow");
    let misses = |page: &str| page.lines().find(|line| line.contains("outcome=\"miss\"")).unwrap().to_owned();
    let before = misses(&serving.running.page("/metrics").await.1);
    let generation = async || -> u64 {
        let status: serde_json::Value = serde_json::from_str(&serving.running.page("/config").await.1).unwrap();
        status["generation"].as_u64().unwrap()
    };
    serving.files.write("tollgate.yaml", &format!("{}\nlitellm_compat: {{}}\n", config(&store)));
    eventually("reloaded", async || (generation().await == 2).then_some(())).await;
    assert_eq!(serving.ask("sk-a").await, "200 allow");
    assert_eq!(misses(&serving.running.page("/metrics").await.1), before, "nothing was asked again");
    serving.files.write("tollgate.yaml", &config(&format!("{store}  deadline_ms: 900\n")));
    eventually("reloaded", async || (generation().await == 3).then_some(())).await;
    serving.until("sk-a", "200").await;
}

#[tokio::test]
async fn nobody_is_let_in_before_the_store_has_answered() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = format!("  postgres: {{ url: 'postgresql://postgres:canary@127.0.0.1:{port}/none' }}\n");
    let files = Files::new(&config(&store), "");
    let running = Running::start(&files.config()).await;
    assert_eq!(running.page("/readyz").await.0, 503);
    let client = running.client().await;
    let check = |key| post("/v1/chat/completions", r#"{"model": "m"}"#).key(key).raw();
    assert_eq!(outcome(&client, check("sk-a")).await, "503 Unavailable", "S-182");
    assert_eq!(outcome(&client, check(MASTER_KEY)).await, "200 allow");
    assert!(!running.page("/config").await.1.contains("canary"));
}
