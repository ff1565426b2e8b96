//! One direction of an exchange: its body, from the headers to the end.

use super::message::Refusal;
use crate::core::response_id::{BodyEditor, EditError, Exchange};

/// What ends a stream in place of an event that cannot be passed on.
const ERROR_EVENT: &[u8] = b"event: error\ndata: {\"type\":\"error\",\"code\":\"response_not_readable\",\
    \"message\":\"the upstream's answer cannot be passed on\",\"param\":null,\"sequence_number\":0}\n\n";

/// One direction.
#[derive(Debug)]
pub(super) enum Side {
    Waiting,
    Open(BodyEditor, Content),
    /// The body was refused, and the caller was told; the rest is swallowed.
    Muted,
    Ended,
}

/// Whether any byte of a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    None,
    Some,
}

impl Side {
    /// A piece of the body. The result is what goes on.
    pub(super) fn piece(&mut self, piece: &[u8], end: bool, exchange: &mut Exchange) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::with_capacity(piece.len() + piece.len() / 4);
        match self {
            // The proxy may say twice that a body has ended.
            Self::Ended if piece.is_empty() && end => return Ok(out),
            Self::Waiting | Self::Ended => return Err(Fault::OutOfOrder),
            Self::Muted => {}
            Self::Open(editor, content) => {
                if !piece.is_empty() {
                    *content = Content::Some;
                }
                if let Err(error) = editor.push(piece, exchange, &mut out) {
                    self.mute(error, &mut out)?;
                }
            }
        }
        if end {
            self.end(exchange, &mut out)?;
        }
        Ok(out)
    }

    /// Trailers end the body, unless it has ended.
    pub(super) fn trailers(&mut self, exchange: &mut Exchange) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        match self {
            Self::Waiting => Err(Fault::OutOfOrder),
            Self::Ended => Ok(out),
            Self::Open(..) | Self::Muted => self.end(exchange, &mut out).map(|()| out),
        }
    }

    fn end(&mut self, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self::Open(editor, Content::Some) = std::mem::replace(self, Self::Ended) else { return Ok(()) };
        let is_events = editor.is_events();
        match editor.finish(exchange, out) {
            Err(_) if is_events => {
                out.extend(ERROR_EVENT);
                Ok(())
            }
            finished => finished.map_err(Fault::Body),
        }
    }

    /// A body is refused: a stream of events ends with one that says so, after those that are complete.
    fn mute(&mut self, error: EditError, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Open(editor, _) if editor.is_events() => {
                out.extend(ERROR_EVENT);
                *self = Self::Muted;
                Ok(())
            }
            Self::Waiting | Self::Open(..) | Self::Muted | Self::Ended => Err(Fault::Body(error)),
        }
    }
}

/// Why a body is not passed on, whichever it is.
pub(super) enum Fault {
    OutOfOrder,
    Body(EditError),
}

impl Fault {
    pub(super) fn in_request(self) -> Refusal {
        match self {
            Self::OutOfOrder => Refusal::OutOfOrder,
            Self::Body(error) => Refusal::Request(error),
        }
    }

    pub(super) fn in_answer(self) -> Refusal {
        match self {
            Self::OutOfOrder => Refusal::OutOfOrder,
            Self::Body(error) => Refusal::Answer(error),
        }
    }
}
