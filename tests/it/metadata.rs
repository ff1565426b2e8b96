//! The dynamic metadata has the shape that `proto/tollgate/v1/decision.proto` promises.

use std::path::Path;

use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

use crate::harness::{Asked, Files, MASTER_KEY, Running, config, get, hash, post};
use crate::jwt_signer::Signer;

/// A text member of a struct.
pub fn text(metadata: &Struct, name: &str) -> Option<String> {
    match &metadata.fields.get(name)?.kind {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
}

/// A struct as JSON.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there may be is wrong")]
pub fn to_json(metadata: &Struct) -> Value {
    let value = |kind: &Option<Kind>| match kind.as_ref().unwrap() {
        Kind::StringValue(text) => json!(text),
        Kind::StructValue(inner) => to_json(inner),
        Kind::ListValue(list) => {
            let texts = list.values.iter().map(|value| match value.kind.as_ref().unwrap() {
                Kind::StringValue(text) => json!(text),
                Kind::StructValue(inner) => to_json(inner),
                other => panic!("only text and objects are expected in a list: {other:?}"),
            });
            json!(texts.collect::<Vec<_>>())
        }
        // What Envoy reads as limits.
        Kind::NumberValue(number) => json!(number),
        other => panic!("only text, lists and objects are expected: {other:?}"),
    };
    Value::Object(metadata.fields.iter().map(|(name, inner)| (name.clone(), value(&inner.kind))).collect())
}

/// Reads the metadata as the message and back. A field the message does not know is an error.
fn through_the_proto(metadata: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files = protox::compile(["tollgate/v1/decision.proto"], [root]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    let message = pool.get_message_by_name("tollgate.v1.Decision").unwrap();
    let message = DynamicMessage::deserialize(message, metadata).expect("the metadata fits the message");
    let options = SerializeOptions::new().use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

async fn metadata_of(asked: Asked) -> Value {
    let keys = format!(
        "keys:\n- {{ key_hash: {}, key_alias: laptop, user_id: ada, team_id: red, expires: '2099-01-01T00:00:00Z', \
         project_id: bot, agent_id: crawler, max_budget: 10, spend: 2.5, budget_reset_at: '2099-01-02T00:00:00Z', \
         rpm_limit: 60, tpm_limit: 1000, max_parallel_requests: 4, \
         metadata: {{ model_rpm_limit: {{ gpt-4o: 6 }}, logging: canary }} }}\n\
         users:\n- {{ user_id: ada, user_email: ada@example.com, user_role: internal_user }}\n\
         teams:\n- {{ team_id: red, team_alias: Red, organization_id: acme, rpm_limit: 600 }}\n\
         projects:\n- {{ project_id: bot, project_alias: Bot }}\nagents:\n- {{ agent_id: crawler }}\n\
         end_users:\n- {{ user_id: c1, allowed_model_region: eu, max_budget: 1 }}\n\
         organizations:\n- {{ organization_id: acme, organization_alias: Acme }}\n",
        hash("sk-ada")
    );
    metadata_with("", &keys, asked).await
}

async fn metadata_with(additions: &str, keys: &str, asked: Asked) -> Value {
    let files = Files::new(&config(additions), keys);
    let running = Running::start(&files.config()).await;
    let response = running.client().await.check(asked.header("x-request-id", "req-1").raw()).await.unwrap();
    let mut metadata = to_json(&response.dynamic_metadata.unwrap());
    metadata["config_version"] = json!("v");
    metadata
}

fn chat() -> Asked {
    post("/v1/chat/completions", r#"{"model":"gpt-4o","user":"c1","metadata":{"tags":["a,b","c"]}}"#).key("sk-ada")
}

#[tokio::test]
async fn an_allowed_request_carries_the_identity() {
    let metadata = metadata_of(chat()).await;
    let expected = json!({
        "decision": "allow", "reason": "ok", "config_version": "v", "method": "virtual_key",
        "key": {"hash": hash("sk-ada"), "alias": "laptop", "expires_at": "2099-01-01T00:00:00Z"},
        "user": {"id": "ada", "email": "ada@example.com", "role": "internal_user"},
        "team": {"id": "red", "alias": "Red"},
        "org": {"id": "acme", "alias": "Acme"},
        "permissions": {
            "tools": {"unrestricted": "true"}, "vector_stores": {"unrestricted": "true"},
            "agents": {"unrestricted": "true"}, "search_tools": {"unrestricted": "true"},
            "mcp_servers": {"unrestricted": "false"},
        },
        "project": {"id": "bot", "alias": "Bot"},
        "agent": {"id": "crawler"},
        "end_user": {"id": "c1", "region": "eu"},
        "budget": {
            "key": {"spend": "2.5", "max": "10", "reset_at": "2099-01-02T00:00:00Z"},
            "end_user": {"spend": "0", "max": "1"},
        },
        "descriptors": {
            "api_key": hash("sk-ada"), "user": "ada", "team": "red", "team_member": "red:ada", "end_user": "c1",
            "organization": "acme", "agent": "crawler",
        },
        "limits": [
            {"descriptor": "api_key", "value": hash("sk-ada"), "rpm": "60", "tpm": "1000", "parallel": "4"},
            {"descriptor": "team", "value": "red", "rpm": "600"},
            {"descriptor": "model_per_key", "value": format!("{}:gpt-4o", hash("sk-ada")), "rpm": "6"},
        ],
        "rate_limits": {
            "api_key": {
                "requests": {"requests_per_unit": 60.0, "unit": "MINUTE"},
                "tokens": {"requests_per_unit": 1000.0, "unit": "MINUTE"},
            },
            "team": {"requests": {"requests_per_unit": 600.0, "unit": "MINUTE"}},
        },
        "request": {"route": "chat_completions", "id": "req-1", "models": ["gpt-4o"], "tags": ["a,b", "c"]},
    });
    assert_eq!(metadata, expected);
    assert_eq!(through_the_proto(&metadata), expected);
}

#[tokio::test]
async fn what_is_granted_is_told_ag1() {
    let keys = format!(
        "keys:\n- {{ key_hash: {}, user_id: ada, team_id: red, models: [mini, fast, 'gpt-*'], agent_id: bot, \
         access_group_ids: [extra], aliases: {{ fast: gpt-4o }}, model_max_budget: {{ gpt-4o: {{ budget_limit: 5 }} }}, \
         model_spend: {{ gpt-4o: 2 }}, object_permission: {{ agents: [a], mcp_servers: [m1, m2], search_tools: [s] }}, \
         metadata: {{ allowed_tools: [t1, t2], guardrails: [pii], policies: [p], disable_global_guardrails: true }} }}\n\
         teams:\n- {{ team_id: red, organization_id: acme, members_with_roles: [{{ user_id: ada, role: admin }}], \
         object_permission: {{ agents: [b], mcp_servers: [m2, m3] }}, metadata: {{ allowed_tools: [t2], guardrails: [pii, injection] }} }}\n\
         agents:\n- {{ agent_id: bot, object_permission: {{ mcp_servers: [m2, m4, m9] }} }}\n\
         access_groups:\n- {{ access_group_id: extra, access_model_names: [more], access_mcp_server_ids: [m4], assigned_team_ids: [red] }}\n\
         organizations:\n- {{ organization_id: acme, models: ['*'] }}\nproxy_spend: 1.5\n",
        hash("sk-a")
    );
    let config = "proxy_budget: 3\n";
    let chat = metadata_with(config, &keys, post("/v1/chat/completions", r#"{"model":"fast"}"#).key("sk-a")).await;
    let only = |names: &[&str]| json!({"unrestricted": "false", "names": names});
    let permissions = json!({
        "tools": only(&["t2"]), "vector_stores": {"unrestricted": "true"}, "agents": {"unrestricted": "false"},
        "search_tools": only(&["s"]), "mcp_servers": only(&["m2", "m4"]),
    });
    assert_eq!(chat["permissions"], permissions);
    assert_eq!(chat["request"]["upstream_model"], "gpt-4o");
    assert_eq!(chat["team"]["member_role"], "admin");
    assert_eq!(chat["budget"]["models"], json!([{"model": "gpt-4o", "spend": "2", "max": "5"}]));
    assert_eq!(chat["budget"]["proxy"], json!({"spend": "1.5", "max": "3"}));
    let guardrails = json!({"names": ["pii", "injection"], "policies": ["p"], "disable_global": "true"});
    assert_eq!(chat["guardrails"], guardrails);
    assert_eq!(through_the_proto(&chat), chat);
    let listed = metadata_with(config, &keys, get("/v1/models").key("sk-a")).await;
    assert_eq!(listed["permissions"]["models"], json!([only(&["fast", "gpt-*", "mini", "more"])]));
    assert_eq!(through_the_proto(&listed), listed);
}

#[tokio::test]
async fn refusals_and_the_master_key_fit_too() {
    for asked in [get("/v1/models"), get("/v1/models").key("sk-nobody"), get("/v1/models").key(MASTER_KEY), get("//")] {
        let metadata = metadata_of(asked).await;
        assert_eq!(through_the_proto(&metadata), metadata);
    }
}

#[tokio::test]
async fn a_bearer_of_a_token_fits_too() {
    let signer = Signer::p256();
    let jwt = "jwt: { issuers: [{ issuer: 'https://idp', audience: api, jwks_file: issuer.json }], user_id_jwt_field: sub, \
               team_id_jwt_field: team, user_email_jwt_field: email, end_user_id_jwt_field: c }\n";
    let keys =
        "users: [{ user_id: ada }]\nteams: [{ team_id: red, rpm_limit: 600, max_budget: 5, spend: 1 }]\nkeys: []\n";
    let files = Files::new(&config(jwt), keys);
    files.write("issuer.json", &json!({ "keys": [signer.jwk(&json!({}))] }).to_string());
    let running = Running::start(&files.config()).await;
    let claims = json!({
        "iss": "https://idp", "aud": "api", "exp": 4_000_000_000_u64, "sub": "ada", "team": "red", "c": "c1",
        "email": "a\u{1f980}@example.com",
    });
    let token = signer.sign(r#"{"alg":"ES256"}"#, &claims.to_string());
    let asked = post("/v1/chat/completions", r#"{"model":"gpt-4o","user":"other"}"#).key(&token);
    let response = running.client().await.check(asked.raw()).await.unwrap();
    let metadata = to_json(response.dynamic_metadata.as_ref().unwrap());
    through_the_proto(&metadata);
    assert_eq!(metadata["method"], "jwt");
    assert_eq!(metadata["token"], json!({ "issuer": "https://idp", "expires_at": "2096-10-02T07:06:40Z" }));
    assert_eq!((&metadata["user"]["id"], &metadata["user"]["role"]), (&json!("ada"), &json!("internal_user")));
    assert_eq!(metadata["end_user"]["id"], "c1", "what is vouched for wins over what is said");
    let counted = json!({ "user": "ada", "team": "red", "team_member": "red:ada", "end_user": "c1" });
    assert_eq!(metadata["descriptors"], counted, "there is no key to count for");
    assert_eq!(metadata.get("key"), None);
    let outcome = crate::harness::Outcome::of(response);
    assert_eq!(outcome.set["x-auth-user-email"], "a%F0%9F%A6%80@example.com");
    assert!(!outcome.set.contains_key("x-auth-key-hash"));
}
