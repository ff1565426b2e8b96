//! The messages of `ext_proc`, as the session understands them.

use std::fmt;

use thiserror::Error;

use crate::core::header::{HeaderName, HeaderValue};
use crate::core::request::HeaderView;
use crate::core::response_id::{AccessError, Caller, EditError, Name};

/// What `ext_authz` decided of the request: its metadata, which a client cannot write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It was refused. What comes is the refusal.
    Refused,
    /// It was allowed, on a route that has no response ids.
    Unconcerned,
    /// It was allowed, on a route that has, and they are not protected.
    Unprotected,
    /// It was allowed, on a route that has, and they are.
    Allowed(Box<Grant>),
}

/// For whom ids are opened and sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who asks.
    pub caller: Caller,
    /// The backend the request goes to, where there are several.
    pub upstream: Option<Name>,
    /// The id in the path, as the caller wrote it; the path has the plain one by now.
    pub subject: Option<String>,
    /// The ids in the body, as the caller wrote them. Where the body is shown they come again.
    pub named: Vec<String>,
}

/// A message of the proxy's. Headers include the pseudo-headers. Its `Debug` tells kind and size.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Input<'a> {
    RequestHeaders { headers: HeaderView<'a>, judgement: Option<Judgement>, end: bool },
    RequestBody { piece: &'a [u8], end: bool },
    RequestTrailers,
    ResponseHeaders { headers: HeaderView<'a>, judgement: Option<Judgement>, end: bool },
    ResponseBody { piece: &'a [u8], end: bool },
    ResponseTrailers { headers: HeaderView<'a> },
}

impl Input<'_> {
    /// The message as it is.
    pub(super) fn unchanged(&self) -> Output {
        match self {
            Self::RequestHeaders { .. } | Self::ResponseHeaders { .. } => Output::Headers(HeaderEdits::default()),
            Self::RequestBody { piece, end } | Self::ResponseBody { piece, end } => {
                Output::Body { bytes: piece.to_vec(), end: *end }
            }
            Self::RequestTrailers | Self::ResponseTrailers { .. } => {
                Output::Trailers { last: Vec::new(), remove: Vec::new() }
            }
        }
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestHeaders { end, .. } => write!(f, "RequestHeaders(end: {end})"),
            Self::RequestBody { piece, end } => write!(f, "RequestBody({} bytes, end: {end})", piece.len()),
            Self::RequestTrailers => f.write_str("RequestTrailers"),
            Self::ResponseHeaders { end, .. } => write!(f, "ResponseHeaders(end: {end})"),
            Self::ResponseBody { piece, end } => write!(f, "ResponseBody({} bytes, end: {end})", piece.len()),
            Self::ResponseTrailers { .. } => f.write_str("ResponseTrailers"),
        }
    }
}

/// The answer to a message. Its `Debug` tells kind and size: what goes to the upstream has plain ids.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// The headers go on, changed. Where the body goes on too its length is not the announced one; in
    /// the streamed modes the proxy sees to that.
    Headers(HeaderEdits),
    /// These bytes go on in place of the piece; none, when it completes nothing.
    Body {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether they are the last: the piece was, or the rest of the answer is withheld.
        end: bool,
    },
    /// The trailers go on.
    Trailers {
        /// The rest of the body, before them.
        last: Vec<u8>,
        /// Trailers to remove.
        remove: Vec<HeaderName>,
    },
    /// The caller gets this answer; nothing has gone out to it yet.
    Refuse(Refusal),
    /// The exchange ends with an error of the stream: the caller has a part of the answer already, or
    /// the proxy cannot be told anything else.
    Cut(Refusal),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(edits) => write!(f, "Headers({edits:?})"),
            Self::Body { bytes, end } => write!(f, "Body({} bytes, end: {end})", bytes.len()),
            Self::Trailers { last, remove } => write!(f, "Trailers({} bytes, remove: {remove:?})", last.len()),
            Self::Refuse(refusal) => write!(f, "Refuse({refusal:?})"),
            Self::Cut(refusal) => write!(f, "Cut({refusal:?})"),
        }
    }
}

/// Changes of headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// To be set, in place of what there is.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// To be removed.
    pub remove: Vec<HeaderName>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing tells what `ext_authz` decided, or it refused and the request goes on.
    #[error("no permission came with the request")]
    NoPermission,
    /// An answer to a request that was never shown, and that nobody permitted: the proxy's own, as a rule. Its
    /// status goes on, and nothing else of it.
    #[error("an answer of status {0} to a request that was not shown")]
    Unasked(u16),
    /// A message that cannot come here.
    #[error("message out of order")]
    OutOfOrder,
    /// The proxy does not show the bodies, or not all of them (S-221).
    #[error("a processing mode that does not show whole bodies")]
    Mode,
    /// The caller may not use the id it names.
    #[error(transparent)]
    Access(AccessError),
    /// The body of the request: why it is not passed on.
    #[error("request body: {0}")]
    Request(EditError),
    /// The body of the request is compressed.
    #[error("request body: an encoding that is not read")]
    RequestEncoding,
    /// An upgrade, which nobody could look into (S-020).
    #[error("upgrade")]
    Upgrade,
    /// The answer: why it is not passed on.
    #[error("answer: {0}")]
    Answer(EditError),
    /// The answer is compressed, though it was asked not to be (S-223).
    #[error("answer: an encoding that is not read")]
    AnswerEncoding,
    /// The answer is neither JSON nor an event stream.
    #[error("answer: a format that is not read")]
    AnswerFormat,
}

impl Refusal {
    /// The HTTP status of the answer: the caller's fault, the upstream's, or that nobody can tell.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Access(_) | Self::Request(EditError::Access(_)) => 403,
            Self::Request(EditError::TooLong) => 413,
            Self::RequestEncoding => 415,
            Self::Request(_) | Self::Upgrade => 400,
            Self::Answer(_) | Self::AnswerEncoding | Self::AnswerFormat => 502,
            Self::Unasked(status) => status,
            Self::NoPermission | Self::OutOfOrder | Self::Mode => 503,
        }
    }

    /// Stable label for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoPermission => "no_permission",
            Self::Unasked(_) => "unasked",
            Self::OutOfOrder => "out_of_order",
            Self::Mode => "mode",
            Self::Access(_) | Self::Request(EditError::Access(_)) => "not_allowed",
            Self::Request(_) => "request_unreadable",
            Self::RequestEncoding => "request_encoded",
            Self::Upgrade => "upgrade",
            Self::Answer(_) => "answer_unreadable",
            Self::AnswerEncoding => "answer_encoded",
            Self::AnswerFormat => "answer_format",
        }
    }
}
