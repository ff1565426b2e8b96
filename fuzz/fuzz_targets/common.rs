//! What the targets share: the properties themselves. `tests/it/response_id_fuzz.rs` asks the same, for as long as CI can
//! afford, with a toolchain that has no fuzzer.

use std::sync::Arc;

use tollgate::core::credential::Secret;
use tollgate::core::request::{Fidelity, HeaderView};
use tollgate::core::response_id::legacy::Legacy;
use tollgate::core::response_id::session::{Grant, Input, Judgement, Output, Session};
use tollgate::core::response_id::{AccessRules, BodyEditor, Caller, Exchange, Keyring, Opened, PlainId, ResponseIds};

/// Keys of ours and of LiteLLM's.
fn ids() -> Arc<ResponseIds> {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    let legacy = Some(Legacy::new(&[Secret::new("salt-fixed-1234")]).unwrap());
    Arc::new(ResponseIds { keyring, legacy, rules: AccessRules::default() })
}

/// Who asks.
fn alice() -> Caller {
    Caller::new(Some("alice"), Some("t1"), None, false).unwrap()
}

/// No text opens that was not sealed.
pub fn open(text: &str) {
    let ids = ids();
    // The marker of the key, which a mutation would not find.
    let id = ids.seal(&PlainId::parse("x").unwrap(), alice().owner(), None).unwrap();
    let marker: String = id.chars().take(13).collect();
    for text in [text.to_owned(), format!("{marker}{text}")] {
        assert!(!matches!(ids.open(&text), Opened::Managed(_)), "{text}");
        assert!(ids.admit(&text, &alice(), None).is_err(), "{text}");
    }
}

fn editor(kind: u8) -> BodyEditor {
    match kind % 5 {
        0 => BodyEditor::request(),
        1 => BodyEditor::answer(false),
        2 => BodyEditor::answer(true),
        3 => BodyEditor::events(4096),
        _ => BodyEditor::report(),
    }
}

fn edit(kind: u8, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let mut exchange = Exchange::new(ids(), alice(), None, None).unwrap();
    let (mut editor, mut out) = (editor(kind), Vec::new());
    for piece in pieces {
        editor.push(piece, &mut exchange, &mut out).ok()?;
    }
    editor.finish(&mut exchange, &mut out).ok()?;
    Some(out)
}

/// Where a piece ends decides nothing, but for which of several faults is found first. The first byte is the kind of
/// body, the second where it is cut.
pub fn body(data: &[u8]) {
    let [kind, cut, body @ ..] = data else { return };
    let whole = edit(*kind, &[body]);
    let (left, right) = body.split_at(usize::from(*cut).min(body.len()));
    assert_eq!(edit(*kind, &[left, right]), whole);
    assert_eq!(edit(*kind, &body.chunks(1).collect::<Vec<_>>()), whole);
}

/// Reads a message from the front of the data: its kind, and up to 31 bytes.
fn message<'d>(data: &mut &'d [u8]) -> Option<Input<'d>> {
    let [kind, length, rest @ ..] = *data else { return None };
    let (piece, rest) = rest.split_at(usize::from(length % 32).min(rest.len()));
    *data = rest;
    let end = length & 0x80 != 0;
    let grant = || Grant { caller: alice(), upstream: None, subject: None, named: Vec::new() };
    let judgement = match kind >> 4 {
        0 => None,
        1 => Some(Judgement::Refused),
        2 => Some(Judgement::Unconcerned),
        3 => Some(Judgement::Unprotected),
        _ => Some(Judgement::Allowed(Box::new(grant()))),
    };
    let status: &[u8] = if end { b"404" } else { b"200" };
    let answer = vec![(":status", status), ("content-type", piece)];
    let events = vec![(":status", &b"200"[..]), ("content-type", b"text/event-stream")];
    let json = vec![(":status", status), ("content-type", b"application/json")];
    let view = |headers| HeaderView::new(headers, Fidelity::Exact);
    Some(match kind % 9 {
        0 => Input::RequestHeaders { headers: view(vec![(":method", piece)]), judgement, end },
        1 => Input::RequestBody { piece, end },
        2 => Input::RequestTrailers,
        3 => Input::ResponseHeaders { headers: view(events), judgement, end: false },
        4 => Input::ResponseHeaders { headers: view(json), judgement, end: false },
        5 => Input::ResponseHeaders { headers: view(answer), judgement, end },
        6 | 7 => Input::ResponseBody { piece, end },
        _ => Input::ResponseTrailers { headers: view(vec![("x", piece)]) },
    })
}

/// A session survives any messages in any order: after its end there is nothing, an end that was heard is said,
/// and nothing comes after one that was not.
pub fn session(mut data: &[u8]) {
    let (mut session, mut over, mut cut) = (Session::new(ids(), 256), None, false);
    while let Some(input) = message(&mut data) {
        let ends = matches!(input, Input::RequestBody { end: true, .. } | Input::ResponseBody { end: true, .. });
        let is_answer = matches!(input, Input::ResponseBody { .. });
        match session.step(input) {
            output if over.is_some() => assert_eq!(Some(output), over.map(Output::Cut)),
            Output::Refuse(refusal) | Output::Cut(refusal) => over = Some(refusal),
            Output::Body { bytes, end } => {
                assert!(end || !ends);
                assert!(!(is_answer && cut) || bytes.is_empty());
                cut |= is_answer && end && !ends;
            }
            Output::Headers(_) | Output::Trailers { .. } => {}
        }
        assert!(over.is_none() || !session.may_end());
    }
}
