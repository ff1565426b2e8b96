use proptest::prelude::*;

use super::*;
use crate::core::header::HeaderName;
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
    let view = RequestView {
        id: "",
        method,
        target,
        peer: None,
        principal: None,
        headers: HeaderView::new(headers, Fidelity::Exact),
        body,
    };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let table = RouteTable::new(Vec::new(), String::new());
    let method = Method::parse(method).unwrap();
    let rules = RequestRules::default();
    let reading = Reading { limits: BodyLimits { proxy_buffers: Some(1024) }, rules: &rules, wanted: Vec::new() };
    read(&view, query, method, &table.find(path).unwrap(), &reading).map(|ask| ask.model)
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
        r#"{"model":"cheap","Model":"gpt-4o"}"#, // Go's JSON does not mind case
        r#"{"model":"cheap","model\u0000":"gpt-4o"}"#,
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
    let chat = |target: &str| ask(target, &[], exact(body));
    assert_eq!(chat("/v1/chat/completions?model=secret"), Err(DenyReason::ModelAmbiguous), "S-151");
    for query in ["x=1;m%6fdel=secret", "model=gpt-4o;x=1", "Model=secret", "model%00=secret"] {
        let refused = chat(&format!("/v1/chat/completions?{query}"));
        assert_eq!(refused, Err(DenyReason::ModelMalformed), "read differently by different readers: {query}");
    }
    assert_eq!(chat("/v1/chat/completions?model=gpt-4o"), model("gpt-4o"));
    assert_eq!(chat("/v1/chat/completions?model=gpt-4o&model=secret"), Err(DenyReason::ModelAmbiguous));
    assert_eq!(chat("/v1/chat/completions?model=%ff"), Err(DenyReason::ModelMalformed));
    assert_eq!(chat("/openai/deployments/secret/chat/completions"), Err(DenyReason::ModelAmbiguous), "S-152");
    assert_eq!(chat("/engines/secret/chat/completions"), Err(DenyReason::ModelAmbiguous), "Y03e");
    assert_eq!(chat("/v1beta/models/secret:generateContent"), Err(DenyReason::ModelAmbiguous), "S-153");
    let header = [("x-litellm-model", "secret")];
    assert_eq!(ask("/v1/batches", &header, exact(body)), Err(DenyReason::ModelAmbiguous), "S-154, Y10");
    assert_eq!(ask("/v1/chat/completions", &header, exact(body)), model("gpt-4o"), "Y11: nobody reads it here");
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
    assert_eq!(at(BodyView::Unseen), Err(DenyReason::BodyMissing));
    assert_eq!(ask("/v1/moderations", &[], BodyView::Unseen), Err(DenyReason::BodyMissing));
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
fn a_parameter_that_cannot_be_decoded_is_not_overlooked() {
    let chat = |query: &str| ask(&format!("/v1/chat/completions?{query}"), &[], exact(br#"{"model":"gpt-4o"}"#));
    for query in ["api_base=http://x%ff", "fallbacks=%ff", "user=%ff"] {
        assert_eq!(chat(query), Err(DenyReason::BodyMalformed), "{query}");
    }
    assert_eq!(chat("%ff=1"), model("gpt-4o"), "a name that cannot be decoded is none that anybody looks for");
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
        ("content-type", "application/json; charset =utf-7"),
        ("content-type", "application/json; charset*=utf-7''utf-7"),
        ("content-type", "application/json; charset*0=utf-7"),
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
    assert_eq!(ask("/v1/audio/transcriptions", &form, exact(b"--x")), Err(DenyReason::BodyMalformed), "S-160");
    assert_eq!(
        ask("/v1/audio/transcriptions", &form, BodyView::Truncated),
        Err(DenyReason::BodyTruncated),
        "an upload"
    );
    assert_eq!(ask("/bedrock/model/x/converse", &[], exact(b"\xff")), Ok(None));
    assert_eq!(ask_with("GET", "/v1/batches", &[], BodyView::NotSent), Ok(None), "a list names no model");
    assert_eq!(ask("/v1/batches", &[], exact(b"{}")), Ok(None), "the models are in a file");
}

proptest! {
    #[test]
    fn is_total_and_never_finds_a_model_serde_json_does_not(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Some(model)) = ask("/v1/chat/completions", &[], exact(&body)) {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(value["model"].as_str().map(str::trim_ascii), Some(model.as_str()));
        }
    }

    #[test]
    fn agrees_with_serde_json(model in "[a-z0-9/ -]{0,20}", other in "\\PC{0,40}", nested in any::<Vec<i64>>()) {
        let value = serde_json::json!({"messages": [{"content": other, "n": nested}], "model": model, "stream": true});
        let read = chat(&value.to_string()).unwrap();
        prop_assert_eq!(read.as_deref(), Some(model.trim()).filter(|m| !m.is_empty()));
    }
}

fn whole(target: &str, rules: &RequestRules, headers: &[(&str, &str)], body: &str) -> Result<Ask, DenyReason> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let headers = HeaderView::new(headers, Fidelity::Exact);
    let view = RequestView {
        id: "",
        method: "POST",
        target,
        peer: None,
        principal: None,
        headers,
        body: exact(body.as_bytes()),
    };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let table = RouteTable::new(Vec::new(), String::new());
    let wanted = rules.enforced_params.iter().map(String::as_str).collect();
    let reading = Reading { limits: BodyLimits::default(), rules, wanted };
    read(&view, query, Method::Post, &table.find(path).unwrap(), &reading)
}

fn default(body: &str) -> Result<Ask, DenyReason> {
    whole("/v1/chat/completions", &RequestRules::default(), &[], body)
}

#[test]
fn each_route_has_its_sources_s154() {
    let rules = RequestRules::default();
    let of = |target: &str, body: &str| whole(target, &rules, &[], body).map(|ask| ask.model);
    assert_eq!(of("/v1/files", r#"{"target_model_names":"a, b"}"#), model("a, b"), "Y12");
    let both = r#"{"model":"a","target_model_names":"b"}"#;
    assert_eq!(of("/v1/files", both), Err(DenyReason::ModelAmbiguous), "Y12");
    assert_eq!(of("/v1/chat/completions", both), model("a"), "Y13: nobody reads it there");
    assert_eq!(of("/v1/chat/completions", r#"{"target_model_names":["b"]}"#), model("b"), "Y14");
    assert_eq!(of("/v1/realtime/client_secrets", r#"{"session":{"model":"s"}}"#), model("s"), "Y15");
    assert_eq!(of("/v1/files?target_model_names=t", "{}"), model("t"));
    assert_eq!(of("/v1/files?target_model_names=t", both), Err(DenyReason::ModelAmbiguous));
    let merged = r#"{"model":"a","extra_body":{"model":"b"}}"#;
    assert_eq!(of("/v1/chat/completions", merged), Err(DenyReason::ModelAmbiguous), "the provider would get b");
    let ask = whole(
        "/v1/realtime/client_secrets",
        &rules,
        &[],
        r#"{"session":{"model":"s","audio":{"input":{"transcription":{"model":"w"}}}}}"#,
    );
    assert_eq!(ask.unwrap().also, ["w"]);
}

#[test]
fn a_managed_id_hides_a_model() {
    let rules = RequestRules::default();
    let unread = |target: &str, body: &str| whole(target, &rules, &[], body).unwrap().unread;
    assert_eq!(unread("/v1/batches", r#"{"model":"a","input_file_id":"file-abc"}"#), None);
    let managed = r#"{"model":"a","input_file_id":"file-bGl0ZWxsbV9wcm94eTph"}"#;
    assert_eq!(unread("/v1/batches", managed), Some(DenyReason::ModelMissing));
    assert_eq!(unread("/v1/vector_stores/vs_bGl0.ZWxsbTph", "{}"), Some(DenyReason::ModelMissing));
}

#[test]
fn every_fallback_is_found_s157() {
    for (body, names) in [
        (r#"{"fallbacks":["a","b"]}"#, vec!["a", "b"]),
        (r#"{"fallbacks":[{"model":"a"},{"model":"b","temperature":1}]}"#, vec!["a", "b"]),
        (r#"{"context_window_fallbacks":[{"m":["a",{"model":"b"}]}]}"#, vec!["a", "b"]),
        (r#"{"content_policy_fallbacks":[{"m":["a"]},{"n":["b"]}]}"#, vec!["a", "b"]),
        (r#"{"context_window_fallback_dict":{"m":"a","n":"b"}}"#, vec!["a", "b"]),
        (r#"{"router_settings_override":{"fallbacks":["a"],"model_group_alias":{"m":"b"}}}"#, vec!["a", "b"]),
        (r#"{"router_settings_override":"{\"fallbacks\":[{\"m\":[\"a\",\"b\"]}]}"}"#, vec!["a", "b"]),
        (r#"{"extra_body":{"fallbacks":["a"]},"fallbacks":["b"]}"#, vec!["a", "b"]),
        (r#"{"fallbacks":null,"context_window_fallbacks":[]}"#, vec![]),
    ] {
        let ask = default(body).unwrap();
        assert_eq!(ask.also, names, "F01 ... F14: {body}");
        assert!(ask.names_fallbacks, "{body}");
    }
}

#[test]
fn a_fallback_with_two_readings_is_refused_sec3() {
    let deep = format!(r#"{{"fallbacks":{}"a"{}}}"#, "[".repeat(20), "]".repeat(20));
    for body in [
        r#"{"fallbacks":"secret"}"#,
        r#"{"fallbacks":{"m":["a"]}}"#,
        r#"{"fallbacks":[1]}"#,
        r#"{"fallbacks":[null]}"#,
        r#"{"fallbacks":[["a"]]}"#,
        r#"{"fallbacks":[{}]}"#,
        r#"{"fallbacks":[{"m":"a"}]}"#,
        r#"{"fallbacks":[{"gpt-4o":["secret"],"model":"gpt-4o"}]}"#,
        r#"{"fallbacks":[{"model":"a","model":"b"}]}"#,
        r#"{"fallbacks":[{"model":"a","api_base":"http://169.254.169.254"}]}"#,
        r#"{"fallbacks":[{"model":"a","api_key":"x"}]}"#,
        r#"{"fallbacks":["https://evil/v1"]}"#,
        r#"{"fallbacks":[""]}"#,
        r#"{"context_window_fallback_dict":["a"]}"#,
        r#"{"context_window_fallback_dict":{"m":["a"]}}"#,
        r#"{"router_settings_override":{"fallbacks":"a"}}"#,
        deep.as_str(),
    ] {
        assert_eq!(default(body).err(), Some(DenyReason::FallbackMalformed), "F09, F13, S-158: {body}");
    }
    let nested = r#"{"router_settings_override":"{\"fallbacks\":"}"#;
    assert_eq!(default(nested).err(), Some(DenyReason::BodyMalformed));
}

#[test]
fn what_steers_the_upstream_is_found_s159_s177() {
    for body in [
        r#"{"api_base":null}"#,
        r#"{"input_cost_per_token":0}"#,
        r#"{"headers":{}}"#,
        r#"{"api_key":"os.environ/MASTER_KEY"}"#,
        r#"{"extra_body":{"x":{"base_url":"x"}}}"#,
        r#"{"metadata":{"langfuse_host":"x"}}"#,
        r#"{"metadata":"{\"api_base\":1}"}"#,
        r#"{"litellm_metadata":{"user_api_key_team_id":"t"}}"#,
        r#"{"litellm_embedding_config":"{\"api_base\":1}"}"#,
        r#"{"user_config":{"model_list":[{"litellm_params":{"model":"x"}}]}}"#,
        r#"{"tools":[{"type":"function","function":{"name":"f","api_base":"x"}}]}"#,
        r#"{"\u0061pi_base":1}"#,
    ] {
        assert!(default(body).unwrap().banned, "X10, S-177: {body}");
    }
    for body in [
        r#"{"api_key":"sk-own","langsmith_sampling_rate":1}"#,
        r#"{"messages":[{"role":"user","content":"os.environ/X","tool_calls":[{"input":{"api_base":1}}]}]}"#,
        r#"{"tools":[{"function":{"name":"f","parameters":{"properties":{"base_url":{"type":"string"}}}}}]}"#,
        r#"{"metadata":"not json"}"#,
    ] {
        assert!(!default(body).unwrap().banned, "X18: {body}");
    }
    let chat = "/v1/chat/completions";
    let none = RequestRules::default();
    assert!(whole("/v1/chat/completions?api%5fbase=x", &none, &[], "{}").unwrap().banned, "X14");
    assert!(whole("/utils/transform_request", &none, &[], r#"{"api_base":1}"#).unwrap().banned);
    let open = RequestRules { allow_client_credentials: true, ..RequestRules::default() };
    assert!(!whole(chat, &open, &[], r#"{"api_base":"x"}"#).unwrap().banned, "X16");
    assert!(whole(chat, &open, &[], r#"{"metadata":{"user_api_key":"x"}}"#).unwrap().banned);
    let one = RequestRules { allowed_parameters: ["api_base".to_owned()].into(), ..RequestRules::default() };
    assert!(!whole(chat, &one, &[], r#"{"api_base":"x"}"#).unwrap().banned);
    assert!(whole(chat, &one, &[], r#"{"base_url":"x"}"#).unwrap().banned);
}

#[test]
fn the_end_user_has_an_order_s176() {
    let rules =
        RequestRules { end_user_headers: HeaderName::new("x-user").into_iter().collect(), ..RequestRules::default() };
    let of =
        |headers: &[(&str, &str)], body: &str| whole("/v1/chat/completions", &rules, headers, body).unwrap().end_user;
    let all = r#"{"user":"u","litellm_metadata":{"user":"l"},"metadata":{"user_id":"m"},"safety_identifier":"s"}"#;
    let headers = [("x-user", "h"), ("x-litellm-end-user-id", "e"), ("x-litellm-customer-id", "c")];
    assert_eq!(of(&headers, all).unwrap(), "c", "N01");
    assert_eq!(of(&headers[..2], all).unwrap(), "e", "N02");
    assert_eq!(of(&headers[..1], all).unwrap(), "h", "N04");
    assert_eq!(of(&[("x-user", " ")], all).unwrap(), "u", "N07");
    assert_eq!(of(&[], r#"{"user":{"a":1},"metadata":{"user_id":"m"}}"#).unwrap(), "m", "N08");
    assert_eq!(of(&[], r#"{"user":true,"litellm_metadata":"{\"user\":\"l\"}"}"#).unwrap(), "l", "N10");
    assert_eq!(of(&[], r#"{"user":" ","safety_identifier":7}"#).unwrap(), "7");
    assert_eq!(of(&[], "{}"), None, "S01");
    let refused = |headers: &[(&str, &str)], body: &str| {
        let refused = whole("/v1/chat/completions", &rules, headers, body).err();
        assert_eq!(refused, Some(DenyReason::EndUserMalformed), "{headers:?} {body:.60}");
    };
    refused(&[], &format!(r#"{{"user":"{}"}}"#, "u".repeat(1 << 20)));
    refused(&[], r#"{"user":"bad\u001f"}"#);
    refused(&[], r#"{"metadata":{"user_id":"x","user_id":"bad"}}"#);
    refused(&[("x-litellm-customer-id", &"c".repeat(257))], r#"{"user":"bad"}"#);
    refused(&[("x-litellm-end-user-id", "a"), ("x-litellm-end-user-id", "b")], "{}");
    let asked = whole("/v1/chat/completions?user=bad", &rules, &[], "{}").unwrap();
    assert_eq!((asked.end_user.as_deref(), asked.end_user_in_query), (Some("bad"), true), "N14");
}

#[test]
fn tags_come_from_everywhere_sec10() {
    let rules = RequestRules::default();
    let body = r#"{"tags":["a"],"metadata":"{\"tags\":[\"b\"]}","litellm_metadata":{"tags":["c","a"]}}"#;
    let ask = whole("/v1/chat/completions", &rules, &[("x-litellm-tags", "h, c")], body).unwrap();
    assert_eq!((ask.tags, ask.names_tags), (["h", "c", "a", "b"].map(str::to_owned).to_vec(), true));
    assert!(default(r#"{"litellm_metadata":{"tags":[]}}"#).unwrap().names_tags, "W12");
    assert!(!default(r#"{"litellm_metadata":{}}"#).unwrap().names_tags);
}

#[test]
fn tools_have_many_shapes() {
    for (body, names) in [
        (r#"{"tools":[{"type":"function","function":{"name":"a"}}]}"#, vec!["a"]),
        (r#"{"functions":[{"name":"a"},{"name":"b"}]}"#, vec!["a", "b"]),
        (r#"{"tools":[{"name":"a","input_schema":{"properties":{"name":{}}}}]}"#, vec!["a"]),
        (r#"{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]}"#, vec!["a", "b"]),
        (r#"{"tools":[{"type":"web_search"},{"google_search":{}}]}"#, vec!["web_search", "google_search"]),
        (r#"{"tools":[{},"x",{"type":"function","function":{}}]}"#, vec!["", "", ""]),
        (r#"{"tools":{"name":"a"}}"#, vec![""]),
    ] {
        assert_eq!(default(body).unwrap().tools, names, "W30: {body}");
    }
    let call = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"name":"b","api_base":1}}}"#;
    let ask = whole("/mcp", &RequestRules::default(), &[], call).unwrap();
    assert_eq!((ask.tools, ask.banned), (vec!["a".to_owned()], false));
    let stores = r#"{"vector_store_ids":["a"],"tools":[{"type":"file_search","vector_store_ids":["b"]}]}"#;
    assert_eq!(default(stores).unwrap().vector_stores, ["a", "b"], "W40");
}

#[test]
fn guardrail_members_and_wanted_ones_are_found() {
    for body in [
        r#"{"guardrails":[]}"#,
        r#"{"metadata":{"guardrails":1}}"#,
        r#"{"metadata":"{\"disable_global_guardrail\":1}"}"#,
        r#"{"litellm_metadata":{"opted_out_global_guardrails":[]}}"#,
    ] {
        assert!(default(body).unwrap().touches_guardrails, "W20 ... W23: {body}");
    }
    let rules = RequestRules {
        enforced_params: vec!["user".to_owned(), "metadata.team".to_owned()],
        ..RequestRules::default()
    };
    let lacks = |target: &str, body: &str| whole(target, &rules, &[], body).unwrap().lacks_params;
    let chat = "/v1/chat/completions";
    assert!(!lacks(chat, r#"{"user":"u","metadata":{"team":"t"}}"#));
    assert!(!lacks(chat, r#"{"user":"u","metadata":"{\"team\":\"t\"}"}"#));
    assert!(!lacks("/v1/chat/completions?user=u", r#"{"metadata":{"team":"t"}}"#));
    for body in [
        "{}",
        r#"{"user":"u"}"#,
        r#"{"user":"u","metadata":{"x":{"team":1}}}"#,
        r#"{"user":null,"metadata":{"team":"t"}}"#,
    ] {
        assert!(lacks(chat, body), "{body}");
    }
}

#[test]
fn a_large_request_is_refused_x08() {
    let rules = RequestRules { max_bytes: Some(20), ..RequestRules::default() };
    let at = |headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let headers = HeaderView::new(headers, Fidelity::Exact);
        let view = RequestView {
            id: "",
            method: "POST",
            target: "",
            peer: None,
            principal: None,
            headers,
            body: exact(body.as_bytes()),
        };
        check_size(&view, &rules).err()
    };
    assert_eq!(at(&[], r#"{"model":"a"}"#), None);
    assert_eq!(at(&[], r#"{"model":"aaaaaaaaaaa"}"#), Some(DenyReason::RequestTooLarge));
    assert_eq!(at(&[("content-length", "21")], r#"{"model":"a"}"#), Some(DenyReason::RequestTooLarge));
}

#[test]
fn an_upload_is_left_unread_only_where_that_is_wanted() {
    let rules = RequestRules { unseen_uploads: true, ..RequestRules::default() };
    let headers = HeaderView::new(vec![("content-type", b"multipart/form-data; boundary=x")], Fidelity::Exact);
    let table = RouteTable::new(Vec::new(), String::new());
    let at = |path: &str, rules: &RequestRules, body| {
        let view = RequestView {
            id: "",
            method: "POST",
            target: path,
            peer: None,
            principal: None,
            headers: headers.clone(),
            body,
        };
        let reading = Reading { limits: BodyLimits::default(), rules, wanted: Vec::new() };
        read(&view, None, Method::Post, &table.find(path).unwrap(), &reading).map(|ask| ask.unread)
    };
    let no_length = BodyView::Complete { bytes: b"--x--", fidelity: Fidelity::Exact, announced: false };
    for path in ["/v1/audio/transcriptions", "/v1/files"] {
        assert_eq!(at(path, &rules, BodyView::Truncated), Ok(Some(DenyReason::BodyTruncated)), "{path}");
        assert_eq!(at(path, &RequestRules::default(), BodyView::Truncated), Err(DenyReason::BodyTruncated), "{path}");
        assert_eq!(at(path, &rules, no_length), Err(DenyReason::BodyLengthMissing), "{path}");
    }
    assert_eq!(at("/mcp-rest/tools/call", &rules, BodyView::Truncated), Err(DenyReason::BodyTruncated));
}

#[test]
fn what_the_model_reads_has_the_depth_and_the_characters_of_json_s152() {
    for member in ["messages", "anything"] {
        for depth in [100, 125, 126, 127, 200] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            let body = format!(r#"{{"model":"a","{member}":{open}"{{[[["{close}}}"#);
            let known = serde_json::from_str::<serde_json::Value>(&body).is_ok();
            assert_eq!(default(&body).is_ok(), known, "{member}, {depth}");
        }
        for (text, sound) in
            [(r"\ud83d\ude00", true), (r"\ud83d", false), (r"\\ud83d", true), (r"\uDC00", false), (r"\u00e9", true)]
        {
            let body = format!(r#"{{"model":"a","{member}":[{{"content":"{text}"}}]}}"#);
            assert_eq!(default(&body).is_ok(), sound, "{member}, {text}");
        }
    }
    let many = format!(r#"{{"model":"a","messages":[{}0]}}"#, "{},".repeat(1000));
    assert!(default(&many).is_ok(), "many are not deep");
}

/// Every way to name a model that a chat route reads, as a request.
fn named_by(source: usize, name: &str) -> (String, String) {
    let chat = "/v1/chat/completions";
    let json = serde_json::to_string(name).unwrap();
    match source {
        0 => (chat.to_owned(), format!(r#""model":{json}"#)),
        1 => (format!("{chat}?model={name}"), String::new()),
        2 => (chat.to_owned(), format!(r#""extra_body":{{"model":{json}}}"#)),
        3 => (format!("/openai/deployments/{name}/chat/completions"), String::new()),
        _ => (chat.to_owned(), format!(r#""litellm_params":{{"model":{json}}}"#)),
    }
}

proptest! {
    #[test]
    fn two_sources_for_one_fact_are_one_or_refused(
        a in 0..5_usize, b in 0..5_usize, x in "[a-c]", y in "[a-c]",
    ) {
        let ((first, member), (second, other)) = (named_by(a, &x), named_by(b, &y));
        let chat = "/v1/chat/completions";
        prop_assume!(first == chat || second == chat);
        let target = if first == chat { second } else { first };
        let members: Vec<_> = [member, other].into_iter().filter(|member| !member.is_empty()).collect();
        let body = format!("{{{}}}", members.join(","));
        match whole(&target, &RequestRules::default(), &[], &body) {
            Ok(ask) => prop_assert!(x == y && ask.model.as_deref() == Some(x.as_str()), "{} {}", target, body),
            Err(_) => prop_assert!(x != y || a == b, "{} {}", target, body),
        }
    }

    #[test]
    fn fallbacks_agree_with_serde_json(
        names in proptest::collection::vec("[a-z]{1,4}", 0..5), shape in 0..4_usize, text in any::<bool>(),
    ) {
        let json = serde_json::json!(names);
        let list = match shape {
            0 => json,
            1 => names.iter().map(|name| serde_json::json!({"model": name})).collect(),
            2 => serde_json::json!([{"m": json}]),
            _ => names.iter().map(|name| serde_json::json!({"m": [{"model": name}]})).collect(),
        };
        let settings = serde_json::json!({"fallbacks": list});
        let settings = if text { serde_json::json!(settings.to_string()) } else { settings };
        let ask = default(&serde_json::json!({"model": "m", "router_settings_override": settings}).to_string()).unwrap();
        let found: std::collections::BTreeSet<_> = ask.also.into_iter().collect();
        prop_assert_eq!(found, names.into_iter().collect());
    }
}
