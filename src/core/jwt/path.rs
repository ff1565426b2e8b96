//! Where in the claims a fact is (LiteLLM 3.1).

use std::fmt;

use serde_json::{Map, Value};

/// Names of members, outermost first. There is no index into lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Box<[Box<str>]>);

impl ClaimPath {
    /// Members are separated by dots; `\.` is a dot within a name. A leading `metadata.` is dropped, as
    /// LiteLLM does (V118). `None` when nothing is left.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("metadata.").unwrap_or(text);
        let mut names = Vec::new();
        let mut name = String::new();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '\\' if rest.next_if_eq(&'.').is_some() => name.push('.'),
                '.' => names.push(std::mem::take(&mut name).into_boxed_str()),
                other => name.push(other),
            }
        }
        names.push(name.into_boxed_str());
        (!text.is_empty()).then(|| Self(names.into()))
    }

    /// What is there. Stepping into anything but an object finds nothing.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first.as_ref())?, |value, name| value.as_object()?.get(name.as_ref()))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|name| name.replace('.', "\\.")).collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_follow_the_table_of_litellm_s121_v118_v119() {
        let claims = json!({
            "sub": "u", "a": { "b": { "c": 1 }, "n": null }, "a.b": 2, "https://x.y/g": ["t1"], "g": ["t1"],
            "metadata": { "g": ["t2"] }, "list": ["x"], "": { "": 3 }, "back\\": 4,
        });
        let claims = claims.as_object().unwrap();
        let rows = [
            ("sub", Some(json!("u"))),
            ("a.b.c", Some(json!(1))),
            ("a\\.b", Some(json!(2))),
            ("a.n", Some(json!(null))),
            ("a.n.x", None),
            ("a.b.c.d", None),
            ("sub.x", None),
            ("list.0", None),
            ("list[0]", None),
            ("https://x\\.y/g", Some(json!(["t1"]))),
            ("metadata.g", Some(json!(["t1"]))),
            ("metadata", Some(json!({ "g": ["t2"] }))),
            ("metadata.metadata.g", Some(json!(["t2"]))),
            (".", Some(json!(3))),
            ("back\\", Some(json!(4))),
            ("__proto__", None),
            ("missing", None),
        ];
        for (path, expected) in rows {
            assert_eq!(ClaimPath::parse(path).unwrap().find(claims), expected.as_ref(), "{path}");
        }
        assert_eq!(ClaimPath::parse(""), None);
        assert_eq!(ClaimPath::parse("metadata."), None);
        assert_eq!(ClaimPath::parse("a\\.b.c").unwrap().to_string(), "a\\.b.c");
    }
}
