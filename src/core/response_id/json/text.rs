//! The text between quotation marks: as it is written, and as it is meant.

use std::borrow::Cow;

use crate::core::response_id::exchange::EditError;
use crate::core::response_id::quote::Replacement;

/// The text, its escapes resolved.
pub(super) fn unescape(raw: &[u8]) -> Result<Cow<'_, str>, EditError> {
    if memchr::memchr(b'\\', raw).is_none() {
        return std::str::from_utf8(raw).map(Cow::Borrowed).map_err(|_| EditError::NotUtf8);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).map(Cow::Owned).map_err(|_| EditError::Malformed)
}

/// How much of the beginning of a text can be unescaped: neither a character nor an escape is cut.
pub(super) fn complete(raw: &[u8]) -> usize {
    let characters = match std::str::from_utf8(raw) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => raw.len(),
    };
    let raw = raw.get(..characters).unwrap_or_default();
    if memchr::memchr(b'\\', raw).is_none() {
        return characters;
    }
    let mut at = 0;
    while let Some((written, _)) = raw.get(at..).and_then(unit) {
        at += written;
    }
    at
}

/// Whether a text means something that begins so; only its first bytes are looked at.
pub(super) fn begins_with(raw: &[u8], beginning: &str) -> Result<bool, EditError> {
    let raw = raw.get(..12 * beginning.len()).unwrap_or(raw);
    let first = raw.get(..complete(raw)).unwrap_or_default();
    Ok(unescape(first)?.starts_with(beginning))
}

/// Appends the first bytes of a text, as many as mean `end`, with the replacements in them; every other byte
/// as it is written. The result is how many were taken.
pub(super) fn write(
    raw: &[u8],
    end: usize,
    replacements: &[Replacement],
    out: &mut Vec<u8>,
) -> Result<usize, EditError> {
    let mut place = Position { raw, escapes: memchr::memchr(b'\\', raw).is_some(), written: 0, meant: 0 };
    for replacement in replacements {
        out.extend(place.forward_to(replacement.range.start));
        place.forward_to(replacement.range.end);
        escape(&replacement.text, out)?;
    }
    out.extend(place.forward_to(end));
    Ok(place.written)
}

/// A place in a text, in bytes as they are written and as they are meant.
struct Position<'r> {
    raw: &'r [u8],
    escapes: bool,
    written: usize,
    meant: usize,
}

impl<'r> Position<'r> {
    /// What is written from here to there.
    fn forward_to(&mut self, meant: usize) -> &'r [u8] {
        let from = self.written;
        if !self.escapes {
            self.written = meant;
            self.meant = meant;
        }
        while self.meant < meant
            && let Some((written, means)) = self.raw.get(self.written..).and_then(unit)
        {
            self.written += written;
            self.meant += means;
        }
        self.raw.get(from..self.written).unwrap_or_default()
    }
}

/// How many bytes a byte or an escape takes: as it is written, and as it is meant. `None` at the end, and for
/// an escape that is cut.
fn unit(raw: &[u8]) -> Option<(usize, usize)> {
    match raw {
        [b'\\', b'u', rest @ ..] => {
            let digits = std::str::from_utf8(rest.get(..4)?).ok()?;
            match u16::from_str_radix(digits, 16).ok()? {
                0..=0x7f => Some((6, 1)),
                0x80..=0x7ff => Some((6, 2)),
                0xd800..=0xdfff => (raw.len() >= 12).then_some((12, 4)),
                _ => Some((6, 3)),
            }
        }
        [b'\\', _, ..] => Some((2, 1)),
        [b'\\'] | [] => None,
        _ => Some((1, 1)),
    }
}

/// Appends a text as it stands between quotation marks.
fn escape(text: &str, out: &mut Vec<u8>) -> Result<(), EditError> {
    let quoted = serde_json::to_string(text).map_err(|_| EditError::Malformed)?;
    let inside = quoted.get(1..quoted.len() - 1).ok_or(EditError::Malformed)?;
    out.extend(inside.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_written_as_it_was() {
        let raw = br"\/\u00e9\ud83d\udd11x ID \u20AC\n";
        let text = unescape(raw).unwrap();
        let at = text.find("ID").unwrap();
        let replacement = Replacement { range: at..at + 2, text: "\"".to_owned() };
        let mut out = Vec::new();
        assert_eq!(write(raw, text.len(), &[replacement], &mut out), Ok(raw.len()));
        assert_eq!(out, br#"\/\u00e9\ud83d\udd11x \" \u20AC\n"#);
        let mut out = Vec::new();
        assert_eq!(write(raw, 3, &[], &mut out), Ok(8), "three bytes are meant by eight");
    }

    #[test]
    fn a_text_is_not_cut_within_a_character() {
        let raw = "a\\u00e9\\ud83d\\udd11\\n\u{e9}".as_bytes();
        let whole = [0, 1, 1, 1, 1, 1, 1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 19, 19, 21, 21, 23];
        for (end, expected) in whole.into_iter().enumerate() {
            assert_eq!(complete(&raw[..end]), expected, "{end}");
        }
        for (raw, expected) in [("resp_1", true), (r"\u0072esp", true), (r"\nresp", false), ("res", false)] {
            assert_eq!(begins_with(raw.as_bytes(), "resp"), Ok(expected), "{raw}");
        }
    }
}
