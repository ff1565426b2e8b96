use proptest::prelude::*;

use super::*;
use crate::core::credential::Secret;
use crate::core::request::Fidelity;
use crate::core::response_id::{AccessError, AccessRules, Caller, EditError, Keyring, PlainId};

const RAW: &str = "resp_68aa01";
const MAX_EVENT: usize = 4096;

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

fn view<'a>(headers: &[(&'a str, &'a str)]) -> HeaderView<'a> {
    HeaderView::new(headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect(), Fidelity::Exact)
}

/// Alice's permission, for a request about `subject`.
fn allowed(subject: Option<&str>) -> Judgement {
    Judgement::Allowed(Box::new(Grant {
        caller: caller("alice"),
        upstream: None,
        subject: subject.map(str::to_owned),
        named: Vec::new(),
    }))
}

fn request<'a>(headers: &[(&'a str, &'a str)], judgement: Option<Judgement>, end: bool) -> Input<'a> {
    Input::RequestHeaders { headers: view(headers), judgement, end }
}

fn response<'a>(status: &'a str, content_type: &'a str, end: bool) -> Input<'a> {
    let headers = view(&[(":status", status), ("content-type", content_type)]);
    Input::ResponseHeaders { headers, judgement: None, end }
}

fn asked(piece: &str, end: bool) -> Input<'_> {
    Input::RequestBody { piece: piece.as_bytes(), end }
}

fn told(piece: &str, end: bool) -> Input<'_> {
    Input::ResponseBody { piece: piece.as_bytes(), end }
}

/// A session whose request, by alice, has been passed on.
fn after_request(subject: Option<&str>) -> Session {
    let mut session = Session::new(ids(), MAX_EVENT);
    let output = session.step(request(&[(":method", "GET")], Some(allowed(subject)), true));
    assert!(matches!(output, Output::Headers(_)), "{output:?}");
    session
}

fn text(output: Output) -> (String, bool) {
    match output {
        Output::Body { bytes, end } => (String::from_utf8(bytes).unwrap(), end),
        Output::Headers(_) | Output::Trailers { .. } | Output::Refuse(_) | Output::Cut(_) => panic!("{output:?}"),
    }
}

#[test]
fn a_conversation_is_continued_and_streamed() {
    let (before, after) = (sealed("resp_before", "alice"), sealed(RAW, "alice"));
    let mut session = Session::new(ids(), MAX_EVENT);
    let Output::Headers(edits) = session.step(request(&[(":method", "POST")], Some(allowed(None)), false)) else {
        panic!("the request is not passed on")
    };
    let set: Vec<_> = edits.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(set, [("accept-encoding", "identity")], "S-223");
    let body = format!("{{\"previous_response_id\":\"{before}\"}}");
    let (left, right) = body.split_at(30);
    let (first, second) = (text(session.step(asked(left, false))), text(session.step(asked(right, true))));
    assert_eq!((first.0 + &second.0, second.1), ("{\"previous_response_id\":\"resp_before\"}".to_owned(), true));
    assert!(matches!(session.step(response("100", "", false)), Output::Headers(_)), "an interim answer");
    assert!(matches!(session.step(response("200", "text/event-stream", false)), Output::Headers(_)));
    let event = "data: {\"response\":{\"id\":\"RAW\",\"previous_response_id\":\"BEFORE\"}}\n\n";
    let raw = event.replace("RAW", RAW).replace("BEFORE", "resp_before");
    let (left, right) = raw.split_at(40);
    assert_eq!(text(session.step(told(left, false))), (String::new(), false));
    let expected = event.replace("RAW", &after).replace("BEFORE", &before);
    assert_eq!(text(session.step(told(right, false))), (expected, false), "passed on as soon as it is complete");
    assert!(!session.may_end(), "S-224");
    assert_eq!(text(session.step(told("data: [DONE]\n\n", true))), ("data: [DONE]\n\n".to_owned(), true));
    assert!(session.may_end());
    assert_eq!(text(session.step(told("", true))), (String::new(), true), "said twice");
    let mut session = Session::new(ids(), MAX_EVENT);
    session.step(request(&[(":method", "POST")], Some(allowed(None)), false));
    session.step(response("429", "application/json", true));
    assert!(!session.may_end(), "the rest of the request may name an id");
}

#[test]
fn an_answer_is_read_by_its_status_and_its_type() {
    let id = sealed(RAW, "alice");
    for (status, content_type, body) in [
        ("200", "application/json", r#"{"id":"RAW","object":"response"}"#),
        ("404", "application/json", r#"{"error":{"message":"no RAW"}}"#),
        ("502", "text/plain", "no RAW"),
        ("503", "", "upstream connect error"),
        ("200", "text/event-stream", "data: {\"id\":\"RAW\"}\n\n"),
    ] {
        let mut session = after_request(Some(&id));
        assert!(matches!(session.step(response(status, content_type, false)), Output::Headers(_)));
        let raw = body.replace("RAW", RAW);
        let (first, last) = (text(session.step(told(&raw, false))), text(session.step(told("", true))));
        assert_eq!((first.0 + &last.0, last.1), (body.replace("RAW", &id), true), "{status} {content_type}");
    }
    let mut session = after_request(None);
    session.step(response("200", "application/json", false));
    let again = session.step(response("200", "text/event-stream", false));
    assert_eq!(again, Output::Cut(Refusal::OutOfOrder), "a second answer");
    for (status, content_type, end) in
        [("204", "application/json", false), ("304", "", false), ("200", "text/html", true), ("200", "", true)]
    {
        let mut session = after_request(None);
        assert!(matches!(session.step(response(status, content_type, end)), Output::Headers(_)), "{status}");
        assert_eq!(session.step(told("x", true)), Output::Cut(Refusal::OutOfOrder), "{status} has no body");
    }
    let untold = || Input::ResponseHeaders { headers: view(&[(":status", "200")]), judgement: None, end: false };
    let mut session = after_request(None);
    assert!(matches!(session.step(untold()), Output::Headers(_)));
    assert_eq!(text(session.step(told("", true))), (String::new(), true), "an empty body of no format");
    let mut session = after_request(None);
    session.step(untold());
    assert_eq!(session.step(told("{}", true)), Output::Cut(Refusal::Answer(EditError::Malformed)), "not empty");
    let mut session = Session::new(ids(), MAX_EVENT);
    session.step(request(&[(":method", "HEAD")], Some(allowed(None)), true));
    assert!(matches!(session.step(response("200", "text/html", false)), Output::Headers(_)));
    assert!(session.may_end(), "HEAD");
}

#[test]
fn what_cannot_be_protected_is_refused_before_anything_is_told() {
    let gzip = view(&[(":status", "200"), ("content-type", "application/json"), ("content-encoding", "gzip")]);
    for (answer, expected) in [
        (response("200", "text/html", false), Refusal::AnswerFormat),
        (response("200", "", false), Refusal::AnswerFormat),
        (response("200", "application/json; charset=utf-16", false), Refusal::AnswerFormat),
        (response("302", "text/html", false), Refusal::AnswerFormat),
        (response("", "application/json", false), Refusal::AnswerFormat),
        (response("101", "", true), Refusal::Upgrade),
        (Input::ResponseHeaders { headers: gzip, judgement: None, end: false }, Refusal::AnswerEncoding),
        (told("{}", true), Refusal::OutOfOrder),
        (Input::ResponseTrailers { headers: view(&[]) }, Refusal::OutOfOrder),
        (request(&[], Some(allowed(None)), true), Refusal::OutOfOrder),
        (asked("x", false), Refusal::OutOfOrder),
    ] {
        let mut session = after_request(None);
        assert_eq!(session.step(answer), Output::Refuse(expected));
        assert_eq!(session.step(told(RAW, true)), Output::Cut(expected), "and nothing after it");
        assert!(!session.may_end());
    }
}

#[test]
fn a_request_needs_permission_and_can_be_read() {
    let theirs = sealed(RAW, "bob");
    let not_owner = Refusal::Access(AccessError::NotOwner);
    let get = [(":method", "GET")];
    for (first, expected) in [
        (request(&get, None, true), Refusal::NoPermission),
        (request(&get, Some(Judgement::Refused), true), Refusal::NoPermission),
        (request(&get, Some(allowed(Some(&theirs))), true), not_owner),
        (request(&get, Some(allowed(Some(RAW))), true), Refusal::Access(AccessError::Unmanaged)),
        (request(&[("upgrade", "websocket")], Some(allowed(None)), false), Refusal::Upgrade),
        (request(&[(":method", "CONNECT")], Some(allowed(None)), false), Refusal::Upgrade),
        (request(&[("content-encoding", "gzip")], Some(allowed(None)), false), Refusal::RequestEncoding),
        (response("200", "application/json", false), Refusal::NoPermission),
        (response("413", "text/plain", false), Refusal::Unasked(413)),
        (asked("{}", true), Refusal::OutOfOrder),
        (told("{}", true), Refusal::OutOfOrder),
        (Input::RequestTrailers, Refusal::OutOfOrder),
    ] {
        assert_eq!(Session::new(ids(), MAX_EVENT).step(first), Output::Refuse(expected));
    }
    let answer = |judgement| {
        let headers = view(&[(":status", "200")]);
        Session::new(ids(), MAX_EVENT).step(Input::ResponseHeaders { headers, judgement: Some(judgement), end: false })
    };
    assert_eq!(answer(allowed(None)), Output::Refuse(Refusal::OutOfOrder), "the request was not shown");
    let mut session = Session::new(ids(), MAX_EVENT);
    let (id, headers) = (sealed(RAW, "alice"), view(&[(":status", "429"), ("retry-after", "7")]));
    let output = session.step(Input::ResponseHeaders { headers, judgement: Some(allowed(Some(&id))), end: false });
    let Output::Headers(edits) = output else { panic!("a rate limit is told: {output:?}") };
    assert!(!edits.remove.iter().any(|name| name.as_str() == "retry-after"));
    assert_eq!(text(session.step(told(RAW, false))), (String::new(), false));
    assert_eq!(text(session.step(told("", true))), (id, true), "and is read like any failure");
    let mut session = Session::new(ids(), MAX_EVENT);
    session.step(request(&[(":method", "POST")], Some(allowed(None)), false));
    let body = format!("{{\"previous_response_id\":\"{theirs}\"}}");
    let refusal = Refusal::Request(EditError::Access(AccessError::NotOwner));
    assert_eq!(session.step(asked(&body, true)), Output::Refuse(refusal));
    assert_eq!((refusal.status(), not_owner.status(), Refusal::NoPermission.status()), (403, 403, 503));
}

#[test]
fn what_is_not_concerned_passes() {
    let refusal = Input::ResponseHeaders {
        headers: view(&[(":status", "403")]),
        judgement: Some(Judgement::Refused),
        end: false,
    };
    let other = request(&[(":method", "POST")], Some(Judgement::Unconcerned), false);
    for first in [refusal, other] {
        let mut session = Session::new(ids(), MAX_EVENT);
        assert_eq!(session.step(first), Output::Headers(HeaderEdits::default()));
        assert_eq!(text(session.step(told(RAW, true))), (RAW.to_owned(), true));
        assert!(session.may_end());
    }
}

#[test]
fn a_stream_that_goes_wrong_ends_with_an_event_that_says_so_s218() {
    let good = "data: {\"response\":{\"id\":\"RAW\"}}\n\n";
    let long = format!("data: {{\"a\":\"{}", "x".repeat(5000));
    for wrong in ["data: {\"response\":{\"id\":7,\"a\":\"resp_leak\"}}\n\n", "data: resp_leak\n\n", &long] {
        let mut session = after_request(None);
        session.step(response("200", "text/event-stream", false));
        let piece = good.replace("RAW", RAW) + wrong;
        let (told_so_far, end) = text(session.step(told(&piece, false)));
        let event = told_so_far.strip_prefix(&good.replace("RAW", &sealed(RAW, "alice"))).unwrap();
        let data = event.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["type"], "error");
        assert!(end, "the caller need not wait for the upstream");
        assert!(session.has_withheld_the_rest());
        assert!(!session.may_end(), "who cannot end the answer has to swallow the rest");
        assert_eq!(text(session.step(told("data: {\"id\":\"resp_leak\"}\n\n", false))), (String::new(), true));
        assert_eq!(text(session.step(told("resp_leak", true))), (String::new(), true));
        assert!(session.may_end());
    }
    let mut session = after_request(None);
    session.step(response("200", "text/event-stream", false));
    assert!(text(session.step(told("data: {\"id\":\"resp_", true))).0.starts_with("event: error\n"), "cut off");
    let mut session = after_request(None);
    session.step(response("200", "application/json", false));
    assert_eq!(session.step(told("{\"id\":7", false)), Output::Cut(Refusal::Answer(EditError::NotText)), "JSON");
}

#[test]
fn headers_and_trailers_tell_no_id_s227() {
    let id = sealed("uuid-1", "alice");
    let told_in = [("location", "/v1/responses/resp_new"), ("x-of", "a=uuid-1;b"), ("etag", "\"1\""), ("x-other", "a")];
    let names = |remove: &[crate::core::header::HeaderName]| {
        remove.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    let mut session = after_request(Some(&id));
    let headers = view(&[&[(":status", "200"), ("content-type", "application/json")], &told_in[..]].concat());
    let Output::Headers(edits) = session.step(Input::ResponseHeaders { headers, judgement: None, end: false }) else {
        panic!("the answer is not passed on")
    };
    let removed = names(&edits.remove);
    for name in ["location", "x-of", "etag"] {
        assert!(removed.contains(&name.to_owned()), "{name}");
    }
    assert!(!removed.contains(&"x-other".to_owned()));
    session.step(told("{}", false));
    let Output::Trailers { last, remove } = session.step(Input::ResponseTrailers { headers: view(&told_in) }) else {
        panic!("the trailers are not passed on")
    };
    assert_eq!((last, names(&remove)), (Vec::new(), vec!["location".to_owned(), "x-of".to_owned()]));
    assert!(session.may_end());
}

#[test]
fn nothing_that_can_be_logged_tells_an_id() {
    let mut session = after_request(Some(&sealed(RAW, "alice")));
    session.step(response("200", "text/event-stream", false));
    let raw = format!("data: {{\"id\":\"{RAW}");
    let message = told(&raw, false);
    let logged = format!("{message:?} {:?} {session:?}", session.step(message.clone()));
    assert!(!logged.contains(RAW) && !logged.contains("114, 101, 115"), "{logged}");
    let sent = Output::Body { bytes: RAW.into(), end: true };
    assert_eq!(format!("{sent:?}"), "Body(11 bytes, end: true)");
}

/// The messages of one exchange, by number: some sound, some not.
fn message(number: usize) -> Input<'static> {
    let event = "data: {\"response\":{\"id\":\"resp_68aa01\"}}\n\n";
    match number {
        0 => request(&[(":method", "POST")], Some(allowed(None)), false),
        1 => asked("{\"model\":\"m\"}", true),
        2 => Input::RequestTrailers,
        3 => response("200", "text/event-stream", false),
        4 => told(event, false),
        5 => Input::ResponseTrailers { headers: view(&[]) },
        6 => request(&[(":method", "GET")], None, true),
        7 => request(&[(":method", "GET")], Some(allowed(None)), true),
        8 => response("200", "application/json", false),
        9 => told("{\"id\":\"resp_68aa01\"", false),
        10 => told("}", true),
        11 => told("", true),
        12 => told("resp_68aa01", false),
        13 => response("404", "text/plain", false),
        14 => asked("", true),
        _ => response("200", "text/html", true),
    }
}

const MESSAGES: usize = 16;

/// Gives a session messages in this order, and holds it to its promises.
fn hold_to_promises(order: &[usize]) -> Result<(), TestCaseError> {
    let mut session = Session::new(ids(), MAX_EVENT);
    let (mut over, mut told, mut is_muted) = (None, Vec::new(), false);
    for number in order {
        let input = message(*number);
        let is_answer = matches!(input, Input::ResponseBody { .. });
        let ends = matches!(input, Input::ResponseBody { end: true, .. } | Input::RequestBody { end: true, .. });
        match session.step(input) {
            output if over.is_some() => prop_assert_eq!(Some(output), over.map(Output::Cut), "something after the end"),
            Output::Refuse(refusal) => {
                prop_assert!(told.is_empty(), "the caller has a part of another answer");
                over = Some(refusal);
            }
            Output::Cut(refusal) => over = Some(refusal),
            Output::Body { bytes, end } => {
                prop_assert!(!is_answer || !is_muted || bytes.is_empty(), "something after the error");
                told.extend(bytes.iter().filter(|_| is_answer));
                is_muted |= is_answer && String::from_utf8_lossy(&told).contains("event: error");
                prop_assert_eq!(end, ends || (is_answer && is_muted), "an end is said when it was heard, or made");
            }
            Output::Trailers { last, .. } => told.extend(last),
            Output::Headers(_) => {}
        }
        prop_assert!(over.is_none() || !session.may_end());
    }
    // A report of a failure can only quote what the request named, which is nothing here.
    let text = String::from_utf8_lossy(&told).into_owned();
    prop_assert!(order.contains(&13) || !text.contains(RAW), "{}", text);
    Ok(())
}

#[test]
fn the_six_messages_in_each_of_their_orders_s226() {
    let longer = |order: &Vec<usize>| {
        let others = (0..6).filter(|next| !order.contains(next));
        others.map(|next| [&order[..], &[next]].concat()).collect::<Vec<_>>()
    };
    let mut orders = vec![Vec::new()];
    for _ in 0..6 {
        orders = orders.iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 720);
    for order in orders {
        hold_to_promises(&order).unwrap();
    }
}

proptest! {
    #[test]
    fn any_messages_in_any_order_s226(order in proptest::collection::vec(0..MESSAGES, 0..12)) {
        hold_to_promises(&order)?;
    }

    /// The same, beyond the first message.
    #[test]
    fn any_messages_after_a_sound_beginning(order in proptest::collection::vec(1..MESSAGES, 0..9), get in any::<bool>()) {
        hold_to_promises(&[&[if get { 7 } else { 0 }, 3][..], &order].concat())?;
        hold_to_promises(&[&[if get { 7 } else { 0 }, 8][..], &order].concat())?;
    }
}
