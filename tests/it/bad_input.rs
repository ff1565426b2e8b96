//! Whatever arrives: a refusal or an error, never a panic, never an allow.

use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use tonic::Code;

use crate::harness::{Asked, Client, Files, MASTER_KEY, Running, config, get, hash, post};

async fn gate() -> (Files, Running, Client) {
    let files = Files::new(&config(""), &format!("keys: [{{ key_hash: {} }}]\n", hash("sk-a")));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

fn wrap(http: Option<HttpRequest>) -> CheckRequest {
    let request = Some(Request { http, time: None });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

#[tokio::test]
async fn a_check_about_nothing_is_an_error() {
    let (_files, running, client) = gate().await;
    let empty = CheckRequest::default();
    let no_request = CheckRequest { attributes: Some(AttributeContext::default()) };
    for request in [empty, no_request, wrap(None)] {
        assert_eq!(client.check(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let outcome = client.outcome(wrap(Some(HttpRequest::default()))).await;
    assert_eq!(outcome.summary(), "400 path_malformed");
    assert!(running.page("/metrics").await.1.contains("tollgate_panics_total 0"));
}

#[tokio::test]
async fn large_and_hostile_requests_are_answered() {
    let (_files, running, client) = gate().await;
    let chat = |body: &[u8]| Asked { body: Some(body.to_vec()), ..post("/v1/chat/completions", "") }.key("sk-a");
    let twenty_megabytes = format!(r#"{{"model":"gpt-4o","messages":"{}"}}"#, "x".repeat(20 << 20));
    let deep = format!(r#"{{"model":"gpt-4o","x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let mut many = get("/v1/models").key("sk-a");
    for index in 0..1024 {
        many = many.header(&format!("x-filler-{index}"), "x".repeat(1000));
    }
    let cases = [
        ("a 20 MB body", chat(twenty_megabytes.as_bytes()), "200 allow"),
        ("10,000 levels", chat(deep.as_bytes()), "400 body_malformed"),
        ("two models", chat(br#"{"model":"a","model":"b"}"#), "400 body_malformed"),
        ("not UTF-8", chat(b"{\"model\":\"\xff\"}"), "400 body_malformed"),
        ("1 MiB of headers", many, "200 allow"),
        ("two authorization lines", get("/v1/models").key("sk-a").key("sk-a"), "401 credential_malformed"),
        (
            "a byte that is not UTF-8",
            get("/v1/models").header("authorization", b"Bearer sk-a\xff"),
            "401 credential_malformed",
        ),
        ("a header that is not UTF-8", get("/v1/models").key("sk-a").header("x-other", b"\xff\xfe"), "200 allow"),
        ("a 60 KiB key", get("/v1/models").key(&format!("sk-{}", "a".repeat(60 << 10))), "401 credential_malformed"),
        ("SQL", get("/v1/models").header("x-api-key", "' OR '1'='1"), "401 credential_malformed"),
        ("the stored hash", get("/v1/models").key(&hash("sk-a")), "401 credential_not_a_key"), // S-075
        ("a huge path", get(&format!("/{}", "a".repeat(1 << 20))).key("sk-a"), "400 path_malformed"),
    ];
    for (what, asked, expected) in cases {
        let outcome = client.outcome(asked.raw()).await;
        assert_eq!(outcome.summary(), expected, "{what}");
        assert!(!outcome.body.contains("sk-a"), "{what}: {}", outcome.body);
    }
    assert!(running.page("/metrics").await.1.contains("tollgate_panics_total 0"));
}

#[tokio::test]
async fn a_length_that_disagrees_is_a_stump_s048() {
    let (_files, _running, client) = gate().await;
    let mut asked = post("/v1/chat/completions", r#"{"model":"gpt-4o"}"#).key("sk-a").raw();
    let http = asked.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
    http.raw_body.truncate(10);
    assert_eq!(client.outcome(asked).await.summary(), "413 body_truncated");
}

#[tokio::test]
async fn a_body_without_a_length_needs_to_know_envoys_limit_s049() {
    let chunked = || {
        let mut asked = get("/v1/chat/completions").key("sk-a").header("x-envoy-auth-partial-body", "false").raw();
        let http = asked.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
        http.method = "POST".to_owned();
        http.raw_body = format!(r#"{{"model":"gpt-4o","pad":"{}"}}"#, "x".repeat(2048)).into_bytes();
        asked
    };
    let (_files, _running, client) = gate().await;
    assert_eq!(client.outcome(chunked()).await.summary(), "411 body_length_missing");
    for (limit, expected) in [(4096, "200 allow"), (1024, "413 body_truncated")] {
        let config = config(&format!("envoy: {{ max_request_bytes: {limit} }}\n"));
        let files = Files::new(&config, &format!("keys: [{{ key_hash: {} }}]\n", hash("sk-a")));
        let running = Running::start(&files.config()).await;
        assert_eq!(running.client().await.outcome(chunked()).await.summary(), expected);
    }
}

#[tokio::test]
async fn the_raw_path_is_judged_s011() {
    let (_files, _running, client) = gate().await;
    let garbled = get("/v1/models?x=!").key("sk-a");
    assert_eq!(
        client.outcome(garbled.clone().header(":path", b"/v1/models?x=\xff").raw()).await.summary(),
        "400 path_malformed"
    );
    assert_eq!(client.outcome(garbled.clone().header(":path", "/v1/models?x=!").raw()).await.summary(), "200 allow");
    assert_eq!(client.outcome(garbled.lossy()).await.summary(), "400 path_malformed");
}

#[tokio::test]
async fn only_envoy_says_that_a_body_is_whole_s047() {
    let (_files, _running, client) = gate().await;
    let chat = post("/v1/chat/completions", r#"{"model":"gpt-4o"}"#).key("sk-a");
    let twice = chat.clone().header("x-envoy-auth-partial-body", "false");
    assert_eq!(client.outcome(twice.raw()).await.summary(), "413 body_truncated");
    let unmarked = Asked { body: None, ..chat }.header("content-length", "18");
    assert_eq!(client.outcome(unmarked.raw()).await.summary(), "400 body_missing");
}

#[tokio::test]
async fn claimed_identities_never_pass_s041_s042_s043() {
    let (_files, _running, client) = gate().await;
    let spoofed =
        ["x-auth-user-id", "x_auth_user_id", "X-Auth-Role", "x.auth.team.id", "x-auth--org-id", "x-auth-anything"];
    let claim = |asked: Asked| spoofed.iter().fold(asked, |asked, name| asked.header(name, "root"));
    for asked in [get("/v1/models").key("sk-a"), get("/health/liveliness"), get("/v1/models").key(MASTER_KEY)] {
        let outcome = client.outcome(claim(asked).raw()).await;
        assert!(outcome.allowed);
        for name in spoofed.map(str::to_ascii_lowercase) {
            let removed = outcome.removed.contains(&name);
            let set = outcome.set.contains_key(&name);
            assert!(removed != set, "{name} is set or removed, and never both");
            assert_ne!(outcome.set.get(&name).map(String::as_str), Some("root"));
        }
        for name in ["authorization", "x-api-key", "x-envoy-auth-failure-mode-allowed"] {
            assert!(outcome.removed.iter().any(|removed| removed == name), "{name}");
        }
    }
}

#[tokio::test]
async fn too_many_checks_at_once_are_an_error_s249() {
    let files = Files::new(&config("limits: { concurrent_checks: 1 }\n"), "{}");
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let ask = async || client.check(get("/v1/models").key(MASTER_KEY).raw()).await;
    let answers = futures_util::future::join_all((0..200).map(|_| ask())).await;
    for error in answers.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Code::ResourceExhausted);
    }
    assert!(ask().await.is_ok(), "the place is free again");
}
