//! Response ids before `ext_authz`: opened, judged, put into the path and into headers.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tollgate::core::credential::{KeyHash, Secret};
use tollgate::core::response_id::{Caller, Keyring, Name, PlainId};

use crate::harness::{Asked, Client, Files, MASTER_KEY, Outcome, Running, config, get, hash, post};
use crate::metadata::to_json;

/// What seals the ids of the tests.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The section that protects them.
pub const PROTECTED: &str = "response_ids: { keys: [0123456789abcdef0123456789abcdef] }\n";
/// An id as the provider knows it.
pub const RAW: &str = "resp_68aa00000000000000000000000000000000000000000001";

fn seal(inner: &str, caller: &Caller, upstream: Option<&str>) -> String {
    let keyring = Keyring::new(&[Secret::new(SECRET)]).unwrap();
    let upstream = upstream.map(|name| Name::parse(name).unwrap());
    keyring.seal(&PlainId::parse(inner).unwrap(), caller.owner(), upstream.as_ref()).unwrap()
}

/// An id as its owner sees it.
pub fn sealed(inner: &str, user: Option<&str>, team: Option<&str>) -> String {
    seal(inner, &Caller::new(user, team, None, false).unwrap(), None)
}

/// The same of a named upstream.
pub fn sealed_at(upstream: &str, inner: &str, user: Option<&str>) -> String {
    seal(inner, &Caller::new(user, None, None, false).unwrap(), Some(upstream))
}

fn keys() -> String {
    format!(
        "keys:\n- {{ key_hash: {}, user_id: alice, team_id: t1 }}\n- {{ key_hash: {}, user_id: bob, team_id: t1 }}\n\
         - {{ key_hash: {} }}\n- {{ key_hash: {}, user_id: root }}\n- {{ key_hash: {}, user_id: alice, models: [mini] }}\n\
         users:\n- {{ user_id: alice, user_role: internal_user }}\n- {{ user_id: bob, user_role: internal_user }}\n\
         - {{ user_id: root, user_role: proxy_admin }}\nteams:\n- {{ team_id: t1 }}\n",
        hash("sk-alice"),
        hash("sk-bob"),
        hash("sk-lone"),
        hash("sk-root"),
        hash("sk-alice-mini"),
    )
}

/// A gate with this section, and its files.
async fn gate(section: &str) -> (Files, Running, Client) {
    let files = Files::new(&config(section), &keys());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

fn of_alice(inner: &str) -> String {
    sealed(inner, Some("alice"), Some("t1"))
}

async fn ask(client: &Client, asked: Asked, key: &str) -> Outcome {
    client.outcome(asked.key(key).raw()).await
}

fn naming(path: &str, id: &str) -> Asked {
    post(path, &json!({"model": "m", "previous_response_id": id}).to_string())
}

#[tokio::test]
async fn the_path_gets_the_providers_id_on_every_alias_s202() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let id = of_alice(RAW);
    for prefix in ["/v1", "", "/openai/v1", "/openai", "/azure/openai", "/openai/deployments/d", "/vllm/v1"] {
        for (method, rest) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/input_items"),
            ("GET", "?stream=true&starting_after=3"),
        ] {
            let path = |id: &str| format!("{prefix}/responses/{id}{rest}");
            let asked = |id: &str| Asked { method, ..get(&path(id)) };
            let seen = ask(&client, asked(&id), "sk-alice").await;
            assert_eq!(seen.set.get(":path"), Some(&path(RAW)), "{method} {}", path("ID"));
            assert_eq!(seen.set["x-auth-response-id"], RAW);
            assert!(seen.removed.contains(&"x-auth-previous-response-id".to_owned()));
            assert_eq!(ask(&client, asked(&id), "sk-bob").await.summary(), "403 response_not_owned", "{}", path("ID"));
            assert_eq!(ask(&client, asked(RAW), "sk-alice").await.summary(), "403 response_unmanaged", "S-203");
        }
    }
}

#[tokio::test]
async fn an_id_is_encoded_for_the_path_and_for_a_header() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let long = "x".repeat(900);
    for (inner, segment, header) in [
        ("a/b?c#d%;=+", "a%2Fb%3Fc%23d%25%3B%3D%2B", "a/b?c#d%25;=+"),
        ("litellm,\"x\\", "litellm%2C%22x%5C", "litellm%2C%22x%5C"),
        (long.as_str(), long.as_str(), long.as_str()),
    ] {
        let id = of_alice(inner);
        let seen = ask(&client, get(&format!("/v1/responses/{id}?include=a%2Fb&x=%")), "sk-alice").await;
        assert_eq!(seen.set[":path"], format!("/v1/responses/{segment}?include=a%2Fb&x=%"));
        assert_eq!(seen.set["x-auth-response-id"], header);
        let seen = ask(&client, naming("/v1/responses", &id), "sk-alice").await;
        assert_eq!(seen.set["x-auth-previous-response-id"], header);
        assert_eq!(seen.set.get(":path"), None, "nothing to change");
    }
    let id = of_alice(RAW);
    let encoded = utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string();
    let seen = ask(&client, get(&format!("/v1/responses/{encoded}")), "sk-alice").await;
    assert_eq!(seen.set[":path"], format!("/v1/responses/{RAW}"), "an encoded id is the same id");
    for path in
        [format!("/v1/%72esponses/{id}"), format!("/%761/responses/{id}/input_items"), "/v1/%72esponses".to_owned()]
    {
        let asked = if path.ends_with("esponses") { naming(&path, &id) } else { get(&path) };
        let outcome = ask(&client, asked, "sk-alice").await.summary();
        assert_eq!(outcome, "400 path_malformed", "the proxy might route it past ext_proc: {path}");
    }
}

#[tokio::test]
async fn the_body_is_judged_in_every_form() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let (id, theirs) = (of_alice(RAW), sealed("resp_bobs", Some("bob"), Some("t1")));
    for path in [
        "/v1/responses",
        "/responses",
        "/openai/v1/responses",
        "/v1/responses/compact",
        "/responses/input_tokens",
        "/cursor/chat/completions",
    ] {
        let seen = ask(&client, naming(path, &id), "sk-alice").await;
        assert_eq!((seen.status, seen.set["x-auth-previous-response-id"].as_str()), (200, RAW), "{path}");
        assert_eq!(ask(&client, naming(path, &id), "sk-bob").await.summary(), "403 response_not_owned", "{path}");
        assert_eq!(ask(&client, naming(path, RAW), "sk-alice").await.summary(), "403 response_unmanaged", "{path}");
    }
    let forged = format!("resp_litellm_proxy:responses_api:response_id:{RAW};user_id:;team_id:");
    for (body, expected) in [
        (json!({"model": "m", "previous_response_id": null}), "200 allow"),
        (json!({"model": "m", "previous_response_id": ""}), "200 allow"),
        (
            json!({"model": "m", "metadata": {"previous_response_id": RAW}, "input": [{"previous_response_id": RAW}]}),
            "200 allow",
        ),
        (json!({"model": "m", "extra_body": {"previous_response_id": id}}), "200 allow"),
        (json!({"model": "m", "extra_body": {"previous_response_id": theirs}}), "403 response_not_owned"),
        (
            json!({"model": "m", "previous_response_id": id, "extra_body": {"previous_response_id": theirs}}),
            "403 response_not_owned",
        ),
        (json!({"model": "m", "extra_body": json!({"previous_response_id": id}).to_string()}), "400 body_malformed"),
        (json!({"model": "m", "previous_response_id": {"id": RAW}}), "400 body_malformed"),
        (json!({"model": "m", "previous_response_id": 7}), "400 body_malformed"),
        (json!({"model": "m", "previousResponseId": RAW}), "400 body_malformed"),
        (json!({"model": "m", "Previous_Response_Id": RAW}), "400 body_malformed"),
        (json!({"model": "m", "previous_response_id": forged}), "403 response_unreadable"),
        (json!({"model": "m", "previous_response_id": format!("{id}=")}), "403 response_unreadable"),
    ] {
        let outcome = ask(&client, post("/v1/responses", &body.to_string()), "sk-alice").await;
        assert_eq!(outcome.summary(), expected, "{body}");
        assert!(!outcome.body.contains("resp_"), "S-209: a refusal quotes no id");
    }
    let twice =
        format!(r#"{{"model":"m","extra_body":{{"previous_response_id":"{id}","previous_response_id":"{id}"}}}}"#);
    assert_eq!(ask(&client, post("/v1/responses", &twice), "sk-alice").await.summary(), "400 body_malformed");
    let escaped = naming("/v1/responses", RAW).body.unwrap();
    let escaped = String::from_utf8(escaped).unwrap().replace("previous_", "previous\\u005f");
    assert_eq!(ask(&client, post("/v1/responses", &escaped), "sk-alice").await.summary(), "403 response_unmanaged");
    let both =
        json!({"model": "m", "previous_response_id": id, "extra_body": {"previous_response_id": of_alice("resp_2")}});
    let seen = ask(&client, post("/v1/responses", &both.to_string()), "sk-alice").await;
    assert!(!seen.set.contains_key("x-auth-previous-response-id"), "of two nobody could tell which is which");
    for query in ["previous_response_id=x", "a=1&previous%5Fresponse_id=x", "b;PreviousResponseId=x"] {
        let asked = post(&format!("/v1/responses?{query}"), r#"{"model":"m"}"#);
        assert_eq!(ask(&client, asked, "sk-alice").await.summary(), "400 response_id_not_allowed", "{query}");
    }
}

#[tokio::test]
async fn a_response_is_named_where_it_is_read_and_nowhere_else() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let id = of_alice(RAW);
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/batches"] {
        let outcome = ask(&client, naming(path, &id), "sk-alice").await;
        assert_eq!(outcome.summary(), "400 response_id_not_allowed", "{path}");
    }
    // LiteLLM's other door to the same objects.
    for path in ["/interactions", "/v1beta/interactions"] {
        let body = |id: &str| json!({"model": "m", "previous_interaction_id": id}).to_string();
        for id in [&id, RAW] {
            let outcome = ask(&client, post(path, &body(id)), "sk-alice").await.summary();
            assert_eq!(outcome, "400 response_id_not_allowed", "{path}");
            for rest in ["", "/cancel"] {
                let asked = if rest.is_empty() {
                    get(&format!("{path}/{id}"))
                } else {
                    post(&format!("{path}/{id}{rest}"), "{}")
                };
                assert_eq!(
                    ask(&client, asked, "sk-alice").await.summary(),
                    "400 response_id_not_allowed",
                    "{path}{rest}"
                );
            }
        }
        assert_eq!(ask(&client, post(path, &body("v1_abc")), "sk-alice").await.status, 200);
        assert_eq!(ask(&client, get(&format!("{path}/v1_abc")), "sk-alice").await.status, 200);
    }
    let empty = json!({"model": "m", "previous_response_id": null, "metadata": {"previous_response_id": RAW}});
    assert_eq!(ask(&client, post("/v1/chat/completions", &empty.to_string()), "sk-alice").await.status, 200);
    let asked = Asked { method: "POST", ..get("/azure/openai/responses") }.header("x-envoy-auth-partial-body", "true");
    assert_eq!(ask(&client, asked, "sk-alice").await.summary(), "413 body_truncated", "S-048");
    let upgrade = get("/v1/responses").header("upgrade", "websocket").header("connection", "upgrade");
    assert_eq!(ask(&client, upgrade, "sk-alice").await.summary(), "400 upgrade_not_allowed", "S-020");
}

#[tokio::test]
async fn administrators_and_unmanaged_ids_are_as_configured_s216() {
    let of_lone = seal(RAW, &Caller::new(None, None, Some(KeyHash::of("sk-lone")), false).unwrap(), None);
    let path = |id: &str| get(&format!("/v1/responses/{id}"));
    let (_files, _running, client) = gate(PROTECTED).await;
    assert_eq!(ask(&client, path(&of_lone), "sk-lone").await.status, 200, "S-205: the key is the owner");
    for key in ["sk-alice", "sk-root", MASTER_KEY] {
        assert_eq!(ask(&client, path(&of_lone), key).await.summary(), "403 response_not_owned", "{key}");
        assert_eq!(ask(&client, path(RAW), key).await.summary(), "403 response_unmanaged", "{key}");
    }
    let open = PROTECTED.replace(" }", ", allow_unmanaged: true, admins_use_all: true }");
    let (_files, _running, client) = gate(&open).await;
    for (id, key, expected) in [
        (of_lone.as_str(), "sk-root", "200 allow"),
        (of_lone.as_str(), MASTER_KEY, "200 allow"),
        (of_lone.as_str(), "sk-alice", "403 response_not_owned"),
        (RAW, "sk-alice", "200 allow"),
    ] {
        assert_eq!(ask(&client, path(id), key).await.summary(), expected, "{key}");
    }
}

/// Paths without a route are open to administrators, and to nobody's responses.
#[tokio::test]
async fn an_unknown_path_is_no_way_around() {
    let (_files, _running, client) = gate(PROTECTED).await;
    for (path, expected) in [
        (format!("/v1/responses/{RAW}/"), "403 response_route_unknown"),
        (format!("/v2/responses/{RAW}"), "403 response_unmanaged"),
        (format!("/v1/Responses/{RAW}"), "403 response_unmanaged"),
        (format!("/v1/responses/{RAW}/output"), "403 response_route_unknown"),
        ("/v1/mystery".to_owned(), "200 allow"),
    ] {
        for key in [MASTER_KEY, "sk-root"] {
            assert_eq!(ask(&client, get(&path), key).await.summary(), expected, "{path}");
        }
    }
    let body = json!({"previous_response_id": RAW}).to_string();
    let cancel = post(&format!("/v1/responses/{}/cancel", of_alice(RAW)), &body);
    assert_eq!(ask(&client, cancel, "sk-alice").await.summary(), "403 response_unmanaged", "beside the path");
}

/// Nobody's list of responses is sealed for whoever asks, and no upstream's own spelling of a path is a way around.
#[tokio::test]
async fn a_list_belongs_to_nobody() {
    let (_files, _running, client) = gate(PROTECTED).await;
    for path in
        ["/vllm/v1/responses", "/openai/responses", "/azure/openai/responses", "/azure/openai/responses/compact"]
    {
        let outcome = ask(&client, get(path), "sk-alice").await.summary();
        assert_eq!(outcome, "403 response_route_unknown", "{path}");
        assert_eq!(ask(&client, post(path, r#"{"model":"m"}"#), "sk-alice").await.status, 200, "{path}");
    }
    let slash = naming("/cursor/chat/completions/", RAW);
    assert_eq!(ask(&client, slash, "sk-alice").await.summary(), "403 response_route_unknown");
}

#[tokio::test]
async fn a_configured_endpoint_is_guarded_wherever_its_upstream_has_the_api() {
    let endpoints = "routes: { pass_through: [{ path: /mygw, methods: [GET, POST], include_subpath: true, grant_required: false }], ";
    let files = Files::new(&config(PROTECTED).replace("routes: {", endpoints), &keys());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let id = of_alice(RAW);
    for prefix in ["", "/v1", "/V1", "/OpenAI", "/api/v3", "/openai/deployments/d"] {
        for name in ["responses", "Responses"] {
            let path = |id: &str| format!("/mygw{prefix}/{name}/{id}");
            assert_eq!(ask(&client, get(&path(RAW)), "sk-alice").await.summary(), "403 response_unmanaged", "{prefix}");
            assert_eq!(ask(&client, get(&path(&id)), "sk-bob").await.summary(), "403 response_not_owned", "{prefix}");
            assert_eq!(ask(&client, get(&path(&id)), "sk-alice").await.set[":path"], path(RAW));
            let collection = format!("/mygw{prefix}/{name}");
            let continued = ask(&client, naming(&collection, RAW), "sk-alice").await.summary();
            assert_eq!(continued, "403 response_unmanaged", "{collection}");
            let listed = ask(&client, get(&collection), "sk-alice").await.summary();
            assert_eq!(listed, "403 response_route_unknown", "{collection}");
        }
    }
    assert_eq!(ask(&client, get("/mygw/responsesx/a"), "sk-alice").await.status, 200);
}

#[tokio::test]
async fn an_endpoint_without_credentials_has_no_responses() {
    let endpoints =
        "routes: { pass_through: [{ path: /open, methods: [GET, POST], include_subpath: true, auth: false }], ";
    for section in [PROTECTED, "", "response_ids: { unprotected: true }\n"] {
        let files = Files::new(&config(section).replace("routes: {", endpoints), &keys());
        let running = Running::start(&files.config()).await;
        let client = running.client().await;
        for asked in [get(&format!("/open/responses/{RAW}")), naming("/open/v1/responses", RAW)] {
            let expected = if section.contains("unprotected") { "200 allow" } else { "403 response_route_unknown" };
            assert_eq!(ask(&client, asked, "").await.summary(), expected, "{section}");
        }
        assert_eq!(ask(&client, get("/open/models"), "").await.status, 200);
    }
}

#[tokio::test]
async fn keys_rotate_and_litellms_ids_open_s215() {
    let id = of_alice(RAW);
    let rotated = "response_ids: { keys: [new-0123456789abcdef0123456789abcdef, 0123456789abcdef0123456789abcdef] }\n";
    let (_files, _running, client) = gate(rotated).await;
    assert_eq!(ask(&client, get(&format!("/v1/responses/{id}")), "sk-alice").await.status, 200);
    let gone = "response_ids: { keys: [new-0123456789abcdef0123456789abcdef], litellm_keys: [salt-fixed-1234] }\n";
    let (_files, _running, client) = gate(gone).await;
    assert_eq!(
        ask(&client, get(&format!("/v1/responses/{id}")), "sk-alice").await.summary(),
        "403 response_unreadable"
    );
    // Vector 23: `resp_x` of user `u` in team `t`.
    let legacy = "resp_xG1YPksTszcJ7ncNLCqeFvOVBuU7n_9CTjBdEc_-UvzQsQfbbGuzsMkj3bBRBAZ-MEWxWNjtl2sUpxb8ttbTj7WEb05TTCU4LPlwSXlXJiz9r2gGBRU2c70eI3epWNMYIJvS7NBIo5T9TA==";
    for spelling in [legacy.to_owned(), legacy.replace('=', "%3D")] {
        let asked = get(&format!("/v1/responses/{spelling}"));
        assert_eq!(ask(&client, asked, "sk-alice").await.summary(), "403 response_not_owned", "it opens, and is u's");
    }
}

#[tokio::test]
async fn a_client_cannot_claim_what_the_gate_says_s040() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let asked =
        naming("/v1/responses", "").header("x-auth-response-id", "resp_x").header("X_Auth_Previous_Response_Id", "y");
    let seen = ask(&client, asked, "sk-alice").await;
    for name in ["x-auth-response-id", "x-auth-previous-response-id", "x_auth_previous_response_id"] {
        assert!(seen.removed.contains(&name.to_owned()) && !seen.set.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn other_rules_are_asked_as_well_r11() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let id = sealed(RAW, Some("alice"), None);
    assert_eq!(ask(&client, naming("/v1/responses", &id), "sk-alice-mini").await.summary(), "403 key_model_denied");
    let pass_through = get(&format!("/azure/openai/responses/{id}"));
    assert_eq!(ask(&client, pass_through, "sk-alice-mini").await.summary(), "400 model_missing");
}

async fn told(client: &Client, asked: Asked) -> serde_json::Value {
    let response = client.check(asked.key("sk-alice").raw()).await.unwrap();
    let metadata = to_json(&response.dynamic_metadata.unwrap());
    assert!(!metadata.to_string().contains(RAW), "the provider's id is in no metadata");
    metadata["response_ids"].clone()
}

#[tokio::test]
async fn ext_proc_is_told_whose_they_are() {
    let (_files, _running, client) = gate(PROTECTED).await;
    let id = of_alice(RAW);
    let owner = json!({"state": "protected", "user": "alice", "team": "t1", "key": hash("sk-alice")});
    let with = |name: &str, value: serde_json::Value| {
        let mut owner = owner.clone();
        owner[name] = value;
        owner
    };
    assert_eq!(told(&client, post("/v1/responses", r#"{"model":"m"}"#)).await, with("body", json!("seen")));
    assert_eq!(told(&client, get(&format!("/v1/responses/{id}"))).await, with("subject", json!(id)));
    let mut continued = with("named", json!([id]));
    continued["body"] = json!("seen");
    assert_eq!(told(&client, naming("/v1/responses", &id)).await, continued);
    assert_eq!(told(&client, post("/v1/chat/completions", r#"{"model":"m"}"#)).await, json!(null));
    assert_eq!(told(&client, get("/v1/responses/resp_1")).await, json!(null), "refused");
    let (_files, _running, client) = gate("response_ids: { unprotected: true }\n").await;
    assert_eq!(told(&client, get(&format!("/v1/responses/{id}"))).await, json!({"state": "unprotected"}));
}

/// `explain` says whose responses a request may name, and never an id of the provider's.
#[test]
fn an_explanation_tells_no_id() {
    let files = Files::new(&config(PROTECTED), &keys());
    let id = of_alice(RAW);
    let explain = |alias: &str, path: &str| {
        let config = files.config();
        let hash = hash(alias);
        let arguments = ["explain", "--config", config.to_str().unwrap(), "--as", &hash, "GET", path];
        crate::cli::text(&crate::cli::tollgate(&arguments, "").stdout)
    };
    let allowed = explain("sk-alice", &format!("/v1/responses/{id}"));
    assert!(allowed.contains("those of the user alice in the team t1; the path names one"), "{allowed}");
    assert!(allowed.contains("x-auth-response-id: (a secret)") && !allowed.contains(RAW), "{allowed}");
    let refused = explain("sk-bob", &format!("/v1/responses/{id}"));
    assert!(refused.contains("denied by `response_ids`: response_not_owned (403)"), "{refused}");
}
