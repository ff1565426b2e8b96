//! One canonical path. What an upstream could read in two ways is refused, not repaired.
//!
//! The route is decided on the same bytes the upstream will see, so nothing is normalised away here:
//! a path is either unambiguous (and at most spells unreserved characters as `%XX`), or a
//! [`PathError`]. Envoy's own normalisation is a second line, never the first (S-001 … S-016).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Longest request target judged, in bytes. Envoy's default limit for all headers is 60 KiB.
pub const MAX_TARGET: usize = 16 * 1024;

/// A request target split into its canonical path and its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path, percent-decoded once, below the root path. Always begins with `/`.
    pub path: Cow<'a, str>,
    /// The query without `?`, not decoded.
    pub query: Option<&'a str>,
}

/// Why a request target was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// Empty, or not in origin form (RFC 9112 §3.2.1): `*`, absolute and authority form.
    #[error("not in origin form")]
    NotOriginForm,
    /// Longer than [`MAX_TARGET`].
    #[error("too long")]
    TooLong,
    /// A byte outside visible ASCII, or a fragment, or a backslash.
    #[error("forbidden character")]
    ForbiddenCharacter,
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
    #[error("broken percent-encoding")]
    BrokenEncoding,
    /// A percent-encoded character that changes the structure when decoded by somebody else.
    #[error("encoded delimiter")]
    EncodedDelimiter,
    /// An empty segment (`//`), a dot segment, or path parameters (`;`).
    #[error("ambiguous segment")]
    AmbiguousSegment,
    /// A root path is configured and this path is not below it.
    #[error("outside the root path")]
    OutsideRoot,
}

impl<'a> Target<'a> {
    /// Parses a request target. `root` is the deployment's root path without trailing slash, or empty.
    pub fn parse(target: &'a str, root: &str) -> Result<Self, PathError> {
        if target.len() > MAX_TARGET {
            return Err(PathError::TooLong);
        }
        if !target.starts_with('/') {
            return Err(PathError::NotOriginForm);
        }
        let visible = |byte: u8| (0x21..=0x7e).contains(&byte);
        if !target.bytes().all(|byte| visible(byte) && byte != b'#' && byte != b'\\') {
            return Err(PathError::ForbiddenCharacter);
        }
        let (raw, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let decoded = decode_once(raw)?;
        check_segments(&decoded)?;
        Ok(Self { path: below_root(decoded, root)?, query })
    }
}

/// Decodes `%XX` once. Anything whose decoded form has a meaning of its own is refused.
fn decode_once(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex)) else {
            return Err(PathError::BrokenEncoding);
        };
        if is_structural(high << 4 | low) {
            return Err(PathError::EncodedDelimiter);
        }
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| PathError::BrokenEncoding)?;
    // C1 controls, separators and bidirectional marks reach no catalogue route and confuse every log.
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{fffd}')) {
        return Err(PathError::ForbiddenCharacter);
    }
    Ok(text)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Bytes that must not hide behind percent-encoding: controls, space, and every character that
/// another parser may treat as a delimiter, including `%` itself (double encoding).
fn is_structural(byte: u8) -> bool {
    byte <= 0x20 || byte == 0x7f || b"/\\%?#;".contains(&byte)
}

fn check_segments(path: &str) -> Result<(), PathError> {
    let Some(below) = path.strip_prefix('/') else {
        return Err(PathError::NotOriginForm);
    };
    let mut segments = below.split('/').peekable();
    while let Some(segment) = segments.next() {
        // One trailing slash is a spelling of its own, not an ambiguity: it is another route.
        let trailing = segment.is_empty() && segments.peek().is_none();
        if (segment.is_empty() && !trailing) || matches!(segment, "." | "..") || segment.contains(';') {
            return Err(PathError::AmbiguousSegment);
        }
    }
    Ok(())
}

/// Cuts the root path off, on whole segments, once. Exactly one form is accepted (LiteLLM W15).
fn below_root<'a>(path: Cow<'a, str>, root: &str) -> Result<Cow<'a, str>, PathError> {
    if root.is_empty() {
        return Ok(path);
    }
    match path.strip_prefix(root) {
        Some("") => Ok(Cow::Borrowed("/")),
        Some(rest) if rest.starts_with('/') => Ok(Cow::Owned(rest.to_owned())),
        _ => Err(PathError::OutsideRoot),
    }
}

/// Whether a path is another one, or below it, on whole segments.
#[must_use]
pub fn is_below(path: &str, entry: &str) -> bool {
    path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(target: &str) -> Result<String, PathError> {
        Target::parse(target, "").map(|target| target.path.into_owned())
    }

    #[test]
    fn splits_at_the_first_question_mark_s016() {
        let target = Target::parse("/v1/models?foo=bar?baz", "").unwrap();
        assert_eq!((target.path.as_ref(), target.query), ("/v1/models", Some("foo=bar?baz")));
    }

    #[test]
    fn decodes_unreserved_characters_once_s012() {
        assert_eq!(path("/%76%31/chat/completions").unwrap(), "/v1/chat/completions");
    }

    #[test]
    fn keeps_one_trailing_slash_as_its_own_spelling_s014() {
        assert_eq!(path("/v1/models/").unwrap(), "/v1/models/");
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        use PathError::*;
        let cases = [
            ("", NotOriginForm),
            ("*", NotOriginForm),
            ("http://evil.example/v1/models", NotOriginForm),
            ("/v1/models#x", ForbiddenCharacter),       // S-001
            ("/v1/models?x=1#f", ForbiddenCharacter),   // S-001
            ("//v1/models", AmbiguousSegment),          // S-002
            ("/v1//models", AmbiguousSegment),          // S-003
            ("/v1/models//", AmbiguousSegment),         // S-003
            ("/v1%2Fmodels", EncodedDelimiter),         // S-004
            ("/v1/..%2fkey/info", EncodedDelimiter),    // S-004
            ("/v1\\models", ForbiddenCharacter),        // S-005
            ("/v1/%5c..%5ckey/info", EncodedDelimiter), // S-005
            ("/v1/x/../models", AmbiguousSegment),      // S-006
            ("/v1/%2e%2e/key/info", AmbiguousSegment),  // S-006
            ("/v1/./models", AmbiguousSegment),         // S-006
            ("/v1/..;/key", AmbiguousSegment),          // S-007
            ("/v1/models;p=1", AmbiguousSegment),       // S-008
            ("/v1/models%3bp=1", EncodedDelimiter),     // S-008
            ("/v1/models%0a", EncodedDelimiter),        // S-009
            ("/v1/models%00", EncodedDelimiter),        // S-009
            ("/v1/models%20", EncodedDelimiter),
            ("/v1/%252e%252e/key/info", EncodedDelimiter), // S-010
            ("/v1/models%3Fx", EncodedDelimiter),          // S-016
            ("/v1/models%ff", BrokenEncoding),             // S-011
            ("/v1/models%c0%ae", BrokenEncoding),          // overlong UTF-8
            ("/v1/models%4", BrokenEncoding),
            ("/v1/models%zz", BrokenEncoding),
            ("/v1/models\u{e9}", ForbiddenCharacter),    // S-011
            ("/v1/models%e2%80%ae", ForbiddenCharacter), // right-to-left override
            ("/v1/ models", ForbiddenCharacter),
        ];
        for (target, error) in cases {
            assert_eq!(path(target), Err(error), "{target}");
        }
    }

    #[test]
    fn the_root_path_matches_whole_segments_in_one_form() {
        let under = |target| Target::parse(target, "/genai").map(|target| target.path.into_owned());
        assert_eq!(under("/genai/v1/models").unwrap(), "/v1/models");
        assert_eq!(under("/genai").unwrap(), "/");
        assert_eq!(under("/genai/genai/x").unwrap(), "/genai/x");
        assert_eq!(under("/genaix/v1/models"), Err(PathError::OutsideRoot));
        assert_eq!(under("/v1/models"), Err(PathError::OutsideRoot));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(target in "\\PC{0,64}") {
            if let Ok(canonical) = path(&target) {
                prop_assert_eq!(path(&canonical).ok(), Some(canonical).filter(|p| p.is_ascii()));
            }
        }

        #[test]
        fn agrees_on_every_encoding_of_unreserved_bytes(
            plain in "/[a-z0-9_~-]{1,8}(/[a-z0-9_~-]{1,8}){0,4}",
            mask in any::<u64>(),
        ) {
            let encoded: String = plain.bytes().enumerate().map(|(i, byte)| {
                if byte != b'/' && mask >> (i % 64) & 1 == 1 { format!("%{byte:02X}") } else { char::from(byte).to_string() }
            }).collect();
            prop_assert_eq!(path(&encoded).unwrap(), plain);
        }
    }
}
