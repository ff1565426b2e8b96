//! Which JSON Web Tokens an authorization server is asked about (LiteLLM 8.1).
//!
//! The claims are not verified when this is decided: they choose who verifies the token, never whether it is
//! verified (W22, S-124).

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::selector::Selector;
use crate::core::jwt::json;

/// One rule. Every selector that is there must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    selectors: Vec<(Claim, Vec<Selector>)>,
}

/// A claim a rule may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The issuer.
    Iss,
    /// `client_id`, and not `azp` (8.1.7).
    ClientId,
    /// The scopes; `scp` is not read.
    Scope,
    /// The audiences.
    Aud,
}

impl Claim {
    fn as_str(self) -> &'static str {
        match self {
            Self::Iss => "iss",
            Self::ClientId => "client_id",
            Self::Scope => "scope",
            Self::Aud => "aud",
        }
    }
}

impl Rule {
    /// A rule about these claims, each with the values of which one must match. An empty list matches nothing.
    #[must_use]
    pub fn new(selectors: impl IntoIterator<Item = (Claim, Vec<String>)>) -> Self {
        let parsed = |values: Vec<String>| values.iter().map(|value| Selector::parse(value)).collect();
        Self { selectors: selectors.into_iter().map(|(claim, values)| (claim, parsed(values))).collect() }
    }

    fn matches(&self, claims: &Map<String, Value>) -> bool {
        let holds = |(claim, selectors): &(Claim, Vec<Selector>)| {
            let values = claims.get(claim.as_str()).map(|value| values(*claim, value)).unwrap_or_default();
            let spaces = *claim == Claim::Scope;
            selectors.iter().any(|selector| values.iter().any(|value| selector.matches(value, spaces)))
        };
        // A rule without any selector would be for every token; configurations have none.
        !self.selectors.is_empty() && self.selectors.iter().all(holds)
    }
}

/// The rules, in order. All lead to the same place, so the first that matches is as good as any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// Whether a token goes to the authorization server. What is no token with an object of claims, or has a
    /// member twice, does not.
    #[must_use]
    pub fn match_token(&self, token: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let payload = token.split('.').nth(1).and_then(|payload| BASE64URL_NOPAD.decode(payload.as_bytes()).ok());
        let claims = payload.and_then(|payload| json::object(&payload).ok());
        claims.is_some_and(|claims| self.0.iter().any(|rule| rule.matches(&claims)))
    }
}

/// A claim as texts (8.1.4). Only a `scope` with a space inside is several.
fn values(claim: Claim, value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        Value::String(scopes) if claim == Claim::Scope && scopes.trim().contains(' ') => {
            scopes.trim().split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        }
        one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            text(one).into_iter().collect()
        }
    }
}

/// Texts, and whole numbers in decimal; LiteLLM writes every type as Python does (W29).
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn routes(selectors: &[(Claim, &[&str])], claims: &Value) -> bool {
        let selectors = selectors.iter().map(|(claim, values)| (*claim, values.iter().map(ToString::to_string)));
        let rule = Rule::new(selectors.map(|(claim, values)| (claim, values.collect())));
        let payload = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
        Rules(vec![rule]).match_token(&format!("e30.{payload}.x"))
    }

    /// The table of 8.1.
    #[test]
    fn selectors_follow_the_table_of_litellm_v152_s124() {
        use Claim::{Aud, ClientId, Iss, Scope};
        let rows: &[(Claim, &str, Value, bool)] = &[
            (Iss, "https://i", json!("https://i/"), false),
            (Iss, "https://*.x.com", json!("https://a.b.x.com"), true),
            (Iss, "trusted.*", json!("trusted.example.com evil.com"), false),
            (Iss, "T*", json!("trusted"), false),
            (Iss, "[ab]", json!("a"), false),
            (Iss, "[ab]*", json!("ax"), true),
            (Iss, "*", json!(""), true),
            (Iss, "*", json!(["x y", "z"]), true),
            (Scope, "a", json!("a b"), true),
            (Scope, "a", json!(["a", "b"]), true),
            (Scope, "a", json!(["a b"]), false),
            (Scope, "a", json!("b\ta"), false),
            (Scope, "a", json!(" a "), false),
            (Scope, "a b", json!("a b"), false),
            (Scope, "a*", json!("a\tb"), true),
            (Aud, "x", json!(["x", "y"]), true),
            (Aud, "x", json!("x y"), false),
            (ClientId, "5", json!(5), true),
            (ClientId, "True", json!(true), false),
            (ClientId, "None", json!(null), false),
        ];
        for (claim, selector, value, expected) in rows {
            let claims = json!({ claim.as_str(): value });
            assert_eq!(routes(&[(*claim, &[*selector])], &claims), *expected, "{selector} {value}");
        }
        assert!(!routes(&[(Iss, &["*"])], &json!({})), "an absent claim matches nothing");
        assert!(!routes(&[(Iss, &[])], &json!({ "iss": "x" })), "an empty list matches nothing");
        assert!(routes(&[(Iss, &["x", "y"]), (Scope, &["svc"])], &json!({ "iss": "y", "scope": "x svc" })));
        assert!(!routes(&[(Iss, &["y"]), (Scope, &["svc"])], &json!({ "iss": "y", "scope": "x" })), "all must match");
        assert!(!routes(&[(ClientId, &["me"])], &json!({ "azp": "me" })), "8.1.7");
        assert!(!routes(&[(Scope, &["a"])], &json!({ "scp": "a" })), "8.1.7");
    }

    #[test]
    fn what_cannot_be_read_goes_nowhere() {
        let rules = Rules(vec![Rule::new([(Claim::Iss, vec!["*".to_owned()])])]);
        let twice = BASE64URL_NOPAD.encode(br#"{"iss":"a","iss":"b"}"#);
        for token in ["", "x", "a.b.c", "e30.bnVsbA.x", "e30.eyJpc3MiOiJ4In0=.x", &format!("e30.{twice}.x")] {
            assert!(!rules.match_token(token), "{token}");
        }
        assert!(!Rules(vec![Rule::default()]).match_token("e30.e30.x"), "no selectors match nothing");
    }

    proptest! {
        #[test]
        fn no_token_panics(token in any::<String>(), payload in any::<Vec<u8>>()) {
            let rules = Rules(vec![Rule::new([(Claim::Iss, vec!["*".to_owned()])])]);
            let _ = rules.match_token(&token);
            let _ = rules.match_token(&format!("e30.{}.x", BASE64URL_NOPAD.encode(&payload)));
        }
    }
}
