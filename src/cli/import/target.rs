//! The configuration that comes of it: a tree that knows where each value is from.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::source::Findings;
use super::yaml;
use crate::config::load::check;

/// Our configuration, while it is being made.
#[derive(Debug, Default)]
pub(super) struct Target {
    tree: Map<String, Value>,
    /// Where values are from, by their places; for lists, where each entry is from.
    sources: BTreeMap<&'static str, Vec<String>>,
    /// Where lists are from.
    lists: BTreeMap<&'static str, String>,
}

/// Lists whose entries can be left out one by one: then less is open, not more.
const OPENING: [&str; 5] = ["routes.public", "routes.allowed", "routes.pass_through", "request.allowed_ips", "models"];
/// Values that mean nothing without a store.
const COUNTED: [&str; 3] = ["proxy_budget", "end_users.default_budget_id", "end_users.validate"];

/// A section without which callers are refused: nothing is open that was not, when the others go as well.
struct Closing {
    sections: &'static [&'static str],
    leaves: &'static [&'static str],
    until: &'static str,
}

const CLOSING: [Closing; 3] = [
    Closing {
        sections: &["jwt"],
        leaves: &["jwt", "oauth2.introspection", "oauth2.routing_overrides", "custom_authenticator.validate_claims"],
        until: "tokens are refused until `jwt` is written",
    },
    Closing {
        sections: &["oauth2.introspection", "oauth2.routing_overrides"],
        leaves: &["oauth2.introspection", "oauth2.routing_overrides"],
        until: "nobody is asked about tokens until `oauth2.introspection` is written",
    },
    Closing {
        sections: &["oauth2.proxy_headers"],
        leaves: &["oauth2.proxy_headers"],
        until: "the proxy is not believed until `oauth2.proxy_headers` is written",
    },
];

impl Closing {
    /// Whether a place is in one of the sections.
    fn refuses(&self, place: &str) -> bool {
        self.sections.iter().any(|section| {
            place.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

impl Target {
    /// Sets a value.
    pub(super) fn set(&mut self, place: &'static str, source: impl Into<String>, value: impl Into<Value>) {
        self.sources.insert(place, vec![source.into()]);
        insert(&mut self.tree, place, value.into());
    }

    /// Sets a list, each entry with its source.
    pub(super) fn set_list(&mut self, place: &'static str, source: String, entries: Vec<(String, Value)>) {
        let (sources, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        self.sources.insert(place, sources);
        self.lists.insert(place, source);
        insert(&mut self.tree, place, Value::Array(values));
    }

    pub(super) fn has(&self, place: &str) -> bool {
        self.sources.contains_key(place)
    }

    /// Leaves out what Tollgate would refuse, and says so. A refusal of something that restricts callers is a
    /// problem: without it, more would be open than was.
    pub(super) fn settle(&mut self, findings: &mut Findings) {
        loop {
            let refused = self.refused();
            let mut dropped = false;
            for (place, text) in refused {
                dropped |= self.leave_out(&place, &text, findings);
            }
            if !dropped {
                return;
            }
        }
    }

    /// What is wrong with the tree, the last entries of lists first, so that places stay right.
    fn refused(&self) -> Vec<(String, String)> {
        let environment = |name: &str| match name {
            "MASTER_KEY" => Some("sk-a-stand-in-of-0123456789".to_owned()),
            "DATABASE_URL" => Some("postgresql://reader@localhost/litellm".to_owned()),
            "CLIENT_SECRET" => Some("a-stand-in".to_owned()),
            _ => None,
        };
        let mut tree = self.tree.clone();
        for (owner, place, name) in [
            ("master_key", "master_key", "${MASTER_KEY}"),
            ("store.postgres.url", "store.postgres.url", "${DATABASE_URL}"),
            ("oauth2.introspection", "oauth2.introspection.client_secret", "${CLIENT_SECRET}"),
        ] {
            if self.has(owner) {
                insert(&mut tree, place, name.into());
            }
        }
        // Secrets are judged when they are there: these two stand in for any.
        for (place, key) in [
            ("response_ids.keys", "a-stand-in-of-0123456789-abcdefg"),
            ("response_ids.litellm_keys", "sk-a-stand-in-of-0123456789-abcde"),
        ] {
            if self.has(place) {
                insert(&mut tree, place, Value::Array(vec![key.into()]));
            }
        }
        let loaded = check(Path::new("tollgate.yaml"), &yaml::write(&tree), &environment);
        let Err(problems) = loaded.result else {
            return Vec::new();
        };
        let mut problems: Vec<_> =
            problems.iter().map(|problem| (problem.place.clone(), problem.text.clone())).collect();
        problems.sort_by_key(|(place, _)| Reverse((index_of(place).map(|(_, index)| index), place.clone())));
        problems.dedup_by(|(one, _), (other, _)| entry(one) == entry(other));
        problems
    }

    /// Whether something was left out.
    fn leave_out(&mut self, place: &str, text: &str, findings: &mut Findings) -> bool {
        if let Some(closing) = CLOSING.iter().find(|closing| closing.refuses(place)) {
            return self.close(closing, place, text, findings);
        }
        if let Some((list, index)) = index_of(place).filter(|(list, _)| OPENING.contains(list)) {
            let source = self.sources.get_mut(list).filter(|sources| index < sources.len());
            let values = list_mut(&mut self.tree, list).filter(|values| index < values.len());
            if let (Some(sources), Some(values)) = (source, values) {
                let source = sources.remove(index);
                values.remove(index);
                if values.is_empty() && !["routes.allowed", "request.allowed_ips"].contains(&list) {
                    remove(&mut self.tree, list);
                }
                findings.note_entry(&source, false, format!("refused here: {text}"));
                return true;
            }
        }
        let of_list = self.lists.get(place).cloned();
        let source = of_list.or_else(|| self.sources.get(place).and_then(|sources| sources.first()).cloned());
        if COUNTED.contains(&place) && source.is_some() {
            remove(&mut self.tree, place);
            self.sources.remove(place);
            findings.note(&source.unwrap_or_default(), true, format!("refused here: {text}"));
            return true;
        }
        let list = index_of(place).and_then(|(list, index)| self.sources.get(list)?.get(index).cloned());
        let source = source.or(list).unwrap_or_else(|| place.to_owned());
        if !findings.problems.iter().any(|(known, _)| *known == source) {
            findings.problem(&source, text);
        }
        false
    }

    /// Leaves out a section, and what would let callers in by less without it.
    fn close(&mut self, closing: &Closing, place: &str, text: &str, findings: &mut Findings) -> bool {
        let mut dropped = false;
        for section in closing.leaves {
            remove(&mut self.tree, section);
            let source = self.sources.remove(section).and_then(|sources| sources.into_iter().next());
            if let Some(source) = source {
                dropped = true;
                findings.retract(&source);
                let restricts = *section == "oauth2.routing_overrides";
                let text = format!("refused here, for `{place}`: {text}; {}", closing.until);
                findings.note(&source, restricts, text);
            }
        }
        if self.sources.contains_key("custom_authenticator.url")
            && !["custom_authenticator.credentials", "custom_authenticator.validate_claims"]
                .iter()
                .any(|place| self.has(place))
        {
            remove(&mut self.tree, "custom_authenticator");
            self.sources.remove("custom_authenticator.url");
        }
        dropped
    }

    /// The text of the configuration.
    pub(super) fn text(&self) -> String {
        yaml::write(&self.tree)
    }
}

/// `routes.pass_through[3].auth` is entry 3 of `routes.pass_through`.
fn index_of(place: &str) -> Option<(&str, usize)> {
    let (list, rest) = place.split_once('[')?;
    let (index, _) = rest.split_once(']')?;
    Some((list, index.parse().ok()?))
}

fn entry(place: &str) -> (&str, Option<usize>) {
    index_of(place).map_or((place, None), |(list, index)| (list, Some(index)))
}

fn insert(tree: &mut Map<String, Value>, place: &str, value: Value) {
    match place.split_once('.') {
        None => {
            tree.insert(place.to_owned(), value);
        }
        Some((outer, inner)) => {
            let section = tree.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(section) = section {
                insert(section, inner, value);
            }
        }
    }
}

fn remove(tree: &mut Map<String, Value>, place: &str) {
    let Some((outer, inner)) = place.split_once('.') else {
        tree.remove(place);
        return;
    };
    if let Some(Value::Object(section)) = tree.get_mut(outer) {
        remove(section, inner);
        if section.is_empty() {
            tree.remove(outer);
        }
    }
}

fn list_mut<'a>(tree: &'a mut Map<String, Value>, place: &str) -> Option<&'a mut Vec<Value>> {
    match place.split_once('.') {
        None => tree.get_mut(place)?.as_array_mut(),
        Some((outer, inner)) => list_mut(tree.get_mut(outer)?.as_object_mut()?, inner),
    }
}
