//! A session survives any messages in any order: after its end there is nothing, and an end is said when
//! it was heard.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tollgate::core::request::{Fidelity, HeaderView};
use tollgate::core::response_id::session::{Grant, Input, Judgement, Output, Session, SessionRules};

/// Reads a message from the front of the data: its kind, and up to 31 bytes.
fn message<'d>(data: &mut &'d [u8]) -> Option<Input<'d>> {
    let [kind, length, rest @ ..] = *data else { return None };
    let (piece, rest) = rest.split_at(usize::from(length % 32).min(rest.len()));
    *data = rest;
    let end = length & 0x80 != 0;
    let grant = || Judgement::Allowed(Box::new(Grant { caller: common::alice(), upstream: None, subject: None, named: Vec::new() }));
    let judgement = match kind >> 4 {
        0 => None,
        1 => Some(Judgement::Refused),
        2 => Some(Judgement::Unconcerned),
        _ => Some(grant()),
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

fuzz_target!(|data: &[u8]| {
    let rules = SessionRules { max_event: 256, allow_upgrades: false };
    let mut session = Session::new(common::ids(), rules);
    let (mut data, mut over) = (data, None);
    while let Some(input) = message(&mut data) {
        let ends = matches!(input, Input::RequestBody { end: true, .. } | Input::ResponseBody { end: true, .. });
        match session.step(input) {
            output if over.is_some() => assert_eq!(Some(output), over.map(Output::Cut)),
            Output::Refuse(refusal) | Output::Cut(refusal) => over = Some(refusal),
            Output::Body { end, .. } => assert_eq!(end, ends),
            Output::Headers(_) | Output::Trailers { .. } => {}
        }
        assert!(over.is_none() || !session.may_end());
    }
});
