//! A pattern of paths. Everything that is not a placeholder or a final `*` stands for itself; LiteLLM
//! pastes its patterns into regular expressions unescaped (W2).

use thiserror::Error;

/// A path with placeholders: `{name}` is one segment that is not empty; `{name:path}`, last or before a
/// `:verb`, is one or more characters without `:`; a final `*` is any text, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(super) segments: Vec<Segment>,
    pub(super) end: End,
    /// Names of the placeholders, in path order.
    pub(super) names: Vec<Box<str>>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    Placeholder,
}

/// What comes after the segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing.
    Here,
    /// Text that begins with this; `/x/*` has the segment `x` and an empty text, `/x*` the text `x`.
    Wildcard(Box<str>),
    /// `{name:path}`.
    Rest,
    /// `{name:path}:verb`.
    Verb(Box<str>),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It does not begin with `/`.
    #[error("a path begins with `/`")]
    NotAPath,
    /// A `*` that is not at the end.
    #[error("`*` is only understood at the end")]
    StarInside,
    /// A brace outside `{name}`, or `{name:path}` that is not last.
    #[error("a placeholder is a whole segment, `{{name}}`, or `{{name:path}}` at the end or before `:verb`")]
    Placeholder,
    /// Something no canonical path contains.
    #[error("no request path looks like this: it has an empty or dot segment, or a forbidden character")]
    NotCanonical,
}

impl Pattern {
    /// Parses a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let below = text.strip_prefix('/').ok_or(PatternError::NotAPath)?;
        let (mut rest, wildcard) = match below.strip_suffix('*') {
            Some(before) => (before, true),
            None => (below, false),
        };
        if rest.contains('*') {
            return Err(PatternError::StarInside);
        }
        let mut pattern = Self { segments: Vec::new(), end: End::Here, names: Vec::new() };
        while let Some((segment, after)) = rest.split_once('/') {
            let segment = pattern.segment(segment)?;
            pattern.segments.push(segment);
            rest = after;
        }
        pattern.finish(rest, wildcard)?;
        Ok(pattern)
    }

    /// Whether two patterns fit the same paths, whatever their placeholders are called.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.segments == other.segments && self.end == other.end
    }

    fn finish(&mut self, last: &str, wildcard: bool) -> Result<(), PatternError> {
        if wildcard {
            check_literal(last)?;
            self.end = End::Wildcard(last.into());
        } else if let Some((name, verb)) = last.strip_prefix('{').and_then(|rest| rest.split_once(":path}")) {
            self.name(name)?;
            self.end = match verb.strip_prefix(':') {
                None if verb.is_empty() => End::Rest,
                Some(verb) if !verb.is_empty() && !verb.contains(':') => End::Verb(check_literal(verb)?.into()),
                _ => return Err(PatternError::Placeholder),
            };
        } else {
            // One trailing slash is a spelling of its own, and so is the bare `/`.
            let segment = if last.is_empty() { Segment::Literal(Box::default()) } else { self.segment(last)? };
            self.segments.push(segment);
        }
        Ok(())
    }

    fn segment(&mut self, text: &str) -> Result<Segment, PatternError> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            self.name(name)?;
            return Ok(Segment::Placeholder);
        }
        if matches!(text, "" | "." | "..") {
            return Err(PatternError::NotCanonical);
        }
        Ok(Segment::Literal(check_literal(text)?.into()))
    }

    fn name(&mut self, name: &str) -> Result<(), PatternError> {
        let word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !word {
            return Err(PatternError::Placeholder);
        }
        self.names.push(name.into());
        Ok(())
    }
}

/// Text that stands for itself, of characters a canonical path can have.
fn check_literal(text: &str) -> Result<&str, PatternError> {
    if text.contains(['{', '}']) {
        return Err(PatternError::Placeholder);
    }
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "%?#;\\".contains(c);
    if text.contains(forbidden) { Err(PatternError::NotCanonical) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pattern_is_refused() {
        use PatternError::*;
        for (text, error) in [
            ("", NotAPath),
            ("*", NotAPath),
            ("v1", NotAPath),
            ("/a*b", StarInside),
            ("/x/**", StarInside),
            ("/x/{a}-{b}", Placeholder),
            ("/x/{a}{b}", Placeholder),
            ("/x/{}", Placeholder),
            ("/x/{a", Placeholder),
            ("/x/a}", Placeholder),
            ("/x/{a:path}/tail", Placeholder),
            ("/x/{a:path}x", Placeholder),
            ("/{a*", Placeholder),
            ("//x", NotCanonical),
            ("/x//y", NotCanonical),
            ("/x/../y", NotCanonical),
            ("/realtime?{model}", Placeholder),
            ("/realtime?x", NotCanonical),
            ("/x%2fy", NotCanonical),
            ("/x y", NotCanonical),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
        for text in ["/", "/x", "/x/", "/x*", "/x/*", "/*", "/{a}/b", "/x/{a:path}", "/x/{a:path}:go", "/x.y/{a}"] {
            assert!(Pattern::parse(text).is_ok(), "{text}");
        }
    }
}
