//! Pass-through endpoints: who was granted one, and what may be named there.

use crate::harness::{Asked, Files, Running, config, get, hash, post};

fn keys() -> String {
    format!(
        "keys:\n\
         - {{ key_hash: {}, models: [mini], metadata: {{ allowed_passthrough_routes: [/bria] }} }}\n\
         - {{ key_hash: {}, metadata: {{ allowed_passthrough_routes: [/bria] }} }}\n\
         - {{ key_hash: {} }}\n",
        hash("sk-mini"),
        hash("sk-granted"),
        hash("sk-open")
    )
}

#[tokio::test]
async fn an_endpoint_is_granted_and_its_model_is_checked() {
    let endpoints = "routes: { pass_through: [{ path: /bria, methods: [POST], include_subpath: true }, \
                     { path: /open, methods: [GET], auth: false }, \
                     { path: /any, methods: [POST], grant_required: false }], ";
    let files = Files::new(&config("").replace("routes: {", endpoints), &keys());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let big = r#"{"model":"big"}"#;
    let form = |path: &str| post(path, "model=big").header("content-type", "application/x-www-form-urlencoded");
    let rows: Vec<(Asked, &str)> = vec![
        (post("/bria/v1/gen", "{}"), "401 credential_missing"),
        (post("/bria/v1/gen", "{}").key("sk-open"), "403 pass_through_not_granted"),
        (post("/bria/v1/gen", "{}").key("sk-granted"), "200 allow"),
        (post("/bria/v1/gen", "{}").key("sk-mini"), "200 allow"),
        (post("/bria/v1/gen", big).key("sk-mini"), "403 key_model_denied"),
        (post("/bria/v1/gen?model=big", "{}").key("sk-mini"), "403 key_model_denied"),
        (post("/bria/v1/gen", big).key("sk-granted"), "200 allow"),
        (form("/bria/v1/gen").key("sk-mini"), "403 key_model_denied"),
        (post("/bria/v1/gen", "[]").key("sk-mini"), "400 body_malformed"),
        (post("/bria/v1/gen", "[]").key("sk-granted"), "200 allow"),
        (form("/bria/v1/gen").key("sk-granted"), "200 allow"),
        (get("/bria").key("sk-granted"), "405 method_not_allowed"),
        (post("/briax", "{}").key("sk-granted"), "403 route_unknown"),
        (post("/any", "{}").key("sk-open"), "200 allow"),
        (post("/any/below", "{}").key("sk-open"), "403 route_unknown"),
        (get("/open"), "200 allow"),
        (get("/open").header("x-auth-role", "proxy_admin"), "200 allow"),
        (get("/open/below"), "401 credential_missing"),
    ];
    for (asked, expected) in rows {
        let title = format!("{} {} {:?}", asked.method, asked.path, asked.headers);
        let outcome = client.outcome(asked.raw()).await;
        assert_eq!(outcome.summary(), expected, "{title}");
        assert_ne!(outcome.set.get("x-auth-role").map(String::as_str), Some("proxy_admin"), "S-043");
    }
}
