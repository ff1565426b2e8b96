//! Who may do what, on one page. Review its changes like code; `UPDATE_EXPECT=1 cargo test` writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use tollgate::core::deny::{DenyReason, TokenDenial};
use tollgate::core::policy::CHECKS;
use tollgate::core::route::RouteTable;
use tollgate::core::route::catalogue::{CATALOGUE, ModelRule};
use tollgate::core::route::groups::Group;

use crate::harness::{Asked, Client, Files, MASTER_KEY, Running, config, get, hash, post};
use crate::response_id_gate::{PROTECTED, sealed, sealed_at};

/// Puts a credential into a request.
type Present = fn(Asked) -> Asked;

/// Callers: a name, and how the name puts its credential into a request.
const CALLERS: &[(&str, Present)] = &[
    ("nobody", |asked| asked),
    ("unknown key", |asked| asked.key("sk-nobody")),
    ("no key at all", |asked| asked.key("hunter2")),
    ("basic", |asked| asked.header("authorization", "Basic c2s6eA==")),
    ("two keys", |asked| asked.key("sk-open").header("x-api-key", "sk-mini")),
    ("master", |asked| asked.key(MASTER_KEY)),
    ("open", |asked| asked.key("sk-open")),
    ("open, x-api-key", |asked| asked.header("x-api-key", "sk-open")),
    ("mini only", |asked| asked.key("sk-mini")),
    ("chat only", |asked| asked.key("sk-chat")),
    ("llm routes", |asked| asked.key("sk-llm")),
    ("blocked", |asked| asked.key("sk-blocked")),
    ("expired", |asked| asked.key("sk-expired")),
    ("deactivated", |asked| asked.key("sk-gone")),
    ("admin user", |asked| asked.key("sk-admin")),
    ("admin, mini only", |asked| asked.key("sk-admin-mini")),
    ("mini user", |asked| asked.key("sk-mini-user")),
    ("mini user, team", |asked| asked.key("sk-mini-user-team")),
    ("mini team", |asked| asked.key("sk-mini-team")),
    ("team decides", |asked| asked.key("sk-team-decides")),
    ("no team decides", |asked| asked.key("sk-no-team-decides")),
    ("blocked team", |asked| asked.key("sk-blocked-team")),
    ("mini org", |asked| asked.key("sk-mini-org")),
    ("internal user", |asked| asked.key("sk-internal")),
    ("viewer", |asked| asked.key("sk-viewer")),
    ("granted", |asked| asked.key("sk-granted")),
    ("org admin", |asked| asked.key("sk-org-admin")),
    ("tools and stores", |asked| asked.key("sk-tools")),
    ("agent", |asked| asked.key("sk-agent")),
    ("traced agent", |asked| asked.key("sk-agent").header("x-claude-session-id", "0123-abcd")),
    ("blocked project", |asked| asked.key("sk-blocked-project")),
    ("mini project", |asked| asked.key("sk-mini-project")),
    ("mini member", |asked| asked.key("sk-mini-member")),
    ("mini group", |asked| asked.key("sk-mini-group")),
    ("other's group", |asked| asked.key("sk-others-group")),
    ("renames", |asked| asked.key("sk-renames")),
    ("spent key", |asked| asked.key("sk-spent")),
    ("spent window", |asked| asked.key("sk-spent-window")),
    ("spent on big", |asked| asked.key("sk-spent-big")),
    ("spent team", |asked| asked.key("sk-spent-team")),
    ("spent member", |asked| asked.key("sk-spent-member")),
    ("spent user", |asked| asked.key("sk-spent-user")),
    ("spent user, team", |asked| asked.key("sk-spent-user-team")),
    ("spent project", |asked| asked.key("sk-spent-project")),
    ("spent org", |asked| asked.key("sk-spent-org")),
    ("spent tag", |asked| asked.key("sk-spent-tag")),
];

/// Keys, and what is said of them.
const KEYS: &[(&str, &str)] = &[
    ("sk-open", "object_permission: { mcp_servers: ['*'] }"),
    ("sk-mini", "models: [mini]"),
    ("sk-chat", "allowed_routes: [/v1/chat/completions]"),
    ("sk-llm", "allowed_routes: [llm_api_routes], object_permission: { mcp_servers: [mini] }"),
    ("sk-blocked", "blocked: true, expires: '2020-01-01T00:00:00Z'"),
    ("sk-expired", "expires: '2020-01-01T00:00:00Z', models: [mini]"),
    ("sk-gone", "user_id: gone"),
    ("sk-admin", "user_id: root"),
    ("sk-admin-mini", "user_id: root, models: [mini]"),
    ("sk-mini-user", "user_id: min"),
    ("sk-mini-user-team", "user_id: min, team_id: open"),
    ("sk-mini-team", "team_id: mini"),
    ("sk-team-decides", "team_id: mini, models: [all-team-models]"),
    ("sk-no-team-decides", "models: [all-team-models]"),
    ("sk-blocked-team", "team_id: blocked"),
    ("sk-mini-org", "team_id: of-mini"),
    ("sk-internal", "user_id: int"),
    ("sk-viewer", "user_id: view"),
    ("sk-granted", "user_id: int, metadata: { allowed_passthrough_routes: [/bria] }"),
    ("sk-org-admin", "user_id: org"),
    ("sk-agent", "agent_id: traced"),
    ("sk-blocked-project", "project_id: blocked"),
    ("sk-mini-project", "project_id: mini"),
    ("sk-mini-member", "user_id: min, team_id: members"),
    ("sk-mini-group", "models: [none], team_id: open, access_group_ids: [mini]"),
    ("sk-others-group", "models: [none], team_id: mini, access_group_ids: [mini]"),
    ("sk-renames", "models: [mini, small], aliases: { mini: big, small: mini }"),
    ("sk-spent", "max_budget: 1, spend: 1"),
    ("sk-spent-window", "budget_limits: [{ budget_duration: 1d, max_budget: 2, spend: 2 }]"),
    ("sk-spent-big", "budget_id: one, model_spend: { big: 1 }"),
    ("sk-spent-team", "team_id: spent"),
    ("sk-spent-member", "user_id: int, team_id: members"),
    ("sk-spent-user", "user_id: spent"),
    ("sk-spent-user-team", "user_id: spent, team_id: open"),
    ("sk-spent-project", "project_id: spent"),
    ("sk-spent-org", "organization_id: spent"),
    ("sk-spent-tag", "metadata: { tags: [spent] }"),
    (
        "sk-tools",
        "team_id: tools, metadata: { allowed_tools: [mine, ours] }, object_permission: { vector_stores: [vs_1], agents: [a1], search_tools: [s1], mcp_servers: [m1] }",
    ),
];

/// Whom the keys belong to, and what requests name.
const RECORDS: &str = "users:\n- { user_id: root, user_role: proxy_admin, models: [no-default-models] }\n\
         - { user_id: min, user_role: internal_user, models: [mini] }\n\
         - { user_id: gone, metadata: { scim_active: false } }\n\
         - { user_id: int, user_role: internal_user }\n\
         - { user_id: view, user_role: proxy_admin_viewer }\n\
         - { user_id: spent, max_budget: 2, spend: 2 }\n\
         - { user_id: org, user_role: internal_user, organization_memberships: [{ organization_id: mini, user_role: org_admin }] }\n\
         teams:\n- { team_id: open }\n- { team_id: mini, models: [mini] }\n- { team_id: blocked, blocked: true }\n\
         - { team_id: tools, metadata: { allowed_tools: [ours], guardrails: { modify_guardrails: false } } }\n\
         - { team_id: of-mini, organization_id: mini }\n\
         - { team_id: spent, max_budget: 0 }\n\
         - { team_id: members, metadata: { team_member_budget_id: nothing } }\n\
         organizations:\n- { organization_id: mini, models: [mini] }\n- { organization_id: spent, budget_id: nothing }\n\
         projects:\n- { project_id: blocked, blocked: true }\n- { project_id: mini, models: [mini] }\n\
         - { project_id: spent, max_budget: 4, spend: 4 }\n\
         team_memberships:\n- { user_id: min, team_id: members, allowed_models: [mini], max_budget: 1 }\n\
         budgets:\n- { budget_id: nothing, max_budget: 0 }\n\
         - { budget_id: one, model_max_budget: { big: { budget_limit: 1 } } }\n\
         access_groups:\n- { access_group_id: mini, access_model_names: [mini], assigned_team_ids: [open] }\n\
         end_users:\n- { user_id: blocked, blocked: true }\n- { user_id: spent, max_budget: 1, spend: 1 }\n\
         - { user_id: spent-big, budget_id: one, model_spend: { big: 2 } }\n\
         tags:\n- { tag_name: spent, max_budget: 1, spend: 3 }\nagents:\n- { agent_id: traced, require_trace_id_on_calls_by_agent: true }\nproxy_spend: 3\nkeys:\n";

fn keys() -> String {
    let mut text = RECORDS.to_owned();
    for (key, rest) in KEYS {
        writeln!(text, "- {{ key_hash: {}, {rest} }}", hash(key)).unwrap();
    }
    text
}

fn of_end_user(id: &str) -> Asked {
    post("/v1/chat/completions", r#"{"model":"big"}"#).header("x-litellm-end-user-id", id)
}

/// Requests for somebody.
fn end_user_requests() -> Vec<(String, Asked)> {
    let asked = |title: &str, asked: Asked| (title.to_owned(), asked);
    vec![
        asked("POST /v1/chat/completions, end user blocked", of_end_user("blocked")),
        asked("POST /v1/chat/completions, end user spent", of_end_user("spent")),
        asked("POST /v1/chat/completions, end user spent-big", of_end_user("spent-big")),
        asked("POST /v1/chat/completions, end user unknown", of_end_user("unknown")),
        asked(
            "POST /v1/chat/completions, 65 tags",
            of_end_user("a").header("x-litellm-tags", (0..65).map(|tag| tag.to_string()).collect::<Vec<_>>().join(",")),
        ),
        asked("POST /v1/chat/completions, two end users", of_end_user("a").header("x-litellm-end-user-id", "b")),
    ]
}

/// Requests: a title, and the request.
fn requests() -> Vec<(String, Asked)> {
    let asked = |title: &str, asked: Asked| (title.to_owned(), asked);
    let chat = |body: &str| (format!("POST /v1/chat/completions {body}"), post("/v1/chat/completions", body));
    vec![
        asked("GET /health/liveliness", get("/health/liveliness")),
        asked("DELETE /health/liveliness", Asked { method: "DELETE", ..get("/health/liveliness") }),
        asked("GET /v1/models", get("/v1/models")),
        asked("GET /v1/models, x-auth-user id: root", get("/v1/models").header("x-auth-user id", "root")),
        asked("POST /v1/models", post("/v1/models", "{}")),
        asked("GET /v1/models/big", get("/v1/models/big")),
        chat(r#"{"model":"mini"}"#),
        chat(r#"{"model":"big"}"#),
        chat(r#"{"model":"mini,big"}"#),
        chat(r#"{"model":"small"}"#),
        chat(r#"{"model":"mini-alias"}"#),
        chat(r#"{"model":"loop"}"#),
        chat(r#"{"model":"free"}"#),
        chat("{}"),
        chat(r#"{"model":1}"#),
        chat(r#"{"model":"mini","model":"big"}"#),
        asked("POST /v1/chat/completions, no body", Asked { method: "POST", ..get("/v1/chat/completions") }),
        asked(
            "POST /v1/chat/completions, cut off",
            Asked { method: "POST", ..get("/v1/chat/completions") }.header("x-envoy-auth-partial-body", "true"),
        ),
        asked(
            "POST /v1/chat/completions, in chunks",
            Asked { body_length: false, ..post("/v1/chat/completions", r#"{"model":"mini"}"#) },
        ),
        asked(
            r#"POST /v1/chat/completions?model=big {"model":"mini"}"#,
            post("/v1/chat/completions?model=big", r#"{"model":"mini"}"#),
        ),
        asked("POST /v1/moderations {}", post("/v1/moderations", "{}")),
        asked("POST /v1beta/models/big:generateContent", post("/v1beta/models/big:generateContent", "{}")),
        asked("GET /key/info", get("/key/info")),
        asked("POST /key/generate", post("/key/generate", "{}")),
        asked("GET /user/info?user_id=int", get("/user/info?user_id=int")),
        asked("GET /user/info?user_id=int&user_id=min", get("/user/info?user_id=int&user_id=min")),
        asked("POST /team/new, organization mini", post("/team/new", r#"{"organization_id":"mini"}"#)),
        asked("POST /team/new, organization other", post("/team/new", r#"{"organization_id":"other"}"#)),
        asked("POST /team/new, not readable", post("/team/new", "[]")),
        asked("POST /global/spend/reset", post("/global/spend/reset", "")),
        asked("GET /spend/keys, for administrators here", get("/spend/keys")),
        asked("POST /bria/x, passed through", post("/bria/x", "")),
        asked("GET /open, passed through without credential", get("/open")),
        asked("GET /v1/realtime?model=big", get("/v1/realtime?model=big")),
        asked(
            "POST /v1/audio/transcriptions, a form",
            post("/v1/audio/transcriptions", FORM).header("content-type", "multipart/form-data; boundary=x"),
        ),
        asked(
            "POST /v1/audio/transcriptions, not a form",
            post("/v1/audio/transcriptions", "--x").header("content-type", "multipart/form-data; boundary=x"),
        ),
        asked("GET /mystery", get("/mystery")),
        asked("GET /v1/models, an upgrade", get("/v1/models").header("upgrade", "websocket")),
    ]
}

/// Requests without a route, and requests that name more than a model.
fn more_requests() -> Vec<(String, Asked)> {
    let asked = |title: &str, asked: Asked| (title.to_owned(), asked);
    let chat = |body: &str| (format!("POST /v1/chat/completions {body}"), post("/v1/chat/completions", body));
    vec![
        asked("CONNECT", Asked { method: "CONNECT", ..get("") }),
        asked("TRACE /v1/models", Asked { method: "TRACE", ..get("/v1/models") }),
        asked("GET /v1/..%2fkey/info", get("/v1/..%2fkey/info")),
        chat(r#"{"model":"mini","fallbacks":["big"]}"#),
        chat(r#"{"model":"mini","fallbacks":[{"mini":["big"],"model":"mini"}]}"#),
        chat(r#"{"model":"mini","metadata":{"api_base":"http://evil"}}"#),
        chat(r#"{"model":"mini","extra_body":{"model":"big"}}"#),
        chat(r#"{"model":"mini","tools":[{"name":"ours"}],"vector_store_ids":["vs_1"]}"#),
        chat(r#"{"model":"mini","tools":[{"name":"mine"}]}"#),
        chat(r#"{"model":"mini","vector_store_ids":["vs_2"]}"#),
        chat(r#"{"model":"mini","metadata":"{\"guardrails\":[]}"}"#),
        asked("GET /mcp/m1", get("/mcp/m1")),
        asked("GET /mcp, x-mcp-servers: m1,m2", get("/mcp").header("x-mcp-servers", "m1, m2")),
        asked("POST /a2a/a1", post("/a2a/a1", "{}")),
        asked("POST /a2a/a2", post("/a2a/a2", "{}")),
        asked("POST /v1/search/s1", post("/v1/search/s1", r#"{"query":"x"}"#)),
        asked("POST /v1/search, tool s2", post("/v1/search", r#"{"search_tool_name":"s2"}"#)),
        asked("POST /v1/files, target big", post("/v1/files", r#"{"target_model_names":"mini,big"}"#)),
        asked(
            "POST /v1/files, a large form",
            Asked { method: "POST", ..get("/v1/files") }
                .header("x-envoy-auth-partial-body", "true")
                .header("content-type", "multipart/form-data; boundary=B"),
        ),
        asked(
            "POST /v1/realtime/client_secrets, session big",
            post("/v1/realtime/client_secrets", r#"{"session":{"model":"big"}}"#),
        ),
    ]
}

/// Requests that name responses: ids of `int`, who has several keys; of a team; and nobody's.
fn response_requests() -> Vec<(String, Asked)> {
    let of_int = sealed("resp_68aa", Some("int"), None);
    let about = |title: &str, id: &str| (title.to_owned(), get(&format!("/v1/responses/{id}")));
    let naming = |title: &str, path: &str, id: &str| {
        let body = format!(r#"{{"model":"mini","previous_response_id":"{id}"}}"#);
        (format!("POST {path}, {title}"), post(path, &body))
    };
    vec![
        about("GET /v1/responses/{id}, of the user int", &of_int),
        about("GET /v1/responses/{id}, of the team open", &sealed("resp_68aa", None, Some("open"))),
        about("GET /v1/responses/resp_1", "resp_1"),
        about("GET /v1/responses/{id}, of int, damaged", &format!("{of_int}A")),
        about("GET /v1/responses/{id}, of int at another upstream", &sealed_at("elsewhere", "resp_68aa", Some("int"))),
        naming("continuing one of int", "/v1/responses", &of_int),
        naming("continuing resp_1", "/v1/responses", "resp_1"),
        naming("continuing one of int", "/v1/chat/completions", &of_int),
        ("GET /openai/responses/a/b".to_owned(), get("/openai/responses/a/b")),
    ]
}

/// The page is long where callers agree, so callers with one outcome share a line.
async fn page(client: &Client) -> String {
    let mut page = String::new();
    for (title, asked) in
        requests().into_iter().chain(more_requests()).chain(end_user_requests()).chain(response_requests())
    {
        writeln!(page, "{title}").unwrap();
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, present) in CALLERS {
            let present = present(asked.clone());
            let outcome = client.outcome(present.raw()).await.summary();
            assert_eq!(client.outcome(present.lossy()).await.summary(), outcome, "string mode: {title}: {name}");
            match lines.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, names)) => names.push(name),
                None => lines.push((outcome, vec![name])),
            }
        }
        lines.sort();
        for (outcome, names) in lines {
            let who = if names.len() == CALLERS.len() { "everybody".to_owned() } else { names.join("; ") };
            writeln!(page, "  {outcome:<26} {who}").unwrap();
        }
        page.push('\n');
    }
    page
}

async fn whole_page() -> String {
    let files = Files::new(&config(""), &keys());
    files.write("tollgate.yaml", &config(&format!("{MODELS}{PROTECTED}")).replace("routes: {", ROUTES));
    let running = Running::start(&files.config()).await;
    let everything = page(&running.client().await).await;
    files.write("tollgate.yaml", &config("").replace("routes: {", CLOSED));
    let running = Running::start(&files.config()).await;
    let closed = closed(&running.client().await).await;
    files.write("tollgate.yaml", &config("request: { allowed_ips: [10.0.0.0/8] }\n"));
    let running = Running::start(&files.config()).await;
    let peers = peers(&running.client().await).await;
    files.write("tollgate.yaml", &config("proxy_budget: 3\nmodels: [{ name: free, zero_cost: true }]\n"));
    let running = Running::start(&files.config()).await;
    let spent = spent(&running.client().await).await;
    files.write("tollgate.yaml", &config(""));
    let running = Running::start(&files.config()).await;
    let unguarded = unguarded(&running.client().await).await;
    files.write("tollgate.yaml", &config(STRICT));
    let running = Running::start(&files.config()).await;
    format!("{everything}{closed}{peers}{spent}{unguarded}{}", strict(&running.client().await).await)
}

const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nbig\r\n--x--\r\n";

const MODELS: &str = "models: [{ name: free, zero_cost: true }]\n\
     model_group_alias: { mini-alias: mini, loop: pool, pool: loop }\n";
const ROUTES: &str = "routes: { admin_only: [/spend/keys], \
     pass_through: [{ path: /bria, include_subpath: true }, { path: /open, auth: false, methods: [GET] }], ";
const CLOSED: &str = "routes: { disable_llm_api: true, allowed: [llm_api_routes, /key/info], ";

const STRICT: &str = "request: { max_bytes: 90, fallbacks: refuse, reject_client_tags: true, require_user: true, enforced_params: [messages] }\n";

/// A deployment that takes little.
async fn strict(client: &Client) -> String {
    let mut page = String::from("\nwhere `request` is strict\n");
    for body in [
        r#"{"model":"mini","user":"u","messages":[]}"#,
        r#"{"model":"mini","user":"u"}"#,
        r#"{"model":"mini"}"#,
        r#"{"model":"mini","user":"u","tags":["t"]}"#,
        r#"{"model":"mini","user":"u","fallbacks":["mini"]}"#,
        r#"{"model":"mini","user":"u","padding":"012345678901234567890123456789012345678901234567890123456789"}"#,
    ] {
        for key in [MASTER_KEY, "sk-open"] {
            let who = if key == MASTER_KEY { "master" } else { "open" };
            let outcome = client.outcome(post("/v1/chat/completions", body).key(key).raw()).await.summary();
            writeln!(page, "  {body:<54.52} {who:<8} {outcome}").unwrap();
        }
    }
    page
}

/// A deployment that offers few routes, and of those no inference.
async fn closed(client: &Client) -> String {
    let mut page = String::from("where `allowed` is [llm_api_routes, /key/info] and `disable_llm_api` is set\n");
    for (title, asked) in [
        ("GET /models", get("/models")),
        ("POST /v1/embeddings", post("/v1/embeddings", r#"{"model":"big"}"#)),
        ("GET /key/info", get("/key/info")),
        ("GET /team/info", get("/team/info")),
    ] {
        for key in [MASTER_KEY, "sk-open"] {
            let who = if key == MASTER_KEY { "master" } else { "open" };
            let outcome = client.outcome(asked.clone().key(key).raw()).await.summary();
            writeln!(page, "  {title:<22} {who:<8} {outcome}").unwrap();
        }
    }
    page
}

/// A deployment that says nothing of responses.
async fn unguarded(client: &Client) -> String {
    let mut page = String::from("\nwhere nothing is said of `response_ids`\n");
    let naming = r#"{"model":"mini","previous_response_id":"resp_1"}"#;
    for (title, asked) in [
        ("POST /v1/responses", post("/v1/responses", r#"{"model":"mini"}"#)),
        ("POST /v1/responses, continuing", post("/v1/responses", naming)),
        ("POST /v1/chat/completions, continuing", post("/v1/chat/completions", naming)),
        ("GET /v1/responses/resp_1", get("/v1/responses/resp_1")),
    ] {
        for key in [MASTER_KEY, "sk-open"] {
            let who = if key == MASTER_KEY { "master" } else { "open" };
            let outcome = client.outcome(asked.clone().key(key).raw()).await.summary();
            writeln!(page, "  {title:<38} {who:<8} {outcome}").unwrap();
        }
    }
    page
}

/// A deployment whose money is spent.
async fn spent(client: &Client) -> String {
    let mut page = String::from("\nwhere `proxy_budget` is spent\n");
    for (title, asked) in [
        ("chat, big", post("/v1/chat/completions", r#"{"model":"big"}"#)),
        ("chat, free", post("/v1/chat/completions", r#"{"model":"free"}"#)),
        ("GET /v1/models", get("/v1/models")),
        ("GET /key/info", get("/key/info")),
    ] {
        for key in [MASTER_KEY, "sk-open"] {
            let who = if key == MASTER_KEY { "master" } else { "open" };
            let outcome = client.outcome(asked.clone().key(key).raw()).await.summary();
            writeln!(page, "  {title:<22} {who:<8} {outcome}").unwrap();
        }
    }
    page
}

/// A deployment for one network.
async fn peers(client: &Client) -> String {
    let mut page = String::from("\nwhere `request.allowed_ips` is [10.0.0.0/8]\n");
    for address in ["10.0.0.5", "::ffff:10.0.0.5", "6.6.6.6", "a pipe"] {
        for path in ["/v1/models", "/health/liveliness"] {
            let asked = get(path).key("sk-open").header("x-forwarded-for", "10.0.0.5");
            let outcome = client.outcome(asked.from(address)).await.summary();
            writeln!(page, "  {address:<16} {path:<20} {outcome}").unwrap();
        }
    }
    page
}

#[tokio::test]
async fn the_page_is_as_reviewed() {
    expect_file!["matrix.txt"].assert_eq(&whole_page().await);
}

#[test]
fn the_page_shows_every_reason() {
    let page = include_str!("matrix.txt");
    let shown: BTreeSet<_> = page.split_whitespace().collect();
    for reason in DenyReason::all() {
        let elsewhere =
            matches!(reason, DenyReason::RecordUnreadable | DenyReason::ResponseCallerUnknown | DenyReason::Token(_));
        if elsewhere {
            // A key file that is not in order is not loaded; `stores` shows the first, `guard` the second. Tokens are
            // signed anew for each run: `jwt_journeys` has a table of their own.
            continue;
        }
        let label = reason.refusal().label;
        assert!(shown.contains(label), "no request of the matrix is refused with `{label}`");
    }
}

/// Which reasons a check can give.
const REASONS: &[(&str, &[DenyReason])] = &[
    ("key_blocked", &[DenyReason::KeyBlocked]),
    ("key_expired", &[DenyReason::KeyExpired]),
    ("user_active", &[DenyReason::UserInactive]),
    ("route_known", &[DenyReason::RouteUnknown]),
    ("route_method", &[DenyReason::MethodNotAllowed]),
    ("master_key_only", &[DenyReason::MasterKeyOnly]),
    ("deployment_routes", &[DenyReason::RouteNotOffered]),
    ("deployment_switches", &[DenyReason::RouteDisabled]),
    ("key_routes", &[DenyReason::RouteNotAllowed]),
    ("token_routes", &[DenyReason::Token(TokenDenial::Route)]),
    ("admin_only", &[DenyReason::AdminOnly]),
    ("pass_through", &[DenyReason::PassThroughNotGranted]),
    ("team_blocked", &[DenyReason::TeamBlocked]),
    ("project_blocked", &[DenyReason::ProjectBlocked]),
    ("agent_trace", &[DenyReason::TraceIdMissing]),
    ("organization", &[DenyReason::OrganizationNotAllowed]),
    (
        "role",
        &[
            DenyReason::RoleNotAllowed,
            DenyReason::ViewerNotAllowed,
            DenyReason::AnotherUser,
            DenyReason::QueryAmbiguous,
        ],
    ),
    (
        "request_readable",
        &[
            DenyReason::BodyMissing,
            DenyReason::BodyLengthMissing,
            DenyReason::BodyTruncated,
            DenyReason::BodyMalformed,
            DenyReason::ModelMalformed,
            DenyReason::ModelAmbiguous,
            DenyReason::FallbackMalformed,
            DenyReason::EndUserMalformed,
            DenyReason::TagsMalformed,
        ],
    ),
    ("end_user_blocked", &[DenyReason::EndUserBlocked]),
    ("parameters", &[DenyReason::ParameterNotAllowed]),
    ("client_tags", &[DenyReason::ClientTagsNotAllowed]),
    ("user_named", &[DenyReason::UserMissing]),
    ("model_named", &[DenyReason::ModelMissing]),
    ("model_aliases", &[DenyReason::ModelAliasLoop]),
    ("token_models", &[DenyReason::Token(TokenDenial::Model)]),
    ("key_models", &[DenyReason::KeyModelDenied]),
    ("team_models", &[DenyReason::TeamModelDenied]),
    ("member_models", &[DenyReason::MemberModelDenied]),
    ("user_models", &[DenyReason::UserModelDenied]),
    ("project_models", &[DenyReason::ProjectModelDenied]),
    ("org_models", &[DenyReason::OrganizationModelDenied]),
    ("tools", &[DenyReason::ToolDenied]),
    ("vector_stores", &[DenyReason::VectorStoreDenied]),
    ("agents", &[DenyReason::AgentDenied]),
    ("search_tools", &[DenyReason::SearchToolDenied]),
    ("mcp_servers", &[DenyReason::McpServerDenied]),
    ("guardrails", &[DenyReason::GuardrailsDenied]),
    ("enforced_params", &[DenyReason::ParameterMissing]),
    (
        "response_ids",
        &[
            DenyReason::ResponseIdsOff,
            DenyReason::ResponseIdNotAllowed,
            DenyReason::ResponseRouteUnknown,
            DenyReason::ResponseNotOwned,
            DenyReason::ResponseUnmanaged,
            DenyReason::ResponseUnreadable,
            DenyReason::ResponseElsewhere,
        ],
    ),
    ("key_budget", &[DenyReason::KeyBudgetExceeded]),
    ("key_model_budget", &[DenyReason::KeyModelBudgetExceeded]),
    ("team_budget", &[DenyReason::TeamBudgetExceeded]),
    ("member_budget", &[DenyReason::MemberBudgetExceeded]),
    ("user_budget", &[DenyReason::UserBudgetExceeded]),
    ("project_budget", &[DenyReason::ProjectBudgetExceeded]),
    ("org_budget", &[DenyReason::OrganizationBudgetExceeded]),
    ("end_user_budget", &[DenyReason::EndUserBudgetExceeded]),
    ("end_user_model_budget", &[DenyReason::EndUserModelBudgetExceeded]),
    ("tag_budget", &[DenyReason::TagBudgetExceeded]),
    ("proxy_budget", &[DenyReason::ProxyBudgetExceeded]),
];

/// A new check needs a row, and its reasons must be on the page.
#[test]
fn the_page_shows_every_check() {
    let known: Vec<_> = REASONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(CHECKS.iter().map(|check| check.name).collect::<Vec<_>>(), known, "the order is part of the policy");
    let page = include_str!("matrix.txt");
    for (name, reasons) in REASONS {
        for reason in *reasons {
            let elsewhere = matches!(reason, DenyReason::Token(_));
            assert!(elsewhere || page.contains(reason.refusal().label), "{name}: {reason:?}");
        }
    }
}

/// A path that fits a pattern.
pub fn example(pattern: &str) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').unwrap();
        path += before;
        path += "mini";
        rest = after;
    }
    path + &rest.replace('*', "x")
}

/// Every route of the catalogue answers an open key, and refuses one that may call something else.
#[tokio::test]
async fn every_route_is_reached_and_guarded() {
    let files = Files::new(&config("response_ids: { unprotected: true }\n"), &keys());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let table = RouteTable::new(Vec::new(), String::new());
    for (route, pattern) in CATALOGUE.iter().flat_map(|route| route.paths.iter().map(move |path| (route, path))) {
        let path = example(pattern);
        let groups = table.find(&path).unwrap().groups;
        for method in route.methods.iter() {
            let body = (method.as_str() != "GET").then(|| br#"{"model":"mini"}"#.to_vec());
            let query = if route.model == ModelRule::Query { "?model=mini" } else { "" };
            let asked = Asked { method: method.as_str(), body, ..get(&format!("{path}{query}")) };
            let summary = async |key| client.outcome(asked.clone().key(key).raw()).await.summary();
            let open = if groups.is_llm() { "200 allow" } else { "403 role_not_allowed" };
            assert_eq!(summary("sk-open").await, open, "{method:?} {path}");
            let llm = if groups.has(Group::LlmApiRoutes) { open } else { "403 route_not_allowed" };
            assert_eq!(summary("sk-llm").await, llm, "{method:?} {path}");
            assert_eq!(summary("sk-blocked-team").await, "403 team_blocked", "{method:?} {path}");
            let other = if path == "/v1/chat/completions" { "200 allow" } else { "403 route_not_allowed" };
            assert_eq!(summary("sk-chat").await, other, "{method:?} {path}");
        }
    }
}
