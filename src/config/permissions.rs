//! What `keys.yaml` says about the requests of a key or a team.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::raw::RawObjectPermission;
use crate::core::record::permissions::{RequestGrants, is_param};

/// Compiles the members, noting what is wrong with them as place and text. A shape that is not known is an
/// error: taken for nothing, it would lift a restriction.
pub(super) fn compile(
    metadata: &BTreeMap<String, Value>,
    objects: Option<&RawObjectPermission>,
    problems: &mut Vec<(String, &'static str)>,
) -> RequestGrants {
    let tools = names(metadata.get("allowed_tools"), "metadata.allowed_tools", problems);
    let enforced_params = names(metadata.get("enforced_params"), "metadata.enforced_params", problems);
    if enforced_params.iter().any(|name| !is_param(name)) {
        problems.push(("metadata.enforced_params".to_owned(), "it must list names of members, or `outer.inner`"));
    }
    let stores = objects.map(|objects| objects.vector_stores.clone()).unwrap_or_default();
    if stores.iter().any(String::is_empty) {
        problems.push(("object_permission.vector_stores".to_owned(), "an id is empty"));
    }
    RequestGrants {
        tools: restriction(tools),
        vector_stores: restriction(stores),
        enforced_params,
        keeps_guardrails: keeps_guardrails(metadata.get("guardrails"), problems),
    }
}

/// An empty list does not restrict, as for LiteLLM.
fn restriction(names: Vec<String>) -> Option<HashSet<String>> {
    (!names.is_empty()).then(|| names.into_iter().collect())
}

fn names(value: Option<&Value>, place: &str, problems: &mut Vec<(String, &'static str)>) -> Vec<String> {
    let name = |value: &Value| value.as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let names = match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(name).collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => None,
    };
    names.unwrap_or_else(|| {
        problems.push((place.to_owned(), "it must be a list of names"));
        Vec::new()
    })
}

/// A list of guardrails forbids nothing; only an object with `modify_guardrails: false` does.
fn keeps_guardrails(value: Option<&Value>, problems: &mut Vec<(String, &'static str)>) -> bool {
    let said = match value {
        None | Some(Value::Null | Value::Array(_)) => return false,
        Some(Value::Object(members)) => members.get("modify_guardrails").unwrap_or(&Value::Bool(true)).as_bool(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
    };
    if said.is_none() {
        let text = "it must be a list, or an object whose `modify_guardrails` is `true` or `false`";
        problems.push(("metadata.guardrails".to_owned(), text));
    }
    said != Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(json: Value) -> (RequestGrants, usize) {
        let mut problems = Vec::new();
        let grants = compile(&serde_json::from_value(json).unwrap(), None, &mut problems);
        (grants, problems.len())
    }

    #[test]
    fn unknown_shapes_are_errors() {
        for json in [
            serde_json::json!({"allowed_tools": "x"}),
            serde_json::json!({"allowed_tools": [""]}),
            serde_json::json!({"allowed_tools": [1]}),
            serde_json::json!({"enforced_params": ["a..b"]}),
            serde_json::json!({"guardrails": {"modify_guardrails": "no"}}),
            serde_json::json!({"guardrails": false}),
        ] {
            assert_eq!(compiled(json.clone()).1, 1, "{json}");
        }
        assert_eq!(
            compiled(serde_json::json!({"allowed_tools": [], "guardrails": ["pii"]})),
            (RequestGrants::default(), 0)
        );
        assert!(compiled(serde_json::json!({"guardrails": {"modify_guardrails": false}})).0.keeps_guardrails);
    }
}
