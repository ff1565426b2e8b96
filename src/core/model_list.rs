//! An allow-list of models, compiled once (LiteLLM MODEL-1 … MODEL-9).

use std::collections::HashSet;
use std::sync::Arc;

use crate::core::glob::Glob;
use crate::core::models::ModelMap;

/// The models somebody may name. An empty list does not restrict (MODEL-5).
///
/// A copy costs nothing: equal lists can be one in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelList(Option<Arc<Entries>>);

/// What a list says that is not empty.
#[derive(Debug, Default, PartialEq)]
struct Entries {
    everything: bool,
    all_team_models: bool,
    exact: HashSet<Box<str>>,
    globs: Vec<Glob>,
}

impl ModelList {
    /// Compiles LiteLLM's `models`. `*` and `all-proxy-models` grant every model, `all-team-models`
    /// defers to the team, `no-default-models` grants nothing; everything else is a name or a glob.
    pub fn compile<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut list: Option<Entries> = None;
        for entry in entries {
            let list = list.get_or_insert_default();
            match (entry, Glob::parse(entry)) {
                ("*" | "all-proxy-models", _) => list.everything = true,
                ("all-team-models", _) => list.all_team_models = true,
                // The sentinel is no model: a caller who sends the word is not granted it (S-167).
                ("no-default-models", _) => {}
                (_, Some(glob)) => list.globs.push(glob),
                (name, None) => {
                    list.exact.insert(name.into());
                }
            }
        }
        Self(list.map(Arc::new))
    }

    /// Whether the list leaves every model open.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.restriction().is_none()
    }

    fn restriction(&self) -> Option<&Entries> {
        self.0.as_deref().filter(|list| !list.everything)
    }

    /// Whether the list says "what the team may", which only a key's list can (MODEL-7).
    #[must_use]
    pub fn defers_to_team(&self) -> bool {
        self.restriction().is_some_and(|list| list.all_team_models)
    }

    /// Names, patterns and groups, sorted; none where it leaves every model open.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Some(list) = self.restriction() else {
            return Vec::new();
        };
        let exact = list.exact.iter().map(ToString::to_string);
        let mut names: Vec<_> = exact.chain(list.globs.iter().map(ToString::to_string)).collect();
        names.sort_unstable();
        names
    }

    /// The list in words, for an operator.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(list) = self.restriction() else {
            return "every model".to_owned();
        };
        let mut words = self.names();
        if list.all_team_models {
            words.push("what the team may".to_owned());
        }
        if words.is_empty() { "no model".to_owned() } else { words.join(", ") }
    }

    /// Whether `model` is granted by this list alone: by its name, a pattern, an access group of its
    /// deployments, or a pattern of its provider. The name of a group is no name of a model (MODEL-2).
    #[must_use]
    pub fn grants(&self, model: &str, models: &ModelMap) -> bool {
        let Some(list) = self.restriction() else {
            return true;
        };
        let matches = |text: &str| list.globs.iter().any(|glob| glob.matches(text));
        (list.exact.contains(model) && !models.is_group(model))
            || matches(model)
            || models.groups_of(model).any(|group| list.exact.contains(group))
            || (!list.globs.is_empty() && models.qualified(model).is_some_and(|name| matches(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::models::Model;
    use crate::core::record::Aliases;

    fn grants(list: &[&str], model: &str) -> bool {
        let groups = Model { access_groups: vec!["beta-models".into()], ..Model::default() };
        let provider = Model { provider: Some("openai".into()), ..Model::default() };
        let models = [("beta-1".into(), groups), ("gpt-4o".into(), provider)];
        ModelList::compile(list.iter().copied()).grants(model, &ModelMap::new(models, Aliases::new()))
    }

    #[test]
    fn follows_the_model_vectors() {
        assert!(grants(&[], "gpt-4o"), "A01");
        assert!(grants(&["gpt-4o"], "gpt-4o"), "A02");
        assert!(!grants(&["gpt-4o"], "gpt-4o-mini"), "A03");
        assert!(grants(&["*"], "gpt-4o"), "A04");
        assert!(grants(&["all-proxy-models"], "not-on-proxy"), "A05");
        assert!(grants(&["openai/*"], "openai/gpt-4o"), "A06");
        assert!(grants(&["openai/*"], "gpt-4o"), "A07: the deployment says whose it is");
        assert!(!grants(&["openai/*"], "gpt-4o-mini"), "A08, A09: nothing is inferred");
        assert!(!grants(&["openai/*"], "secret-team/gpt-4o"), "S-166");
        assert!(grants(&["beta-models"], "beta-1"), "A13");
        assert!(!grants(&["beta-models"], "gpt-4o"), "A14");
        assert!(!grants(&["beta-models"], "beta-models"), "MODEL-2");
        assert!(!grants(&["gpt.4o*"], "gptX4o-mini"), "A12: the dot is a dot");
        assert!(!grants(&["no-default-models"], "gpt-4o"), "A18");
        assert!(!grants(&["GPT-4o"], "gpt-4o"), "A19");
        for sentinel in ["all-team-models", "no-default-models", "all-proxy-models"] {
            assert!(!grants(&["gpt-4o", "all-team-models", "no-default-models"], sentinel), "S-167: {sentinel}");
        }
    }

    #[test]
    fn one_word_defers_to_the_team() {
        let list = ModelList::compile(["all-team-models"]);
        assert!(list.defers_to_team() && !list.is_unrestricted());
        assert!(!list.grants("gpt-4o", &ModelMap::default()));
    }
}
