//! Two people and one provider: what alice creates is alice's, whatever bob tries.
//!
//! The provider here is a function; a real one, behind a real Envoy, is in the end-to-end tests.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tollgate::core::credential::Secret;
use tollgate::core::request::{Fidelity, HeaderView};
use tollgate::core::response_id::session::{Grant, Input, Judgement, Output, Session};
use tollgate::core::response_id::{AccessRules, Caller, Keyring, ResponseIds, rewrite_target};

const RAW: &str = "resp_68aa00000000000000000000000000000000000000000001";

/// A gate: the keys, and one person who asks.
struct Gate {
    ids: Arc<ResponseIds>,
    caller: Caller,
}

/// What the provider got, and what the caller saw. A refusal is its status.
type Exchanged = Result<(String, String), u16>;

impl Gate {
    fn new(user: &str) -> Self {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        let rules = AccessRules { admins_use_all: true, ..AccessRules::default() };
        let ids = Arc::new(ResponseIds { keyring, legacy: None, rules });
        Self { ids, caller: Caller::new(Some(user), Some("t1"), None, user == "root").unwrap() }
    }

    /// Asks for `target`, which names `subject`, with a body, and gets `answer` from the provider.
    fn ask(&self, target: &str, subject: Option<&str>, body: &str, content_type: &str, answer: &str) -> Exchanged {
        let mut target = target.to_owned();
        if let Some(shown) = subject {
            let admitted = self.ids.admit(shown, &self.caller, None).map_err(|_| 403_u16)?;
            let rewritten = rewrite_target(&target, shown, &admitted.inner).unwrap();
            rewritten.expose().clone_into(&mut target);
        }
        let grant = Grant {
            caller: self.caller.clone(),
            upstream: None,
            subject: subject.map(str::to_owned),
            named: Vec::new(),
        };
        let mut session = Session::new(self.ids.clone(), 1 << 20);
        let mut step = |input| match session.step(input) {
            Output::Body { bytes, .. } => Ok(String::from_utf8(bytes).unwrap()),
            Output::Headers(_) => Ok(String::new()),
            Output::Refuse(refusal) => Err(refusal.status()),
            other @ (Output::Trailers { .. } | Output::Cut(_)) => panic!("{other:?}"),
        };
        step(Input::RequestHeaders {
            headers: headers(&[(":method", "POST")]),
            judgement: Some(Judgement::Allowed(Box::new(grant))),
            end: false,
        })?;
        let sent = step(Input::RequestBody { piece: body.as_bytes(), end: true })?;
        step(Input::ResponseHeaders {
            headers: headers(&[(":status", "200"), ("content-type", content_type)]),
            judgement: None,
            end: false,
        })?;
        let seen = step(Input::ResponseBody { piece: answer.as_bytes(), end: true })?;
        assert!(!seen.contains(RAW), "the provider's id was told: {seen}");
        Ok((format!("{target} {sent}"), seen))
    }

    fn json(&self, target: &str, subject: Option<&str>, body: &str, answer: &str) -> Exchanged {
        self.ask(target, subject, body, "application/json", answer)
    }
}

fn headers<'a>(headers: &[(&'a str, &'a str)]) -> HeaderView<'a> {
    HeaderView::new(headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect(), Fidelity::Exact)
}

/// The first id in a text.
fn id_in(text: &str) -> String {
    text.split('"').find(|part| part.starts_with("resp_")).unwrap().to_owned()
}

/// S-202, S-219, R2, R7, R8: every operation works for the owner, is refused to another, and tells
/// nobody the provider's id.
#[test]
fn each_operation_is_for_the_owner() {
    let (alice, bob, root) = (Gate::new("alice"), Gate::new("bob"), Gate::new("root"));
    let answer = format!(r#"{{"id":"{RAW}","object":"response","status":"queued","previous_response_id":null}}"#);
    let created = alice.json("/v1/responses", None, r#"{"model":"m","background":true}"#, &answer).unwrap().1;
    let id = id_in(&created);
    let event = format!("data: {{\"type\":\"response.queued\",\"response\":{{\"id\":\"{RAW}\"}}}}\n\n");
    let streamed = alice.ask("/v1/responses", None, "{}", "text/event-stream", &event).unwrap().1;
    assert_eq!(id_in(&streamed), id, "the same response has the same id, streamed or not");
    let deleted = format!(r#"{{"id":"{RAW}","object":"response","deleted":true}}"#);
    let items = r#"{"object":"list","data":[{"id":"msg_1"}],"first_id":"msg_1","has_more":false}"#;
    for (target, answer) in [
        ("/v1/responses/ID", answer.as_str()),
        ("/responses/ID?stream=true&starting_after=1", &answer),
        ("/openai/v1/responses/ID/cancel", &answer),
        ("/v1/responses/ID", &deleted),
        ("/v1/responses/ID/input_items", items),
    ] {
        let target = target.replace("ID", &id);
        let (sent, seen) = alice.json(&target, Some(&id), "", answer).unwrap();
        assert_eq!(sent.trim_end(), target.replace(&id, RAW));
        assert_eq!(seen, answer.replace(RAW, &id));
        assert_eq!(bob.json(&target, Some(&id), "", answer), Err(403), "bob: {target}");
        assert_eq!(root.json(&target, Some(&id), "", answer).unwrap().1, seen, "R7: it stays alice's");
        assert_eq!(alice.json(&target.replace(&id, RAW), Some(RAW), "", answer), Err(403), "S-203");
    }
    let continued = format!(r#"{{"id":"{RAW}","previous_response_id":"resp_before"}}"#);
    let fetch = |gate: &Gate| gate.json(&format!("/v1/responses/{id}"), Some(&id), "", &continued).unwrap().1;
    assert_eq!(fetch(&root), fetch(&alice), "R7: and so does the one before");
    for target in ["/v1/responses", "/v1/responses/compact"] {
        let body = format!(r#"{{"previous_response_id":"{id}"}}"#);
        let answer = format!(r#"{{"id":"resp_next","previous_response_id":"{RAW}"}}"#);
        let (sent, seen) = alice.json(target, None, &body, &answer).unwrap();
        assert_eq!(sent, format!("{target} {}", body.replace(&id, RAW)));
        assert!(seen.contains(&format!(r#""previous_response_id":"{id}""#)) && !seen.contains("resp_next"), "{seen}");
        assert_eq!(bob.json(target, None, &body, &answer), Err(403), "bob: {target}");
        assert_eq!(alice.json(target, None, &body.replace(&id, RAW), &answer), Err(403), "S-203");
    }
}

/// The recorded streams, joined.
fn recorded() -> Vec<u8> {
    let sample = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sse").join(name);
        std::fs::read(path).unwrap()
    };
    [sample("upstream-queued.txt"), sample("upstream-failed.txt")].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// S-217, S-224: however the messages are cut, and wherever the gate dies, what the caller has seen
    /// is the beginning of what it would have seen.
    #[test]
    fn a_stream_cut_anywhere_tells_no_id(mut cuts in proptest::collection::vec(0..8_000_usize, 0..40)) {
        let gate = Gate::new("alice");
        let stream = recorded();
        let whole = gate.ask("/v1/responses", None, "{}", "text/event-stream", std::str::from_utf8(&stream).unwrap());
        let whole = whole.unwrap().1;
        let grant = Grant { caller: gate.caller.clone(), upstream: None, subject: None, named: Vec::new() };
        let mut session = Session::new(gate.ids.clone(), 1 << 20);
        session.step(Input::RequestHeaders {
            headers: headers(&[(":method", "GET")]),
            judgement: Some(Judgement::Allowed(Box::new(grant))),
            end: true,
        });
        let head = headers(&[(":status", "200"), ("content-type", "text/event-stream; charset=utf-8")]);
        session.step(Input::ResponseHeaders { headers: head, judgement: None, end: false });
        cuts.retain(|cut| *cut < stream.len());
        cuts.sort_unstable();
        let mut seen = String::new();
        let (mut rest, mut done) = (stream.as_slice(), 0);
        for cut in cuts.into_iter().chain([stream.len()]) {
            let (piece, after) = rest.split_at(cut - done);
            (rest, done) = (after, cut);
            let Output::Body { bytes, end } = session.step(Input::ResponseBody { piece, end: rest.is_empty() }) else {
                panic!("the stream is not passed on")
            };
            seen.push_str(std::str::from_utf8(&bytes).unwrap());
            prop_assert!(whole.starts_with(&seen));
            prop_assert_eq!(end, session.may_end());
        }
        prop_assert_eq!(seen, whole);
    }
}
