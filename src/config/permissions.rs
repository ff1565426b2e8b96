//! What `keys.yaml` says about the requests of a key or a team.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::raw::RawObjectPermission;
use crate::core::header::HeaderValue;
use crate::core::record::permissions::{Guardrails, Names, ObjectGrants, RequestGrants, is_param};

/// Places, and what is wrong there.
pub(super) type Problems = Vec<(String, &'static str)>;

/// Longest list of guardrails of one record, in bytes once encoded: a key's and its team's fit into one header.
const MAX_GUARDRAILS: usize = 2000;

/// Ids of agents by their group.
pub(super) type AgentGroups = HashMap<String, Vec<String>>;

/// Compiles the members. A shape that is not known is an error: taken for nothing, it would lift a
/// restriction. MCP servers are those of the record alone.
pub(super) fn compile(
    metadata: &BTreeMap<String, Value>,
    permission: Option<&RawObjectPermission>,
    groups: &AgentGroups,
    problems: &mut Problems,
) -> RequestGrants {
    let mut names = |name: &str| names(metadata.get(name), &format!("metadata.{name}"), problems);
    let (tools, enforced_params, policies) = (names("allowed_tools"), names("enforced_params"), names("policies"));
    if enforced_params.iter().any(|name| !is_param(name)) {
        problems.push(("metadata.enforced_params".to_owned(), "it must list names of members, or `outer.inner`"));
    }
    let (keeps_guardrails, names) = guardrails(metadata.get("guardrails"), problems);
    let fits =
        HeaderValue::list(names.iter().map(String::as_str)).is_some_and(|list| list.as_str().len() <= MAX_GUARDRAILS);
    if !names.is_empty() && !fits {
        problems.push((
            "metadata.guardrails".to_owned(),
            "the names are too long to be told to the upstream, 2000 bytes together",
        ));
    }
    let disable_global = flag(metadata, "disable_global_guardrails", problems);
    RequestGrants {
        tools: Names::unless_empty(tools),
        objects: objects(permission, groups, problems),
        enforced_params,
        is_service_account: !matches!(metadata.get("service_account_id"), None | Some(Value::Null)),
        keeps_guardrails,
        guardrails: Guardrails { names, policies, disable_global },
    }
}

/// `object_permission`. Of MCP servers an empty list grants none; of everything else it does not restrict
/// (section 4.8 of the record of LiteLLM's behaviour).
fn objects(permission: Option<&RawObjectPermission>, groups: &AgentGroups, problems: &mut Problems) -> ObjectGrants {
    let none = RawObjectPermission::default();
    let raw = permission.unwrap_or(&none);
    let restricts = !raw.agents.is_empty() || !raw.agent_access_groups.is_empty();
    let grouped = raw.agent_access_groups.iter().filter_map(|group| groups.get(group)).flatten();
    let agents: Vec<_> = raw.agents.iter().chain(grouped).cloned().collect();
    let servers = raw.mcp_servers.iter().chain(&raw.mcp_access_groups).chain(raw.mcp_tool_permissions.keys());
    let servers: Vec<_> = servers.cloned().collect();
    for (name, list) in [
        ("vector_stores", &raw.vector_stores),
        ("agents", &agents),
        ("search_tools", &raw.search_tools),
        ("mcp_servers", &servers),
    ] {
        if list.iter().any(String::is_empty) {
            problems.push((format!("object_permission.{name}"), "a name is empty"));
        }
    }
    ObjectGrants {
        vector_stores: Names::unless_empty(raw.vector_stores.iter().cloned()),
        // A group nobody is in grants nobody, and is a list all the same.
        agents: if restricts { Names::only(agents) } else { Names::Any },
        search_tools: Names::unless_empty(raw.search_tools.iter().cloned()),
        mcp_servers: Names::only(servers),
    }
}

/// The same of somebody who can only restrict: an end user, an agent, an organisation.
pub(super) fn restrictions(
    permission: Option<&RawObjectPermission>,
    groups: &AgentGroups,
    problems: &mut Problems,
) -> ObjectGrants {
    let mut objects = objects(permission, groups, problems);
    if let Names::Only(servers) = objects.mcp_servers {
        objects.mcp_servers = Names::unless_empty(servers);
    }
    objects
}

fn flag(metadata: &BTreeMap<String, Value>, name: &str, problems: &mut Problems) -> bool {
    match metadata.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            problems.push((format!("metadata.{name}"), "it must be `true` or `false`"));
            false
        }
    }
}

fn names(value: Option<&Value>, place: &str, problems: &mut Problems) -> Vec<String> {
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

/// A list names guardrails and forbids nothing; only an object with `modify_guardrails: false` does.
fn guardrails(value: Option<&Value>, problems: &mut Problems) -> (bool, Vec<String>) {
    let place = "metadata.guardrails";
    let said = match value {
        None | Some(Value::Null | Value::Array(_)) => return (false, names(value, place, problems)),
        Some(Value::Object(members)) => members.get("modify_guardrails").unwrap_or(&Value::Bool(true)).as_bool(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
    };
    if said.is_none() {
        let text = "it must be a list of names, or an object whose `modify_guardrails` is `true` or `false`";
        problems.push((place.to_owned(), text));
    }
    (said != Some(true), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(json: Value) -> (RequestGrants, usize) {
        let mut problems = Vec::new();
        let grants = compile(&serde_json::from_value(json).unwrap(), None, &AgentGroups::new(), &mut problems);
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
            serde_json::json!({"guardrails": [1]}),
            serde_json::json!({"policies": "p"}),
            serde_json::json!({"disable_global_guardrails": "yes"}),
        ] {
            assert_eq!(compiled(json.clone()).1, 1, "{json}");
        }
        let (grants, problems) = compiled(serde_json::json!({"allowed_tools": [], "guardrails": ["pii"]}));
        assert_eq!((grants.tools, grants.guardrails.names, problems), (Names::Any, vec!["pii".to_owned()], 0));
        assert!(compiled(serde_json::json!({"guardrails": {"modify_guardrails": false}})).0.keeps_guardrails);
    }

    #[test]
    fn an_empty_list_grants_no_mcp_server_and_restricts_nobody_else_obj1() {
        let none = RawObjectPermission::default();
        let groups = AgentGroups::from([("g".to_owned(), vec!["a".to_owned()])]);
        assert!(!objects(Some(&none), &groups, &mut Vec::new()).mcp_servers.grant("a"));
        assert!(objects(Some(&none), &groups, &mut Vec::new()).agents.grant("a"));
        assert_eq!(restrictions(Some(&none), &groups, &mut Vec::new()), ObjectGrants::default());
        let some = RawObjectPermission { mcp_servers: vec!["a".to_owned()], ..RawObjectPermission::default() };
        assert!(!restrictions(Some(&some), &groups, &mut Vec::new()).mcp_servers.grant("b"));
        for (group, granted) in [("g", true), ("unknown", false)] {
            let raw =
                RawObjectPermission { agent_access_groups: vec![group.to_owned()], ..RawObjectPermission::default() };
            assert_eq!(objects(Some(&raw), &groups, &mut Vec::new()).agents.grant("a"), granted);
            assert!(!objects(Some(&raw), &groups, &mut Vec::new()).agents.grant("b"));
        }
    }
}
