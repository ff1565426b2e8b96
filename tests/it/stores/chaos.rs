//! Databases that die, hang, are full or cannot be reached: known keys go on, nobody else gets in, and all is
//! well soon after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgConnection};
use tollgate::store::sql::triggers;

use super::relay::{Relay, State};
use super::server::Server;
use super::serving::{Serving, outcome, store_of};
use super::world::Database;
use crate::harness::{eventually, post};

/// A server of one's own, with keys, and a Tollgate that reaches it over a relay.
struct World {
    server: Server,
    database: Database,
    relay: Relay,
    serving: Serving,
}

impl World {
    async fn new(cache: &str) -> Self {
        let server = Server::start().await;
        server.migrate().await;
        let database = Database::Postgres(server.pool("litellm"));
        for statement in triggers::install() {
            database.sql(&statement).await;
        }
        for text in ["sk-known", "sk-revoked", "sk-unseen"] {
            database.key(text, json!({})).await;
        }
        let relay = Relay::to(server.port()).await;
        let store = format!(
            "  postgres: {{ url: 'postgresql://postgres@127.0.0.1:{}/litellm', max_connections: 4 }}\n  deadline_ms: 300\n  cache: {{ {cache} }}\n",
            relay.port
        );
        let serving = Serving::start(&store).await;
        serving.until_metric("store_watched", 1.0).await;
        let world = Self { server, database, relay, serving };
        for text in ["sk-known", "sk-revoked"] {
            assert_eq!(world.serving.ask(text).await, "200 allow");
        }
        // A key that is seen to be revoked stays revoked, whatever happens afterwards.
        world.database.sql(REVOKE).await;
        world.serving.until("sk-revoked", "401").await;
        world
    }

    /// What holds while the database is away.
    async fn assert_outage(&self) {
        assert_eq!(self.serving.ask("sk-known").await, "200 allow");
        for text in ["sk-unseen", "sk-garbage"] {
            assert!(self.serving.ask(text).await.starts_with("503"), "{text}: S-182");
        }
        let revoked = self.serving.ask("sk-revoked").await;
        assert!(revoked == "401 credential_unknown" || revoked.starts_with("503"), "{revoked}");
    }

    /// What holds soon after it is back.
    async fn assert_recovery(&self) {
        self.serving.until("sk-unseen", "200").await;
        self.serving.until("sk-garbage", "401").await;
        self.serving.until("sk-revoked", "401").await;
        self.serving.until_metric("store_watched", 1.0).await;
        self.database.sql(r#"UPDATE "LiteLLM_VerificationToken" SET blocked = true"#).await;
        self.serving.until("sk-known", "401 key_blocked").await;
    }
}

const REVOKE: &str = r#"DELETE FROM "LiteLLM_VerificationToken" WHERE token = encode(sha256('sk-revoked'), 'hex')"#;

/// Asks about a key on and on, and counts answers other than `allow`.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    async fn on(serving: &Serving, text: &'static str) -> Self {
        let client = serving.running.client().await;
        let (stop, asked, refused) = (Arc::default(), Arc::default(), Arc::default());
        let (stopped, count, failed): (Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            (Arc::clone(&stop), Arc::clone(&asked), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let check = post("/v1/chat/completions", r#"{"model": "m"}"#).key(text).raw();
                failed.fetch_add(usize::from(outcome(&client, check).await != "200 allow"), Ordering::Relaxed);
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        Self { stop, asked, refused, task }
    }

    /// Ends the load; no answer was a refusal.
    async fn assert_unharmed(self) {
        eventually("ten answers", async || (self.asked.load(Ordering::Relaxed) >= 10).then_some(())).await;
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        assert_eq!(self.refused.load(Ordering::Relaxed), 0, "of {}", self.asked.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn a_database_that_is_killed_and_comes_back_s183_s181() {
    let mut world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0").await;
    let load = Load::on(&world.serving, "sk-known").await;
    world.server.kill();
    world.serving.until("sk-unseen", "503").await;
    world.serving.until_metric("store_down", 1.0).await;
    world.assert_outage().await;
    world.server.resume();
    world.server.ready().await;
    world.serving.until_metric("store_down", 0.0).await;
    load.assert_unharmed().await;
    world.assert_recovery().await;
}

#[tokio::test]
async fn a_database_that_hangs_s184() {
    let world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0").await;
    world.server.freeze(true);
    let load = Load::on(&world.serving, "sk-known").await;
    world.serving.until("sk-unseen", "503").await;
    world.assert_outage().await;
    world.serving.until_metric("store_watched", 0.0).await;
    world.server.freeze(false);
    world.serving.until_metric("store_down", 0.0).await;
    load.assert_unharmed().await;
    world.assert_recovery().await;
}

#[tokio::test]
async fn a_network_that_is_cut_or_swallows_everything_s199() {
    let world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0").await;
    for state in [State::Cut, State::Silent] {
        world.relay.set(state);
        let load = Load::on(&world.serving, "sk-known").await;
        world.serving.until("sk-unseen", "503").await;
        world.assert_outage().await;
        world.serving.until_metric("store_watched", 0.0).await;
        world.relay.set(State::Open);
        world.serving.until_metric("store_watched", 1.0).await;
        load.assert_unharmed().await;
        // Unseen again, for the next state.
        world.serving.until("sk-unseen", "200").await;
        world
            .database
            .sql(r#"DELETE FROM "LiteLLM_VerificationToken" WHERE token = encode(sha256('sk-unseen'), 'hex')"#)
            .await;
        world.serving.until("sk-unseen", "401").await;
        world.database.key("sk-unseen", json!({})).await;
    }
    world.assert_recovery().await;
}

#[tokio::test]
async fn a_revocation_nobody_was_told_of_is_seen_when_the_network_is_back_s199() {
    let world = World::new("ttl_seconds: 3600").await;
    world.relay.set(State::Silent);
    world.serving.until_metric("store_watched", 0.0).await;
    world.database.sql(r#"UPDATE "LiteLLM_VerificationToken" SET blocked = true"#).await;
    world.relay.set(State::Open);
    world.serving.until("sk-known", "401 key_blocked").await;
}

#[tokio::test]
async fn without_stale_time_known_keys_end_with_the_database() {
    let mut world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0, max_stale_seconds: 0").await;
    world.server.kill();
    world.serving.until("sk-known", "503").await;
    world.server.resume();
    world.serving.until("sk-known", "200").await;
}

#[tokio::test]
async fn connections_that_are_used_up_by_others_s186() {
    let world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0").await;
    world.relay.set(State::Cut);
    world.serving.until_metric("store_watched", 0.0).await;
    // All that the server has; as its superuser, those it keeps for that too.
    let mut others = vec![world.server.options("postgres").connect().await.unwrap()];
    loop {
        match world.server.options("postgres").connect().await {
            Ok(connection) => others.push(connection),
            Err(_) if connections_of_tollgate(&mut others[0]).await == 0 => break,
            Err(_) => {}
        }
    }
    world.relay.set(State::Open);
    let load = Load::on(&world.serving, "sk-known").await;
    world.serving.until("sk-unseen", "503").await;
    world.assert_outage().await;
    drop(others);
    load.assert_unharmed().await;
    world.assert_recovery().await;
}

async fn connections_of_tollgate(connection: &mut PgConnection) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tollgate'";
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn slow_questions_end_and_nothing_piles_up_s185() {
    let world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0").await;
    let Database::Postgres(pool) = &world.database else { unreachable!() };
    let mut lock = pool.begin().await.unwrap();
    sqlx::query(r#"LOCK TABLE "LiteLLM_VerificationToken" IN ACCESS EXCLUSIVE MODE"#)
        .execute(&mut *lock)
        .await
        .unwrap();
    let load = Load::on(&world.serving, "sk-known").await;
    world.serving.until("sk-unseen", "503").await;
    world.assert_outage().await;
    lock.rollback().await.unwrap();
    load.assert_unharmed().await;
    world.assert_recovery().await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_leaves_known_ones_alone_s186_s191() {
    let world = World::new("ttl_seconds: 1, unwatched_ttl_seconds: 0, max_missing: 500").await;
    let load = Load::on(&world.serving, "sk-known").await;
    let flood: Vec<_> = futures_util::future::join_all((0..8).map(|part| {
        let serving = &world.serving;
        async move {
            let client = serving.running.client().await;
            let asking = (0..400).map(|number| {
                let check = post("/v1/chat/completions", r#"{"model": "m"}"#).key(&format!("sk-{part}-{number}"));
                let client = &client;
                async move { outcome(client, check.raw()).await }
            });
            futures_util::future::join_all(asking).await
        }
    }))
    .await;
    for answer in flood.iter().flatten() {
        assert!(answer.starts_with("401 credential_unknown") || answer.starts_with("503"), "{answer}");
    }
    assert!(world.serving.metric("store_keys_missing").await <= 500.0);
    world.serving.until_metric("store_questions_waiting", 0.0).await;
    load.assert_unharmed().await;
    world.assert_recovery().await;
}

#[tokio::test]
async fn a_writer_of_sqlite_that_dies_half_way_holds_nobody_up_s183() {
    let database = Database::sqlite().await;
    for text in ["sk-known", "sk-unseen"] {
        database.key(text, json!({})).await;
    }
    let Database::Sqlite(pool, _) = &database else { unreachable!() };
    let store = store_of(&database) + "  deadline_ms: 300\n  cache: { ttl_seconds: 1, unwatched_ttl_seconds: 0 }\n";
    let serving = Serving::start(&store).await;
    assert_eq!(serving.ask("sk-known").await, "200 allow");
    let load = Load::on(&serving, "sk-known").await;
    let mut writer = pool.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    sqlx::query(r#"DELETE FROM "LiteLLM_VerificationToken""#).execute(&mut *writer).await.unwrap();
    assert_eq!(serving.ask("sk-unseen").await, "200 allow", "what is not committed is not so");
    drop(writer);
    serving.until("sk-garbage", "401").await;
    load.assert_unharmed().await;
    database.sql(r#"DELETE FROM "LiteLLM_VerificationToken""#).await;
    serving.until("sk-known", "401 credential_unknown").await;
}
