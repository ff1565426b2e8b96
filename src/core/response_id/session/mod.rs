//! The protocol of `ext_proc`, without its messages: what comes in, what goes out, and in which order.
//!
//! Each input has one output. Nothing is passed on before it is known to be safe, and whatever is not
//! foreseen ends the session: no metadata, another order, an encoding that cannot be read (S-221 … S-226).
//!
//! ```text
//!            request            response
//!  Waiting ─headers─► Open    Waiting ─headers─► Open ─an event refused─► Muted
//!            pieces     │               pieces     │                        │
//!               end     ▼                  end     ▼                  end   ▼
//!                     Ended                      Ended ◄────────────────────┘
//! ```

mod head;
mod message;
mod side;

use std::sync::Arc;

use super::access::ResponseIds;
use super::body::BodyEditor;
use super::exchange::Exchange;
use crate::core::request::HeaderView;
use head::{Format, Head};
use side::{Content, Fault, Side};

pub use message::{Grant, HeaderEdits, Input, Judgement, Output, Refusal};

/// One HTTP request and its answer.
#[derive(Debug)]
pub struct Session {
    /// None where the configuration protects nothing.
    ids: Option<Arc<ResponseIds>>,
    max_event: usize,
    mode: Mode,
    request: Side,
    response: Side,
    /// Whether the answer has no body whatever its headers say.
    is_head: bool,
}

#[derive(Debug)]
enum Mode {
    /// Nothing has come.
    New,
    /// Nothing is looked at.
    Passing,
    /// Ids are opened and sealed.
    Protecting(Box<Exchange>),
    /// Nothing goes on any more.
    Over(Refusal),
}

impl Session {
    /// A session that expects its first message. No event may be larger than `max_event`, in bytes.
    #[must_use]
    pub fn new(ids: Arc<ResponseIds>, max_event: usize) -> Self {
        Self::begun(Some(ids), max_event)
    }

    /// The same where the configuration protects nothing: it passes on what needs no protection.
    #[must_use]
    pub fn unprotected() -> Self {
        Self::begun(None, 0)
    }

    fn begun(ids: Option<Arc<ResponseIds>>, max_event: usize) -> Self {
        Self { ids, max_event, mode: Mode::New, request: Side::Waiting, response: Side::Waiting, is_head: false }
    }

    /// Takes a message.
    pub fn step(&mut self, input: Input<'_>) -> Output {
        let begun = matches!(self.response, Side::Open(..) | Side::Muted | Side::Ended);
        let output = match &self.mode {
            Mode::Over(refusal) => return Output::Cut(*refusal),
            Mode::Passing => return input.unchanged(),
            Mode::New => self.begin(input),
            Mode::Protecting(_) => self.go_on(input),
        };
        output.unwrap_or_else(|refusal| {
            self.mode = Mode::Over(refusal);
            if begun { Output::Cut(refusal) } else { Output::Refuse(refusal) }
        })
    }

    /// Whether the proxy would lose nothing if the session ended here. A session that ends before with no
    /// error would leave the rest unprotected (S-224).
    #[must_use]
    pub fn may_end(&self) -> bool {
        match self.mode {
            Mode::Passing => true,
            Mode::Protecting(_) => matches!((&self.request, &self.response), (Side::Ended, Side::Ended)),
            Mode::New | Mode::Over(_) => false,
        }
    }

    /// Whether all that is still to come is an answer that is withheld: where the caller was told its end, the
    /// session may end, too.
    #[must_use]
    pub fn has_withheld_the_rest(&self) -> bool {
        matches!((&self.mode, &self.request, &self.response), (Mode::Protecting(_), Side::Ended, Side::Muted))
    }

    /// The first message.
    fn begin(&mut self, input: Input<'_>) -> Result<Output, Refusal> {
        match input {
            Input::RequestHeaders { headers, judgement: Some(Judgement::Allowed(grant)), end } => {
                self.request_headers(&headers, *grant, end)
            }
            // The two configurations differ, at the moment of a change: neither is followed.
            Input::RequestHeaders { judgement: Some(Judgement::Unprotected), .. } if self.ids.is_some() => {
                Err(Refusal::NoPermission)
            }
            Input::RequestHeaders { judgement: Some(Judgement::Unconcerned | Judgement::Unprotected), .. }
            // An answer without a request is the proxy's own: that of `ext_authz`, if it says so.
            | Input::ResponseHeaders { judgement: Some(Judgement::Refused), .. } => {
                self.mode = Mode::Passing;
                Ok(input.unchanged())
            }
            Input::RequestHeaders { judgement: None | Some(Judgement::Refused), .. } => Err(Refusal::NoPermission),
            Input::ResponseHeaders { headers, judgement: None, .. } => {
                let failed = Head(&headers).status().filter(|status| *status >= 400);
                Err(failed.map_or(Refusal::NoPermission, Refusal::Unasked))
            }
            // A refusal by a filter between the two, such as a rate limit. It is read like any failure.
            Input::ResponseHeaders { headers, judgement: Some(Judgement::Allowed(grant)), end }
                if Head(&headers).status().is_some_and(|status| status >= 400) =>
            {
                self.protect(*grant)?;
                self.request = Side::Ended;
                self.response_headers(&headers, end)
            }
            Input::ResponseHeaders {
                judgement: Some(Judgement::Unconcerned | Judgement::Unprotected | Judgement::Allowed(_)),
                ..
            }
            | Input::RequestBody { .. }
            | Input::RequestTrailers
            | Input::ResponseBody { .. }
            | Input::ResponseTrailers { .. } => Err(Refusal::OutOfOrder),
        }
    }

    fn request_headers(&mut self, headers: &HeaderView<'_>, grant: Grant, end: bool) -> Result<Output, Refusal> {
        let head = Head(headers);
        if head.is_upgrade() {
            return Err(Refusal::Upgrade);
        }
        if head.is_encoded() {
            return Err(Refusal::RequestEncoding);
        }
        self.protect(grant)?;
        self.is_head = head.is_head_request();
        self.request = if end { Side::Ended } else { Side::Open(BodyEditor::request(), Content::None) };
        Ok(Output::Headers(head::for_upstream()))
    }

    fn protect(&mut self, grant: Grant) -> Result<(), Refusal> {
        let ids = self.ids.clone().ok_or(Refusal::NoPermission)?;
        let Grant { caller, upstream, subject, named } = grant;
        let mut exchange = Exchange::new(ids, caller, upstream, subject.as_deref()).map_err(Refusal::Access)?;
        named.iter().try_for_each(|shown| exchange.name(shown)).map_err(Refusal::Request)?;
        self.mode = Mode::Protecting(Box::new(exchange));
        Ok(())
    }

    fn go_on(&mut self, input: Input<'_>) -> Result<Output, Refusal> {
        let Mode::Protecting(exchange) = &mut self.mode else { return Err(Refusal::OutOfOrder) };
        match input {
            Input::RequestHeaders { .. } => Err(Refusal::OutOfOrder),
            Input::RequestBody { piece, end } => {
                let bytes = self.request.piece(piece, end, exchange).map_err(Fault::in_request)?;
                Ok(Output::Body { bytes, end })
            }
            Input::RequestTrailers => {
                let last = self.request.trailers(exchange).map_err(Fault::in_request)?;
                Ok(Output::Trailers { last, remove: Vec::new() })
            }
            Input::ResponseHeaders { headers, end, .. } => self.response_headers(&headers, end),
            Input::ResponseBody { piece, end } => {
                let bytes = self.response.piece(piece, end, exchange).map_err(Fault::in_answer)?;
                // The caller need not wait for an upstream that nobody listens to any more.
                Ok(Output::Body { bytes, end: end || matches!(self.response, Side::Muted) })
            }
            Input::ResponseTrailers { headers } => {
                let remove = Head(&headers).telling(exchange).ok_or(Refusal::AnswerFormat)?;
                let last = self.response.trailers(exchange).map_err(Fault::in_answer)?;
                Ok(Output::Trailers { last, remove })
            }
        }
    }

    fn response_headers(&mut self, headers: &HeaderView<'_>, end: bool) -> Result<Output, Refusal> {
        let Mode::Protecting(exchange) = &self.mode else { return Err(Refusal::OutOfOrder) };
        let head = Head(headers);
        let status = head.status().ok_or(Refusal::AnswerFormat)?;
        if !matches!(self.response, Side::Waiting) {
            return Err(Refusal::OutOfOrder);
        }
        let edits = head::for_caller(head, exchange).ok_or(Refusal::AnswerFormat)?;
        self.response = match status {
            101 => return Err(Refusal::Upgrade),
            // Interim: the answer is yet to come.
            100..=199 => Side::Waiting,
            204 | 304 => Side::Ended,
            _ if end || self.is_head => Side::Ended,
            _ if head.is_encoded() => return Err(Refusal::AnswerEncoding),
            _ => {
                let failed = status >= 400;
                let editor = match head.format() {
                    Some(Format::Json) => BodyEditor::answer(failed),
                    Some(Format::Events) => BodyEditor::events(self.max_event),
                    Some(Format::Other | Format::Untold) if failed => BodyEditor::report(),
                    // Of an empty body nobody tells the format.
                    Some(Format::Untold) => BodyEditor::empty(),
                    None | Some(Format::Other) => return Err(Refusal::AnswerFormat),
                };
                Side::Open(editor, Content::None)
            }
        };
        Ok(Output::Headers(edits))
    }
}

#[cfg(test)]
mod tests;
