//! One value of a selector (LiteLLM 8.1.5): text, or a shell pattern.

/// Longest value compared with a pattern, in bytes. A longer one matches no pattern.
const MAX_VALUE: usize = 1024;

/// A value as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// No `*` and no `?` in it: compared exactly, brackets and all.
    Exact(String),
    /// A pattern over the whole value, in its case.
    Pattern(Box<[Piece]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Letter(char),
    /// `?`: any one.
    Any,
    /// `*`: any number of any.
    Many,
    /// `[a-z]`: one of these ranges; with `!`, one of no range.
    Class { ranges: Box<[(char, char)]>, negated: bool },
}

impl Selector {
    pub(super) fn parse(text: &str) -> Self {
        if !text.contains(['*', '?']) {
            return Self::Exact(text.to_owned());
        }
        let letters: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut rest = letters.as_slice();
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            pieces.push(match letter {
                '*' => Piece::Many,
                '?' => Piece::Any,
                '[' => match class(after) {
                    Some((piece, after)) => {
                        rest = after;
                        piece
                    }
                    // Without an end it is a bracket.
                    None => Piece::Letter('['),
                },
                letter => Piece::Letter(*letter),
            });
        }
        Self::Pattern(pieces.into())
    }

    /// Whether a value is the one, or one of those, that is meant. Where white space is not at home, a pattern
    /// matches no value with any: `trusted.*` is not `trusted.example evil` (8.1.6).
    pub(super) fn matches(&self, value: &str, may_have_spaces: bool) -> bool {
        match self {
            Self::Exact(text) => text == value,
            Self::Pattern(pieces) => {
                let acceptable = value.len() <= MAX_VALUE && (may_have_spaces || !value.contains(char::is_whitespace));
                acceptable && matches(pieces, value)
            }
        }
    }
}

/// Reads `a-z]…` after a bracket: a `]` right at the beginning is one of its letters.
fn class(text: &[char]) -> Option<(Piece, &[char])> {
    let (negated, text) = match text.split_first() {
        Some(('!', after)) => (true, after),
        _ => (false, text),
    };
    let end = text.iter().skip(1).position(|letter| *letter == ']')?.saturating_add(1);
    let (mut inside, after) = text.split_at_checked(end)?;
    let mut ranges = Vec::new();
    loop {
        inside = match inside {
            [first, '-', last, rest @ ..] => {
                ranges.push((*first, *last));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] => break,
        };
    }
    Some((Piece::Class { ranges: ranges.into(), negated }, after.get(1..)?))
}

/// Every position in the pattern that may have been reached so far: as many steps as the two are long, whatever
/// they say (S-165).
fn matches(pieces: &[Piece], value: &str) -> bool {
    let mut reached = vec![false; pieces.len().saturating_add(1)];
    start(pieces, &mut reached);
    for letter in value.chars() {
        let mut next = vec![false; reached.len()];
        for (at, piece) in pieces.iter().enumerate() {
            if reached.get(at) != Some(&true) {
                continue;
            }
            let to = match piece {
                Piece::Many => Some(at),
                Piece::Any => Some(at.saturating_add(1)),
                Piece::Letter(one) => (*one == letter).then_some(at.saturating_add(1)),
                Piece::Class { ranges, negated } => {
                    let within = ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter));
                    (within != *negated).then_some(at.saturating_add(1))
                }
            };
            if let Some(place) = to.and_then(|to| next.get_mut(to)) {
                *place = true;
            }
        }
        skip(pieces, &mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

fn start(pieces: &[Piece], reached: &mut [bool]) {
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    skip(pieces, reached);
}

/// A star may stand for nothing.
fn skip(pieces: &[Piece], reached: &mut [bool]) {
    for (at, piece) in pieces.iter().enumerate() {
        if *piece == Piece::Many
            && reached.get(at) == Some(&true)
            && let Some(next) = reached.get_mut(at.saturating_add(1))
        {
            *next = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(selector: &str, value: &str) -> bool {
        Selector::parse(selector).matches(value, false)
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (selector, value) in [
            ("https://*.x.com", "https://a.b.x.com"),
            ("*", ""),
            ("*", "anything"),
            ("**", ""),
            ("a?c", "abc"),
            ("[ab]*", "ax"),
            ("[!ab]*", "cx"),
            ("[a-c]?", "bz"),
            ("[]]*", "]"),
            ("[*", "[x"),
            ("*[", "x["),
            ("[ab]", "[ab]"),
            ("a*b*c", "aXbYbc"),
            ("[a-]*", "-"),
            ("?", "é"),
        ] {
            assert!(is(selector, value), "{selector} {value}");
        }
        for (selector, value) in [
            ("https://i", "https://i/"),
            ("T*", "trusted"),
            ("[ab]", "a"),
            ("[ab]*", "cx"),
            ("[!ab]*", "ax"),
            ("a?c", "ac"),
            ("a*", "ba"),
            ("*a", "ab"),
            ("?", ""),
            ("https://*.x.com", "https://a.b.x.com.evil.org"),
            ("trusted.*", "trusted.example.com evil.com"),
            ("*", "a\tb"),
            ("[z-a]*", "m"),
        ] {
            assert!(!is(selector, value), "{selector} {value}");
        }
        assert!(is("a b", "a b"), "an exact text may have spaces");
        assert!(Selector::parse("a*").matches("a\tb", true));
        assert!(!is("*", &"a".repeat(MAX_VALUE + 1)));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_stars_match_all(selector in any::<String>(), value in any::<String>()) {
            let _ = Selector::parse(&selector).matches(&value, true);
            let _ = Selector::parse(&format!("{selector}*[{value}")).matches(&value, true);
            prop_assert!(Selector::parse("*").matches(&value, true) || value.len() > MAX_VALUE);
        }

        #[test]
        fn a_pattern_of_the_text_itself_matches_it(value in "[a-z./:]{0,40}") {
            let pattern = format!("{value}*");
            prop_assert!(Selector::parse(&pattern).matches(&value, false));
            let longer = format!("{value}x");
            prop_assert!(Selector::parse(&pattern).matches(&longer, false));
        }
    }
}
