//! Ways around a rule that a review tried, each with the rule that holds.

use crate::harness::{Asked, Files, Running, config, get, hash, post};

const SPENT: &str = "max_budget: 1, spend: 9";
const FREE: &str = "models: [{ name: free, zero_cost: true }]\nmodel_group_alias: { fast: gpt-4o, cheap: free, opus2: claude-haiku, paid: free }\n";

/// A request of `sk-a`, judged with these additions to the configuration, this key and these records.
async fn outcome(additions: &str, key: &str, records: &str, asked: Asked) -> String {
    let keys = format!("{records}\nkeys: [{{ key_hash: {}, {key} }}]\n", hash("sk-a"));
    let files = Files::new(&config(additions), &keys);
    let running = Running::start(&files.config()).await;
    running.client().await.outcome(asked.key("sk-a").raw()).await.summary()
}

#[tokio::test]
async fn a_free_name_opens_nothing_that_costs() {
    for (path, body) in [
        ("/v1/images/generations", r#"{"prompt":"x","fallbacks":["free"]}"#),
        ("/bedrock/model/x/invoke", r#"{"fallbacks":["free"]}"#),
        ("/v1/moderations", r#"{"input":"x","session":{"a":{"model":"free"}}}"#),
        ("/v1/search/tavily", r#"{"model":"free"}"#),
        ("/v1/batches", r#"{"model":"free"}"#),
        ("/v1/rag/query", r#"{"fallbacks":["free"]}"#),
        ("/v1/chat/completions", r#"{"model":"free","fallbacks":["gpt-4o"]}"#),
        ("/v1/chat/completions", r#"{"model":"paid"}"#),
        ("/anthropic/v1/messages", r#"{"model":"paid"}"#),
    ] {
        let seen = outcome(FREE, SPENT, "", post(path, body)).await;
        assert_eq!(seen, "429 key_budget_exceeded", "{path} {body}");
    }
    let aliased = format!("{SPENT}, aliases: {{ gpt-4o: free }}");
    let fallback = post("/v1/chat/completions", r#"{"model":"free","fallbacks":["gpt-4o"]}"#);
    assert_eq!(outcome(FREE, &aliased, "", fallback).await, "429 key_budget_exceeded", "a fallback is not renamed");
    let free = post("/v1/chat/completions", r#"{"model":"free"}"#);
    assert_eq!(outcome(FREE, SPENT, "", free).await, "200 allow");
}

#[tokio::test]
async fn aliases_hold_where_somebody_follows_them() {
    let key = "models: [claude-haiku]";
    for (path, expected) in [
        ("/v1/messages", "200 allow"),
        ("/anthropic/v1/messages", "403 key_model_denied"),
        ("/bria/v1", "403 key_model_denied"),
    ] {
        let routes = "routes: { pass_through: [{ path: /bria, include_subpath: true, grant_required: false }], ";
        let keys = format!("keys: [{{ key_hash: {}, {key} }}]\n", hash("sk-a"));
        let files = Files::new(&config(FREE).replace("routes: {", routes), &keys);
        let running = Running::start(&files.config()).await;
        let asked = post(path, r#"{"model":"opus2"}"#).key("sk-a");
        assert_eq!(running.client().await.outcome(asked.raw()).await.summary(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_seen_hides_nothing() {
    let form = |path: &str, body: &str| {
        let asked = post(path, body).header("content-type", "multipart/form-data; boundary=B");
        Asked { body_length: false, ..asked }
    };
    for (path, body) in [
        (
            "/v1/audio/transcriptions",
            "--B\r\nContent-Disposition: form-data; name=\"api_base\"\r\n\r\nhttp://evil\r\n--B--\r\n",
        ),
        ("/v1/files", r#"{"api_base":"http://evil"}"#),
        ("/mcp-rest/tools/call", r#"{"server_id":"secret"}"#),
        ("/v1/search", r#"{"search_tool_name":"secret"}"#),
    ] {
        assert_eq!(outcome("", "", "", form(path, body)).await, "411 body_length_missing", "{path}");
    }
}

#[tokio::test]
async fn a_label_grants_and_lifts_nothing_sec5_sec6() {
    let chat = || post("/v1/chat/completions", r#"{"model":"big"}"#);
    assert_eq!(outcome("", "team_id: t, models: [all-team-models]", "", chat()).await, "403 key_model_denied");
    let owner = "users: [{ user_id: u, models: [mini] }]";
    assert_eq!(outcome("", "team_id: t, user_id: u", owner, chat()).await, "403 user_model_denied");
    let spent = "users: [{ user_id: u, max_budget: 0 }]";
    assert_eq!(outcome("", "team_id: t, user_id: u", spent, chat()).await, "429 user_budget_exceeded");
}

#[tokio::test]
async fn a_model_is_read_whatever_the_method() {
    for (asked, expected) in [
        (get("/v1/batches?model=secret"), "403 key_model_denied"),
        (get("/v1/videos?model=secret"), "403 key_model_denied"),
        (get("/v1/fine_tuning/jobs?target_model_names=secret"), "403 key_model_denied"),
        (get("/v1/batches").header("x-litellm-model", "secret"), "403 key_model_denied"),
        (get("/v1/batches"), "200 allow"),
    ] {
        let what = format!("{asked:?}");
        assert_eq!(outcome("", "models: [gpt-4o]", "", asked).await, expected, "{what:.120}");
    }
}

#[tokio::test]
async fn budgets_of_models_hold_under_every_name() {
    let chat = |body: &str| post("/v1/chat/completions", body);
    let spent = "model_max_budget: { gpt-4o: { budget_limit: 1 } }, model_spend: { openai/gpt-4o: 9 }";
    let refused = "429 key_model_budget_exceeded";
    assert_eq!(outcome("", spent, "", chat(r#"{"model":"gpt-4o"}"#)).await, refused);
    let qualified = "model_max_budget: { openai/gpt-4o: { budget_limit: 0 } }";
    let known = "models: [{ name: gpt-4o, provider: openai }]\n";
    assert_eq!(outcome(known, qualified, "", chat(r#"{"model":"gpt-4o"}"#)).await, refused);
    let claude = "model_max_budget: { claude: { budget_limit: 0 } }";
    assert_eq!(outcome("", claude, "", post("/bedrock/model/claude/invoke", "{}")).await, refused, "any it may be");
    assert_eq!(outcome("", claude, "", chat(r#"{"model":"gpt-4o"}"#)).await, "200 allow");
}

#[tokio::test]
async fn a_membership_leaves_the_default_in_force() {
    let team = "teams: [{ team_id: t, metadata: { team_member_budget_id: b } }]\nbudgets: [{ budget_id: b, allowed_models: [mini] }]\nusers: [{ user_id: u }]\n";
    let chat = || post("/v1/chat/completions", r#"{"model":"big"}"#);
    let listed = format!("{team}team_memberships: [{{ user_id: u, team_id: t, spend: 1 }}]\n");
    for records in [team, listed.as_str()] {
        assert_eq!(outcome("", "team_id: t, user_id: u", records, chat()).await, "403 member_model_denied");
    }
}

#[tokio::test]
async fn names_hide_nowhere_in_a_body() {
    let tools = "metadata: { allowed_tools: [ok] }";
    let stores = "object_permission: { vector_stores: [ok] }";
    let models = "models: ['gpt-*']";
    let agents = "object_permission: { agents: [ok] }";
    let team = "teams: [{ team_id: t, metadata: { guardrails: { modify_guardrails: false } } }]\n";
    for (key, records, path, body, expected) in [
        (tools, "", "", r#""extra_body":{"functions":[{"name":"bad"}]}"#, "403 tool_denied"),
        (tools, "", "", r#""tools":[{"type":"mcp","name":"ok"}]"#, "403 tool_denied"),
        (tools, "", "", r#""tools":[{"type":"function","name":"ok"}]"#, "200 allow"),
        (tools, "", "", r#""tools":[{"type":"ok_20250305","name":"ok"}]"#, "200 allow"),
        (stores, "", "/v1/rag/query", r#""retrieval_config":{"vector_store_id":"secret"}"#, "403 vector_store_denied"),
        (models, "", "", r#""fallbacks":["gpt-4o,secret"]"#, "400 fallback_malformed"),
        (models, "", "", r#""router_settings_override":{"default_fallbacks":["secret"]}"#, "403 key_model_denied"),
        ("team_id: t", team, "", r#""extra_body":{"metadata":{"guardrails":[]}}"#, "403 guardrails_denied"),
        (agents, "", "", r#""fallbacks":["a2a/secret"]"#, "403 agent_denied"),
        ("", "", "", r#""tools":[{"type":"mcp","server_url":"litellm_proxy/mcp/secret"}]"#, "403 mcp_server_denied"),
        ("", "", "", r#""tools":[{"type":"mcp","server_url":"https://mcp.example.com"}]"#, "200 allow"),
    ] {
        let path = if path.is_empty() { "/v1/chat/completions" } else { path };
        let seen = outcome("", key, records, post(path, &format!(r#"{{"model":"gpt-4o",{body}}}"#))).await;
        assert_eq!(seen, expected, "{key} {body}");
    }
}

#[tokio::test]
async fn rules_hold_on_endpoints_of_the_configuration() {
    let routes = "routes: { pass_through: [{ path: /bria, include_subpath: true, grant_required: false }], ";
    for (additions, key, body, expected) in [
        ("", SPENT, "{}", "429 key_budget_exceeded"),
        (
            "",
            "model_max_budget: { gpt-4o: { budget_limit: 0 } }",
            r#"{"model":"gpt-4o",,}"#,
            "429 key_model_budget_exceeded",
        ),
        ("request: { reject_client_tags: true }\n", "", r#"{"tags":["a"]}"#, "400 client_tags_not_allowed"),
        ("request: { require_user: true }\n", "", "{}", "400 user_missing"),
    ] {
        let keys = format!("keys: [{{ key_hash: {}, {key} }}]\n", hash("sk-a"));
        let files = Files::new(&config(additions).replace("routes: {", routes), &keys);
        let running = Running::start(&files.config()).await;
        let asked = post("/bria/v1", body).key("sk-a");
        assert_eq!(running.client().await.outcome(asked.raw()).await.summary(), expected, "{additions}{key}");
    }
}

/// Bounded work: each name is looked at once, and no more than the bound are kept.
#[tokio::test]
async fn a_flood_of_names_ends_at_its_bound_s155() {
    let names: Vec<_> = (0..80_000).map(|name| format!("\"m{name}\"")).collect();
    let body = format!(r#"{{"model":"m","fallbacks":[{}]}}"#, names.join(","));
    assert_eq!(outcome("", "", "", post("/v1/chat/completions", &body)).await, "400 body_malformed");
}
