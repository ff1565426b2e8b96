//! What tokens make known, and what becomes of it in a store.

use aws_lc_rs::rsa::KeySize;
use serde_json::{Map, Value, json};
use tollgate::store::admin::Admin;
use tollgate::store::sql::schema::Table;
use tollgate::store::sql::tables::{JWT_KEY_MAPPING, KEY, MEMBERSHIP, TEAM, USER};
use tollgate::store::sql::write::Condition;
use tollgate::telemetry;

use super::admin::place;
use super::serving::{config, outcome, store_of};
use super::world::Database;
use crate::harness::{Client, Files, Outcome, Running, eventually, post};
use crate::jwt_signer::Signer;
use crate::provider::key_set;

/// A gate with a store, which believes tokens.
struct Believing {
    signer: Signer,
    client: Client,
    admin: Admin,
    running: Running,
    _files: Files,
}

impl Believing {
    async fn start(database: &Database, jwt: &str) -> Self {
        Self::on(&store_of(database), Admin::open(&place(database)).await.unwrap(), jwt).await
    }

    async fn on(store: &str, admin: Admin, jwt: &str) -> Self {
        Self::of_issuer("", store, admin, jwt).await
    }

    async fn of_issuer(more: &str, store: &str, admin: Admin, jwt: &str) -> Self {
        let signer = Signer::rsa(KeySize::Rsa2048);
        let issuer = format!("  issuers: [{{ issuer: 'https://idp', audience: api, jwks_file: keys.json{more} }}]\n");
        let files = Files::new(&format!("{}jwt:\n{issuer}{jwt}", config(store)), "");
        files.write("keys.json", &key_set([signer.jwk(&json!({ "kid": "k1" }))]));
        let running = Running::start(&files.config()).await;
        let client = running.client().await;
        Self { signer, client, admin, running, _files: files }
    }

    fn token(&self, claims: &Value) -> String {
        let exp = telemetry::now().as_second() + 600;
        let mut all = json!({ "iss": "https://idp", "aud": "api", "exp": exp });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.signer.sign(&json!({ "alg": "RS256", "kid": "k1" }).to_string(), &all.to_string())
    }

    async fn ask(&self, claims: &Value) -> String {
        outcome(&self.client, post("/v1/chat/completions", r#"{"model":"m1"}"#).key(&self.token(claims)).raw()).await
    }

    /// An identity header of an allowed request.
    async fn told(&self, claims: &Value, header: &str) -> Option<String> {
        let asked = post("/v1/chat/completions", r#"{"model":"m1"}"#).key(&self.token(claims));
        let outcome = Outcome::of(self.client.check(asked.raw()).await.unwrap());
        outcome.set.get(&format!("x-auth-{header}")).cloned()
    }

    async fn rows(&self, table: &Table) -> Vec<Map<String, Value>> {
        self.admin.find(table, Condition::All).await.unwrap()
    }

    /// Waits until everything that was queued is written.
    async fn written(&self, count: u64) {
        let line = format!(r#"tollgate_token_writes_total{{result="written"}} {count}"#);
        eventually(&line, async || self.running.page("/metrics").await.1.contains(&line).then_some(())).await;
    }
}

#[tokio::test]
async fn users_teams_and_memberships_are_written_once_a_request_is_allowed_w40_w41_v097_v122_v128() {
    let jwt = "  user_id_jwt_field: sub\n  team_id_jwt_field: t\n  user_email_jwt_field: email\n  user_id_upsert: true\n  \
               team_id_upsert: true\n  upsert_sso_user_to_team: true\n  user_allowed_email_domain: corp.com\n";
    for database in Database::both("upserts").await {
        let gate = Believing::start(&database, jwt).await;
        let ada = json!({ "sub": "ada", "t": "red", "email": "ada@corp.com", "email_verified": true });
        let refused = json!({ "sub": "eve", "t": "blue", "email": "eve@evil.com" });
        assert_eq!(gate.ask(&refused).await, "403 token_email_domain");
        for _ in 0..5 {
            assert_eq!(gate.ask(&ada).await, "200 allow");
        }
        gate.written(3).await;
        let [users, teams, members] = [gate.rows(&USER).await, gate.rows(&TEAM).await, gate.rows(&MEMBERSHIP).await];
        assert_eq!((users.len(), teams.len(), members.len()), (1, 1, 1), "{users:?} {teams:?} {members:?}");
        assert_eq!(users[0]["user_email"], "ada@corp.com");
        assert_eq!(users[0]["teams"], json!(["red"]));
        assert_eq!((&members[0]["user_id"], &members[0]["team_id"]), (&json!("ada"), &json!("red")));
        // What was written is what counts: nobody is a new member again.
        assert!(!gate.admin.join("ada", "red").await.unwrap());
        database.sql(r#"UPDATE "LiteLLM_TeamTable" SET blocked = true"#).await;
        eventually("the team's row", async || (gate.ask(&ada).await == "403 team_blocked").then_some(())).await;
        assert!(gate.admin.leave("ada", "red").await.unwrap());
        assert!(!gate.admin.leave("ada", "red").await.unwrap());
        assert_eq!(gate.rows(&MEMBERSHIP).await.len(), 0);
    }
}

const SYNC: &str = "  user_id_jwt_field: sub\n  team_ids_jwt_field: groups\n  roles_jwt_field: roles\n  \
     sync_user_role_and_teams: true\n  jwt_litellm_role_map: [{ jwt_role: 'view*', litellm_role: internal_user_viewer }]\n";

#[tokio::test]
async fn an_issuer_without_administrators_writes_to_no_administrators_row_s119() {
    let database = Database::sqlite().await;
    let admin = Admin::open(&place(&database)).await.unwrap();
    let gate = Believing::of_issuer(", admins: false", &store_of(&database), admin, SYNC).await;
    for (user, role) in [("boss", "proxy_admin"), ("bob", "internal_user")] {
        database.put(&USER, json!({ "user_id": user, "models": [], "teams": [], "user_role": role })).await;
    }
    for user in ["boss", "bob"] {
        let claims = json!({ "sub": user, "roles": ["viewers"] });
        assert_eq!(gate.told(&claims, "role").await.as_deref(), Some("internal_user_viewer"), "{user}");
    }
    // One after the other: what bob's token has brought is written after what the other would have.
    gate.written(1).await;
    let roles: Vec<_> = gate.rows(&USER).await.into_iter().map(|row| row["user_role"].clone()).collect();
    assert!(roles.contains(&json!("proxy_admin")) && roles.contains(&json!("internal_user_viewer")), "{roles:?}");
}

#[tokio::test]
async fn the_teams_of_a_token_are_synchronised_when_it_says_some_w38_w39_v133() {
    for database in Database::both("synchronised").await {
        let gate = Believing::start(&database, SYNC).await;
        database.put(&USER, json!({ "user_id": "ada", "models": [], "teams": [], "user_role": "internal_user" })).await;
        for team in ["red", "blue"] {
            database.put(&TEAM, json!({ "team_id": team, "models": [] })).await;
        }
        assert!(gate.admin.join("ada", "blue").await.unwrap());
        let none = json!({ "sub": "ada" });
        assert_eq!(gate.ask(&none).await, "200 allow");
        let some = json!({ "sub": "ada", "groups": ["red", "unknown"], "roles": ["viewers"] });
        assert_eq!(gate.told(&some, "role").await.as_deref(), Some("internal_user_viewer"), "the role counts at once");
        gate.written(2).await;
        let user = gate.rows(&USER).await.remove(0);
        assert_eq!(user["teams"], json!(["red"]), "W38: a token without the claim has changed nothing");
        assert_eq!(user["user_role"], "internal_user_viewer");
        let members = gate.rows(&MEMBERSHIP).await;
        assert_eq!(members.iter().map(|row| &row["team_id"]).collect::<Vec<_>>(), ["red"]);
    }
}

#[tokio::test]
async fn an_older_token_does_not_write_back_what_a_later_one_has_changed() {
    for database in Database::both("order_of_tokens").await {
        let gate = Believing::start(&database, &format!("{SYNC}  upsert_sso_user_to_team: true\n")).await;
        database.put(&USER, json!({ "user_id": "ada", "models": [], "teams": [], "user_role": "internal_user" })).await;
        for team in ["red", "blue"] {
            database.put(&TEAM, json!({ "team_id": team, "models": [] })).await;
        }
        let now = telemetry::now().as_second();
        let older = json!({ "sub": "ada", "iat": now - 60, "groups": ["red"], "roles": ["viewers"] });
        let later = json!({ "sub": "ada", "iat": now - 30, "groups": ["blue"], "roles": ["viewers"] });
        assert_eq!(gate.ask(&older).await, "200 allow");
        gate.written(3).await;
        assert_eq!(gate.ask(&later).await, "200 allow");
        gate.written(5).await;
        for _ in 0..3 {
            assert_eq!(gate.ask(&older).await, "200 allow", "it still says who is asking");
            assert_eq!(gate.ask(&later).await, "200 allow");
        }
        // One thing after the other: once this is written, everything before it would have been.
        database.put(&USER, json!({ "user_id": "bob", "models": [], "teams": [] })).await;
        let last = json!({ "sub": "bob", "iat": now, "groups": ["blue"] });
        eventually("bob", async || (gate.ask(&last).await == "200 allow").then_some(())).await;
        gate.written(7).await;
        let users = gate.rows(&USER).await;
        let ada = users.iter().find(|row| row["user_id"] == "ada").unwrap();
        assert_eq!((&ada["teams"], &ada["user_role"]), (&json!(["blue"]), &json!("internal_user_viewer")));
    }
}

const REGISTER: &str = "  user_id_jwt_field: sub\n  user_email_jwt_field: email\n  virtual_key_claim_field: client\n  \
     admin_jwt_scope: admin\n  admin_allowed_routes: [openai_routes]\n  \
     unregistered_jwt_client_behavior: auto_register\n  auto_registered_keys: { models: [m1], max_budget: 5, rpm_limit: 7, days: 30 }\n";

#[tokio::test]
async fn clients_get_one_key_each_w28_w31_v145_v146_v147_v149_v150() {
    for database in Database::both("registered").await {
        let gate = Believing::start(&database, REGISTER).await;
        database.put(&USER, json!({ "user_id": "ada", "models": [] })).await;
        let client = json!({ "sub": "ada", "client": "c1" });
        assert_eq!(gate.ask(&json!({ "sub": "ada" })).await, "403 token_client_missing");
        let admin = json!({ "sub": "root", "client": "c0", "scope": "admin" });
        assert_eq!(gate.ask(&admin).await, "200 allow");
        let first = futures_util::future::join_all((0..20).map(async |_| gate.ask(&client).await)).await;
        assert!(first.iter().all(|outcome| outcome == "200 allow"), "{first:?}");
        let hash = eventually("the key", async || gate.told(&client, "key-hash").await).await;
        assert_eq!(gate.told(&client, "user-id").await.as_deref(), Some("ada"));
        let another = json!({ "sub": "bob", "client": "c1" });
        assert_eq!(gate.ask(&another).await, "401 token_user_unknown", "the key lets nobody in who was not");
        database.put(&USER, json!({ "user_id": "bob", "models": [] })).await;
        eventually("bob", async || (gate.told(&another, "user-id").await.as_deref() == Some("bob")).then_some(()))
            .await;
        let (keys, mappings) = (gate.rows(&KEY).await, gate.rows(&JWT_KEY_MAPPING).await);
        assert_eq!((keys.len(), mappings.len()), (1, 1), "administrators get none: {keys:?} {mappings:?}");
        assert_eq!(keys[0]["token"], json!(hash));
        assert_eq!((&keys[0]["rpm_limit"], &keys[0]["user_id"]), (&json!(7), &Value::Null), "not the first user's");
        assert!(!keys[0]["expires"].is_null(), "it does not live for ever");
        assert_eq!(mappings[0]["jwt_claim_name"], "https://idp client", "the issuer is part of it");
        database.sql(r#"UPDATE "LiteLLM_JWTKeyMapping" SET is_active = false"#).await;
        eventually("turned off", async || (gate.ask(&client).await == "403 record_unreadable").then_some(())).await;
        assert_eq!(gate.rows(&KEY).await.len(), 1, "and no other key is made");
    }
}

#[tokio::test]
async fn a_key_is_the_users_where_the_claim_is_the_users_id() {
    let database = Database::sqlite().await;
    let gate = Believing::start(&database, &REGISTER.replace("client\n", "sub\n")).await;
    database.put(&USER, json!({ "user_id": "ada", "models": [] })).await;
    assert_eq!(gate.ask(&json!({ "sub": "ada" })).await, "200 allow");
    gate.written(1).await;
    let keys = gate.rows(&KEY).await;
    assert_eq!(keys.iter().map(|key| &key["user_id"]).collect::<Vec<_>>(), ["ada"]);
}

#[tokio::test]
async fn a_client_whose_key_cannot_be_written_is_an_outage() {
    let database = Database::sqlite().await;
    let gate = Believing::start(&database, REGISTER).await;
    database.put(&USER, json!({ "user_id": "ada", "models": [] })).await;
    database
        .sql(r#"CREATE TRIGGER full BEFORE INSERT ON "LiteLLM_JWTKeyMapping" BEGIN SELECT RAISE(ABORT, 'full'); END"#)
        .await;
    let client = json!({ "sub": "ada", "client": "c1" });
    assert_eq!(gate.ask(&client).await, "200 allow", "its limits hold until the key is written");
    let outage = "503 registration_failed";
    eventually(outage, async || gate.ask(&client).await.starts_with("503").then_some(())).await;
    assert!(gate.ask(&client).await.starts_with("503"), "nothing counts what it would spend");
    assert_eq!(gate.rows(&KEY).await.len(), 0);
}

#[tokio::test]
async fn until_a_key_is_made_its_limits_hold_already_v145() {
    let database = Database::sqlite().await;
    let gate = Believing::start(&database, &REGISTER.replace("models: [m1]", "models: [m2]")).await;
    database.put(&USER, json!({ "user_id": "ada", "models": [] })).await;
    assert_eq!(gate.ask(&json!({ "sub": "ada", "client": "c1" })).await, "403 key_model_denied");
    assert_eq!(gate.rows(&KEY).await.len(), 0, "V151: a request that is refused registers nobody");
}

#[tokio::test]
async fn an_outage_is_never_an_unknown_user_or_team_w05_w47_v168_v169() {
    let database = Database::sqlite().await;
    let nowhere = "  postgres: { url: 'postgresql://nobody@127.0.0.1:1/none' }\n  deadline_ms: 200\n";
    for jwt in [
        "  team_id_jwt_field: t\n  team_claim_fallback: true\n",
        "  team_ids_jwt_field: t\n",
        "  team_alias_jwt_field: t\n",
        "  user_id_jwt_field: t\n",
        "  user_id_jwt_field: t\n  user_id_upsert: true\n",
        "  org_alias_jwt_field: t\n",
        "  virtual_key_claim_field: t\n",
        "  user_id_jwt_field: t\n  virtual_key_claim_field: t\n  unregistered_jwt_client_behavior: auto_register\n",
    ] {
        let gate = Believing::on(nowhere, Admin::open(&place(&database)).await.unwrap(), jwt).await;
        let outcome = gate.ask(&json!({ "t": "x" })).await;
        assert!(outcome.starts_with("503 "), "{jwt}: {outcome}");
    }
}
