//! `*` as the only special character, anchored at both ends, linear time (S-165).

use std::fmt;

/// A pattern such as `openai/*`. LiteLLM pastes these into a regular expression unescaped; here every
/// other character, `.` included, stands for itself (LiteLLM SEC-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// The literal pieces between the stars; at least two.
    pieces: Box<[Box<str>]>,
}

impl Glob {
    /// `None` when the text has no `*` and is therefore no pattern.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        pattern.contains('*').then(|| Self { pieces: pattern.split('*').map(Box::from).collect() })
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_ref() else {
            return false;
        };
        let Some(rest) = text.strip_prefix(first.as_ref()) else {
            return false;
        };
        // Taking the earliest place for each piece leaves the most room for the rest.
        let rest = middle.iter().try_fold(rest, |rest, piece| rest.split_once(piece.as_ref()).map(|(_, after)| after));
        rest.is_some_and(|rest| rest.ends_with(last.as_ref()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pieces.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn only_the_star_is_special() {
        assert!(matches("openai/*", "openai/gpt-4o"));
        assert!(matches("openai/*", "openai/"));
        assert!(!matches("openai/*", "openai"));
        assert!(!matches("gpt-3.5*", "gpt-3x5-evil"));
        assert!(matches("*-mini", "gpt-4o-mini"));
        assert!(!matches("*-mini", "gpt-4o-mini-x"));
        assert!(!matches("a*a", "a"), "the two ends do not overlap");
        assert!(matches("a**b", "ab"));
        assert!(matches("*", ""));
        assert_eq!(Glob::parse("gpt-4o"), None);
    }

    #[test]
    fn a_hostile_name_costs_linear_time_s165() {
        assert!(!matches("*a*a*a*a*b", &"a".repeat(1 << 20)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_textbook_definition(pattern in "[ab*]{1,6}", text in "[ab]{0,8}") {
            fn slow(p: &[u8], t: &[u8]) -> bool {
                match p.split_first() {
                    None => t.is_empty(),
                    Some((b'*', p)) => (0..=t.len()).any(|i| slow(p, &t[i..])),
                    Some((c, p)) => t.first() == Some(c) && slow(p, &t[1..]),
                }
            }
            if let Some(glob) = Glob::parse(&pattern) {
                prop_assert_eq!(glob.matches(&text), slow(pattern.as_bytes(), text.as_bytes()));
            }
        }
    }
}
