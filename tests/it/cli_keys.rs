//! Keys and whom they belong to, managed by the built program, and asked of a running gate: in a file of SQLite, and in a
//! PostgreSQL with LiteLLM's own tables.

use std::path::PathBuf;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::cli::{text, tollgate};
use crate::harness::{Files, hash};
use crate::stores::serving::{Serving, config, store_of};
use crate::stores::world::Database;

/// The program, on one store.
struct Program {
    config: PathBuf,
}

impl Program {
    fn run(&self, line: &str) -> (bool, String, String) {
        let words: Vec<_> = line.split(' ').map(|word| word.replace('_', " ").replace("  ", "_")).collect();
        let words: Vec<_> =
            words.iter().map(String::as_str).chain(["--config", self.config.to_str().unwrap()]).collect();
        let output = tollgate(&words, "");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        (output.status.success(), out, err)
    }

    /// What it prints when it succeeds.
    fn done(&self, line: &str) -> String {
        let (success, out, err) = self.run(line);
        assert!(success, "{line}: {err}");
        out
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} --json"))).unwrap()
    }

    /// What it says when it does not.
    fn refused(&self, line: &str, expected: &str) {
        let (success, out, err) = self.run(line);
        assert!(!success && out.is_empty() && err.contains(expected), "{line}: {out}{err}");
    }

    /// Makes a key, and returns it.
    fn key(&self, line: &str) -> String {
        let out = self.done(line);
        let (key, digest) = out.trim_end().split_once("\nkey_hash: ").unwrap();
        let key = key.strip_prefix("key: ").unwrap();
        assert_eq!(hash(key), digest);
        key.to_owned()
    }
}

/// The first digits of a key's hash.
fn prefix(key: &str) -> String {
    hash(key).chars().take(8).collect()
}

/// A file of SQLite of its own.
fn sqlite() -> (Files, Program) {
    let files = Files::new(&config("  sqlite: {}\n"), "");
    let config = files.config();
    (files, Program { config })
}

#[tokio::test]
async fn a_key_lives_and_dies_as_the_commands_say() {
    for database in Database::both("cli_life").await {
        let serving = Serving::start(&store_of(&database)).await;
        let program = Program { config: serving.files.config() };
        if matches!(database, Database::Postgres(_)) {
            program.done("db install-triggers");
            serving.until_metric("store_watched", 1.0).await;
        }
        program.done("orgs create acme --max-budget 100 --models gpt-4o,mini");
        program.done("teams create red --org acme --alias Red --models gpt-4o,mini");
        program.done("users create ada --email ada@example.com --role internal__user");
        let key = program.key("keys create --alias ada-laptop --user ada --team red --models mini --expires 30d");
        serving.until(&key, "403 key_model_denied").await;
        assert_eq!(
            program.done("keys update ada-laptop --models gpt-4o"),
            format!("key {} ada-laptop: changed\n", prefix(&key))
        );
        serving.until(&key, "200 allow").await;

        program.done("keys block ada-laptop");
        serving.until(&key, "401 key_blocked").await;
        program.done(&format!("keys unblock {}", prefix(&key)));
        serving.until(&key, "200 allow").await;
        program.done("teams block red");
        serving.until(&key, "403 team_blocked").await;
        program.done("teams unblock red");
        program.done("users block ada");
        serving.until(&key, "401 user_inactive").await;
        program.done("users unblock ada");
        serving.until(&key, "200 allow").await;
        program.done("orgs update acme --max-budget 0");
        serving.until(&key, "429 org_budget_exceeded").await;
        program.done("orgs update acme --max-budget none");
        serving.until(&key, "200 allow").await;

        let second = program.key("keys rotate ada-laptop --grace 1h");
        serving.until(&second, "200 allow").await;
        assert_eq!(serving.ask(&key).await, "200 allow", "the old key works for a while");
        let third = program.key("keys rotate ada-laptop --grace 0s");
        serving.until(&third, "200 allow").await;
        for old in [&key, &second] {
            serving.until(old, "401 credential_unknown").await;
        }
        let fourth = program.key("keys rotate ada-laptop");
        serving.until(&fourth, "200 allow").await;
        assert_eq!(serving.ask(&third).await, "200 allow", "a day is the default");

        program.refused("teams delete red", "1 keys belong to it");
        program.refused("orgs delete acme", "1 teams belong to it");
        program.done("keys delete ada-laptop");
        for key in [&third, &fourth] {
            serving.until(key, "401 credential_unknown").await;
        }
        for line in ["teams delete red", "users delete ada", "orgs delete acme"] {
            program.done(line);
            program.refused(line, "there is no ");
        }
        assert_eq!(program.json("keys list"), json!([]));
    }
}

fn shown(text: &str, replaced: &[(&str, &str)], expected: &Expect) {
    let text = replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    expected.assert_eq(&text);
}

#[test]
fn keys_are_listed_for_people_and_for_programs() {
    let (_files, program) = sqlite();
    program.done("teams create red --alias \u{1b}[31mRed");
    let key = program.key("keys create --alias bot --team red --max-budget 5 --rpm 60 --routes llm__api__routes");
    let other = program.key(
        "keys create --expires 2099-01-31T12:00:00+01:00 --set metadata={\"logging\":\"canary\",\"tags\":[\"a\"]}",
    );
    program.done("keys block bot");
    let digest = hash(&key);
    let list = program.done("keys list");
    for secret in [&key, &other] {
        assert!(!list.contains(secret.as_str()));
    }
    let mut lines: Vec<_> = list
        .replace(&prefix(&key), "HASH-BOT")
        .replace(&prefix(&other), "HASH-TWO")
        .lines()
        .map(str::to_owned)
        .collect();
    lines[1..].sort();
    shown(
        &lines.join("\n"),
        &[],
        &expect![[r#"
            HASH      ALIAS  USER  TEAM  MODELS         SPENT  BUDGET  EXPIRES                  STATE
            HASH-BOT  bot    -     red   (every model)  0.0    5.0     -                        blocked
            HASH-TWO  -      -     -     (every model)  0.0    -       2099-01-31T11:00:00.000  ok"#]],
    );
    let stamps =
        |row: &Value| [row["created_at"].clone(), row["updated_at"].clone()].map(|at| at.as_str().unwrap().to_owned());
    let row = program.json("keys show bot");
    let [created, updated] = stamps(&row);
    let replaced = [(digest.as_str(), "HASH"), (created.as_str(), "CREATED"), (updated.as_str(), "UPDATED")];
    shown(
        &program.done("keys show bot"),
        &replaced,
        &expect![[r#"
        allowed_routes  llm_api_routes
        blocked         true
        created_at      CREATED
        key_alias       bot
        max_budget      5.0
        rpm_limit       60
        spend           0.0
        team_id         red
        token           HASH
        updated_at      UPDATED
    "#]],
    );
}

#[test]
fn what_is_shown_to_programs_has_litellms_names_and_no_secret() {
    let (_files, program) = sqlite();
    program.done("teams create red --alias \u{1b}[31mRed");
    let key = program.key("keys create --alias bot --team red --routes llm__api__routes");
    let other = program.key(
        "keys create --expires 2099-01-31T12:00:00+01:00 --set metadata={\"logging\":\"canary\",\"tags\":[\"a\"]}",
    );
    let row = program.json("keys show bot");
    assert_eq!(row["token"], hash(&key));
    assert_eq!(row["allowed_routes"], json!(["llm_api_routes"]));

    let all = program.json("keys list");
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(!all.to_string().contains("canary"), "metadata may hold secrets");
    assert_eq!(program.json("keys list --team red").as_array().unwrap().len(), 1);
    assert_eq!(program.json("keys list --user nobody"), json!([]));
    let two = program.json(&format!("keys show {}", prefix(&other)));
    assert_eq!((&two["expires"], &two["metadata"]["tags"]), (&json!("2099-01-31T11:00:00.000"), &json!(["a"])));
    shown(
        &program.done("teams list"),
        &[],
        &expect![[r#"
            TEAM  ALIAS     ORG  MODELS         SPENT  BUDGET  BLOCKED
            red   ?[31mRed  -    (every model)  0.0    -       false
        "#]],
    );
    let made = program.json("keys create --alias third");
    assert_eq!(hash(made["key"].as_str().unwrap()), made["token"]);
    assert!(!program.json("keys show third").as_object().unwrap().contains_key("key"), "a key is shown once");
}

#[test]
fn what_would_not_work_is_refused_with_a_remedy() {
    let (files, program) = sqlite();
    program.key("keys create --alias bot");
    program.done("users create ada --alias Ada");
    program.done("orgs create acme");
    for (line, expected) in [
        ("keys create --alias bot", "another key is called `bot`"),
        ("keys create --alias sk-bot", "an alias does not begin like a key"),
        ("keys create --team red", "there is no team `red`; `tollgate teams create` makes one"),
        ("keys create --user bob", "there is no user `bob`"),
        ("keys create --project p", "there is no project `p`"),
        ("keys create --set budget__id=b", "there is no budget `b`"),
        ("keys create --routes nonsense", "`nonsense` of the routes: it is no route group"),
        ("keys create --routes /", "it does not restrict anything"),
        ("keys create --max-budget -1", "unexpected argument"),
        ("keys create --max-budget=NaN", "write an amount of US dollars"),
        ("keys create --rpm 1.5", "write a whole number"),
        ("keys create --expires yesterday", "`yesterday` is no time"),
        ("keys create --expires 2020-01-01T00:00:00Z", "is over already"),
        ("keys create --metadata []", "it must be an object"),
        ("keys create --set token=x", "there is no column `token` to set"),
        ("keys create --set spend=lots", "`lots` is no value for `spend`"),
        ("keys show sk-something", "arguments are not secret"),
        ("keys show nobody", "no key has the alias `nobody`"),
        ("keys rotate bot --grace soon", "`soon` is no duration"),
        ("keys rotate nobody", "no key has the alias"),
        ("keys update bot", "nothing is named that could be changed"),
        ("keys delete nobody", "no key has the alias"),
        ("users create ada", "there is a user `ada` already"),
        ("users update ada", "nothing is named"),
        ("users create bob --role king", "invalid value"),
        ("users show bob", "there is no user `bob`"),
        ("orgs block acme", "LiteLLM cannot block an organisation"),
        ("teams create red --org nowhere", "there is no organisation `nowhere`"),
    ] {
        program.refused(line, expected);
    }
    assert_eq!(program.json("keys list").as_array().unwrap().len(), 1, "nothing was written");
    assert!(program.done("keys update bot --alias bot --rpm 5").contains("changed"));
    files.write("tollgate.yaml", &crate::harness::config(""));
    files.write("keys.yaml", "{}");
    program.refused("keys list", "the configuration names no `store`");
}

const KEY_FILE: &str = "\
keys:
- { key_hash: HASH, key_alias: ada, user_id: ada, team_id: red, models: [gpt-4o], expires: '2099-01-01T00:00:00+02:00',
    max_budget: 5, spend: 1, object_permission: { vector_stores: [v1] }, metadata: { tags: [batch] } }
- { key_hash: OTHER, key_alias: bot, project_id: p1, budget_id: small }
users:
- { user_id: ada, user_role: internal_user, organization_memberships: [{ organization_id: acme, user_role: org_admin }] }
teams:
- { team_id: red, organization_id: acme, members_with_roles: [{ user_id: ada, role: admin }] }
organizations:
- { organization_id: acme, max_budget: 50, spend: 2 }
projects:
- { project_id: p1, max_budget: 3, spend: 1 }
team_memberships:
- { user_id: ada, team_id: red, allowed_models: [gpt-4o, mini] }
budgets:
- { budget_id: small, max_budget: 1 }
end_users:
- { user_id: c1, blocked: true }
tags:
- { tag_name: batch, max_budget: 9 }
";

#[tokio::test]
async fn a_key_file_is_imported_once() {
    for database in Database::both("cli_import").await {
        let serving = Serving::start(&store_of(&database)).await;
        let program = Program { config: serving.files.config() };
        let file = KEY_FILE.replace("HASH", &hash("sk-ada")).replace("OTHER", &hash("sk-bot"));
        serving.files.write("import.yaml", &file);
        let import = format!("keys import {}", serving.files.path("import.yaml").to_str().unwrap().replace('_', "__"));
        assert_eq!(
            program.done(&import),
            "imported 2 keys and 8 other records; 0 were there already, and stay as they are\n"
        );
        for key in ["sk-ada", "sk-bot"] {
            serving.until(key, "200 allow").await;
        }
        let row = program.json("keys show ada");
        assert_eq!(row["expires"].as_str().unwrap().get(..19), Some("2098-12-31T22:00:00"));
        program.done("keys update ada --max-budget 1");
        assert_eq!(
            program.done(&import),
            "imported 0 keys and 0 other records; 10 were there already, and stay as they are\n"
        );
        serving.until("sk-ada", "429 key_budget_exceeded").await;
        assert_eq!(program.json("orgs show acme")["max_budget"].as_f64(), Some(50.0));
    }
}

#[test]
fn a_key_file_with_mistakes_is_not_imported() {
    let (files, program) = sqlite();
    let import = format!("keys import {}", files.path("import.yaml").to_str().unwrap().replace('_', "__"));
    for (file, expected) in [
        ("keys: [{ key_hash: x }]", "keys[0]"),
        ("keys: 5", "it must be"),
        ("keys: [", "not valid YAML"),
        ("agents: [{ agent_id: a }]", "agents: this section cannot be imported"),
        (
            "teams: [{ team_id: t, model_aliases: { a: b } }]",
            "teams[0]: model_aliases: `tollgate` writes no such column",
        ),
        (
            "budgets: [{ budget_id: b, max_budget: 1 }]\nprojects: [{ project_id: p, budget_id: b, max_budget: 2 }]",
            "projects[0]: a database keeps limits",
        ),
    ] {
        files.write("import.yaml", file);
        program.refused(&import, expected);
    }
    let key = format!("keys: [{{ key_hash: {}, user_id: ada, team_id: red }}]", hash("sk-a"));
    files.write("import.yaml", &key);
    program.refused(
        &import,
        "there is no team `red`, in the file or in the store\nthere is no user `ada`, in the file or in the store",
    );
    assert_eq!(program.json("users list"), json!([]));
    assert_eq!(program.json("keys list"), json!([]));
    for line in ["users create ada", "teams create red"] {
        program.done(line);
    }
    assert!(program.done(&import).starts_with("imported 1 keys and 0 other"));
}

#[test]
fn a_key_of_a_store_is_explained_by_its_name() {
    let (_files, program) = sqlite();
    let key = program.key("keys create --alias laptop --models gpt-4o-mini");
    for name in ["laptop", prefix(&key).as_str()] {
        let told = program.done(&format!("explain --as {name} POST /v1/chat/completions --model gpt-4o"));
        assert!(told.contains("denied by `key_models`"), "{told}");
    }
    program.refused("explain --as nobody-s GET /v1/models", "no key has the alias");
}
