use std::sync::Arc;

use proptest::prelude::*;

use super::super::access::{AccessRules, ResponseIds};
use super::super::keyring::Keyring;
use super::super::owner::Caller;
use super::super::plain::PlainId;
use super::*;
use crate::core::credential::Secret;

const RAW: &str = "resp_68aa01";
const MAX: usize = 256;

fn exchange() -> (Exchange, String) {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    let caller = Caller::new(Some("alice"), None, None, false).unwrap();
    let sealed = keyring.seal(&PlainId::parse(RAW).unwrap(), caller.owner(), None).unwrap();
    let ids = Arc::new(ResponseIds { keyring, legacy: None, rules: AccessRules::default() });
    (Exchange::new(ids, caller, None, None).unwrap(), sealed)
}

/// What becomes of pieces, and what had been passed on before the end.
fn edit_pieces(pieces: &[&[u8]]) -> Result<(String, String), EditError> {
    let mut exchange = exchange().0;
    let (mut stream, mut out) = (EventStream::new(MAX), Vec::new());
    for piece in pieces {
        stream.push(piece, &mut exchange, &mut out)?;
    }
    let before = out.clone();
    stream.finish(&mut exchange, &mut out)?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(before).unwrap()))
}

fn edit(text: &str) -> Result<String, EditError> {
    edit_pieces(&[text.as_bytes()]).map(|(out, _)| out)
}

/// Streams with `RAW` where an id is sealed.
const FORMS: &[&str] = &[
    "event: response.created\ndata: {\"response\":{\"id\":\"RAW\"}}\n\n",
    "event: response.created\r\ndata: {\"response\":{\"id\":\"RAW\"}}\r\n\r\n",
    "event: response.created\rdata: {\"response\":{\"id\":\"RAW\"}}\r\r",
    "data:{\"id\":\"RAW\"}\n\r\ndata: {\"id\":\"RAW\"}\r\n\ndata: {}\n\r: c\r\n\n",
    "data: {\"response\":\ndata: {\"id\":\ndata\ndata:  \"RAW\"}}\n\n",
    "data: {\"id\":\r\ndata: \"RAW\"}\r\n\r\ndata: {\"id\":\rdata: \"RAW\"}\r\r",
    "data: {\"id\":\ndata: \"RAW\"}\nid: 7\nevent: x\n\n",
    ": comment\n\n:\n\nretry: 10\n\n",
    "\u{feff}data: {\"id\":\"RAW\"}\n\ndata: {\"id\":\"RAW\"}\n\n",
    "\u{feff}\n\u{feff}: c\n\n",
    "data: {}\n\ndata: [DONE]\n\n",
    "data: [DONE]\r\n\r\n",
    "data\n\ndata:\n\n\n\n",
    "data: {\"id\":\"RAW\"}",
    "data: {\"id\":\"RAW\"}\n",
    "data: {\"delta\":\"{\\\"id\\\":\\\"resp_abc\\\"}\"}\n\n",
    "data: {\"response\":{\"id\":\"RAW\"}}\n\n\n\ndata: {\"response\":{\"id\":\"RAW\"}}\n\n",
    "",
    "\r",
    "\n\n",
    "data: ping\n\ndata: {\"id\":\"RAW\"}\n\n",
];

#[test]
fn every_form_is_edited_and_otherwise_untouched_at_every_split_s217_s218() {
    let sealed = exchange().1;
    for form in FORMS {
        let (text, expected) = (form.replace("RAW", RAW), form.replace("RAW", &sealed));
        assert_eq!(edit(&text).as_deref(), Ok(expected.as_str()), "{form:?}");
        let bytes: Vec<_> = text.as_bytes().chunks(1).collect();
        assert_eq!(edit_pieces(&bytes).unwrap().0, expected, "{form:?} byte by byte");
        for at in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            assert_eq!(edit_pieces(&[left, right]).unwrap().0, expected, "{form:?} at {at}");
        }
    }
}

#[test]
fn an_event_is_passed_on_with_its_blank_line() {
    for (text, passed) in [
        ("data: {}\n\nda", "data: {}\n\n"),
        ("data: {}\r\n\r", "data: {}\r\n\r"),
        ("data: {}\r\r", "data: {}\r\r"),
        ("data: {}\n", ""),
        ("\n", "\n"),
        ("\u{feff}\n: c", "\u{feff}\n"),
    ] {
        assert_eq!(edit_pieces(&[text.as_bytes()]).map(|(_, before)| before).as_deref(), Ok(passed), "{text:?}");
    }
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let long = format!("data: {{\"a\":\"{}\"}}\n\n", "x".repeat(MAX));
    let comments = format!(": {}\n", "x".repeat(9)).repeat(MAX / 9);
    for (text, expected) in [
        (long.as_bytes(), EditError::TooLong),
        (comments.as_bytes(), EditError::TooLong),
        (b"data: {\"a\":\"\xff\"}\n\n", EditError::NotUtf8),
        (b": \xc3\n\n", EditError::NotUtf8),
        (b"data: resp_68aa01\n\n", EditError::Malformed),
        (b"data: {\"id\":\"a\n\n", EditError::Malformed),
        (b"data: {\"id\":\"resp_\ndata: a\"}\n\n", EditError::Malformed),
        (b"data: {}\ndata: {}\n\n", EditError::Malformed),
        (b"data: [DONE]\ndata: {\"id\":\"resp_1\"}\n\n", EditError::Malformed),
        (b"data: {\"id\":7, \"response\":{\"id\":7}}\n\n", EditError::NotText),
        (b": resp_68aa01\n\n", EditError::Malformed),
        (b"id: resp_68aa01\ndata: {}\n\n", EditError::Malformed),
        (b" data: {\"id\":\"resp_68aa01\"}\n\n", EditError::Malformed),
        (b"data : {\"id\":\"resp_68aa01\"}\n\n", EditError::Malformed),
        (b"Data: {\"id\":\"resp_68aa01\"}\n\n", EditError::Malformed),
        (b"data: {\"id\":\"resp_1", EditError::Malformed),
    ] {
        let bytes: Vec<_> = text.chunks(1).collect();
        for pieces in [&[text][..], &bytes] {
            assert_eq!(edit_pieces(pieces), Err(expected), "{}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn an_id_without_the_prefix_is_not_told_outside_the_data() {
    assert_eq!(edit("data: {\"response\":{\"id\":\"uuid-1\"}}\n\n: uuid-1\n\n"), Err(EditError::Malformed));
    assert!(edit(": uuid-1\n\ndata: {\"response\":{\"id\":\"uuid-1\"}}\n\n").is_ok(), "nobody knew it was one");
}

proptest! {
    /// No text makes it panic, and where a piece ends decides nothing.
    #[test]
    fn any_bytes_at_any_split(
        text in proptest::collection::vec(
            prop_oneof![
                Just("\n"), Just("\r"), Just("\r\n"), Just("data:"), Just("data: "), Just("{\"id\":\""),
                Just("resp_1"), Just("\"}"), Just("{}"), Just("[DONE]"), Just(":"), Just("\u{feff}"), Just("\u{e9}"),
            ],
            0..16,
        ),
        cut in 0..64_usize,
    ) {
        let text = text.concat();
        let whole = edit_pieces(&[text.as_bytes()]).map(|(out, _)| out);
        let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
        prop_assert_eq!(edit_pieces(&[left, right]).map(|(out, _)| out), whole.clone());
        if let Ok(out) = whole {
            let unsealed = out.replace(&exchange().1, RAW);
            prop_assert!(text.contains("resp_1") || unsealed == text);
        }
    }
}
