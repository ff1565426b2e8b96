//! Editing a body that arrives in pieces, whatever it is.

use std::fmt;

use super::exchange::{EditError, Exchange};
use super::json::Editor;
use super::place::Place;
use super::quote;
use super::sse::EventStream;
use super::utf8::Utf8;

/// Most bytes of a report that are kept where it is no JSON.
const MAX_REPORT: usize = 64 * 1024;

/// The editor of one body. It passes on, of each piece, what is certain: after an error nothing of the
/// body may follow. Its `Debug` does not show what it holds.
pub struct BodyEditor(Kind);

enum Kind {
    Json { editor: Editor, utf8: Utf8 },
    Events(EventStream),
    Report(Vec<u8>),
    Empty,
}

impl BodyEditor {
    /// The body of a request: the ids it names are opened.
    #[must_use]
    pub fn request() -> Self {
        Self::json_at(Place::Request)
    }

    /// A JSON answer: ids are sealed, and in one that reports a failure the named ids are written as the
    /// caller wrote them.
    #[must_use]
    pub fn answer(failed: bool) -> Self {
        Self::json_at(if failed { Place::Failure } else { Place::Body })
    }

    /// An event stream; `max_event` is the most bytes of one event.
    #[must_use]
    pub fn events(max_event: usize) -> Self {
        Self(Kind::Events(EventStream::new(max_event)))
    }

    /// A report of a failure in any other format.
    #[must_use]
    pub fn report() -> Self {
        Self(Kind::Report(Vec::new()))
    }

    /// A body that must not have a byte: its format is not told.
    #[must_use]
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    fn json_at(root: Place) -> Self {
        Self(Kind::Json { editor: Editor::new(root), utf8: Utf8::default() })
    }

    /// Takes a piece, and appends what can be passed on.
    pub fn push(&mut self, piece: &[u8], exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        match &mut self.0 {
            Kind::Json { editor, utf8 } => {
                utf8.push(piece).map_err(|_| EditError::NotUtf8)?;
                editor.push(piece, exchange, out)
            }
            Kind::Events(events) => events.push(piece, exchange, out),
            Kind::Empty if piece.is_empty() => Ok(()),
            Kind::Empty => Err(EditError::Malformed),
            // In UTF-16 an id would not be found.
            Kind::Report(_) if piece.contains(&0) => Err(EditError::NotUtf8),
            Kind::Report(report) => {
                report.extend(piece);
                if report.len() > MAX_REPORT {
                    let (replacements, decided) = exchange.report(report, false);
                    let rest = report.split_off(decided);
                    quote::write(report, &replacements, out);
                    *report = rest;
                }
                Ok(())
            }
        }
    }

    /// Takes the end of the body, and appends the rest.
    pub fn finish(self, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        match self.0 {
            Kind::Json { utf8, .. } if !utf8.is_complete() => Err(EditError::NotUtf8),
            Kind::Json { editor, .. } => editor.finish(),
            Kind::Events(mut events) => events.finish(exchange, out),
            Kind::Empty => Ok(()),
            Kind::Report(report) => {
                quote::write(&report, &exchange.report(&report, true).0, out);
                Ok(())
            }
        }
    }

    /// Whether this is an event stream, which can end with an event that says why.
    pub(super) fn is_events(&self) -> bool {
        matches!(self.0, Kind::Events(_))
    }
}

impl fmt::Debug for BodyEditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Json { .. } => "BodyEditor(JSON)",
            Kind::Events(_) => "BodyEditor(events)",
            Kind::Report(_) => "BodyEditor(report)",
            Kind::Empty => "BodyEditor(empty)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{AccessRules, Caller, Keyring, PlainId, ResponseIds};
    use super::*;
    use crate::core::credential::Secret;

    /// What alice, who asked about `resp_68aa01`, sees of a body; and the id she asked with.
    fn edit(mut editor: BodyEditor, body: &[u8]) -> (Result<Vec<u8>, EditError>, String) {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        let caller = Caller::new(Some("alice"), None, None, false).unwrap();
        let id = keyring.seal(&PlainId::parse("resp_68aa01").unwrap(), caller.owner(), None).unwrap();
        let ids = Arc::new(ResponseIds { keyring, legacy: None, rules: AccessRules::default() });
        let mut exchange = Exchange::new(ids, caller, None, Some(&id)).unwrap();
        let mut out = Vec::new();
        let edited = body.chunks(1).try_for_each(|byte| editor.push(byte, &mut exchange, &mut out));
        (edited.and_then(|()| editor.finish(&mut exchange, &mut out)).map(|()| out), id)
    }

    #[test]
    fn a_report_in_any_format_tells_no_named_id() {
        let (out, id) = edit(BodyEditor::report(), b"<p>no response resp_68aa01</p>");
        assert_eq!(out.unwrap(), format!("<p>no response {id}</p>").into_bytes());
        let (out, _) = edit(BodyEditor::report(), b"\xff\xfe upstream connect error");
        assert_eq!(out.unwrap(), b"\xff\xfe upstream connect error");
        let (out, id) = edit(BodyEditor::report(), b"\xff resp_68aa01");
        assert_eq!(out.unwrap(), [b"\xff ", id.as_bytes()].concat());
        assert_eq!(edit(BodyEditor::report(), b"r\0e\0s\0p\0").0, Err(EditError::NotUtf8), "UTF-16");
        let spaces = vec![b' '; MAX_REPORT - 3];
        let (out, id) = edit(BodyEditor::report(), &[&spaces[..], b"resp_68aa01, resp_new1"].concat());
        assert_eq!(out.unwrap(), [&spaces[..], id.as_bytes(), b", resp_redacted"].concat());
        assert_eq!(edit(BodyEditor::report(), b"").0.unwrap(), b"");
    }

    #[test]
    fn json_is_utf8() {
        assert_eq!(edit(BodyEditor::answer(false), b"{\"a\":\"\xc3\xa9\"}").0.unwrap(), b"{\"a\":\"\xc3\xa9\"}");
        assert_eq!(edit(BodyEditor::answer(false), b"{\"a\":\"\xc3\"}").0, Err(EditError::NotUtf8));
        assert_eq!(edit(BodyEditor::request(), b"{\"\xff\":1}").0, Err(EditError::NotUtf8));
        assert_eq!(edit(BodyEditor::request(), b"{\"a\":\"\xc3").0, Err(EditError::NotUtf8));
    }
}
