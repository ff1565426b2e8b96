//! Envoy's messages as the session understands them, and its answers as Envoy does. No other file knows both.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::processing_mode::BodySendMode;
use envoy_types::pb::envoy::service::ext_proc::v3::body_mutation::Mutation;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyMutation, BodyResponse, CommonResponse, HeaderMutation, HeadersResponse, HttpBody, HttpHeaders,
    ProcessingRequest, ProcessingResponse, StreamedBodyResponse, TrailersResponse,
};

use super::judgement;
use crate::core::header::HeaderName;
use crate::core::request::{Fidelity, HeaderView};
use crate::core::response_id::Name;
use crate::core::response_id::session::{HeaderEdits, Input, Judgement, Output, Refusal, Session};
use crate::serve::encode::overwrite;

/// Most bytes of one streamed piece: Envoy takes 64 KiB.
const PIECE: usize = 64 * 1024;

/// What is remembered of one stream of messages.
#[derive(Debug)]
pub(super) struct Wire {
    upstream: Option<Name>,
    request: Direction,
    response: Direction,
    request_id: String,
    begun: bool,
    /// Whether `ext_authz` read the whole body of the request.
    body_read: bool,
}

/// One direction.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    /// How its body is shown, as the first message says.
    mode: Mode,
    /// Whether its headers announce a length.
    has_length: bool,
    /// Whether the receiver was told that it is over. Of what still comes nothing is said.
    ended: bool,
}

/// How a body is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    /// Not at all.
    #[default]
    Hidden,
    /// In pieces; each has one answer.
    Streamed,
    /// In one piece.
    Buffered,
    /// In pieces; answers are pieces of their own.
    Duplex,
    /// In a way that could leave some of it out.
    Partial,
}

impl Mode {
    fn of(number: i32) -> Self {
        match BodySendMode::try_from(number) {
            Ok(BodySendMode::None) => Self::Hidden,
            Ok(BodySendMode::Streamed) => Self::Streamed,
            Ok(BodySendMode::Buffered) => Self::Buffered,
            Ok(BodySendMode::FullDuplexStreamed) => Self::Duplex,
            Ok(BodySendMode::BufferedPartial | BodySendMode::Grpc) | Err(_) => Self::Partial,
        }
    }
}

impl Wire {
    /// `upstream` is the backend that requests go to.
    pub(super) fn new(upstream: Option<Name>) -> Self {
        let (request, response) = (Direction::default(), Direction::default());
        Self { upstream, request, response, request_id: String::new(), begun: false, body_read: false }
    }

    /// The request id, once it is known.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Shows a message to the session.
    pub(super) fn step(&mut self, session: &mut Session, message: &ProcessingRequest) -> Output {
        let judgement = if std::mem::replace(&mut self.begun, true) { None } else { self.begin(message) };
        let protected = matches!(judgement, Some(Judgement::Allowed(_)));
        if message.observability_mode || (protected && !self.shows_bodies()) {
            return Output::Refuse(Refusal::Mode);
        }
        let input = match &message.request {
            Some(Request::RequestHeaders(headers)) => {
                self.request.has_length = has_length(headers);
                let hidden = self.request.mode == Mode::Hidden;
                // A body that is not shown was read by `ext_authz`, which says so, and has told the ids in it.
                if protected && hidden && !headers.end_of_stream && !self.body_read {
                    return Output::Refuse(Refusal::Mode);
                }
                let end = headers.end_of_stream || hidden;
                Input::RequestHeaders { headers: view(headers.headers.as_ref()), judgement, end }
            }
            Some(Request::ResponseHeaders(headers)) => {
                self.response.has_length = has_length(headers);
                let end = headers.end_of_stream;
                Input::ResponseHeaders { headers: view(headers.headers.as_ref()), judgement, end }
            }
            Some(Request::RequestBody(body)) => {
                Input::RequestBody { piece: &body.body, end: ends(body, self.request.mode) }
            }
            Some(Request::ResponseBody(body)) => {
                Input::ResponseBody { piece: &body.body, end: ends(body, self.response.mode) }
            }
            Some(Request::RequestTrailers(_)) => Input::RequestTrailers,
            Some(Request::ResponseTrailers(trailers)) => {
                Input::ResponseTrailers { headers: view(trailers.trailers.as_ref()) }
            }
            None => return Output::Refuse(Refusal::OutOfOrder),
        };
        session.step(input)
    }

    /// The first message says how bodies are shown, and what was decided.
    fn begin(&mut self, message: &ProcessingRequest) -> Option<Judgement> {
        if let Some(config) = &message.protocol_config {
            self.request.mode = Mode::of(config.request_body_mode);
            self.response.mode = Mode::of(config.response_body_mode);
        }
        let decision = judgement::of_ext_authz(message.metadata_context.as_ref()?)?;
        judgement::request_id(decision).unwrap_or_default().clone_into(&mut self.request_id);
        self.body_read = judgement::body_was_read(decision);
        judgement::read(decision, self.upstream.as_ref())
    }

    /// Whether nothing of an answer goes by unseen, and nothing of a request that is shown at all.
    fn shows_bodies(&self) -> bool {
        self.request.mode != Mode::Partial && !matches!(self.response.mode, Mode::Partial | Mode::Hidden)
    }

    /// Whether the caller has the whole answer, though the upstream may still be talking.
    pub(super) fn has_answered(&self) -> bool {
        self.response.ended
    }

    /// The replies to a message. `None` when there is something to say that the mode leaves no room for.
    pub(super) fn replies(&mut self, message: &ProcessingRequest, output: Output) -> Option<Vec<ProcessingResponse>> {
        let request = message.request.as_ref()?;
        let (own, body): (_, fn(BodyResponse) -> Response) = match request {
            Request::RequestHeaders(_) | Request::RequestBody(_) | Request::RequestTrailers(_) => {
                (&mut self.request, Response::RequestBody)
            }
            Request::ResponseHeaders(_) | Request::ResponseBody(_) | Request::ResponseTrailers(_) => {
                (&mut self.response, Response::ResponseBody)
            }
        };
        let direction = *own;
        if direction.ended {
            return Some(Vec::new());
        }
        own.ended = direction.mode == Mode::Duplex && matches!(output, Output::Body { end: true, .. });
        let replies = match (request, output) {
            (Request::RequestHeaders(_), Output::Headers(edits)) => vec![Response::RequestHeaders(of_headers(&edits))],
            (Request::ResponseHeaders(_), Output::Headers(edits)) => {
                vec![Response::ResponseHeaders(of_headers(&edits))]
            }
            (Request::RequestBody(_) | Request::ResponseBody(_), Output::Body { bytes, end }) => match direction.mode {
                Mode::Duplex => pieces(&bytes, end).map(body).collect(),
                Mode::Streamed | Mode::Buffered | Mode::Partial | Mode::Hidden => vec![body(whole(bytes, direction))],
            },
            (Request::RequestTrailers(_), Output::Trailers { last, remove }) => {
                let trailers = Response::RequestTrailers(of_trailers(&remove));
                before(direction, &last, body)?.chain([trailers]).collect()
            }
            (Request::ResponseTrailers(_), Output::Trailers { last, remove }) => {
                let trailers = Response::ResponseTrailers(of_trailers(&remove));
                before(direction, &last, body)?.chain([trailers]).collect()
            }
            _ => return None,
        };
        let message = |response| ProcessingResponse { response: Some(response), ..ProcessingResponse::default() };
        Some(replies.into_iter().map(message).collect())
    }
}

/// `raw_value` is what Envoy sends; `value` is for those that do not.
fn view(headers: Option<&HeaderMap>) -> HeaderView<'_> {
    let entries = headers.into_iter().flat_map(|map| &map.headers).map(|header| {
        let raw = header.raw_value.as_slice();
        (header.key.as_str(), if raw.is_empty() { header.value.as_bytes() } else { raw })
    });
    HeaderView::new(entries.collect(), Fidelity::Exact)
}

fn has_length(headers: &HttpHeaders) -> bool {
    headers.headers.iter().flat_map(|map| &map.headers).any(|header| header.key == "content-length")
}

/// A buffered body comes in one piece, be there trailers after it or not.
fn ends(body: &HttpBody, mode: Mode) -> bool {
    body.end_of_stream || mode == Mode::Buffered
}

fn of_headers(edits: &HeaderEdits) -> HeadersResponse {
    let set_headers = edits.set.iter().map(|(name, value)| overwrite(raw(name.as_str(), value.as_str()))).collect();
    let mutation = HeaderMutation { set_headers, remove_headers: names(&edits.remove) };
    HeadersResponse { response: Some(CommonResponse { header_mutation: Some(mutation), ..CommonResponse::default() }) }
}

fn of_trailers(remove: &[HeaderName]) -> TrailersResponse {
    TrailersResponse {
        header_mutation: Some(HeaderMutation { set_headers: Vec::new(), remove_headers: names(remove) }),
    }
}

fn names(names: &[HeaderName]) -> Vec<String> {
    names.iter().map(HeaderName::to_string).collect()
}

/// Pieces of a body in the duplex mode. None at all, where nothing is said and nothing ends.
fn pieces(bytes: &[u8], end: bool) -> impl Iterator<Item = BodyResponse> + '_ {
    let count = bytes.len().div_ceil(PIECE);
    let full = bytes.chunks(PIECE).enumerate().map(move |(index, piece)| (piece, end && index + 1 == count));
    let empty: &[u8] = &[];
    let rest = (bytes.is_empty() && end).then_some((empty, true));
    full.chain(rest).map(|(piece, end_of_stream)| {
        let streamed = StreamedBodyResponse { body: piece.to_vec(), end_of_stream, ..StreamedBodyResponse::default() };
        changed(Mutation::StreamedResponse(streamed), None)
    })
}

/// The one answer to a piece, or to the whole body. Envoy checks an announced length against a buffered
/// body, and leaves it to us to correct it (S-222).
fn whole(bytes: Vec<u8>, direction: Direction) -> BodyResponse {
    let corrected = direction.mode == Mode::Buffered && direction.has_length;
    let length = corrected.then(|| overwrite(raw("content-length", &bytes.len().to_string())));
    let headers = length.map(|length| HeaderMutation { set_headers: vec![length], remove_headers: Vec::new() });
    changed(if bytes.is_empty() { Mutation::ClearBody(true) } else { Mutation::Body(bytes) }, headers)
}

fn changed(mutation: Mutation, header_mutation: Option<HeaderMutation>) -> BodyResponse {
    let body_mutation = Some(BodyMutation { mutation: Some(mutation) });
    BodyResponse { response: Some(CommonResponse { header_mutation, body_mutation, ..CommonResponse::default() }) }
}

/// The rest of a body before its trailers; `None` where the last piece has been answered.
fn before(
    direction: Direction,
    last: &[u8],
    body: fn(BodyResponse) -> Response,
) -> Option<impl Iterator<Item = Response> + '_> {
    (last.is_empty() || direction.mode == Mode::Duplex).then(|| pieces(last, false).map(body))
}

/// A header as `ext_proc` takes it.
fn raw(name: &str, value: &str) -> HeaderValue {
    HeaderValue { key: name.to_owned(), value: String::new(), raw_value: value.as_bytes().to_vec() }
}
