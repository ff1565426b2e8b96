//! Path patterns, looked up by segment: the cost depends on the path, not on the number of patterns.

use std::collections::HashMap;

/// A set of patterns, each with a value.
///
/// A pattern is a path whose segments are literal text or `{name}` (one segment, not empty). Its last
/// segment may also be `{name:path}:verb`: one or more segments, then a colon and a literal verb.
/// Literal text wins over a verb, a verb over a placeholder; the search backtracks, so that no pattern
/// hides another that fits.
#[derive(Debug)]
pub(super) struct Trie<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literal: HashMap<&'static str, Node<T>>,
    placeholder: Option<Box<(&'static str, Node<T>)>>,
    /// `{name:path}:verb` patterns that begin here: verb, name, value.
    tails: Vec<(&'static str, &'static str, T)>,
    value: Option<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literal: HashMap::new(), placeholder: None, tails: Vec::new(), value: None }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

/// Placeholder names and texts, in path order.
type Params<'p> = Vec<(&'static str, &'p str)>;

impl<T: Copy> Trie<T> {
    /// Adds a pattern. A pattern inserted twice keeps its first value.
    pub(super) fn insert(&mut self, pattern: &'static str, value: T) {
        let mut node = &mut self.root;
        let mut rest = pattern.strip_prefix('/').unwrap_or(pattern);
        loop {
            if let Some((name, verb)) = rest.strip_prefix('{').and_then(|rest| rest.split_once(":path}:")) {
                node.tails.push((verb, name, value));
                return;
            }
            let (segment, after) = match rest.split_once('/') {
                Some((segment, after)) => (segment, Some(after)),
                None => (rest, None),
            };
            node = match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => &mut node.placeholder.get_or_insert_with(|| Box::new((name, Node::default()))).1,
                None => node.literal.entry(segment).or_default(),
            };
            let Some(after) = after else {
                node.value.get_or_insert(value);
                return;
            };
            rest = after;
        }
    }

    /// Finds the pattern of a path that begins with `/`.
    pub(super) fn find<'p>(&self, path: &'p str) -> Option<(T, Params<'p>)> {
        let mut params = Params::new();
        let value = self.root.find(path.strip_prefix('/')?, &mut params)?;
        Some((value, params))
    }
}

impl<T: Copy> Node<T> {
    /// `rest` is what is left of the path, without its leading slash.
    fn find<'p>(&self, rest: &'p str, params: &mut Params<'p>) -> Option<T> {
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let literal = self.literal.get(segment).and_then(|node| node.descend(after, params));
        literal.or_else(|| self.find_tail(rest, params)).or_else(|| self.find_placeholder(segment, after, params))
    }

    fn descend<'p>(&self, after: Option<&'p str>, params: &mut Params<'p>) -> Option<T> {
        match after {
            Some(rest) => self.find(rest, params),
            None => self.value,
        }
    }

    fn find_placeholder<'p>(&self, segment: &'p str, after: Option<&'p str>, params: &mut Params<'p>) -> Option<T> {
        let (name, node) = self.placeholder.as_deref()?;
        if segment.is_empty() {
            return None;
        }
        let kept = params.len();
        params.push((name, segment));
        let found = node.descend(after, params);
        if found.is_none() {
            params.truncate(kept);
        }
        found
    }

    fn find_tail<'p>(&self, rest: &'p str, params: &mut Params<'p>) -> Option<T> {
        if self.tails.is_empty() {
            return None;
        }
        let (text, verb) = rest.rsplit_once(':')?;
        let (_, name, value) = self.tails.iter().find(|(known, ..)| *known == verb)?;
        if text.is_empty() {
            return None;
        }
        params.push((name, text));
        Some(*value)
    }
}
