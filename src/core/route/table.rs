//! The catalogue, the groups, and what the configuration adds, compiled into one trie.

use std::collections::HashMap;

use super::catalogue::{ANY, CATALOGUE, Class, ModelRule, Route};
use super::groups::{GROUPS, Group, GroupNames, GroupSet, built_in};
use super::pass_through::PassThrough;
use super::pattern::Pattern;
use super::trie::Trie;
use super::{Method, MethodSet};
use crate::core::header::HeaderName;

/// A route, and what is known of this path.
#[derive(Debug, Clone)]
pub struct Match<'p> {
    /// The route.
    pub route: &'p Route,
    /// Which of the table's routes it is: aliases have one number.
    pub number: usize,
    /// Every group the path is in, by any pattern.
    pub groups: GroupSet,
    /// Rules of the most specific pass-through endpoint that fits the path, one for each set of methods.
    pub pass_through: &'p [PassThrough],
    /// Placeholder names and the text they match, in path order.
    pub params: Vec<(&'p str, &'p str)>,
}

impl<'p> Match<'p> {
    /// The text of one placeholder.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'p str> {
        self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The pass-through rule for a method.
    #[must_use]
    pub fn passed_through(&self, method: Method) -> Option<&'p PassThrough> {
        self.pass_through.iter().find(|rule| rule.expects(method))
    }

    /// Whether everybody may come in with this method: an endpoint that says so itself. One that stands
    /// in front of a route of the catalogue opens nothing.
    #[must_use]
    pub fn is_open(&self, method: Method) -> bool {
        self.route.class == Class::PassThrough && self.passed_through(method).is_some_and(|rule| !rule.auth)
    }
}

/// What a configuration adds to the catalogue.
#[derive(Debug, Default)]
pub struct Additions {
    /// Canonical paths that need no credential.
    pub public: Vec<String>,
    /// Empty, or begins with `/`.
    pub root_path: String,
    /// Groups: a name, patterns, and built-in groups that belong to it.
    pub groups: Vec<(String, Vec<Pattern>, Vec<GroupSet>)>,
    /// Pass-through endpoints.
    pub pass_through: Vec<Endpoint>,
}

/// A pass-through endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its path.
    pub path: Pattern,
    /// Everything below its path, when it is passed through as well.
    pub below: Option<Pattern>,
    /// Its rule.
    pub rule: PassThrough,
}

/// Everything there is to ask for.
#[derive(Debug)]
pub struct RouteTable {
    trie: Trie<Terminal>,
    routes: Vec<Route>,
    /// The number of every pattern's route, by the text of the pattern.
    numbers: HashMap<String, usize>,
    names: GroupNames,
    public: Vec<String>,
    root_path: String,
    credential_headers: Vec<HeaderName>,
}

/// What is known of one pattern.
#[derive(Debug, Default)]
struct Terminal {
    groups: GroupSet,
    route: Option<(usize, Vec<Box<str>>)>,
    pass_through: Vec<PassThrough>,
}

impl RouteTable {
    /// The catalogue alone. `public` are canonical paths; `root_path` is empty or begins with `/`.
    #[must_use]
    pub fn new(public: Vec<String>, root_path: String) -> Self {
        Self::build(Additions { public, root_path, ..Additions::default() })
    }

    /// The catalogue with additions.
    #[must_use]
    pub fn build(additions: Additions) -> Self {
        let Additions { public, root_path, groups, pass_through } = additions;
        let names = GroupNames::new(groups.iter().map(|(name, ..)| name.clone()).collect());
        let mut table = Self {
            trie: Trie::default(),
            routes: Vec::new(),
            numbers: HashMap::new(),
            names,
            public,
            root_path,
            credential_headers: Vec::new(),
        };
        table.add_catalogue();
        table.add_groups();
        for endpoint in &pass_through {
            table.add_endpoint(endpoint);
        }
        for (index, (_, patterns, contained)) in groups.iter().enumerate() {
            table.add_user_group(GroupSet::user(index), patterns, contained);
        }
        table
    }

    /// Headers that carry credentials at some endpoint.
    #[must_use]
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.credential_headers
    }

    fn add_catalogue(&mut self) {
        for route in CATALOGUE {
            let number = self.add_route(*route);
            for text in route.paths {
                self.insert_text(text, GroupSet::EMPTY, Some(number));
            }
        }
    }

    /// Every pattern of a group is a route, if only one without a row in the catalogue.
    fn add_groups(&mut self) {
        for row in GROUPS {
            for text in row.patterns() {
                let path = text.starts_with('/');
                if self.insert_text(text, GroupSet::of(row.group), None).is_none() && path {
                    let number = self.add_route(unlisted(text, row.group));
                    self.insert_text(text, GroupSet::EMPTY, Some(number));
                }
            }
        }
    }

    fn add_endpoint(&mut self, endpoint: &Endpoint) {
        let rule = &endpoint.rule;
        self.credential_headers.extend(rule.credential.header.clone());
        // LiteLLM appends endpoints that need a grant to `openai_routes`, so a list that names the group
        // covers them once they are granted.
        let groups = if rule.needs_grant() { GroupSet::of(Group::OpenaiRoutes) } else { GroupSet::EMPTY };
        for pattern in [Some(&endpoint.path), endpoint.below.as_ref()].into_iter().flatten() {
            let terminal = self.trie.entry(pattern);
            terminal.groups = terminal.groups | groups;
            terminal.pass_through.push(rule.clone());
            if let Some((number, _)) = terminal.route {
                if let Some(route) = self.routes.get_mut(number).filter(|route| route.class == Class::PassThrough) {
                    route.methods = route.methods.union(rule.methods);
                }
                continue;
            }
            let number = self.add_route(Route {
                id: "pass_through",
                methods: rule.methods,
                class: Class::PassThrough,
                model: ModelRule::Named,
                paths: &[],
            });
            self.insert(pattern, GroupSet::EMPTY, Some(number));
        }
    }

    fn add_user_group(&mut self, group: GroupSet, patterns: &[Pattern], contained: &[GroupSet]) {
        for pattern in patterns {
            if self.insert(pattern, group, None).is_none() {
                let class = Class::Custom;
                let route = Route { id: "custom", methods: ANY, class, model: ModelRule::Opaque, paths: &[] };
                let number = self.add_route(route);
                self.insert(pattern, GroupSet::EMPTY, Some(number));
            }
        }
        for row in GROUPS.iter().filter(|row| contained.contains(&GroupSet::of(row.group))) {
            for text in row.patterns() {
                self.insert_text(text, group, None);
            }
        }
    }

    fn add_route(&mut self, route: Route) -> usize {
        self.routes.push(route);
        self.routes.len() - 1
    }

    /// Adds a pattern by its text, and says which route it has now. Names of operations are no paths; a unit
    /// test holds every other text of the tables to be one.
    fn insert_text(&mut self, text: &str, groups: GroupSet, number: Option<usize>) -> Option<usize> {
        let pattern = Pattern::parse(text).ok()?;
        let number = self.insert(&pattern, groups, number)?;
        self.numbers.insert(text.to_owned(), number);
        Some(number)
    }

    /// Adds a pattern, and says which route it has now: the first one stays.
    fn insert(&mut self, pattern: &Pattern, groups: GroupSet, number: Option<usize>) -> Option<usize> {
        let terminal = self.trie.entry(pattern);
        terminal.groups = terminal.groups | groups;
        if let (None, Some(number)) = (&terminal.route, number) {
            terminal.route = Some((number, pattern.names.clone()));
        }
        terminal.route.as_ref().map(|(number, _)| *number)
    }

    /// The deployment's root path, or nothing.
    #[must_use]
    pub fn root_path(&self) -> &str {
        &self.root_path
    }

    /// The groups that can be named.
    #[must_use]
    pub fn group_names(&self) -> &GroupNames {
        &self.names
    }

    /// The number of the route a pattern was written for, spelled as it was.
    #[must_use]
    pub fn number_of(&self, pattern: &str) -> Option<usize> {
        self.numbers.get(pattern).copied()
    }

    /// Whether a path needs no credential. Exact, never a prefix, never the query (S-014, S-015).
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        self.public.iter().any(|public| public == path)
    }

    /// The route of a canonical path.
    #[must_use]
    pub fn find<'p>(&'p self, path: &'p str) -> Option<Match<'p>> {
        let mut groups = GroupSet::EMPTY;
        let mut best: Option<usize> = None;
        let mut params = Vec::new();
        let mut pass_through: &[PassThrough] = &[];
        self.trie.visit(path, &mut |terminal, texts| {
            groups = groups | terminal.groups;
            if pass_through.is_empty() {
                pass_through = &terminal.pass_through;
            }
            let Some((number, names)) = &terminal.route else {
                return;
            };
            // A group of the configuration says nothing about a route that is known without it.
            let better = match best {
                None => true,
                Some(known) => self.is_custom(known) && !self.is_custom(*number),
            };
            if better {
                best = Some(*number);
                params = names.iter().map(AsRef::as_ref).zip(texts.iter().copied()).collect();
            }
        });
        let number = best?;
        Some(Match { route: self.routes.get(number)?, number, groups, pass_through, params })
    }

    fn is_custom(&self, number: usize) -> bool {
        self.routes.get(number).is_some_and(|route| route.class == Class::Custom)
    }
}

/// The route of a pattern that has no row in the catalogue, named by the pattern.
fn unlisted(text: &'static str, group: Group) -> Route {
    let (class, model) = match built_in("llm_api_routes") {
        _ if group == Group::PublicRoutes => (Class::Public, ModelRule::Never),
        Some(llm) if llm.patterns().any(|pattern| pattern == text) => (Class::LlmApi, ModelRule::Opaque),
        Some(_) | None => (Class::Management, ModelRule::Never),
    };
    let methods = if class == Class::Public { MethodSet::of(&[Method::Get, Method::Post]) } else { ANY };
    Route { id: text, methods, class, model, paths: &[] }
}

#[cfg(test)]
mod tests;
