//! Claims without which a token is not one of ours, though its issuer is believed: whoever signs for everybody says in
//! them for whom.

use serde_json::{Map, Value};

use super::path::ClaimPath;

/// A claim that must be there, and what it may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Where it is.
    pub path: ClaimPath,
    /// What it says: one of these, compared exactly.
    pub one_of: Vec<String>,
}

impl RequiredClaim {
    /// Whether the claims have it: a text, or a list with such a text. Anything else, a number of the same digits
    /// included, does not.
    #[must_use]
    pub fn is_met(&self, claims: &Map<String, Value>) -> bool {
        let is_one = |text: &str| self.one_of.iter().any(|one| one == text);
        match self.path.find(claims) {
            Some(Value::String(text)) => is_one(text),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(is_one),
            None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_met_by_an_equal_text_alone() {
        let required = |path: &str, one_of: &[&str]| RequiredClaim {
            path: ClaimPath::parse(path).unwrap(),
            one_of: one_of.iter().map(|one| (*one).to_owned()).collect(),
        };
        let claims = json!({
            "hd": "example.com", "number": 65, "yes": true, "none": null, "empty": "", "deep": { "tid": "t1" },
            "list": ["a", "b"], "odd": [1, null, "a"], "nothing": [], "nested": [["a"]],
        });
        let claims = claims.as_object().unwrap();
        for (path, one_of, expected) in [
            ("hd", &["example.com"][..], true),
            ("hd", &["example.org", "example.com"], true),
            ("hd", &["Example.com"], false),
            ("hd", &["example.co"], false),
            ("hd", &["example.com.evil"], false),
            ("hd", &["*"], false),
            ("hd", &[], false),
            ("deep.tid", &["t1"], true),
            ("deep", &["t1"], false),
            ("list", &["b"], true),
            ("list", &["c", "a,b"], false),
            ("odd", &["a"], true),
            ("odd", &["1", "null"], false),
            ("nothing", &["", "a"], false),
            ("nested", &["a"], false),
            ("number", &["65"], false),
            ("yes", &["true"], false),
            ("none", &["null", ""], false),
            ("missing", &["", "null"], false),
        ] {
            assert_eq!(required(path, one_of).is_met(claims), expected, "{path} {one_of:?}");
        }
    }
}
