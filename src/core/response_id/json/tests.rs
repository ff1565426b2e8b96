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
        (Place::Body, r#"{"data":[{"id":"RAW"},{"id":"msg_1"},{"response_id":"RAW"}]}"#),
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
        r#"{"tools":[{"id":"resp_abc"}],"resp_abc":"resp_abc","ID":"resp_abc"}"#,
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
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(MAX_REPORT + 1));
    assert_eq!(edit(Place::Failure, &long), Err(EditError::TooLong));
    let other = r#"{"error":{"message":"a \"b\" \u00e9"}}"#;
    assert_eq!(report(Place::Failure, other), other);
}

#[test]
fn of_two_ids_the_longer_is_quoted_first() {
    let mut exchange = Exchange::new(ids(), caller("alice"), None, None).unwrap();
    let (short, long) = (sealed("resp_1", "alice"), sealed("resp_12", "alice"));
    for id in [&short, &long] {
        exchange.edit(Place::Named, id).unwrap();
    }
    assert_eq!(exchange.report("resp_12, resp_1"), Some(format!("{long}, {short}")));
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
