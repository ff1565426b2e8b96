use std::sync::Arc;

use proptest::prelude::*;

use super::super::access::{AccessError, AccessRules, ResponseIds};
use super::super::keyring::Keyring;
use super::super::owner::Caller;
use super::*;
use crate::core::credential::Secret;

const RAW: &str = "resp_68aa01";

fn ids() -> Arc<ResponseIds> {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    Arc::new(ResponseIds { keyring, legacy: None, rules: AccessRules::default() })
}

fn caller(user: &str) -> Caller {
    Caller::new(Some(user), None, None, false).unwrap()
}

fn sealed(inner: &str, user: &str) -> String {
    ids().seal(&PlainId::parse(inner).unwrap(), caller(user).owner(), None).unwrap()
}

/// What becomes of pieces, for alice, who asked about the response `subject`.
fn edit_pieces(root: Place, pieces: &[&[u8]], subject: Option<&str>) -> Result<Vec<u8>, EditError> {
    let mut exchange = Exchange::new(ids(), caller("alice"), None, subject)?;
    let (mut editor, mut out) = (Editor::new(root), Vec::new());
    for piece in pieces {
        editor.push(piece, &mut exchange, &mut out)?;
    }
    editor.finish().map(|()| out)
}

fn edit(root: Place, text: &str) -> Result<String, EditError> {
    edit_pieces(root, &[text.as_bytes()], None).map(|out| String::from_utf8(out).unwrap())
}

#[test]
fn ids_are_sealed_wherever_the_api_has_them_s219() {
    let id = sealed(RAW, "alice");
    for (root, text) in [
        (Place::Body, r#"{ "object" :"response","id":"RAW", "n":-1.5e3,"e":[] , "o":{}}"#),
        (Place::Body, r#"{"id":"RAW","object":"response","deleted":true}"#),
        (Place::Body, r#"{"previous_response_id":"RAW","id":null}"#),
        (Place::Body, r#"{"i\u0064":"RAW"}"#),
        (Place::Body, r#"{"id":null,"parent_response_id":"RAW","a":{"response_ids":["RAW","RAW"]}}"#),
        (Place::Body, r#"{"response":"RAW","poll_url":"\/v1\/responses\/RAW","next_url":"https://h/x?after=RAW&a=1"}"#),
        (Place::Event, r#"{"response":"RAW","b":["RAW"]}"#),
        (Place::Event, r#"{"type":"response.queued","response":{"id":"RAW","previous_response_id":"RAW"}}"#),
        (Place::Event, r#"{"type":"new.tomorrow","item":{"response_id":"RAW"},"id":"RAW"}"#),
    ] {
        assert_eq!(edit(root, &text.replace("RAW", RAW)).unwrap(), text.replace("RAW", &id), "{text}");
    }
    let uuid = r#"{"response":{"id":"uuid-1"},"items":[{"id":"uuid-1"},{"id":"uuid-2"}]}"#;
    assert_eq!(
        edit(Place::Event, uuid).unwrap(),
        uuid.replace("uuid-1", &sealed("uuid-1", "alice")),
        "once it is known"
    );
    assert_eq!(edit(Place::Body, r#"{"id":"resp\u005f68aa01"}"#).unwrap(), format!(r#"{{"id":"{id}"}}"#));
    let other = sealed("chatcmpl-\"1", "alice");
    assert_eq!(
        edit(Place::Body, r#"{"id":"chatcmpl-\"1"}"#).unwrap(),
        format!(r#"{{"id":"{other}"}}"#),
        "whatever it is"
    );
}

#[test]
fn what_only_looks_like_an_id_is_untouched_s220() {
    for text in [
        r#"{"output":[{"type":"message","content":[{"text":"{\"id\":\"resp_abc\"} resp_abc"}]}]}"#,
        r#"{"metadata":{"id":"resp_abc","previous_response_id":"resp_abc"}}"#,
        r#"{"tools":[{"id":"resp_abc1"}],"resp_abc":"resp_abc","output":[{"name":"resp_1","output":"resp_1"}]}"#,
        r#"{"annotations":[{"url":"https://h/resp_2024.pdf"}],"note":"resp_1 is what I was told"}"#,
        r#"{"output":[{"id":"msg_1"},{"id":7},{"id":null},{"id":{"id":"x"}}]}"#,
        "{\"id\":null,\"a\":\"\u{1f511}\\u20ac\\\\\\\"\"}",
        "  [true , false,null, 0 ] \n",
        "\"resp_abc\"",
        "12",
    ] {
        assert_eq!(edit(Place::Body, text).as_deref(), Ok(text));
    }
}

#[test]
fn named_ids_are_opened_for_their_owner_s202() {
    let (mine, theirs) = (sealed(RAW, "alice"), sealed(RAW, "bob"));
    for text in [
        r#"{"model":"m","previous_response_id":"ID"}"#,
        r#"{"extra_body":{"previous_response_id":"ID"},"previous_response_id":null}"#,
        r#"{"type":"response.create","response":{"a":[{"previous_response_id":"ID"}]}}"#,
    ] {
        assert_eq!(edit(Place::Request, &text.replace("ID", &mine)).unwrap(), text.replace("ID", RAW));
        let refused = |id: &str| edit(Place::Request, &text.replace("ID", id)).unwrap_err();
        assert_eq!(refused(&theirs), EditError::Access(AccessError::NotOwner));
        assert_eq!(refused(RAW), EditError::Access(AccessError::Unmanaged), "S-203");
        assert_eq!(refused(mine.get(..40).unwrap()), EditError::Access(AccessError::Unreadable), "S-209");
    }
    let naming = |count: usize| {
        let ids: Vec<_> = (0..count).map(|number| sealed(&format!("resp_{number}"), "alice")).collect();
        let members: Vec<_> = ids.iter().map(|id| format!(r#"{{"previous_response_id":"{id}"}}"#)).collect();
        let list = members.join(",");
        edit(Place::Request, &format!(r#"{{"a":[{list},{list}]}}"#))
    };
    assert!(naming(8).is_ok(), "eight of them, and each twice");
    assert_eq!(naming(9), Err(EditError::Ambiguous), "nine of them");
    let untouched = r#"{"input":[{"previous_response_id":"resp_x"}],"previous_response_id":""}"#;
    assert_eq!(edit(Place::Request, untouched).as_deref(), Ok(untouched));
}

#[test]
fn what_readers_disagree_about_is_refused() {
    use EditError::{Ambiguous, Malformed, NotText, TooDeep, TooLong};
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let long = format!(r#"{{"id":"resp_{}"}}"#, "x".repeat(MAX_ID));
    for (root, text, expected) in [
        (Place::Request, r#"{"previous_response_id":null,"previous_response_id":null}"#, Ambiguous),
        (Place::Request, r#"{"previous_response_id":null,"previous\u005fresponse_id":null}"#, Ambiguous),
        (Place::Request, r#"{"previousResponseId":"x"}"#, Ambiguous),
        (Place::Request, r#"{"previous_response_id":5}"#, NotText),
        (Place::Request, r#"{"previous_response_id":["x"]}"#, NotText),
        (Place::Request, "[]", Malformed),
        (Place::Body, r#"{"id":"x","id":"y"}"#, Ambiguous),
        (Place::Body, r#"{"id":5}"#, NotText),
        (Place::Body, r#"{"id":{}}"#, NotText),
        (Place::Body, r#"{"id":"a b"}"#, EditError::Unsealable),
        (Place::Event, r#"{"response":{},"response":{}}"#, Ambiguous),
        (Place::Body, &deep, TooDeep),
        (Place::Body, &long, TooLong),
        (Place::Inner, &long, TooLong),
        (Place::Body, "", Malformed),
        (Place::Body, "{}{}", Malformed),
        (Place::Body, "{", Malformed),
        (Place::Body, "{]", Malformed),
        (Place::Body, "[1}", Malformed),
        (Place::Body, "{\"a\":1]", Malformed),
        (Place::Body, "[1,]", Malformed),
        (Place::Body, "{\"a\":1,}", Malformed),
        (Place::Body, "{\"a\" 1}", Malformed),
        (Place::Body, "{a:1}", Malformed),
        (Place::Body, "{'a':1}", Malformed),
        (Place::Body, "nul", Malformed),
        (Place::Body, "nulx", Malformed),
        (Place::Body, "\"a", Malformed),
        (Place::Body, "\"a\nb\"", Malformed),
        (Place::Body, "// resp_x\n{}", Malformed),
    ] {
        assert_eq!(edit(root, text), Err(expected), "{text}");
    }
    let long = format!(r#"{{"item":{{"id":"encitem_{}"}}}}"#, "x".repeat(MAX_ID));
    assert_eq!(edit(Place::Event, &long).as_deref(), Ok(long.as_str()), "longer than any id of ours, and another's");
}

#[test]
fn a_report_quotes_what_the_caller_wrote_r2() {
    let id = sealed(RAW, "alice");
    let report = |root, text: &str| {
        let out = edit_pieces(root, &[text.as_bytes()], Some(&id)).unwrap();
        String::from_utf8(out).unwrap()
    };
    for (root, text) in [
        (Place::Failure, r#"{"error":{"message":"Response RAW: 'RAW' not found","param":"RAW"}}"#),
        (Place::Failure, r#"{"detail":[{"msg":"RAW"}]}"#),
        (Place::Event, r#"{"type":"error","message":"no RAW"}"#),
        (Place::Event, r#"{"type":"response.failed","response":{"error":{"message":"no RAW"}}}"#),
        (Place::Body, r#"{"error":{"message":"no RAW"}}"#),
        (Place::Failure, r#""no RAW""#),
        (Place::Failure, r#"["no RAW",["RAW"]]"#),
        (Place::Body, r#""RAW was deleted""#),
    ] {
        assert_eq!(report(root, &text.replace("RAW", RAW)), text.replace("RAW", &id));
    }
    assert_eq!(report(Place::Failure, r#"{"error":"resp\u005f68aa01"}"#), format!(r#"{{"error":"{id}"}}"#));
    let other = r#"{"error":{"message":"a \"b\" \u00e9"}}"#;
    assert_eq!(report(Place::Failure, other), other);
}

/// What the answer itself tells is sealed in its reports too, and what nobody has told is blanked.
#[test]
fn a_report_quotes_no_other_id() {
    let id = sealed(RAW, "alice");
    for (root, text, expected) in [
        (Place::Body, r#"{"id":"RAW","status":"failed","error":{"message":"\u00e9 \/RAW failed"}}"#, id.as_str()),
        (Place::Failure, r#"{"error":{"message":"already running: RAW"}}"#, "resp_redacted"),
        (Place::Failure, r#"["RAW"]"#, "resp_redacted"),
        (Place::Event, r#"{"type":"error","message":"no RAW, RAW"}"#, "resp_redacted"),
    ] {
        assert_eq!(edit(root, &text.replace("RAW", RAW)).unwrap(), text.replace("RAW", expected), "{text}");
    }
    let early = edit(Place::Body, &format!(r#"{{"error":"{RAW} failed","id":"{RAW}"}}"#)).unwrap();
    assert_eq!(early, format!(r#"{{"error":"resp_redacted failed","id":"{id}"}}"#), "told before it is known");
}

#[test]
fn a_report_may_have_any_length() {
    let id = sealed(RAW, "alice");
    for filler in ["x", "\\u00e9", "\\\"", "\u{e9}", "\\ud83d\\udd11"] {
        let filler = filler.repeat(MAX_REPORT / filler.len());
        let text = |told: &str| format!(r#"{{"output":[{{"error":"{filler} {told}, {told} {filler}"}}],"id":null}}"#);
        let raw = text(RAW);
        let pieces: Vec<_> = raw.as_bytes().chunks(999).collect();
        for pieces in [&pieces[..], &[raw.as_bytes()]] {
            let out = edit_pieces(Place::Body, pieces, Some(&id)).unwrap();
            assert!(out == text(&id).into_bytes(), "{}", filler.get(..2).unwrap_or_default());
        }
    }
}

/// A list has no owner: ids in it are the caller's only where the request has named them.
#[test]
fn a_list_grants_nothing() {
    let id = sealed(RAW, "alice");
    let theirs = r#"{"data":[{"id":"resp_bob1","previous_response_id":"x","a":[{"response_id":"uuid"}],"b":"resp_bob2"}],"first_id":"resp_bob1"}"#;
    let blank = r#"{"data":[{"id":"resp_redacted","previous_response_id":"resp_redacted","a":[{"response_id":"resp_redacted"}],"b":"resp_redacted"}],"first_id":"resp_redacted"}"#;
    assert_eq!(edit(Place::Body, theirs).as_deref(), Ok(blank));
    let items = r#"{"object":"list","data":[{"id":"msg_1","response_id":"RAW","name":"resp_1"},{"id":"RAW"}],"first_id":"msg_1"}"#;
    let out = edit_pieces(Place::Body, &[items.replace("RAW", RAW).as_bytes()], Some(&id)).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), items.replace("RAW", &id), "items of the response asked for");
    let root = edit(Place::Body, r#"[{"id":"resp_bob1"}]"#);
    assert_eq!(root.as_deref(), Ok(r#"[{"id":"resp_redacted"}]"#));
}

#[test]
fn of_two_ids_the_longer_is_quoted_first() {
    let mut exchange = Exchange::new(ids(), caller("alice"), None, None).unwrap();
    let (short, long) = (sealed("resp_1", "alice"), sealed("resp_12", "alice"));
    for id in [&short, &long] {
        exchange.edit(Place::Named, id).unwrap();
    }
    let (replacements, _) = exchange.report(b"resp_12, resp_1", true);
    let texts: Vec<_> = replacements.into_iter().map(|one| one.text).collect();
    assert_eq!(texts, [long, short]);
}

#[test]
fn an_answer_belongs_to_whom_it_belonged_to_r7() {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    let rules = AccessRules { admins_use_all: true, ..AccessRules::default() };
    let ids = Arc::new(ResponseIds { keyring, legacy: None, rules });
    let root = Caller::new(Some("root"), None, None, true).unwrap();
    let (bobs, before) = (sealed(RAW, "bob"), sealed("resp_before", "bob"));
    let edit = |subject, root_place, exchange: Option<Exchange>, text: &str| {
        let mut exchange = exchange.unwrap_or_else(|| Exchange::new(ids.clone(), root.clone(), None, subject).unwrap());
        let mut out = Vec::new();
        Editor::new(root_place).push(text.as_bytes(), &mut exchange, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), exchange)
    };
    let text = format!(r#"{{"id":"{RAW}","previous_response_id":"resp_before"}}"#);
    let (fetched, _) = edit(Some(&bobs), Place::Body, None, &text);
    assert_eq!(fetched, format!(r#"{{"id":"{bobs}","previous_response_id":"{before}"}}"#), "an administrator's GET");
    let (_, exchange) = edit(None, Place::Request, None, &format!(r#"{{"previous_response_id":"{before}"}}"#));
    let (created, _) = edit(None, Place::Body, Some(exchange), &text);
    let roots = sealed(RAW, "root");
    assert_eq!(created, format!(r#"{{"id":"{roots}","previous_response_id":"{before}"}}"#), "a continuation");
}

/// JSON texts with ids in them.
fn texts() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        Just("id".to_owned()),
        Just("response".to_owned()),
        Just("previous_response_id".to_owned()),
        Just("error".to_owned()),
        Just("metadata".to_owned()),
        "\\PC{0,6}",
    ];
    let text = prop_oneof!["resp_[a-z0-9]{1,9}", "[!-~]{1,9}", "\\PC{0,9}"];
    let leaf = prop_oneof![
        text.prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn roots() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Request), Just(Place::Body), Just(Place::Failure), Just(Place::Event)]
}

proptest! {
    /// S-217: where a piece ends decides nothing.
    #[test]
    fn every_split_gives_the_same(root in roots(), value in texts(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let whole = edit_pieces(root, &[text.as_bytes()], None);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(&edit_pieces(root, &bytes, None), &whole, "byte by byte");
        for at in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            prop_assert_eq!(&edit_pieces(root, &[left, right], None), &whole, "at {}", at);
        }
    }

    #[test]
    fn a_text_without_ids_comes_out_byte_by_byte(value in texts(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let text = text.replace("id\"", "ie\"").replace("resp_", "rasp_");
        prop_assert_eq!(edit(Place::Event, &text), Ok(text));
    }

    /// What is taken for JSON here is JSON to `serde_json`, but for numbers and escapes, which are passed on.
    #[test]
    fn what_is_no_json_is_refused(text in "[\\[\\]{}:, \"a1tn\\\\-]{0,12}") {
        if edit(Place::Inner, &text).is_ok() {
            let lenient = text.contains(['1', '-', '\\']);
            prop_assert!(lenient || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
