//! What a caller is told whose money is spent.

use serde_json::Value;

use crate::harness::{Files, Running, config, hash, post};

async fn refused(key: &str, path: &str) -> (u16, Option<u64>, Value) {
    let keys = format!("keys: [{{ key_hash: {}, {key} }}]\n", hash("sk-a"));
    let files = Files::new(&config(""), &keys);
    let running = Running::start(&files.config()).await;
    let asked = post(path, r#"{"model":"gpt-4o"}"#).key("sk-a");
    let response = running.client().await.check(asked.raw()).await.unwrap();
    let Some(envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse::DeniedResponse(denied)) =
        response.http_response
    else {
        panic!("it is allowed");
    };
    let headers = denied.headers.into_iter().filter_map(|option| option.header);
    let retry = headers.into_iter().find(|header| header.key == "retry-after");
    let body = serde_json::from_str(&denied.body).unwrap();
    (u16::try_from(denied.status.unwrap().code).unwrap(), retry.map(|header| header.value.parse().unwrap()), body)
}

#[tokio::test]
async fn a_known_end_of_the_window_is_told() {
    let (status, retry, body) =
        refused("max_budget: 1, spend: 1, budget_reset_at: '2099-01-01T00:00:00Z'", "/v1/chat/completions").await;
    assert_eq!((status, &body["error"]["type"]), (429, &Value::from("budget_exceeded")));
    assert!(retry.unwrap() > 365 * 24 * 3600);
    let past = "max_budget: 1, spend: 1, budget_reset_at: '2020-01-01T00:00:00Z'";
    assert_eq!(refused(past, "/v1/chat/completions").await.1, None, "who resets it is late");
    let two = "max_budget: 1, spend: 1, budget_reset_at: '2099-01-01T00:00:00Z', budget_limits: [{ max_budget: 0 }]";
    assert_eq!(refused(two, "/v1/chat/completions").await.1, None, "one of two is not known");
    let window = "max_budget: 9, budget_limits: [{ max_budget: 1, spend: 1, reset_at: '2099-01-01T00:00:00Z' }]";
    let (_, retry, body) = refused(window, "/v1/messages").await;
    assert!(retry.is_some());
    assert_eq!(body["error"]["type"], "rate_limit_error");
    let (_, _, body) = refused("max_budget: 0", "/v1beta/models/gpt-4o:generateContent").await;
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
}
