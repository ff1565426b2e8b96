//! Editing an event stream that arrives in pieces (WHATWG HTML, "server-sent events").
//!
//! An event is kept until its blank line, edited, and passed on at once. Line ends, comments, and how an
//! event is spread over `data:` lines stay as they are.

use memchr::memchr2;

use super::exchange::{EditError, Exchange};
use super::json::Editor;
use super::place::Place;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The editor of one stream.
pub(super) struct EventStream {
    /// The event at hand, as it came.
    event: Vec<u8>,
    /// Where its last line begins.
    line: usize,
    /// Whether the last byte was a carriage return: a line feed after it ends no further line.
    after_return: bool,
    /// Whether this is the first event, which a byte order mark may precede.
    is_first: bool,
    max_event: usize,
}

impl EventStream {
    /// `max_event` is the most bytes of one event that are kept.
    pub(super) fn new(max_event: usize) -> Self {
        Self { event: Vec::new(), line: 0, after_return: false, is_first: true, max_event }
    }

    /// Takes a piece, and appends what is to be passed on: the events it completes.
    pub(super) fn push(
        &mut self,
        mut input: &[u8],
        exchange: &mut Exchange,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        while let Some((&first, rest)) = input.split_first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                self.line_feed(out);
                input = rest;
                continue;
            }
            let end = memchr2(b'\r', b'\n', input).unwrap_or(input.len());
            let (inside, rest) = input.split_at(end);
            self.event.extend(inside);
            if self.event.len() > self.max_event {
                return Err(EditError::TooLong);
            }
            let Some((&end, rest)) = rest.split_first() else { return Ok(()) };
            self.end_line(end, exchange, out)?;
            input = rest;
        }
        Ok(())
    }

    /// The end of the stream. An event without its blank line is nobody's by the standard, and read by
    /// some clients.
    pub(super) fn finish(&mut self, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        self.dispatch(exchange, out)
    }

    /// The second half of a line end.
    fn line_feed(&mut self, out: &mut Vec<u8>) {
        if self.event.is_empty() {
            // The event was passed on with the first half.
            out.push(b'\n');
        } else {
            self.event.push(b'\n');
            self.line = self.event.len();
        }
    }

    fn end_line(&mut self, end: u8, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        let line = self.event.get(self.line..).unwrap_or_default();
        let is_blank = line.is_empty() || (self.is_first && self.line == 0 && line == BOM);
        self.event.push(end);
        self.line = self.event.len();
        self.after_return = end == b'\r';
        if is_blank { self.dispatch(exchange, out) } else { Ok(()) }
    }

    /// Edits the event at hand and passes it on.
    fn dispatch(&mut self, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        let event = std::mem::take(&mut self.event);
        self.line = 0;
        let mut event = event.as_slice();
        if std::mem::take(&mut self.is_first)
            && let Some(rest) = event.strip_prefix(BOM)
        {
            out.extend(BOM);
            event = rest;
        }
        std::str::from_utf8(event).map_err(|_| EditError::NotUtf8)?;
        edit_event(event, exchange, out)
    }
}

/// A line of an event.
#[derive(Debug, Clone, Copy)]
struct Line<'e> {
    /// `data`, a colon and a space, as far as they are there; nothing for other fields and comments.
    field: &'e [u8],
    value: &'e [u8],
    /// The line end.
    end: &'e [u8],
}

impl Line<'_> {
    fn is_data(&self) -> bool {
        !self.field.is_empty()
    }
}

fn edit_event(event: &[u8], exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
    // Everything at once, for nothing to be passed on of an event that is refused.
    let mut edited = Vec::with_capacity(event.len() + event.len() / 4);
    let mut editor = has_json(event).then(|| Editor::new(Place::Event));
    let mut is_first = true;
    for line in lines(event) {
        edited.extend(line.field);
        match &mut editor {
            Some(editor) if line.is_data() => {
                if !std::mem::take(&mut is_first) {
                    // The line feed that joins it to the one before is none of its own bytes.
                    editor.push(b"\n", exchange, &mut Vec::new())?;
                }
                editor.push(line.value, exchange, &mut edited)?;
            }
            _ if may_tell(line.value, exchange) => return Err(EditError::Malformed),
            _ => edited.extend(line.value),
        }
        edited.extend(line.end);
    }
    if let Some(editor) = editor {
        editor.finish()?;
    }
    out.append(&mut edited);
    Ok(())
}

/// Whether the data is JSON, and not nothing, the word that ends a stream of `OpenAI`'s, or one that keeps it
/// alive, such as `ping`. No word of JSON's own holds an id.
fn has_json(event: &[u8]) -> bool {
    let mut data =
        lines(event).filter(Line::is_data).map(|line| line.value.trim_ascii()).filter(|data| !data.is_empty());
    match (data.next(), data.next()) {
        (None, _) => false,
        (Some(only), None) => only != b"[DONE]" && !only.first().is_some_and(u8::is_ascii_alphabetic),
        (Some(_), Some(_)) => true,
    }
}

/// Whether a line outside the data could tell an id. No API has one there.
fn may_tell(line: &[u8], exchange: &Exchange) -> bool {
    memchr::memmem::find(line, super::PREFIX.as_bytes()).is_some() || exchange.is_told_in(line)
}

fn lines(mut event: &[u8]) -> impl Iterator<Item = Line<'_>> {
    std::iter::from_fn(move || {
        if event.is_empty() {
            return None;
        }
        let (inside, rest) = event.split_at(memchr2(b'\r', b'\n', event).unwrap_or(event.len()));
        let (end, rest) = rest.split_at(if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) });
        event = rest;
        let field = match inside.strip_prefix(b"data") {
            Some([b':', b' ', ..]) => 6,
            Some([b':', ..]) => 5,
            Some([]) => 4,
            _ => 0,
        };
        let (field, value) = inside.split_at(field);
        Some(Line { field, value, end })
    })
}

#[cfg(test)]
mod tests;
