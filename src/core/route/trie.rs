//! Path patterns, looked up by segment: the cost depends on the path, not on the number of patterns.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::pattern::{End, Pattern, Segment};

/// A map from patterns to values.
///
/// One walk visits every pattern that fits a path, the most specific first: segment by segment, literal
/// text before a verb, a verb before a placeholder, a placeholder before a wildcard.
#[derive(Debug)]
pub(super) struct Trie<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<Box<str>, Node<T>>,
    placeholder: Option<Box<Node<T>>>,
    /// `{name:path}:verb`, by verb.
    verbs: HashMap<Box<str>, T>,
    /// `{name:path}`.
    rest: Option<T>,
    wildcards: Wildcards<T>,
    value: Option<T>,
}

/// Texts before a final `*`, found by length: one probe for each length in use, however many there are.
#[derive(Debug)]
struct Wildcards<T> {
    lengths: BTreeSet<Reverse<usize>>,
    values: HashMap<Box<str>, T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            placeholder: None,
            verbs: HashMap::new(),
            rest: None,
            wildcards: Wildcards { lengths: BTreeSet::new(), values: HashMap::new() },
            value: None,
        }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T: Default> Trie<T> {
    /// The value of a pattern, which is the default one until it is changed.
    pub(super) fn entry(&mut self, pattern: &Pattern) -> &mut T {
        let mut node = &mut self.root;
        for segment in &pattern.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Placeholder => node.placeholder.get_or_insert_default(),
            };
        }
        match &pattern.end {
            End::Here => node.value.get_or_insert_default(),
            End::Rest => node.rest.get_or_insert_default(),
            End::Verb(verb) => node.verbs.entry(verb.clone()).or_default(),
            End::Wildcard(text) => {
                node.wildcards.lengths.insert(Reverse(text.len()));
                node.wildcards.values.entry(text.clone()).or_default()
            }
        }
    }
}

/// One walk: where to report, and what the placeholders on the way stand for.
struct Walk<'t, 'p, 'f, T> {
    params: Vec<&'p str>,
    visit: &'f mut dyn FnMut(&'t T, &[&'p str]),
}

impl<T> Trie<T> {
    /// Calls `visit` for every pattern that fits a path, with the texts of its placeholders.
    pub(super) fn visit<'t, 'p>(&'t self, path: &'p str, visit: &mut dyn FnMut(&'t T, &[&'p str])) {
        if let Some(rest) = path.strip_prefix('/') {
            self.root.walk(rest, &mut Walk { params: Vec::new(), visit });
        }
    }
}

impl<T> Node<T> {
    /// `rest` is what is left of the path, without its leading slash.
    fn walk<'t, 'p>(&'t self, rest: &'p str, walk: &mut Walk<'t, 'p, '_, T>) {
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        if let Some(node) = self.literals.get(segment) {
            node.descend(after, walk);
        }
        self.walk_rest(rest, walk);
        if let Some(node) = self.placeholder.as_deref().filter(|_| !segment.is_empty()) {
            walk.params.push(segment);
            node.descend(after, walk);
            walk.params.pop();
        }
        for length in &self.wildcards.lengths {
            if let Some(value) = rest.get(..length.0).and_then(|text| self.wildcards.values.get(text)) {
                (walk.visit)(value, &walk.params);
            }
        }
    }

    fn descend<'t, 'p>(&'t self, after: Option<&'p str>, walk: &mut Walk<'t, 'p, '_, T>) {
        match (after, &self.value) {
            (Some(rest), _) => self.walk(rest, walk),
            (None, Some(value)) => (walk.visit)(value, &walk.params),
            (None, None) => {}
        }
    }

    /// `{name:path}` with and without a verb: one or more characters, none of them a colon.
    fn walk_rest<'t, 'p>(&'t self, rest: &'p str, walk: &mut Walk<'t, 'p, '_, T>) {
        let found = match rest.split_once(':') {
            Some((text, verb)) => self.verbs.get(verb).map(|value| (text, value)),
            None => self.rest.as_ref().map(|value| (rest, value)),
        };
        if let Some((text, value)) = found.filter(|(text, _)| !text.is_empty()) {
            walk.params.push(text);
            (walk.visit)(value, &walk.params);
            walk.params.pop();
        }
    }
}
