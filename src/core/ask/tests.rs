use proptest::prelude::*;

use super::*;
use crate::core::request::{Fidelity, HeaderView};
use crate::core::route::RouteTable;

fn ask(target: &str, headers: &[(&str, &str)], body: BodyView<'_>) -> Result<Option<String>, DenyReason> {
    ask_with("POST", target, headers, body)
}

fn ask_with(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: BodyView<'_>,
) -> Result<Option<String>, DenyReason> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let view =
        RequestView { id: "", method, target, peer: None, headers: HeaderView::new(headers, Fidelity::Exact), body };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let table = RouteTable::new(Vec::new(), String::new());
    let method = Method::parse(method).unwrap();
    let limits = BodyLimits { proxy_buffers: Some(1024) };
    read(&view, query, method, &table.find(path).unwrap(), limits).map(|ask| ask.model)
}

fn exact(bytes: &[u8]) -> BodyView<'_> {
    BodyView::Complete { bytes, fidelity: Fidelity::Exact, announced: true }
}

fn chat(body: &str) -> Result<Option<String>, DenyReason> {
    ask("/v1/chat/completions", &[], exact(body.as_bytes()))
}

#[expect(clippy::unnecessary_wraps, reason = "the expected side of a comparison")]
fn model(name: &str) -> Result<Option<String>, DenyReason> {
    Ok(Some(name.to_owned()))
}

#[test]
fn reads_the_model_of_a_json_body() {
    assert_eq!(chat(r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#), model("gpt-4o"));
    assert_eq!(chat(r#"{"mod\u0065l":"gpt-4o"}"#), model("gpt-4o"), "escapes are resolved");
    assert_eq!(chat(r#"{"model":" gpt-4o "}"#), model("gpt-4o"), "A28");
    assert_eq!(chat(r#"{"model":["a","b"]}"#), model("a,b"), "A27");
    for body in ["{}", r#"{"model":null}"#, r#"{"model":""}"#, r#"{"model":" "}"#, r#"{"model":[]}"#] {
        assert_eq!(chat(body), Ok(None), "S-149: {body}");
    }
}

#[test]
fn a_body_with_two_readings_is_refused() {
    let deep = format!(r#"{{"model":"a","x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        r#"{"model":"cheap","model":"gpt-4o"}"#,      // S-150
        r#"{"model":"cheap","mod\u0065l":"gpt-4o"}"#, // S-150
        r#"{"a":1,"a":2}"#,
        "[]",
        r#""model""#,
        "{bad",                          // BD8
        "\u{feff}{}",                    // S-163, BOM
        r#"{"model":"a"}{"model":"b"}"#, // S-163
        r#"{"model":"a",}"#,
        r#"{"model":NaN}"#,
        r#"{"x":1e999}"#,
        r#"{"model":"\ud800"}"#,
        deep.as_str(),
    ] {
        assert_eq!(chat(body), Err(DenyReason::BodyMalformed), "{}", body.chars().take(60).collect::<String>());
    }
    let not_utf8 = ask("/v1/chat/completions", &[], exact(b"{\"x\":\"\xff\xfe\"}"));
    assert_eq!(not_utf8, Err(DenyReason::BodyMalformed), "BD5");
}

#[test]
fn a_model_that_is_no_text_is_refused_s156() {
    for body in
        [r#"{"model":{"a":1}}"#, r#"{"model":1e9}"#, r#"{"model":true}"#, r#"{"model":[1]}"#, r#"{"model":[null]}"#]
    {
        assert_eq!(chat(body), Err(DenyReason::ModelMalformed), "{body}");
    }
    assert_eq!(chat("{\"model\":\"openai/x\\nsecret\"}"), Err(DenyReason::ModelMalformed), "A23");
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(257));
    assert_eq!(chat(&long), Err(DenyReason::ModelMalformed));
}

#[test]
fn every_source_must_agree_sec1() {
    let body = br#"{"model":"gpt-4o"}"#;
    let chat = |target| ask(target, &[], exact(body));
    assert_eq!(chat("/v1/chat/completions?model=secret"), Err(DenyReason::ModelAmbiguous), "S-151");
    assert_eq!(chat("/v1/chat/completions?x=1;m%6fdel=secret"), Err(DenyReason::ModelAmbiguous));
    assert_eq!(chat("/v1/chat/completions?model=gpt-4o"), model("gpt-4o"));
    assert_eq!(chat("/v1/chat/completions?model=gpt-4o&model=secret"), Err(DenyReason::ModelAmbiguous));
    assert_eq!(chat("/v1/chat/completions?model=%ff"), Err(DenyReason::ModelMalformed));
    assert_eq!(chat("/openai/deployments/secret/chat/completions"), Err(DenyReason::ModelAmbiguous), "S-152");
    assert_eq!(chat("/engines/secret/chat/completions"), Err(DenyReason::ModelAmbiguous), "Y03e");
    assert_eq!(chat("/v1beta/models/secret:generateContent"), Err(DenyReason::ModelAmbiguous), "S-153");
    let header = [("x-litellm-model", "secret")];
    assert_eq!(ask("/v1/chat/completions", &header, exact(body)), Err(DenyReason::ModelAmbiguous), "S-154");
}

#[test]
fn a_route_that_names_its_model_in_the_path_needs_no_body() {
    assert_eq!(ask("/v1/models/gpt-4o", &[], BodyView::NotSent), model("gpt-4o"));
    assert_eq!(ask("/v1/models", &[], BodyView::NotSent), Ok(None));
}

#[test]
fn a_body_that_was_not_seen_whole_never_authorises() {
    let at = |body| ask("/v1/chat/completions", &[], body);
    assert_eq!(at(BodyView::NotSent), Err(DenyReason::BodyMissing));
    assert_eq!(at(exact(b"")), Err(DenyReason::BodyMissing));
    let google = ask("/v1beta/models/g:generateContent", &[], BodyView::NotSent);
    assert_eq!(google, Err(DenyReason::BodyMissing), "a body that was not sent with the check may name another model");
    assert_eq!(at(BodyView::Truncated), Err(DenyReason::BodyTruncated), "S-048");
    assert_eq!(ask("/v1beta/models/g:generateContent", &[], BodyView::Truncated), Err(DenyReason::BodyTruncated));
}

#[test]
fn a_body_without_a_length_may_go_on_s049() {
    let text = br#"{"model":"gpt-4o"}"#;
    let read = |proxy_buffers| {
        let body = BodyView::Complete { bytes: text, fidelity: Fidelity::Exact, announced: false };
        complete(&body, BodyLimits { proxy_buffers }).map(|body| body.map(|(bytes, _)| bytes.len()))
    };
    assert_eq!(read(None), Err(DenyReason::BodyLengthMissing));
    assert_eq!(read(Some(text.len() + 1)), Ok(Some(text.len())));
    assert_eq!(read(Some(text.len())), Err(DenyReason::BodyTruncated), "it may be a stump of exactly the limit");
}

#[test]
fn headers_that_change_the_reading_are_refused() {
    let at = |name, value| ask("/v1/chat/completions", &[(name, value)], exact(br#"{"model":"a"}"#));
    for (name, value) in [
        ("content-encoding", "gzip"), // S-162
        ("content-encoding", "gzip, gzip"),
        ("content-type", "application/x-www-form-urlencoded"), // BD6
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "application/json; charset=utf-16"), // S-161
    ] {
        assert_eq!(at(name, value), Err(DenyReason::BodyMalformed), "{value}");
    }
    for value in ["application/json", "application/json; charset=utf-8", "text/plain", "application/vnd.x+json"] {
        assert_eq!(at("content-type", value), model("a"), "{value}");
    }
}

#[test]
fn a_garbled_model_is_refused_s051() {
    let lossy = |bytes| {
        ask("/v1/chat/completions", &[], BodyView::Complete { bytes, fidelity: Fidelity::Lossy, announced: true })
    };
    assert_eq!(lossy(br#"{"model":"gpt!"}"#), Err(DenyReason::BodyMalformed));
    assert_eq!(lossy(br#"{"mo!del":"x","model":"gpt"}"#), Err(DenyReason::BodyMalformed));
    assert_eq!(lossy(br#"{"model":"gpt","messages":"Hello!"}"#), model("gpt"));
}

#[test]
fn an_upgrade_names_its_model_in_the_query() {
    let upgrade = |target: &str| ask_with("GET", target, &[], BodyView::NotSent);
    assert_eq!(upgrade("/v1/realtime?model=gpt-4o-realtime"), model("gpt-4o-realtime"));
    assert_eq!(upgrade("/v1/realtime"), Ok(None));
    assert_eq!(upgrade("/v1/realtime?model=a&model=b"), Err(DenyReason::ModelAmbiguous));
    for hostile in ["a%22,%22x%22:%22b", "a%27", "a%5c", "a%0a"] {
        assert_eq!(upgrade(&format!("/realtime?model={hostile}")), Err(DenyReason::ModelMalformed), "{hostile}");
    }
}

#[test]
fn a_form_and_a_place_unknown_are_not_read() {
    let form = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(ask("/v1/audio/transcriptions", &form, exact(b"--x--")), Ok(None));
    assert_eq!(ask("/bedrock/model/x/converse", &[], exact(b"\xff")), Ok(None));
    assert_eq!(ask_with("GET", "/v1/batches", &[], BodyView::NotSent), Ok(None), "a list names no model");
    assert_eq!(ask("/v1/batches", &[], BodyView::NotSent), Err(DenyReason::BodyMissing));
}

proptest! {
    #[test]
    fn is_total_and_never_finds_a_model_serde_json_does_not(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Some(model)) = ask("/v1/chat/completions", &[], exact(&body)) {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(value["model"].as_str().map(str::trim), Some(model.as_str()));
        }
    }

    #[test]
    fn agrees_with_serde_json(model in "[a-z0-9/ -]{0,20}", other in "\\PC{0,40}", nested in any::<Vec<i64>>()) {
        let value = serde_json::json!({"messages": [{"content": other, "n": nested}], "model": model, "stream": true});
        let read = chat(&value.to_string()).unwrap();
        prop_assert_eq!(read.as_deref(), Some(model.trim()).filter(|m| !m.is_empty()));
    }
}
