//! What operators write, and `tollgate db`.

use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::PgPool;
use tollgate::core::credential::KeyHash;
use tollgate::store::Place;
use tollgate::store::admin::{Admin, AdminError};
use tollgate::store::sql::tables;

use super::server;
use super::serving::{config, store_of};
use super::world::Database;
use crate::harness::Files;

pub(super) fn place(database: &Database) -> Place {
    match database {
        Database::Sqlite(_, directory) => Place::Sqlite(directory.path().join("tollgate.db")),
        Database::Postgres(pool) => Place::Postgres {
            connect: Box::new(PgPool::connect_options(pool).as_ref().clone()),
            fingerprint: KeyHash::of(""),
            connections: 2,
        },
    }
}

#[tokio::test]
async fn what_is_written_is_read_and_a_rotated_key_goes_on_for_a_while_s087() {
    for database in Database::both("written").await {
        let admin = Admin::open(&place(&database)).await.unwrap();
        let hash = |text: &str| KeyHash::of(text);
        let row =
            |text: &str| [("token", json!(hash(text).to_hex())), ("models", json!(["m"])), ("key_alias", json!(text))];
        admin.upsert(&tables::KEY, &row("sk-one")).await.unwrap();
        admin.upsert(&tables::KEY, &[&row("sk-one")[..], &[("rpm_limit", json!(5))]].concat()).await.unwrap();
        assert_eq!(database.read("sk-one").await.unwrap().unwrap().terms.limits.requests, Some(5));

        admin.block(&hash("sk-one"), true).await.unwrap();
        assert!(database.read("sk-one").await.unwrap().unwrap().blocked);
        admin.block(&hash("sk-one"), false).await.unwrap();
        assert!(matches!(admin.block(&hash("sk-none"), true).await, Err(AdminError::NotFound { .. })));

        admin.rotate(&hash("sk-one"), &hash("sk-two"), Some(("1", "2026-06-02T00:00:00"))).await.unwrap();
        admin.rotate(&hash("sk-two"), &hash("sk-three"), Some(("2", "2026-06-02T00:00:00"))).await.unwrap();
        for text in ["sk-one", "sk-two", "sk-three"] {
            let found = database.read(text).await.unwrap().unwrap();
            assert_eq!(found.hash, hash("sk-three"), "{text}");
            assert_eq!(found.alias.as_deref(), Some("sk-one"));
        }
        admin.rotate(&hash("sk-three"), &hash("sk-four"), None).await.unwrap();
        assert_eq!(database.read("sk-three").await.unwrap(), None, "without grace it ends at once");
        assert!(admin.rotate(&hash("sk-none"), &hash("sk-x"), Some(("9", "2026-06-02T00:00:00"))).await.is_err());

        let keys = admin.list(&tables::KEY).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0]["models"], json!(["m"]));
        assert_eq!(admin.delete(&tables::KEY, &[("token", json!(hash("sk-four").to_hex()))]).await.unwrap(), 1);
        assert_eq!(database.read("sk-four").await.unwrap(), None);
        assert_eq!(database.read("sk-one").await.unwrap(), None, "an old key leads nowhere then");
        assert!(matches!(
            admin.upsert(&tables::KEY, &[("nonsense", Value::Null)]).await,
            Err(AdminError::UnknownColumn { .. })
        ));
    }
}

fn tollgate(files: &Files, verb: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(["db", verb, "--config"]).arg(files.config()).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_new_database_is_made_checked_and_watched_by_commands_s188() {
    let database = Database::Postgres(server::shared().await.empty("made").await);
    let files = Files::new(&config(&store_of(&database)), "");
    let missing = tollgate(&files, "check");
    assert!(!missing.status.success());
    assert!(told(&missing).contains("LiteLLM_VerificationToken"));
    for (verb, words) in [
        ("init", "the tables are there"),
        ("init", "the tables are there"),
        ("check", "with a delay"),
        ("install-triggers", "installed"),
        ("install-triggers", "installed"),
        ("check", "at once"),
        ("remove-triggers", "removed"),
        ("check", "with a delay"),
    ] {
        let output = tollgate(&files, verb);
        assert!(output.status.success() && told(&output).contains(words), "{verb}: {}", told(&output));
    }
    database.key("sk-a", json!({})).await;
    assert!(database.read("sk-a").await.unwrap().is_some());
    database.sql(r#"ALTER TABLE "LiteLLM_TeamTable" DROP COLUMN blocked"#).await;
    assert!(told(&tollgate(&files, "check")).contains("LiteLLM_TeamTable.blocked"));
}

#[tokio::test]
async fn a_database_of_litellm_has_all_that_is_read_s188() {
    let database = Database::postgres("checked").await;
    let files = Files::new(&config(&store_of(&database)), "");
    assert!(told(&tollgate(&files, "check")).contains("all that is read is there"));
}

#[tokio::test]
async fn a_file_of_sqlite_is_made_by_a_command() {
    let files = Files::new(&config("  sqlite: {}\n"), "");
    let made = tollgate(&files, "init");
    assert!(made.status.success(), "{}", told(&made));
    assert!(files.path("tollgate.db").exists());
    assert!(told(&tollgate(&files, "check")).contains("at once"));
    assert!(!tollgate(&files, "install-triggers").status.success());
    files.write("tollgate.yaml", &crate::harness::config(""));
    files.write("keys.yaml", "{}");
    assert!(told(&tollgate(&files, "check")).contains("names no `store`"));
}
