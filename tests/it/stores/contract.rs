//! The same facts, in a file and in LiteLLM's tables, are the same records.

use serde_json::json;
use tollgate::config::load::load;
use tollgate::core::credential::KeyHash;
use tollgate::core::record::{EndUser, KeyRecord, Tag};
use tollgate::store::sql::schema::Table;
use tollgate::store::sql::{Interpretation, SqlDirectory, tables};
use tollgate::store::{AlsoKnownAs, ClaimValue, Directory, FileStore, Resolved, Sqlite, Standing, Store, Trouble};

use super::world::{self, Database};
use crate::harness::{Files, config, environment, hash};

const KEYS: [&str; 5] = ["sk-plain", "sk-full", "sk-member", "sk-personal", "sk-unlisted"];

fn key_file() -> String {
    let [plain, full, member, personal, unlisted] = KEYS.map(hash);
    format!(
        r#"
keys:
- {{ key_hash: {plain} }}
- key_hash: {full}
  key_alias: full
  blocked: true
  expires: '2027-01-31T12:00:00.250Z'
  models: [gpt-4o, 'claude-*', all-team-models]
  allowed_routes: [/v1/chat/completions, llm_api_routes, '/team/*']
  permissions: {{ get_spend_routes: true }}
  user_id: ada
  team_id: red
  organization_id: acme
  project_id: bot
  agent_id: crawler
  aliases: {{ fast: gpt-4o-mini }}
  access_group_ids: [g1, g2, g3]
  object_permission: {{ vector_stores: [vs1], agent_access_groups: [crawlers], mcp_servers: [m1, m2] }}
  budget_id: key-row
  spend: 1.5
  model_spend: {{ gpt-4o: 0.25 }}
  budget_limits: [{{ budget_duration: 1d, max_budget: 5, spend: 0.75, reset_at: '2026-06-02T00:00:00Z' }}]
  rpm_limit: 7
  metadata:
    tags: [batch]
    allowed_tools: [search]
    enforced_params: [user, metadata.trace]
    guardrails: {{ modify_guardrails: false }}
    allowed_passthrough_routes: [/own]
    temp_budget_increase: 5
    temp_budget_expiry: '2026-07-01T00:00:00Z'
    model_rpm_limit: {{ gpt-4o: 3 }}
    model_tpm_limit: {{ gpt-4o: 300, o1: 10 }}
- {{ key_hash: {member}, user_id: bob, team_id: red, max_budget: 3, budget_id: key-row }}
- {{ key_hash: {personal}, user_id: gone }}
- {{ key_hash: {unlisted}, user_id: ada, team_id: blue }}
users:
- user_id: ada
  user_email: ada@example.com
  sso_user_id: idp|ada
  teams: [red]
  user_role: org_admin
  models: [gpt-4o]
  max_budget: 100
  spend: 12.5
  budget_reset_at: '2026-07-01T00:00:00Z'
  rpm_limit: 60
  tpm_limit: 6000
  max_parallel_requests: 6
  organization_memberships: [{{ organization_id: acme, user_role: org_admin }}]
- {{ user_id: bob, user_email: SHARED@example.com, teams: [red, blue] }}
- {{ user_id: gone, user_email: shared@example.com, metadata: {{ scim_active: 'false' }} }}
teams:
- team_id: red
  team_alias: Red
  organization_id: acme
  models: [gpt-4o, gpt-4o-mini]
  access_group_ids: [g1, g2]
  model_aliases: {{ smart: gpt-4o }}
  object_permission: {{ vector_stores: [vs1, vs2], mcp_tool_permissions: {{ m2: [read] }}, search_tools: [s1] }}
  members_with_roles: [{{ user_id: ada, role: user }}, {{ user_id: bob, role: user }}, {{ user_id: ada, role: admin }}]
  max_budget: 50
  spend: 20
  budget_limits: [{{ budget_duration: 7d, max_budget: 30, spend: 2 }}]
  rpm_limit: 100
  metadata: {{ tags: [red], team_member_budget_id: of-members, allowed_passthrough_routes: [/team], model_rpm_limit: {{ o1: 1 }} }}
- {{ team_id: blue, metadata: {{ team_member_budget_id: of-members }} }}
organizations:
- {{ organization_id: acme, organization_alias: Acme, models: ['*'], spend: 500, budget_id: acme-row, metadata: {{ model_tpm_limit: {{ o1: 99 }} }} }}
projects:
- {{ project_id: bot, project_alias: Bot, team_id: red, models: [gpt-4o], spend: 2, budget_id: project-row, metadata: {{ tags: [bot], model_rpm_limit: {{ o1: 5 }} }} }}
agents: [{{ agent_id: crawler, agent_access_groups: [crawlers], object_permission: {{ agents: [crawler] }}, require_trace_id_on_calls_by_agent: true, rpm_limit: 4 }}]
team_memberships:
- {{ user_id: ada, team_id: red, spend: 3, budget_id: ada-row }}
- {{ user_id: bob, team_id: red, spend: 4 }}
budgets:
- budget_id: key-row
  max_budget: 10
  budget_reset_at: '2026-06-30T00:00:00Z'
  tpm_limit: 70
  model_max_budget: {{ gpt-4o: {{ budget_limit: 1.5, time_period: 1d, rpm_limit: 2 }}, o1: {{ max_budget: 2 }} }}
- {{ budget_id: of-members, max_budget: 8, allowed_models: [gpt-4o-mini], rpm_limit: 9 }}
- {{ budget_id: ada-row, max_budget: 9, allowed_models: [gpt-4o], tpm_limit: 900 }}
- {{ budget_id: acme-row, max_budget: 1000, rpm_limit: 1000 }}
- {{ budget_id: project-row, max_budget: 40 }}
- {{ budget_id: customers, max_budget: 2, model_max_budget: {{ o1: {{ max_budget: 1 }} }} }}
- {{ budget_id: tag-row, max_budget: 6 }}
access_groups:
- {{ access_group_id: g1, access_mcp_server_ids: [m3], access_model_names: [o1], assigned_team_ids: [red] }}
- {{ access_group_id: g2, access_model_names: [o2], assigned_key_ids: [{full}] }}
- {{ access_group_id: g3, access_model_names: [o3] }}
end_users:
- {{ user_id: c1, blocked: true, allowed_model_region: eu, spend: 1, budget_id: project-row }}
- {{ user_id: c2, spend: 1 }}
tags: [{{ tag_name: batch, spend: 4, budget_id: tag-row }}]
jwt_key_mappings:
- {{ jwt_claim_name: client_id, jwt_claim_value: app, key_hash: {plain} }}
- {{ jwt_claim_name: client_id, jwt_claim_value: off, key_hash: {plain}, is_active: false }}
"#
    )
}

/// The same, as rows.
async fn fill(database: &Database) {
    database.key("sk-plain", json!({})).await;
    for (table, row) in shared_rows().into_iter().chain(people()).chain(mappings()) {
        database.put(table, row).await;
    }
    let full = hash("sk-full");
    let row = json!({
        "key_alias": "full", "blocked": true, "expires": "2027-01-31T12:00:00.250",
        "models": ["gpt-4o", "claude-*", "all-team-models"],
        "allowed_routes": ["/v1/chat/completions", "llm_api_routes", "/team/*"],
        "permissions": {"get_spend_routes": true}, "user_id": "ada", "team_id": "red", "organization_id": "acme",
        "project_id": "bot", "agent_id": "crawler", "aliases": {"fast": "gpt-4o-mini"},
        "access_group_ids": ["g1", "g2", "g3", "gone"], "object_permission_id": "op1", "budget_id": "key-row", "spend": 1.5,
        "model_spend": {"gpt-4o": 0.25}, "rpm_limit": 7,
        "budget_limits": [{"budget_duration": "1d", "max_budget": 5, "reset_at": "2026-06-02T00:00:00+00:00"}],
        "metadata": {
            "tags": ["batch"], "allowed_tools": ["search"], "enforced_params": ["user", "metadata.trace"],
            "guardrails": {"modify_guardrails": false}, "allowed_passthrough_routes": ["/own"],
            "temp_budget_increase": "5", "temp_budget_expiry": "2026-07-01T00:00:00",
            "model_rpm_limit": {"gpt-4o": 3}, "model_tpm_limit": {"gpt-4o": 300, "o1": 10},
            "logging": [{"callback_vars": {"secret": "canary"}}],
        },
    });
    database.key("sk-full", row).await;
    let row = json!({"user_id": "bob", "team_id": "red", "max_budget": 3, "budget_id": "key-row"});
    database.key("sk-member", row).await;
    database.key("sk-personal", json!({"user_id": "gone", "blocked": false})).await;
    database.key("sk-unlisted", json!({"user_id": "ada", "team_id": "blue"})).await;
    for (id, key, team, spend, at) in [
        ("1", full.as_str(), "red", 0.25, "2026-06-01T00:00:00"),
        ("2", full.as_str(), "red", 0.5, "2026-06-01T11:00:00"),
        ("3", full.as_str(), "red", 1.25, "2026-05-31T23:59:59.999"),
        ("4", full.as_str(), "red", 77.0, "2026-05-25T11:59:59.999"),
    ] {
        let log = format!(
            "INSERT INTO \"LiteLLM_SpendLogs\" (request_id, api_key, team_id, spend, \"startTime\"{}) \
             VALUES ('{id}', '{key}', '{team}', {spend}, '{at}'{})",
            if matches!(database, Database::Postgres(..)) { ", \"endTime\", call_type" } else { "" },
            if matches!(database, Database::Postgres(..)) { ", now(), 'c'" } else { "" },
        );
        database.sql(&log).await;
    }
}

fn shared_rows() -> Vec<(&'static Table, serde_json::Value)> {
    vec![
        (
            &tables::BUDGET,
            json!({
                "budget_id": "key-row", "max_budget": 10, "budget_reset_at": "2026-06-30T00:00:00", "tpm_limit": 70,
                "model_max_budget": {"gpt-4o": {"budget_limit": 1.5, "time_period": "1d", "rpm_limit": 2}, "o1": {"max_budget": "2"}},
            }),
        ),
        (
            &tables::BUDGET,
            json!({"budget_id": "of-members", "max_budget": 8, "allowed_models": ["gpt-4o-mini"], "rpm_limit": 9}),
        ),
        (
            &tables::BUDGET,
            json!({"budget_id": "ada-row", "max_budget": 9, "allowed_models": ["gpt-4o"], "tpm_limit": 900}),
        ),
        (&tables::BUDGET, json!({"budget_id": "acme-row", "max_budget": 1000, "rpm_limit": 1000})),
        (&tables::BUDGET, json!({"budget_id": "project-row", "max_budget": 40})),
        (
            &tables::BUDGET,
            json!({"budget_id": "customers", "max_budget": 2, "model_max_budget": {"o1": {"max_budget": 1}}}),
        ),
        (&tables::BUDGET, json!({"budget_id": "tag-row", "max_budget": 6})),
        (
            &tables::OBJECT_PERMISSION,
            json!({"object_permission_id": "op1", "vector_stores": ["vs1"], "agent_access_groups": ["crawlers"], "mcp_servers": ["m1", "m2"]}),
        ),
        (
            &tables::OBJECT_PERMISSION,
            json!({"object_permission_id": "op2", "vector_stores": ["vs1", "vs2"], "mcp_tool_permissions": {"m2": ["read"]}, "search_tools": ["s1"]}),
        ),
        (&tables::OBJECT_PERMISSION, json!({"object_permission_id": "op3", "agents": ["crawler"]})),
        (
            &tables::ACCESS_GROUP,
            json!({"access_group_id": "g1", "access_group_name": "g1", "access_mcp_server_ids": ["m3"], "access_model_names": ["o1"], "assigned_team_ids": ["red"]}),
        ),
        (
            &tables::ACCESS_GROUP,
            json!({"access_group_id": "g2", "access_group_name": "g2", "access_model_names": ["o2"], "assigned_key_ids": [hash("sk-full")]}),
        ),
        (
            &tables::ACCESS_GROUP,
            json!({"access_group_id": "g3", "access_group_name": "g3", "access_model_names": ["o3"]}),
        ),
        (&tables::MODEL, json!({"id": 7, "aliases": {"smart": "gpt-4o"}})),
        (
            &tables::AGENT,
            json!({
                "agent_id": "crawler", "agent_name": "crawler", "rpm_limit": 4, "agent_access_groups": ["crawlers"],
                "object_permission_id": "op3",
                "litellm_params": {"require_trace_id_on_calls_by_agent": true},
            }),
        ),
        (
            &tables::END_USER,
            json!({"user_id": "c1", "blocked": true, "allowed_model_region": "eu", "spend": 1, "budget_id": "project-row"}),
        ),
        (&tables::END_USER, json!({"user_id": "c2", "spend": 1})),
        (&tables::TAG, json!({"tag_name": "batch", "spend": 4, "budget_id": "tag-row"})),
    ]
}

fn mappings() -> Vec<(&'static Table, serde_json::Value)> {
    vec![
        (
            &tables::JWT_KEY_MAPPING,
            json!({"id": "1", "jwt_claim_name": "client_id", "jwt_claim_value": "app", "token": hash("sk-plain"), "is_active": true}),
        ),
        (
            &tables::JWT_KEY_MAPPING,
            json!({"id": "2", "jwt_claim_name": "client_id", "jwt_claim_value": "off", "token": hash("sk-plain"), "is_active": false}),
        ),
    ]
}

fn people() -> Vec<(&'static Table, serde_json::Value)> {
    vec![
        (
            &tables::ORGANIZATION,
            json!({
                "organization_id": "acme", "organization_alias": "Acme", "models": ["*"], "spend": 500, "budget_id": "acme-row",
                "metadata": {"model_tpm_limit": {"o1": 99}},
            }),
        ),
        (
            &tables::USER,
            json!({
                "user_id": "ada", "user_email": "ada@example.com", "sso_user_id": "idp|ada", "teams": ["red"], "user_role": "org_admin", "models": ["gpt-4o"],
                "max_budget": 100, "spend": 12.5, "budget_reset_at": "2026-07-01T00:00:00",
                "rpm_limit": 60, "tpm_limit": 6000, "max_parallel_requests": 6,
            }),
        ),
        (&tables::USER, json!({"user_id": "bob", "user_email": "SHARED@example.com", "teams": ["red", "blue"]})),
        (
            &tables::USER,
            json!({"user_id": "gone", "user_email": "shared@example.com", "metadata": {"scim_active": "false"}}),
        ),
        (
            &tables::ORGANIZATION_MEMBERSHIP,
            json!({"user_id": "ada", "organization_id": "acme", "user_role": "org_admin"}),
        ),
        (
            &tables::TEAM,
            json!({
                "team_id": "red", "team_alias": "Red", "organization_id": "acme", "models": ["gpt-4o", "gpt-4o-mini"],
                "access_group_ids": ["g1", "g2"], "model_id": 7, "object_permission_id": "op2",
                "members_with_roles": [
                    {"user_id": "ada", "role": "user"}, {"user_id": "bob", "role": "user"},
                    {"user_id": "ada", "role": "admin", "user_email": null},
                ], "max_budget": 50, "spend": 20,
                "budget_limits": [{"budget_duration": "7d", "max_budget": 30}], "rpm_limit": 100,
                "metadata": {
                    "tags": ["red"], "team_member_budget_id": "of-members", "allowed_passthrough_routes": ["/team"],
                    "model_rpm_limit": {"o1": 1},
                },
            }),
        ),
        (&tables::TEAM, json!({"team_id": "blue", "metadata": {"team_member_budget_id": "of-members"}})),
        (
            &tables::PROJECT,
            json!({
                "project_id": "bot", "project_alias": "Bot", "team_id": "red", "models": ["gpt-4o"], "spend": 2,
                "budget_id": "project-row", "metadata": {"tags": ["bot"]}, "model_rpm_limit": {"o1": 5},
            }),
        ),
        (&tables::MEMBERSHIP, json!({"user_id": "ada", "team_id": "red", "spend": 3, "budget_id": "ada-row"})),
        (&tables::MEMBERSHIP, json!({"user_id": "bob", "team_id": "red", "spend": 4})),
    ]
}

async fn key(directory: &impl Directory, text: &str) -> Option<KeyRecord> {
    let found = directory.key(&KeyHash::of(text)).await.unwrap();
    found.map(|found| KeyRecord::clone(&found.record))
}

async fn end_user(directory: &impl Directory, id: &str) -> Option<EndUser> {
    directory.end_user(id).await.unwrap().map(|found| EndUser::clone(&found.record))
}

async fn tag(directory: &impl Directory, name: &str) -> Option<Tag> {
    directory.tag(name).await.unwrap().map(|found| Tag::clone(&found.record))
}

/// The lines that one has and the other has not.
fn differences(said: &impl std::fmt::Debug, expected: &impl std::fmt::Debug) -> String {
    let (said, expected) = (format!("{said:#?}"), format!("{expected:#?}"));
    let only = |these: &str, those: &str, sign: char| {
        let lines = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign}{line}")).collect::<Vec<_>>()
    };
    [only(&said, &expected, '+'), only(&expected, &said, '-')].concat().join("\n")
}

/// What every store must say.
async fn keeps_the_contract(directory: &impl Directory, file: &FileStore) {
    for text in KEYS {
        let expected = key(file, text).await;
        assert!(expected.is_some(), "{text}");
        let said = key(directory, text).await;
        assert!(said == expected, "{text}: {}", differences(&said, &expected));
    }
    for text in ["sk-nobody", "sk-", &hash("sk-full")] {
        assert_eq!(key(directory, text).await, None, "{text} S-075");
    }
    for id in ["c1", "c2", "unknown", "a\0b", "'; DROP TABLE x; --"] {
        assert_eq!(end_user(directory, id).await, end_user(file, id).await, "{id:?} S-187");
    }
    for id in ["c1", "C1", "ada", "ADA", "Ada@Example.com", "nobody", "a\0b"] {
        let known = |found: Option<_>| found.is_some();
        let expected = known(file.known(id).await.unwrap());
        assert_eq!(known(directory.known(id).await.unwrap()), expected, "{id:?} N20");
    }
    for name in ["batch", "unknown", "a\0b"] {
        assert_eq!(tag(directory, name).await, tag(file, name).await, "{name:?}");
    }
    keeps_the_contract_about_tokens(directory, file).await;
}

async fn keeps_the_contract_about_tokens(directory: &impl Directory, file: &FileStore) {
    let ids = |user: &str, team: &str, organization: &str| {
        let id = |text: &str| Some(Box::from(text)).filter(|_| !text.is_empty());
        Standing { user: id(user), team: id(team), organization: id(organization) }
    };
    for (who, there) in [
        (ids("", "", ""), [false, false, false]),
        (ids("ada", "", ""), [true, false, false]),
        (ids("ada", "red", ""), [true, true, true]),
        (ids("ada", "red", "nobody"), [true, true, false]),
        (ids("ada", "blue", "acme"), [true, true, true]),
        (ids("bob", "red", "acme"), [true, true, true]),
        (ids("nobody", "red", ""), [false, true, true]),
        (ids("gone", "nobody", ""), [true, false, false]),
        (ids("", "red", ""), [false, true, true]),
        (ids("a\0b", "a\0b", "'; DROP TABLE x; --"), [false, false, false]),
    ] {
        let expected = file.standing(&who).await.unwrap().map(|found| found.record);
        let said = directory.standing(&who).await.unwrap().map(|found| found.record);
        let differences = differences(&said.as_deref().cloned(), &expected.as_deref().cloned());
        assert!(said == expected, "{who:?}: {differences}");
        let said = said.unwrap();
        assert_eq!([said.user.is_some(), said.team.is_some(), said.organization.is_some()], there, "{who:?}");
    }
    for (name, expected) in [
        (AlsoKnownAs::SsoId("idp|ada".into()), Some("ada")),
        (AlsoKnownAs::SsoId("ada".into()), None),
        (AlsoKnownAs::Email("Ada@Example.com".into()), Some("ada")),
        (AlsoKnownAs::Email("shared@example.com".into()), Some("")),
        (AlsoKnownAs::TeamAlias("Red".into()), Some("red")),
        (AlsoKnownAs::TeamAlias("red".into()), None),
        (AlsoKnownAs::OrganizationAlias("Acme".into()), Some("acme")),
        (AlsoKnownAs::OrganizationAlias("a\0b".into()), None),
    ] {
        let expected = expected.map(|id| if id.is_empty() { Resolved::Several } else { Resolved::One(id.into()) });
        for said in [directory.resolve(&name).await.unwrap(), file.resolve(&name).await.unwrap()] {
            assert_eq!(said.map(|found| Resolved::clone(&found.record)), expected, "{name:?}");
        }
    }
    for (name, value, key) in
        [("client_id", "app", Some("sk-plain")), ("client_id", "a\0b", None), ("app", "client_id", None)]
    {
        let claim = ClaimValue { name: name.into(), value: value.into() };
        for said in [directory.mapped_key(&claim).await.unwrap(), file.mapped_key(&claim).await.unwrap()] {
            assert_eq!(said.map(|found| *found.record), key.map(KeyHash::of), "{claim:?}");
        }
    }
    let off = ClaimValue { name: "client_id".into(), value: "off".into() };
    for said in [directory.mapped_key(&off).await, file.mapped_key(&off).await] {
        assert!(matches!(said, Err(Trouble::Unreadable(_))), "what is turned off refuses: {said:?}");
    }
}

#[tokio::test]
async fn every_store_says_the_same() {
    let files = Files::new(&config("end_users: { default_budget_id: customers }"), &key_file());
    let configuration = load(&files.config(), &environment).result.unwrap();
    let Store::File(file) = &configuration.snapshot.authenticator.store else { unreachable!() };
    keeps_the_contract(file.as_ref(), file).await;
    let interpretation =
        Interpretation { default_end_user_budget: Some("customers".to_owned()), ..Interpretation::default() };
    for database in Database::both("contract").await {
        fill(&database).await;
        match database.directory(interpretation.clone()) {
            world::Directory::Sqlite(directory) => keeps_the_contract(&directory, file).await,
            world::Directory::Postgres(directory) => keeps_the_contract(&directory, file).await,
        }
    }
}

#[tokio::test]
async fn a_file_of_an_earlier_version_gets_what_it_lacks() {
    let database = Database::sqlite().await;
    fill(&database).await;
    for statement in [
        "DROP TABLE \"LiteLLM_JWTKeyMapping\"",
        "DROP INDEX \"LiteLLM_UserTable_sso_user_id_key\"",
        "ALTER TABLE \"LiteLLM_UserTable\" DROP COLUMN sso_user_id",
        "PRAGMA user_version = 1",
    ] {
        database.sql(statement).await;
    }
    let Database::Sqlite(_, directory) = &database else { unreachable!() };
    let file = directory.path().join("tollgate.db");
    let sqlite = Sqlite::open(&file, world::DEADLINE);
    for _ in 0..2 {
        sqlite.migrate(&file).await.unwrap();
    }
    let directory = SqlDirectory::new(sqlite, Interpretation::default(), world::now);
    assert!(key(&directory, "sk-full").await.is_some());
    assert!(directory.resolve(&AlsoKnownAs::SsoId("idp|ada".into())).await.unwrap().is_none());
    let claim = ClaimValue { name: "client_id".into(), value: "app".into() };
    assert!(directory.mapped_key(&claim).await.unwrap().is_none());
    let twice = "UPDATE \"LiteLLM_UserTable\" SET sso_user_id = 'one'";
    assert!(sqlx::query(twice).execute(directory.database().pool()).await.is_err(), "it is unique again");
}

#[tokio::test]
async fn a_file_of_sqlite_survives_a_restart_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let Database::Sqlite(pool, directory) = Database::sqlite().await else { unreachable!() };
    let database = Database::Sqlite(pool.clone(), directory);
    database.key("sk-a", json!({})).await;
    pool.close().await;
    let Database::Sqlite(_, directory) = &database else { unreachable!() };
    let file = directory.path().join("tollgate.db");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let sqlite = Sqlite::open(&file, world::DEADLINE);
    sqlite.migrate(&file).await.unwrap();
    let directory = SqlDirectory::new(sqlite.clone(), Interpretation::default(), world::now);
    assert!(key(&directory, "sk-a").await.is_some());
    sqlx::query("PRAGMA user_version = 99").execute(sqlite.pool()).await.unwrap();
    assert!(sqlite.migrate(&file).await.unwrap_err().to_string().contains("version 99"));
}
