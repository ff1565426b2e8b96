//! Editing a JSON text that arrives in pieces: ids are replaced, every other byte is passed on as it is.
//!
//! Nothing is kept but the text at hand, and that only where a [`Place`] asks to read it. What is no JSON
//! (RFC 8259) is refused: another reader might find ids in it.

mod text;

use std::borrow::Cow;

use memchr::memchr2;

use super::exchange::{EditError, Exchange};
use super::place::{MAX_NAME, Place};
use super::plain::PlainId;

/// Deepest nesting: that of `serde_json`.
const MAX_DEPTH: usize = 128;
/// Longest id kept, in bytes, each of them escaped.
const MAX_ID: usize = 6 * PlainId::MAX;
/// Most bytes of a report that are kept.
const MAX_REPORT: usize = 64 * 1024;

/// The editor of one JSON text.
pub(super) struct Editor {
    state: State,
    /// What the next value means.
    next: Place,
    stack: Vec<Frame>,
    /// The inside of the name or text at hand, escapes and all, as far as it is kept.
    held: Vec<u8>,
    /// Whether the last byte was a backslash within quotation marks.
    escaped: bool,
}

/// What may come.
#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    ElementOrEnd,
    NameOrEnd,
    Name,
    Colon,
    CommaOrEnd,
    Number,
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
    /// Within quotation marks.
    Quoted(Quoted),
    Done,
}

#[derive(Debug, Clone, Copy)]
enum Quoted {
    /// A member's name; kept as long as it can mean something.
    Name { kept: bool },
    /// A text that is passed on as it comes.
    Passed,
    /// A text that is read first.
    Read(Place),
}

/// An object or a list that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    is_list: bool,
    place: Place,
    /// The [`super::place::Single`] members seen.
    seen: u8,
}

impl Editor {
    pub(super) fn new(root: Place) -> Self {
        Self { state: State::Value, next: root, stack: Vec::new(), held: Vec::new(), escaped: false }
    }

    /// Takes a piece, and appends what is to be passed on.
    pub(super) fn push(
        &mut self,
        mut input: &[u8],
        exchange: &mut Exchange,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        while let Some((&byte, rest)) = input.split_first() {
            if let State::Quoted(kind) = self.state {
                input = self.quoted(kind, input, exchange, out)?;
            } else {
                self.structure(byte)?;
                out.push(byte);
                input = rest;
            }
        }
        Ok(())
    }

    /// Whether the text may end here.
    pub(super) fn finish(&self) -> Result<(), EditError> {
        let at_end =
            matches!(self.state, State::Done) || (matches!(self.state, State::Number) && self.stack.is_empty());
        if at_end { Ok(()) } else { Err(EditError::Malformed) }
    }

    /// A byte outside quotation marks.
    fn structure(&mut self, byte: u8) -> Result<(), EditError> {
        self.state = match (self.state, byte) {
            (State::Number, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') => State::Number,
            (State::Number, _) => {
                self.state = self.after_value();
                return self.structure(byte);
            }
            (State::Literal([first, rest @ ..]), _) if *first == byte => match rest {
                [] => self.after_value(),
                rest => State::Literal(rest),
            },
            (State::Literal(_), _) => return Err(EditError::Malformed),
            (state, b' ' | b'\t' | b'\r' | b'\n') => state,
            (State::ElementOrEnd, b']') | (State::NameOrEnd, b'}') | (State::CommaOrEnd, b'}' | b']') => {
                self.close(byte)?
            }
            (State::Value | State::ElementOrEnd, _) => self.value(byte)?,
            (State::NameOrEnd | State::Name, b'"') => State::Quoted(Quoted::Name { kept: true }),
            (State::Colon, b':') => State::Value,
            (State::CommaOrEnd, b',') => self.comma()?,
            (State::NameOrEnd | State::Name | State::Colon | State::CommaOrEnd | State::Quoted(_) | State::Done, _) => {
                return Err(EditError::Malformed);
            }
        };
        Ok(())
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8) -> Result<State, EditError> {
        let place = self.next;
        if place.is_text() && !matches!(byte, b'"' | b'n') {
            return Err(EditError::NotText);
        }
        if self.stack.is_empty() && place == Place::Request && byte != b'{' {
            return Err(EditError::Malformed);
        }
        match byte {
            b'"' => Ok(State::Quoted(if place.is_read() { Quoted::Read(place) } else { Quoted::Passed })),
            b'{' => self.open(false),
            b'[' => self.open(true),
            b'-' | b'0'..=b'9' => Ok(State::Number),
            b't' => Ok(State::Literal(b"rue")),
            b'f' => Ok(State::Literal(b"alse")),
            b'n' => Ok(State::Literal(b"ull")),
            _ => Err(EditError::Malformed),
        }
    }

    fn open(&mut self, is_list: bool) -> Result<State, EditError> {
        if self.stack.len() == MAX_DEPTH {
            return Err(EditError::TooDeep);
        }
        self.stack.push(Frame { is_list, place: self.next, seen: 0 });
        if is_list {
            self.next = self.next.element();
        }
        Ok(if is_list { State::ElementOrEnd } else { State::NameOrEnd })
    }

    fn close(&mut self, byte: u8) -> Result<State, EditError> {
        match self.stack.pop() {
            Some(frame) if frame.is_list == (byte == b']') => Ok(self.after_value()),
            _ => Err(EditError::Malformed),
        }
    }

    fn comma(&mut self) -> Result<State, EditError> {
        let frame = self.stack.last().ok_or(EditError::Malformed)?;
        self.next = frame.place.element();
        Ok(if frame.is_list { State::Value } else { State::Name })
    }

    fn after_value(&self) -> State {
        if self.stack.is_empty() { State::Done } else { State::CommaOrEnd }
    }

    /// The inside of quotation marks, up to the next byte that matters. The result is what follows it.
    fn quoted<'i>(
        &mut self,
        kind: Quoted,
        input: &'i [u8],
        exchange: &mut Exchange,
        out: &mut Vec<u8>,
    ) -> Result<&'i [u8], EditError> {
        if std::mem::take(&mut self.escaped) {
            let (escape, rest) = input.split_at(1);
            self.take(kind, escape, exchange, out)?;
            return Ok(rest);
        }
        let end = memchr2(b'"', b'\\', input).unwrap_or(input.len());
        let (inside, rest) = input.split_at(end);
        let kind = self.take(kind, inside, exchange, out)?;
        match rest.split_first() {
            None => Ok(rest),
            Some((b'"', rest)) => {
                self.end_quoted(kind, exchange, out)?;
                Ok(rest)
            }
            Some((backslash, rest)) => {
                self.take(kind, &[*backslash], exchange, out)?;
                self.escaped = true;
                Ok(rest)
            }
        }
    }

    /// Passes on or keeps the inside of quotation marks. The result is what is made of it from here on.
    fn take(
        &mut self,
        kind: Quoted,
        inside: &[u8],
        exchange: &Exchange,
        out: &mut Vec<u8>,
    ) -> Result<Quoted, EditError> {
        if inside.iter().any(|byte| *byte < 0x20) {
            return Err(EditError::Malformed);
        }
        let kind = match kind {
            Quoted::Passed | Quoted::Name { kept: false } => {
                out.extend(inside);
                kind
            }
            Quoted::Name { kept: true } => {
                out.extend(inside);
                self.held.extend(inside);
                Quoted::Name { kept: self.held.len() <= MAX_NAME }
            }
            Quoted::Read(place) => {
                self.held.extend(inside);
                if place.is_report() && self.held.len() > MAX_REPORT {
                    self.report(exchange, out)?;
                }
                if place.is_report() || self.held.len() <= MAX_ID { kind } else { self.release(place, out)? }
            }
        };
        self.state = State::Quoted(kind);
        Ok(kind)
    }

    /// A text too long to be kept is no response's id, and links to none, unless it begins like one.
    fn release(&mut self, place: Place, out: &mut Vec<u8>) -> Result<Quoted, EditError> {
        if place.is_text() || text::begins_with(&self.held, "resp")? {
            return Err(EditError::TooLong);
        }
        out.append(&mut self.held);
        Ok(Quoted::Passed)
    }

    /// Passes on what is decided of a report too long to be kept.
    fn report(&mut self, exchange: &Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        let complete = self.held.get(..text::complete(&self.held)).unwrap_or_default();
        let (replacements, decided) = exchange.report(text::unescape(complete)?.as_bytes(), false);
        let taken = text::write(complete, decided, &replacements, out)?;
        self.held.drain(..taken);
        Ok(())
    }

    /// A closing quotation mark.
    fn end_quoted(&mut self, kind: Quoted, exchange: &mut Exchange, out: &mut Vec<u8>) -> Result<(), EditError> {
        let held = std::mem::take(&mut self.held);
        match kind {
            Quoted::Passed => self.state = self.after_value(),
            Quoted::Name { kept } => {
                let name = if kept { text::unescape(&held)? } else { Cow::Borrowed("") };
                self.member(&name)?;
                self.state = State::Colon;
            }
            Quoted::Read(place) => {
                let meant = text::unescape(&held)?;
                text::write(&held, meant.len(), &exchange.edit(place, &meant)?, out)?;
                self.state = self.after_value();
            }
        }
        out.push(b'"');
        Ok(())
    }

    /// A member of the innermost object.
    fn member(&mut self, name: &str) -> Result<(), EditError> {
        let frame = self.stack.last_mut().ok_or(EditError::Malformed)?;
        if frame.place.is_look_alike(name) {
            return Err(EditError::Ambiguous);
        }
        if let Some(single) = frame.place.decides(name) {
            let flag = single as u8;
            if frame.seen & flag != 0 {
                return Err(EditError::Ambiguous);
            }
            frame.seen |= flag;
        }
        self.next = frame.place.member(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
