//! Ids within texts: found, and replaced with nothing else changed.

use std::ops::Range;

use memchr::memmem;

use super::{MAX_SEALED, PREFIX};

/// What stands where an id was that nobody here is known to own.
pub(super) const BLANK: &str = "resp_redacted";

/// Bytes before the end of an unfinished text in which nothing is decided: what begins there may go on.
const UNDECIDED: usize = MAX_SEALED;

/// An id within a text, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replacement {
    /// Bytes of the text.
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Replacement {
    /// The whole text is an id.
    pub(super) fn all_of(text: &str, by: String) -> Vec<Self> {
        vec![Self { range: 0..text.len(), text: by }]
    }
}

/// An id that may be quoted, and what is written instead; `None` where the caller knows it.
pub(super) struct Quoted<'a> {
    id: &'a [u8],
    instead: Option<&'a str>,
    next: Next,
}

/// Where an id comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Unknown,
    At(usize),
    Nowhere,
}

impl<'a> Quoted<'a> {
    pub(super) fn new(id: &'a str, instead: Option<&'a str>) -> Self {
        Self { id: id.as_bytes(), instead, next: Next::Unknown }
    }

    /// Where it comes next, from here on. Every byte is looked at once, however often this is asked.
    fn find(&mut self, text: &[u8], from: usize) -> Option<usize> {
        if matches!(self.next, Next::At(next) if next < from) || self.next == Next::Unknown {
            let next = text.get(from..).and_then(|rest| memmem::find(rest, self.id));
            self.next = next.map_or(Next::Nowhere, |next| Next::At(from + next));
        }
        if let Next::At(next) = self.next { Some(next) } else { None }
    }
}

/// Ids that a report quotes, and how many bytes of it are decided: all, where it is `whole`. Of several
/// that begin at one place the first counts. An id that is not among them is blanked, unless `ours` says that
/// it is one of the gate's.
pub(super) fn in_report(
    text: &[u8],
    whole: bool,
    mut known: Vec<Quoted<'_>>,
    ours: impl Fn(&str) -> bool,
) -> (Vec<Replacement>, usize) {
    let decided = if whole { text.len() } else { text.len().saturating_sub(UNDECIDED) };
    let (mut found, mut at) = (Vec::new(), 0);
    let mut prefix = Quoted::new(PREFIX, None);
    loop {
        let starts = known.iter_mut().chain([&mut prefix]).filter_map(|one| one.find(text, at));
        let Some(start) = starts.min().filter(|start| *start < decided) else { break };
        let token = token_at(text, start);
        let quoted = known.iter().find(|one| one.next == Next::At(start) && one.id.len() >= token.len());
        let (length, instead) = match quoted {
            Some(quoted) => (quoted.id.len(), quoted.instead),
            None if looks_like_id(token) && !ours(token) => (token.len(), Some(BLANK)),
            None => (token.len().max(1), None),
        };
        at = start + length;
        found.extend(instead.map(|instead| Replacement { range: start..at, text: instead.to_owned() }));
    }
    (found, decided.max(at))
}

/// Ids that are the text, or a segment of a path or a value of a query in it.
pub(super) fn in_link(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let starts = memmem::find_iter(bytes, PREFIX).filter(|start| {
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        before.is_none_or(|before| b"/=".contains(before))
    });
    let ids = starts.filter_map(|start| {
        let rest = bytes.get(start..)?;
        let length = rest.iter().take_while(|byte| is_id_byte(**byte) || b"=%".contains(byte)).count();
        let ends = rest.get(length).is_none_or(|after| b"/?#&".contains(after));
        (ends && looks_like_id(text.get(start..start + length)?)).then_some(start..start + length)
    });
    ids.collect()
}

/// Whether a token is more than a word that begins like an id: no provider's id goes without a digit.
fn looks_like_id(token: &str) -> bool {
    token.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().any(|byte| byte.is_ascii_digit()) || rest.len() >= 24)
}

/// The prefix and the letters that follow it; nothing, where there is none.
fn token_at(text: &[u8], start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    if !rest.starts_with(PREFIX.as_bytes()) {
        return "";
    }
    let length = rest.iter().take(MAX_SEALED).take_while(|byte| is_id_byte(**byte)).count();
    std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default()
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Appends a text with the replacements, which are in its order.
pub(super) fn write(text: &[u8], replacements: &[Replacement], out: &mut Vec<u8>) {
    let mut at = 0;
    for replacement in replacements {
        out.extend(text.get(at..replacement.range.start).unwrap_or_default());
        out.extend(replacement.text.as_bytes());
        at = replacement.range.end;
    }
    out.extend(text.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> Vec<Quoted<'static>> {
        vec![
            Quoted::new("resp_12", Some("LONG")),
            Quoted::new("uuid-1", Some("UUID")),
            Quoted::new("resp_1", Some("SHORT")),
            Quoted::new("resp_9", None),
        ]
    }

    fn report(text: &[u8]) -> Vec<u8> {
        let (found, decided) = in_report(text, true, known(), |token| token == "resp_OURS1");
        assert_eq!(decided, text.len());
        let mut out = Vec::new();
        write(text, &found, &mut out);
        out
    }

    #[test]
    fn what_is_known_is_replaced_and_what_is_not_is_blanked() {
        for (text, expected) in [
            ("resp_12, resp_1: uuid-1!", "LONG, SHORT: UUID!"),
            ("resp_9 and resp_OURS1", "resp_9 and resp_OURS1"),
            ("no resp_new1, \\nresp_2x", "no resp_redacted, \\nresp_redacted"),
            ("previous_resp_id, resp_, resp_handler", "previous_resp_id, resp_, resp_handler"),
            ("resp_123", "resp_redacted"),
            ("uuid-1uuid-1", "UUIDUUID"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(report(text.as_bytes())).unwrap(), expected, "{text}");
        }
        assert_eq!(report(b"\xffresp_1\xff"), b"\xffSHORT\xff");
    }

    #[test]
    fn links_are_found_by_their_segments() {
        for (text, expected) in [
            ("resp_1", vec!["resp_1"]),
            ("resp_abc1==", vec!["resp_abc1=="]),
            ("/v1/responses/resp_1", vec!["resp_1"]),
            ("https://h/responses/resp_1/cancel?after=resp_2&x=1#a", vec!["resp_1", "resp_2"]),
            ("/responses/resp_1%3D%3D?a", vec!["resp_1%3D%3D"]),
            ("https://h/resp_2024.pdf", vec![]),
            ("a resp_1", vec![]),
            ("resp_handler", vec![]),
        ] {
            let found: Vec<_> = in_link(text).into_iter().map(|range| text.get(range).unwrap()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        /// In pieces of any size the same is found as in the whole.
        #[test]
        fn a_text_in_windows_is_the_text(
            words in proptest::collection::vec(
                prop_oneof!["resp_1{1,3}", "uuid-[12]", "resp_[a-z0-9]{0,2600}", "[ -~]{0,900}"],
                0..30,
            ),
            window in 3000..9000_usize,
        ) {
            let text = words.concat().into_bytes();
            let (mut out, mut held) = (Vec::new(), Vec::new());
            for piece in text.chunks(window) {
                held.extend(piece);
                let (found, decided) = in_report(&held, false, known(), |_| false);
                let rest = held.split_off(decided);
                write(&held, &found, &mut out);
                held = rest;
            }
            out.extend(report(&held));
            prop_assert!(out == report(&text));
        }
    }
}
