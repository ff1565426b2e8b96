//! What the deployment says of models: which are free, which groups they are in, whose they are, and which
//! names stand for others.

use std::collections::{HashMap, HashSet};

use crate::core::glob::Glob;
use crate::core::record::{Aliases, KeyRecord};

/// Longest chain of names; a longer one is taken for a loop.
const MAX_CHAIN: usize = 8;

/// What is known of a model, or of all models a pattern matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Costs nothing, so that no budget stops it (LiteLLM KEY-5).
    pub zero_cost: bool,
    /// Access groups of its deployments (LiteLLM MODEL-2).
    pub access_groups: Vec<Box<str>>,
    /// Its provider: `openai` makes a bare `gpt-4o` one of `openai/*` (LiteLLM MODEL-4).
    pub provider: Option<Box<str>>,
}

/// The models of a deployment. Nothing is inferred: what it does not say of a model is not so.
#[derive(Debug, Clone, Default)]
pub struct ModelMap {
    exact: HashMap<Box<str>, Model>,
    globs: Vec<(Glob, Model)>,
    groups: HashSet<Box<str>>,
    aliases: Aliases,
}

impl ModelMap {
    /// Takes models by their names or patterns, and the router's aliases. Of two patterns that match, the
    /// first counts; a name counts before any.
    #[must_use]
    pub fn new(models: impl IntoIterator<Item = (Box<str>, Model)>, aliases: Aliases) -> Self {
        let mut map = Self { aliases, ..Self::default() };
        for (name, model) in models {
            map.groups.extend(model.access_groups.iter().cloned());
            match Glob::parse(&name) {
                Some(glob) => map.globs.push((glob, model)),
                None => {
                    map.exact.insert(name, model);
                }
            }
        }
        map
    }

    fn model(&self, name: &str) -> Option<&Model> {
        let by_pattern = || self.globs.iter().find(|(glob, _)| glob.matches(name)).map(|(_, model)| model);
        self.exact.get(name).or_else(by_pattern)
    }

    /// Whether the model costs nothing.
    #[must_use]
    pub fn is_free(&self, name: &str) -> bool {
        self.model(name).is_some_and(|model| model.zero_cost)
    }

    /// Access groups of the model's deployments.
    pub fn groups_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.model(name).into_iter().flat_map(|model| model.access_groups.iter().map(AsRef::as_ref))
    }

    /// Whether a text names an access group, and is therefore no model in a list.
    #[must_use]
    pub fn is_group(&self, text: &str) -> bool {
        self.groups.contains(text)
    }

    /// `provider/name`. A name with a `/` says its provider itself and gets no other (S-166).
    #[must_use]
    pub fn qualified(&self, name: &str) -> Option<String> {
        let provider = self.model(name)?.provider.as_ref().filter(|_| !name.contains('/'))?;
        Some(format!("{provider}/{name}"))
    }

    /// Every name the upstream goes through for a requested one: the team's alias, the key's alias, then
    /// the router's aliases to their end.
    #[must_use]
    pub fn chain<'a>(&'a self, requested: &'a str, key: Option<&'a KeyRecord>) -> Chain<'a> {
        let mut chain = Chain::of(requested);
        let of_team = key.and_then(|key| key.team.as_deref()).map(|team| &team.aliases);
        chain.by_team = chain.follow(of_team);
        chain.follow(key.map(|key| &key.terms.aliases));
        chain.routed = chain.length.saturating_sub(1);
        while !chain.looped && chain.follow(Some(&self.aliases)) {}
        chain
    }
}

/// The names of one model, the requested one first, the one that is served last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain<'a> {
    names: [&'a str; MAX_CHAIN + 1],
    length: usize,
    /// Which of the names reaches the router.
    routed: usize,
    by_team: bool,
    looped: bool,
}

impl<'a> Chain<'a> {
    /// A model that nothing renames.
    #[must_use]
    pub fn of(name: &'a str) -> Self {
        let mut chain = Self { names: [""; MAX_CHAIN + 1], length: 0, routed: 0, by_team: false, looped: false };
        chain.push(name);
        chain
    }

    fn push(&mut self, name: &'a str) {
        if let Some(place) = self.names.get_mut(self.length) {
            *place = name;
            self.length += 1;
        }
    }

    /// Takes one step, if the last name is an alias. A name that comes again ends the chain: it leads
    /// nowhere (S-164).
    fn follow(&mut self, aliases: Option<&'a Aliases>) -> bool {
        let last = self.served();
        let Some(next) = aliases.and_then(|aliases| aliases.get(last)).map(AsRef::as_ref).filter(|next| *next != last)
        else {
            return false;
        };
        self.looped |= self.names().any(|name| name == next) || self.length == MAX_CHAIN;
        self.push(next);
        true
    }

    /// Whether it leads back to itself, so that nobody knows what is served.
    #[must_use]
    pub fn is_loop(&self) -> bool {
        self.looped
    }

    /// Whether the team's own map names the requested model.
    #[must_use]
    pub fn begins_with_team_alias(&self) -> bool {
        self.by_team
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.names.iter().copied().take(self.length)
    }

    /// The model that is served.
    #[must_use]
    pub fn served(&self) -> &'a str {
        self.names().last().unwrap_or_default()
    }

    /// The names that must be granted: what a key or team renames, and what is served (SEC-11). A name the
    /// router replaces is a mere spelling of its target, and granted with it (LiteLLM MODEL-1, A15).
    pub fn to_be_granted(&self) -> impl Iterator<Item = &'a str> + '_ {
        let spelling = (self.length > self.routed + 1).then_some(self.routed);
        self.names().enumerate().filter(move |(index, _)| Some(*index) != spelling).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::credential::KeyHash;
    use crate::core::record::{Team, Terms};

    fn aliases(pairs: &[(&str, &str)]) -> Aliases {
        pairs.iter().map(|(name, target)| ((*name).into(), (*target).into())).collect()
    }

    fn key(team: &[(&str, &str)], own: &[(&str, &str)]) -> KeyRecord {
        let team = Team { aliases: aliases(team), ..Team::default() };
        KeyRecord {
            terms: Arc::new(Terms { aliases: aliases(own), ..Terms::default() }),
            team: Some(Arc::new(team)),
            ..KeyRecord::new(KeyHash::of("sk-a"))
        }
    }

    fn granted<'a>(chain: &Chain<'a>) -> Vec<&'a str> {
        chain.to_be_granted().collect()
    }

    #[test]
    fn a_model_has_the_names_the_upstream_gives_it() {
        let map = ModelMap::new([], aliases(&[("alias-4o", "gpt-4o"), ("deep", "alias-4o")]));
        assert_eq!(granted(&map.chain("gpt-4o", None)), ["gpt-4o"]);
        assert_eq!(granted(&map.chain("alias-4o", None)), ["gpt-4o"], "A15");
        assert_eq!(granted(&map.chain("deep", None)), ["alias-4o", "gpt-4o"]);
        let key = key(&[("team-4o", "key-4o")], &[("key-4o", "alias-4o"), ("same", "same")]);
        let chain = map.chain("team-4o", Some(&key));
        assert_eq!(granted(&chain), ["team-4o", "key-4o", "gpt-4o"], "A36, T10");
        assert_eq!((chain.served(), chain.begins_with_team_alias()), ("gpt-4o", true));
        assert_eq!(granted(&map.chain("same", Some(&key))), ["same"]);
    }

    #[test]
    fn a_loop_ends_s164() {
        let map = ModelMap::new([], aliases(&[("a", "b"), ("b", "a")]));
        assert!(map.chain("a", None).is_loop() && map.chain("b", None).is_loop());
        assert!(!map.chain("c", None).is_loop());
        let across = ModelMap::new([], Aliases::new());
        assert!(across.chain("a", Some(&key(&[("a", "b")], &[("b", "a")]))).is_loop());
        let long: Vec<_> = (0..20).map(|step| (format!("m{step}"), format!("m{}", step + 1))).collect();
        let long = long.iter().map(|(name, target)| (name.as_str(), target.as_str())).collect::<Vec<_>>();
        assert!(ModelMap::new([], aliases(&long)).chain("m0", None).is_loop());
    }

    #[test]
    fn a_name_counts_before_a_pattern() {
        let model = |zero_cost, group: &str, provider: Option<&str>| Model {
            zero_cost,
            access_groups: vec![group.into()],
            provider: provider.map(Into::into),
        };
        let map = ModelMap::new(
            [("claude-*".into(), model(true, "all", Some("anthropic"))), ("claude-x".into(), model(false, "x", None))],
            Aliases::new(),
        );
        assert!(map.is_free("claude-y") && !map.is_free("claude-x") && !map.is_free("gpt-4o"));
        assert_eq!(map.groups_of("claude-x").collect::<Vec<_>>(), ["x"]);
        assert_eq!(map.qualified("claude-y").as_deref(), Some("anthropic/claude-y"));
        assert_eq!((map.qualified("claude-x"), map.qualified("claude-y/z")), (None, None), "A08, A09, S-166");
        assert!(map.is_group("all") && !map.is_group("claude-x"));
    }
}
