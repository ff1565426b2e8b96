//! The provider's id.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An id as the provider knows it: 1 to [`Self::MAX`] bytes of visible ASCII, and no dot segment. Who
/// knows it can use it, so its `Debug` is blind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlainId(String);

impl PlainId {
    /// Longest id, in bytes. LiteLLM's routing wrapper has about 250.
    pub const MAX: usize = 1024;

    /// `None` for a text that could not be sent in a path and a header without changing its meaning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        let sound = visible && !text.is_empty() && text.len() <= Self::MAX && !matches!(text, "." | "..");
        sound.then(|| Self(text.to_owned()))
    }

    /// The id itself. Every call is a place to look at in a review: the caller must not see it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The id as one segment of a path.
    #[must_use]
    pub fn to_segment(&self) -> String {
        utf8_percent_encode(&self.0, SEGMENT).collect()
    }
}

impl fmt::Debug for PlainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        for (id, segment) in [("resp_68aa", "resp_68aa"), ("a/b?c#d%;=+", "a%2Fb%3Fc%23d%25%3B%3D%2B"), ("...", "...")]
        {
            assert_eq!(PlainId::parse(id).unwrap().to_segment(), segment);
        }
        for id in ["", ".", "..", "a b", "a\n", "\u{e9}", "a\0", &"x".repeat(PlainId::MAX + 1)] {
            assert_eq!(PlainId::parse(id), None, "{id:?}");
        }
        assert_eq!(format!("{:?}", PlainId::parse("resp_canary").unwrap()), "PlainId(…)");
    }
}
