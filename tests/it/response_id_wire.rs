//! `ext_proc` over a real connection, driven as Envoy drives it, and as it should not be.

use std::collections::HashMap;
use std::path::Path;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, Metadata};
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::processing_mode::BodySendMode;
use envoy_types::pb::envoy::service::ext_proc::v3::body_mutation::Mutation;
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_client::ExternalProcessorClient;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyResponse, CommonResponse, HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest, ProcessingResponse,
    ProtocolConfiguration,
};
use envoy_types::pb::google::protobuf::Struct;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::harness::{Asked, Client, Files, Running, config, eventually, get, hash, post};
use crate::response_id_gate::{PROTECTED, RAW, sealed};

const JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json"), ("content-length", "99")];
const EVENTS: &[(&str, &str)] = &[(":status", "200"), ("content-type", "text/event-stream")];
const ASKS: &[(&str, &str)] = &[(":method", "POST"), ("content-length", "9"), ("content-type", "application/json")];

fn mine(inner: &str) -> String {
    sealed(inner, Some("alice"), None)
}

/// A gate, and connections to both of its services.
struct Gate {
    _files: Files,
    running: Running,
    client: Client,
    channel: Channel,
}

impl Gate {
    async fn new(section: &str) -> Self {
        let keys =
            format!("keys:\n- {{ key_hash: {}, user_id: alice }}\nusers:\n- {{ user_id: alice }}\n", hash("sk-alice"));
        let files = Files::new(&config(section), &keys);
        let running = Running::start(&files.config()).await;
        let (client, channel) = (running.client().await, running.channel().await);
        Self { _files: files, running, client, channel }
    }

    /// What `ext_authz` says of a request by alice.
    async fn metadata(&self, asked: Asked) -> Option<Struct> {
        self.client.check(asked.key("sk-alice").header("x-request-id", "req-1").raw()).await.unwrap().dynamic_metadata
    }

    async fn created(&self) -> Option<Struct> {
        self.metadata(post("/v1/responses", r#"{"model":"m"}"#)).await
    }

    /// A stream in these modes, for a request with this metadata.
    async fn stream(&self, modes: [BodySendMode; 2], metadata: Option<Struct>) -> Stream {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut client = ExternalProcessorClient::new(self.channel.clone());
        let inbound = client.process(UnboundedReceiverStream::new(receiver)).await.unwrap().into_inner();
        let config = ProtocolConfiguration {
            request_body_mode: modes[0].into(),
            response_body_mode: modes[1].into(),
            ..ProtocolConfiguration::default()
        };
        Stream { sender: Some(sender), inbound, first: Some((config, metadata)) }
    }

    async fn duplex(&self, metadata: Option<Struct>) -> Stream {
        self.stream([BodySendMode::FullDuplexStreamed; 2], metadata).await
    }

    /// How often a stream has ended so.
    async fn ended(&self, result: &str, reason: &str) -> bool {
        let line = format!("tollgate_response_id_streams_total{{result=\"{result}\",reason=\"{reason}\"}}");
        self.running.page("/metrics").await.1.contains(&line)
    }
}

/// Envoy's end of a stream.
struct Stream {
    sender: Option<mpsc::UnboundedSender<ProcessingRequest>>,
    inbound: Streaming<ProcessingResponse>,
    first: Option<(ProtocolConfiguration, Option<Struct>)>,
}

/// What Envoy makes of a reply.
#[derive(Debug, PartialEq)]
enum Reply {
    Headers { set: Vec<(String, String)>, removed: Vec<String> },
    Piece { text: String, end: bool },
    Whole { text: String, length: Option<String> },
    Trailers,
    Immediate { status: i32, body: String },
}

impl Stream {
    fn send(&mut self, request: Request) {
        let (protocol_config, metadata) = self.first.take().map_or((None, None), |(config, one)| (Some(config), one));
        let filter_metadata: HashMap<_, _> =
            metadata.map(|one| ("envoy.filters.http.ext_authz".to_owned(), one)).into_iter().collect();
        let metadata_context = Some(Metadata { filter_metadata, ..Metadata::default() });
        let message = ProcessingRequest {
            request: Some(request),
            protocol_config,
            metadata_context,
            ..ProcessingRequest::default()
        };
        // One that has ended takes nothing more; what it said is read all the same.
        self.sender.as_ref().unwrap().send(message).ok();
    }

    async fn next(&mut self) -> Result<Option<Reply>, Status> {
        Ok(self.inbound.message().await?.map(|message| reply(message.response.unwrap())))
    }

    async fn ask(&mut self, request: Request) -> Reply {
        self.send(request);
        self.next().await.unwrap().expect("the stream has ended")
    }

    /// Says that nothing more will come, and hears the end.
    async fn close(mut self) -> Result<(), Status> {
        self.sender = None;
        match self.next().await? {
            None => Ok(()),
            Some(reply) => panic!("after the end: {reply:?}"),
        }
    }
}

fn reply(response: Response) -> Reply {
    match response {
        Response::RequestHeaders(headers) | Response::ResponseHeaders(headers) => {
            let mutation = headers.response.unwrap().header_mutation.unwrap();
            let set = mutation.set_headers.into_iter().map(|option| {
                let header = option.header.unwrap();
                assert!(header.value.is_empty(), "Envoy wants `raw_value` here");
                (header.key, String::from_utf8(header.raw_value).unwrap())
            });
            Reply::Headers { set: set.collect(), removed: mutation.remove_headers }
        }
        Response::RequestBody(BodyResponse { response }) | Response::ResponseBody(BodyResponse { response }) => {
            body(response.unwrap())
        }
        Response::RequestTrailers(_) | Response::ResponseTrailers(_) => Reply::Trailers,
        Response::ImmediateResponse(immediate) => Reply::Immediate {
            status: immediate.status.unwrap().code,
            body: String::from_utf8(immediate.body).unwrap(),
        },
        Response::StreamedImmediateResponse(_) => panic!("older Envoys do not know it"),
    }
}

fn body(response: CommonResponse) -> Reply {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let mut set = response.header_mutation.into_iter().flat_map(|mutation| mutation.set_headers);
    let length = set.next().map(|option| text(option.header.unwrap().raw_value));
    match response.body_mutation.unwrap().mutation.unwrap() {
        Mutation::StreamedResponse(piece) => {
            assert!(piece.body.len() <= 64 * 1024);
            Reply::Piece { text: text(piece.body), end: piece.end_of_stream }
        }
        Mutation::Body(bytes) => Reply::Whole { text: text(bytes), length },
        Mutation::ClearBody(_) => Reply::Whole { text: String::new(), length },
    }
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let header = |(key, value): &(&str, &str)| HeaderValue {
        key: (*key).to_owned(),
        raw_value: value.as_bytes().to_vec(),
        value: String::new(),
    };
    HeaderMap { headers: headers.iter().map(header).collect() }
}

fn headers(headers: &[(&str, &str)], end: bool) -> HttpHeaders {
    HttpHeaders { headers: Some(map(headers)), end_of_stream: end, ..HttpHeaders::default() }
}

fn piece(text: &str, end: bool) -> HttpBody {
    HttpBody { body: text.as_bytes().to_vec(), end_of_stream: end, ..HttpBody::default() }
}

fn asks(list: &[(&str, &str)], end: bool) -> Request {
    Request::RequestHeaders(headers(list, end))
}

fn asks_more(text: &str, end: bool) -> Request {
    Request::RequestBody(piece(text, end))
}

fn answers(list: &[(&str, &str)], end: bool) -> Request {
    Request::ResponseHeaders(headers(list, end))
}

fn answers_more(text: &str, end: bool) -> Request {
    Request::ResponseBody(piece(text, end))
}

fn whole(text: &str, length: Option<usize>) -> Reply {
    Reply::Whole { text: text.to_owned(), length: length.map(|length| length.to_string()) }
}

fn last(text: &str) -> Reply {
    Reply::Piece { text: text.to_owned(), end: true }
}

fn naming(id: &str) -> String {
    json!({"model": "m", "previous_response_id": id}).to_string()
}

#[tokio::test]
async fn a_conversation_in_the_duplex_mode() {
    let gate = Gate::new(PROTECTED).await;
    let before = mine("resp_before");
    let metadata = gate.metadata(post("/v1/responses", &naming(&before))).await;
    let mut stream = gate.duplex(metadata).await;
    let Reply::Headers { set, removed } = stream.ask(asks(ASKS, false)).await else { panic!("no headers") };
    assert_eq!(set, [("accept-encoding".to_owned(), "identity".to_owned())], "S-223");
    assert!(removed.contains(&"range".to_owned()));
    assert_eq!(stream.ask(asks_more(&naming(&before), true)).await, last(&naming("resp_before")));
    assert!(matches!(stream.ask(answers(EVENTS, false)).await, Reply::Headers { .. }));
    let event = format!("data: {{\"response\":{{\"id\":\"{RAW}\",\"previous_response_id\":\"resp_before\"}}}}\n\n");
    let (left, right) = event.split_at(40);
    stream.send(answers_more(left, false));
    let seen = stream.ask(answers_more(right, false)).await;
    let expected = event.replace(RAW, &mine(RAW)).replace("resp_before", &before);
    assert_eq!(seen, Reply::Piece { text: expected, end: false }, "at once, and the first half has no reply");
    assert_eq!(stream.ask(answers_more("", true)).await, last(""));
    stream.close().await.unwrap();
    eventually("a count", async || gate.ended("complete", "ok").await.then_some(())).await;
}

#[tokio::test]
async fn a_long_piece_is_cut_into_small_ones() {
    let gate = Gate::new(PROTECTED).await;
    let mut stream = gate.duplex(gate.created().await).await;
    stream.ask(asks(ASKS, true)).await;
    stream.ask(answers(JSON, false)).await;
    let answer = json!({"id": RAW, "text": "x".repeat(200_000)}).to_string();
    stream.send(answers_more(&answer, true));
    let mut seen = String::new();
    loop {
        let Reply::Piece { text, end } = stream.next().await.unwrap().unwrap() else { panic!("no piece") };
        seen += &text;
        if end {
            break;
        }
    }
    assert_eq!(seen, answer.replace(RAW, &mine(RAW)));
    stream.close().await.unwrap();
}

#[tokio::test]
async fn the_other_modes_have_one_answer_to_each_message_s221_s222() {
    let gate = Gate::new(PROTECTED).await;
    let before = mine("resp_before");
    let metadata = gate.metadata(post("/v1/responses", &naming(&before))).await;
    let (asked, plain) = (naming(&before), naming("resp_before"));
    let (answer, seen) = (format!(r#"{{"id":"{RAW}"}}"#), format!(r#"{{"id":"{}"}}"#, mine(RAW)));

    let mut stream = gate.stream([BodySendMode::Buffered; 2], metadata.clone()).await;
    stream.ask(asks(ASKS, false)).await;
    assert_eq!(stream.ask(asks_more(&asked, true)).await, whole(&plain, Some(plain.len())));
    stream.ask(answers(JSON, false)).await;
    // Trailers will follow, and this is the whole body all the same.
    assert_eq!(stream.ask(answers_more(&answer, false)).await, whole(&seen, Some(seen.len())));
    let trailers = HttpTrailers { trailers: Some(map(&[("x-id", RAW)])) };
    assert_eq!(stream.ask(Request::ResponseTrailers(trailers)).await, Reply::Trailers);
    stream.close().await.unwrap();

    let mut stream = gate.stream([BodySendMode::Streamed; 2], metadata.clone()).await;
    stream.ask(asks(ASKS, false)).await;
    let (left, right) = asked.split_at(40);
    let (first, second) = (stream.ask(asks_more(left, false)).await, stream.ask(asks_more(right, true)).await);
    let (Reply::Whole { text: first, length: None }, Reply::Whole { text: second, length: None }) = (first, second)
    else {
        panic!("one answer to each")
    };
    assert_eq!(first + &second, plain);
    stream.ask(answers(EVENTS, false)).await;
    let event = format!("data: {{\"response\":{answer}}}\n\n");
    let (left, right) = event.split_at(30);
    assert_eq!(stream.ask(answers_more(left, false)).await, whole("", None));
    assert_eq!(stream.ask(answers_more(right, false)).await, whole(&event.replace(RAW, &mine(RAW)), None));
    stream.send(answers_more("data: {\"a\":1}", false));
    assert_eq!(stream.next().await.unwrap().unwrap(), whole("", None));
    stream.send(Request::ResponseTrailers(HttpTrailers::default()));
    stream.next().await.expect_err("the event without an end has no place any more");

    let mut stream = gate.stream([BodySendMode::None, BodySendMode::FullDuplexStreamed], metadata).await;
    stream.ask(asks(ASKS, false)).await;
    stream.ask(answers(&[(":status", "404"), ("content-type", "application/json")], false)).await;
    let report = r#"{"error":{"message":"no response resp_before"}}"#;
    let told = stream.ask(answers_more(report, true)).await;
    assert_eq!(told, last(&report.replace("resp_before", &before)), "ext_authz has told which id that is");
    stream.close().await.unwrap();
}

#[tokio::test]
async fn modes_that_hide_something_are_refused_s221() {
    let gate = Gate::new(PROTECTED).await;
    for modes in [
        [BodySendMode::FullDuplexStreamed, BodySendMode::None],
        [BodySendMode::FullDuplexStreamed, BodySendMode::BufferedPartial],
        [BodySendMode::BufferedPartial, BodySendMode::FullDuplexStreamed],
        [BodySendMode::Buffered, BodySendMode::Grpc],
    ] {
        let mut stream = gate.stream(modes, gate.created().await).await;
        let Reply::Immediate { status: 503, .. } = stream.ask(asks(ASKS, false)).await else { panic!("{modes:?}") };
        stream.send(asks_more("{}", true));
        stream.next().await.expect_err("nothing follows");
    }
    let page = gate.running.page("/metrics").await.1;
    assert!(page.contains("tollgate_response_id_checks_total 4\n"), "as many as were allowed");
    // Nobody has read this body: it came with no length, and neither filter was shown it.
    let hidden = [BodySendMode::None, BodySendMode::FullDuplexStreamed];
    let unread = || gate.metadata(Asked { method: "POST", ..get(&format!("/v1/responses/{}/cancel", mine(RAW))) });
    let mut stream = gate.stream(hidden, unread().await).await;
    let answer = stream.ask(asks(&[(":method", "POST")], false)).await;
    assert!(matches!(answer, Reply::Immediate { status: 503, .. }), "{answer:?}");
    let mut stream = gate.stream(hidden, unread().await).await;
    let answer = stream.ask(asks(&[(":method", "POST")], true)).await;
    assert!(matches!(answer, Reply::Headers { .. }), "there is none: {answer:?}");
    let mut stream = gate.duplex(gate.created().await).await;
    let message = ProcessingRequest { observability_mode: true, ..ProcessingRequest::default() };
    stream.sender.as_ref().unwrap().send(message).unwrap();
    assert!(matches!(stream.next().await.unwrap(), Some(Reply::Immediate { status: 503, .. })));
}

#[tokio::test]
async fn without_a_permission_nothing_passes() {
    let gate = Gate::new(PROTECTED).await;
    let with = async |change: &dyn Fn(&mut Struct)| {
        let mut metadata = gate.created().await.unwrap();
        change(&mut metadata);
        let mut stream = gate.duplex(Some(metadata)).await;
        stream.ask(asks(ASKS, false)).await
    };
    let mut stream = gate.duplex(None).await;
    let Reply::Immediate { status, body } = stream.ask(asks(ASKS, false)).await else { panic!("it passes") };
    assert_eq!((status, body.contains("could not be told")), (503, true), "no metadata");
    let refusals: [&dyn Fn(&mut Struct); 6] = [
        &|metadata| drop(metadata.fields.remove("decision")),
        &|metadata| drop(metadata.fields.remove("response_ids")),
        &|metadata| drop(metadata.fields.remove("request").and_then(|_| metadata.fields.remove("response_ids"))),
        &|metadata| *ids(metadata) = Struct::default(),
        &|metadata| drop(ids(metadata).fields.remove("key").and_then(|_| ids(metadata).fields.remove("user"))),
        &|metadata| drop(ids(metadata).fields.insert("state".to_owned(), text("unprotected"))),
    ];
    for (index, change) in refusals.into_iter().enumerate() {
        assert!(matches!(with(change).await, Reply::Immediate { status: 503, .. }), "case {index}");
    }
    assert!(matches!(with(&|_| {}).await, Reply::Headers { .. }), "and with it, it does");
    // The refusal of `ext_authz` on its way to the caller: there is no request before it.
    let refused = gate.metadata(get("/v1/responses/resp_1")).await;
    let mut stream = gate.duplex(refused.clone()).await;
    let body = "{\"error\":{\"message\":\"no\"}}";
    assert!(matches!(stream.ask(answers(&[(":status", "403")], false)).await, Reply::Headers { .. }));
    assert_eq!(stream.ask(answers_more(body, true)).await, last(body));
    let mut stream = gate.duplex(refused).await;
    assert!(matches!(stream.ask(asks(ASKS, true)).await, Reply::Immediate { status: 503, .. }), "refused, and goes on");
    eventually("a count", async || gate.ended("refused", "no_permission").await.then_some(())).await;
}

fn ids(metadata: &mut Struct) -> &mut Struct {
    use envoy_types::pb::google::protobuf::value::Kind;
    let Some(Kind::StructValue(ids)) = metadata.fields.get_mut("response_ids").and_then(|value| value.kind.as_mut())
    else {
        panic!("no response ids")
    };
    ids
}

fn text(text: &str) -> envoy_types::pb::google::protobuf::Value {
    use envoy_types::pb::google::protobuf::value::Kind;
    envoy_types::pb::google::protobuf::Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

#[tokio::test]
async fn a_wrong_order_ends_the_stream_s226() {
    let gate = Gate::new(PROTECTED).await;
    for request in [asks_more("{}", true), answers_more(RAW, true), Request::RequestTrailers(HttpTrailers::default())] {
        let mut stream = gate.duplex(gate.created().await).await;
        assert!(matches!(stream.ask(request).await, Reply::Immediate { status: 503, .. }));
        stream.send(answers_more(RAW, true));
        stream.next().await.expect_err("nothing follows");
    }
    let mut stream = gate.duplex(gate.created().await).await;
    stream.ask(asks(ASKS, true)).await;
    stream.ask(answers(JSON, false)).await;
    stream.send(answers(JSON, false));
    stream.next().await.expect_err("the caller has the first headers already: the stream is cut");
    let mut stream = gate.duplex(gate.created().await).await;
    stream.ask(asks(ASKS, true)).await;
    stream.ask(answers(JSON, false)).await;
    stream.send(answers_more(r#"{"id":7"#, false));
    assert_eq!(stream.next().await.unwrap_err().message(), "answer_unreadable");
    eventually("a count", async || gate.ended("refused", "answer_unreadable").await.then_some(())).await;
}

/// S-218: of what the upstream still says nothing is said, and nothing has to come.
#[tokio::test]
async fn an_answer_that_goes_wrong_is_over_at_once_s218() {
    let gate = Gate::new(PROTECTED).await;
    let wrong = format!("data: {RAW}\n\n");
    for still in [vec![], vec![answers_more("data: {}\n\n", false), answers_more("x", true)]] {
        let mut stream = gate.duplex(gate.created().await).await;
        stream.ask(asks(ASKS, true)).await;
        stream.ask(answers(EVENTS, false)).await;
        let told = stream.ask(answers_more(&wrong, false)).await;
        let Reply::Piece { text, end: true } = told else { panic!("it is not the end: {told:?}") };
        assert!(text.starts_with("event: error\n"), "{text}");
        for message in still {
            stream.send(message);
        }
        stream.close().await.unwrap();
    }
    let mut stream = gate.stream([BodySendMode::Streamed; 2], gate.created().await).await;
    stream.ask(asks(ASKS, true)).await;
    stream.ask(answers(EVENTS, false)).await;
    let Reply::Whole { text, .. } = stream.ask(answers_more(&wrong, false)).await else { panic!("no reply") };
    assert!(text.starts_with("event: error\n"), "{text}");
    assert_eq!(stream.ask(answers_more("data: {}\n\n", false)).await, whole("", None), "each message has a reply here");
    stream.close().await.expect_err("the rest would go by unseen");
}

/// S-224: Envoy takes a clean end for "go on without me".
#[tokio::test]
async fn an_early_end_is_never_a_clean_one() {
    let gate = Gate::new(PROTECTED).await;
    let steps = [
        asks(ASKS, false),
        asks_more("{\"model\":\"m\"}", true),
        answers(EVENTS, false),
        answers_more("data: {}\n\n", false),
    ];
    for count in 0..=steps.len() {
        let mut stream = gate.duplex(gate.created().await).await;
        for step in steps.iter().take(count) {
            stream.ask(step.clone()).await;
        }
        stream.close().await.expect_err("the rest would go by unseen");
    }
    // The upstream answers before it has heard all: the rest of the request has ids, too.
    let mut stream = gate.duplex(gate.created().await).await;
    for step in [asks(ASKS, false), answers(EVENTS, false), answers_more("data: {}\n\n", true)] {
        stream.ask(step).await;
    }
    stream.close().await.expect_err("the rest of the request would go by unseen");
    eventually("a count", async || gate.ended("abandoned", "ok").await.then_some(())).await;
    eventually("the gauge", async || {
        let page = gate.running.page("/metrics").await.1;
        page.contains("tollgate_response_id_streams_in_flight 0\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_not_concerned_passes_as_it_is() {
    let chat = post("/v1/chat/completions", r#"{"model":"m"}"#);
    for section in [PROTECTED, "", "response_ids: { unprotected: true }\n"] {
        let gate = Gate::new(section).await;
        let mut stream = gate.stream([BodySendMode::Streamed; 2], gate.metadata(chat.clone()).await).await;
        stream.ask(asks(ASKS, false)).await;
        assert_eq!(stream.ask(asks_more(RAW, true)).await, whole(RAW, None));
        stream.ask(answers(&[(":status", "200"), ("content-encoding", "gzip")], false)).await;
        assert_eq!(stream.ask(answers_more(RAW, true)).await, whole(RAW, None));
        stream.close().await.unwrap();
    }
    let gate = Gate::new("response_ids: { unprotected: true }\n").await;
    let mut stream = gate.duplex(gate.metadata(get(&format!("/v1/responses/{RAW}"))).await).await;
    stream.ask(asks(ASKS, true)).await;
    stream.ask(answers(JSON, false)).await;
    assert_eq!(stream.ask(answers_more(RAW, true)).await, last(RAW));
    let protected = Gate::new(PROTECTED).await.created().await;
    let mut stream = gate.duplex(protected).await;
    let refused = stream.ask(asks(ASKS, true)).await;
    assert!(matches!(refused, Reply::Immediate { status: 503, .. }), "there is no key to seal with");
}

#[tokio::test]
async fn there_is_a_bound_on_streams() {
    let gate = Gate::new(&format!("{PROTECTED}limits: {{ concurrent_streams: 1 }}\n")).await;
    let mut first = gate.duplex(gate.created().await).await;
    first.ask(asks(ASKS, true)).await;
    let (_sender, receiver) = mpsc::unbounded_channel();
    let mut client = ExternalProcessorClient::new(gate.channel.clone());
    let refused = client.process(UnboundedReceiverStream::new(receiver)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    drop(first);
    eventually("a place", async || {
        let (_sender, receiver) = mpsc::unbounded_channel::<ProcessingRequest>();
        let mut client = ExternalProcessorClient::new(gate.channel.clone());
        client.process(UnboundedReceiverStream::new(receiver)).await.ok().map(drop)
    })
    .await;
}

/// S-217, for all recorded streams and for every alias of the route.
#[tokio::test]
async fn recorded_streams_tell_no_id_in_any_mode() {
    let gate = Gate::new(PROTECTED).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sse");
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let recorded = std::fs::read_to_string(&path).unwrap();
        let raw: Vec<_> = recorded.split('"').filter(|part| part.starts_with("resp_")).collect();
        for mode in [BodySendMode::Buffered, BodySendMode::Streamed, BodySendMode::FullDuplexStreamed] {
            let mut stream = gate.stream([mode; 2], gate.created().await).await;
            stream.ask(asks(ASKS, true)).await;
            stream.ask(answers(EVENTS, false)).await;
            let mut seen = String::new();
            let size = if mode == BodySendMode::Buffered { recorded.len() } else { 97 };
            for chunk in recorded.as_bytes().chunks(size) {
                stream.send(answers_more(std::str::from_utf8(chunk).unwrap(), false));
            }
            if mode != BodySendMode::Buffered {
                stream.send(answers_more("", true));
            }
            stream.sender = None;
            while let Some(reply) = stream.next().await.unwrap() {
                match reply {
                    Reply::Piece { text, .. } | Reply::Whole { text, .. } => seen += &text,
                    other @ (Reply::Headers { .. } | Reply::Trailers | Reply::Immediate { .. }) => panic!("{other:?}"),
                }
            }
            assert_eq!(seen.matches("resp_").count(), raw.len(), "{path:?}");
            assert!(!raw.iter().any(|id| seen.contains(id)), "{path:?}");
        }
    }
}
