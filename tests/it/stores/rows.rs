//! What is wrong with a row is wrong with its key, and with nobody else's.

use serde_json::{Value, json};
use tollgate::store::Trouble;
use tollgate::store::sql::tables;

use super::world::{Database, now, orphans};
use crate::harness::hash;

#[tokio::test]
async fn a_key_that_points_nowhere_is_refused_sec6_t09_k08() {
    for database in Database::both("dangling").await {
        for (text, row) in [
            ("sk-team", json!({"team_id": "gone"})),
            ("sk-user", json!({"user_id": "gone"})),
            ("sk-agent", json!({"agent_id": "gone"})),
        ] {
            database.key(text, row).await;
            let found = database.unreadable(text).await;
            assert!(found.problem.contains("missing"), "{text}: {found}");
        }
        let directory = database.directory(orphans());
        assert_eq!(directory.key("sk-team").await.unwrap().unwrap().team.unwrap().id, "gone");
        assert_eq!(directory.key("sk-user").await.unwrap().unwrap().user.unwrap().id, "gone");
        assert!(matches!(directory.key("sk-agent").await, Err(Trouble::Unreadable(_))));
        database.put(&tables::TEAM, json!({"team_id": "lost", "metadata": {"team_member_budget_id": "gone"}})).await;
        database.key("sk-lost", json!({"team_id": "lost"})).await;
        assert_eq!(database.unreadable("sk-lost").await.column, "metadata.team_member_budget_id");
    }
}

#[tokio::test]
async fn a_column_that_cannot_be_read_denies_its_key_alone_s188_a20() {
    for database in Database::both("columns").await {
        database.key("sk-good", json!({})).await;
        let bad: [(&str, Value); 13] = [
            ("models", Value::Null),
            ("allowed_routes", json!([""])),
            ("allowed_routes", json!(["no_such_group"])),
            ("aliases", json!({"a": 1})),
            ("permissions", json!([])),
            ("metadata", json!("text")),
            ("metadata", json!({"tags": "one"})),
            ("metadata", json!({"allowed_tools": [""]})),
            ("metadata", json!({"allowed_passthrough_routes": ["*"]})),
            ("model_max_budget", json!({"gpt-4o": {"budget_limit": -1}})),
            ("budget_limits", json!([{"max_budget": 1}])),
            ("rpm_limit", json!(-1)),
            ("user_id", json!("")),
        ];
        for (column, value) in bad {
            database.key("sk-bad", json!({(column): value})).await;
            let found = database.unreadable("sk-bad").await;
            assert!(found.column.starts_with(column), "{column}: {found}");
            assert_eq!(found.table, "LiteLLM_VerificationToken");
            assert!(database.read("sk-good").await.unwrap().is_some());
            database
                .sql(&format!("DELETE FROM \"LiteLLM_VerificationToken\" WHERE token = '{}'", hash("sk-bad")))
                .await;
        }
    }
}

#[tokio::test]
async fn no_amount_of_money_is_never_no_limit_b07b_sec32_s200() {
    let database = Database::postgres("money").await;
    for column in ["max_budget", "spend"] {
        for value in ["NaN", "Infinity", "-Infinity", "-1"] {
            database.key("sk-a", json!({"max_budget": 1})).await;
            database.sql(&format!("UPDATE \"LiteLLM_VerificationToken\" SET {column} = '{value}'")).await;
            assert_eq!(database.unreadable("sk-a").await.column, column, "{value}");
            database.sql("DELETE FROM \"LiteLLM_VerificationToken\"").await;
        }
    }
    database.key("sk-a", json!({})).await;
    database.sql("UPDATE \"LiteLLM_VerificationToken\" SET expires = 'infinity'").await;
    assert_eq!(database.unreadable("sk-a").await.column, "expires", "S-083");
}

#[tokio::test]
async fn hostile_rows_are_refused_unread_s189() {
    for database in Database::both("hostile").await {
        database.key("sk-good", json!({})).await;
        database.key("sk-long", json!({"metadata": {"logging": "x".repeat(2 << 20)}})).await;
        assert!(database.unreadable("sk-long").await.problem.contains("1 MiB"));
        let models: Vec<_> = (0..200_000).map(|number| format!("m{number}")).collect();
        database.key("sk-wide", json!({"models": models})).await;
        assert!(database.unreadable("sk-wide").await.problem.contains("1 MiB"));
        let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
        database.key("sk-deep", json!({"metadata": {}})).await;
        database
            .sql(&format!(
                "UPDATE \"LiteLLM_VerificationToken\" SET metadata = '{{\"x\": {deep}}}' WHERE token = '{}'",
                hash("sk-deep")
            ))
            .await;
        assert_eq!(database.unreadable("sk-deep").await.column, "*");
        database.key("sk-loop", json!({"aliases": {"a": "b", "b": "a"}})).await;
        assert!(database.read("sk-loop").await.unwrap().is_some(), "the policy refuses the models of a loop");
        assert!(database.read("sk-good").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_replaced_key_works_until_it_is_revoked_s087_k10_k11() {
    for database in Database::both("grace").await {
        database.key("sk-new", json!({"key_alias": "new", "expires": "2027-01-01T00:00:00"})).await;
        let deprecate = async |text: &str, until: &str| {
            let row = json!({
                "id": text, "token": hash(text), "active_token_id": hash("sk-new"), "revoke_at": until,
            });
            database.put(&tables::DEPRECATED_KEY, row).await;
        };
        deprecate("sk-old", "2026-06-01T12:00:01").await;
        deprecate("sk-older", "2026-06-01T12:00:00").await;
        deprecate("sk-new", "2026-05-01T00:00:00").await;
        let old = database.read("sk-old").await.unwrap().unwrap();
        assert_eq!(old.hash.to_hex(), hash("sk-new"), "it is the new key to everybody");
        assert!(old.expires.unwrap() > now() && old.expires.unwrap().to_string().as_str() < "2026-06-01T12:00:01Z");
        assert_eq!(database.read("sk-older").await.unwrap(), None);
        let new = database.read("sk-new").await.unwrap().unwrap();
        assert_eq!(new.expires.unwrap().to_string(), "2027-01-01T00:00:00Z", "a key's own row decides");
        database.sql("DELETE FROM \"LiteLLM_VerificationToken\"").await;
        assert_eq!(database.read("sk-old").await.unwrap(), None);
    }
}

#[tokio::test]
async fn hashes_are_exact_s089() {
    for database in Database::both("hashes").await {
        let row = json!({"token": hash("sk-upper").to_uppercase()});
        database.key("sk-upper", row).await;
        assert_eq!(database.read("sk-upper").await.unwrap(), None);
    }
}
