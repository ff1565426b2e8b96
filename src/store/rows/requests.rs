//! What requests may carry and name: tools, objects, guardrails, models of access groups.

use std::collections::BTreeSet;

use serde_json::Value;

use super::columns::{Columns, Members, Unreadable};
use super::people::{DANGLING, owned};
use crate::core::credential::KeyHash;
use crate::core::header::HeaderValue;
use crate::core::model_list::ModelList;
use crate::core::record::permissions::{Guardrails, Names, ObjectGrants, RequestGrants, is_param};

/// Longest list of guardrails of one record, in bytes once encoded: a key's and its team's fit into one header.
const MAX_GUARDRAILS: usize = 2000;

/// What requests of a key or a team may carry. MCP servers are those of the row alone.
pub(super) fn requests(
    row: &Columns,
    metadata: Members<'_>,
    permission: Option<&Columns>,
) -> Result<RequestGrants, Unreadable> {
    let tools = metadata.names("allowed_tools", "metadata.allowed_tools")?;
    let enforced_params = metadata.names("enforced_params", "metadata.enforced_params")?;
    if enforced_params.iter().any(|name| !is_param(name)) {
        return Err(metadata.error("metadata.enforced_params", "an entry is no name of a member"));
    }
    let (keeps_guardrails, names) = guardrails(metadata)?;
    let mut policies = owned(metadata.names("policies", "metadata.policies")?);
    policies.extend(owned(row.texts("policies")?.unwrap_or_default()));
    let disable_global = metadata.is_true("disable_global_guardrails", "metadata.disable_global_guardrails")?;
    Ok(RequestGrants {
        tools: Names::unless_empty(owned(tools)),
        objects: objects(row, permission)?,
        enforced_params: owned(enforced_params),
        is_service_account: metadata.get("service_account_id").is_some(),
        keeps_guardrails,
        guardrails: Guardrails { names, policies, disable_global },
    })
}

/// Of MCP servers an empty list grants none; of everything else it does not restrict (LiteLLM OBJ).
fn objects(row: &Columns, permission: Option<&Columns>) -> Result<ObjectGrants, Unreadable> {
    let Some(permission) = referred(row, permission)? else {
        return Ok(ObjectGrants { mcp_servers: Names::Only(BTreeSet::new()), ..ObjectGrants::default() });
    };
    let names = |column| {
        let names = permission.texts(column)?.unwrap_or_default();
        let empty = names.iter().any(|name| name.is_empty());
        if empty { Err(permission.error(column, "a name is empty")) } else { Ok(owned(names)) }
    };
    let (mut agents, groups) = (names("agents")?, names("agent_access_groups")?);
    let restricts = !agents.is_empty() || !groups.is_empty();
    agents.extend(names("grouped_agents")?);
    let mut servers = names("mcp_servers")?;
    servers.extend(names("mcp_access_groups")?);
    servers.extend(permission.object("mcp_tool_permissions")?.into_iter().flat_map(|tools| tools.keys().cloned()));
    Ok(ObjectGrants {
        vector_stores: Names::unless_empty(names("vector_stores")?),
        // A group nobody is in grants nobody, and is a list all the same.
        agents: if restricts { Names::only(agents) } else { Names::Any },
        search_tools: Names::unless_empty(names("search_tools")?),
        mcp_servers: Names::only(servers),
    })
}

/// The same of somebody who can only restrict: an end user, an agent, an organisation.
pub(super) fn restrictions(row: &Columns, permission: Option<&Columns>) -> Result<ObjectGrants, Unreadable> {
    let mut objects = objects(row, permission)?;
    if let Names::Only(servers) = objects.mcp_servers {
        objects.mcp_servers = Names::unless_empty(servers);
    }
    Ok(objects)
}

fn referred<'a>(row: &Columns, permission: Option<&'a Columns>) -> Result<Option<&'a Columns>, Unreadable> {
    match (row.text("object_permission_id")?, permission) {
        (None, _) => Ok(None),
        (Some(_), None) => Err(row.error("object_permission_id", DANGLING)),
        (Some(_), Some(permission)) => Ok(Some(permission)),
    }
}

/// A list names guardrails and forbids nothing; only an object with `modify_guardrails: false` does.
fn guardrails(metadata: Members<'_>) -> Result<(bool, Vec<String>), Unreadable> {
    const COLUMN: &str = "metadata.guardrails";
    let said = match metadata.get("guardrails") {
        None | Some(Value::Array(_)) => {
            let names = metadata.names("guardrails", COLUMN)?;
            let list = HeaderValue::list(names.iter().copied());
            let fits = names.is_empty() || list.is_some_and(|list| list.as_str().len() <= MAX_GUARDRAILS);
            let error = || metadata.error(COLUMN, "the names are too long to be told to the upstream");
            return if fits { Ok((false, owned(names))) } else { Err(error()) };
        }
        Some(Value::Object(members)) => members.get("modify_guardrails").unwrap_or(&Value::Bool(true)).as_bool(),
        Some(_) => None,
    };
    let text = "it must be a list, or an object whose `modify_guardrails` is true or false";
    said.map(|may| (!may, Vec::new())).ok_or_else(|| metadata.error(COLUMN, text))
}

/// What access groups grant.
#[derive(Debug)]
pub(super) struct Granted {
    /// `None` when there are no models.
    pub(super) models: Option<ModelList>,
    pub(super) mcp_servers: BTreeSet<String>,
}

/// What the groups grant that name this team or key in return (SEC-35). A group that is missing grants
/// nothing (A34).
pub(super) fn groups(rows: &[Columns], team: Option<&str>, key: Option<&KeyHash>) -> Result<Granted, Unreadable> {
    let key = key.map(|key| key.to_hex());
    let (mut names, mut mcp_servers) = (Vec::new(), BTreeSet::new());
    for group in rows {
        let is_for = |column, id: Option<&str>| {
            let ids = group.texts(column)?.unwrap_or_default();
            Ok::<_, Unreadable>(id.is_some_and(|id| ids.contains(&id)))
        };
        if is_for("assigned_team_ids", team)? || is_for("assigned_key_ids", key.as_deref())? {
            names.extend(group.texts("access_model_names")?.unwrap_or_default());
            mcp_servers.extend(owned(group.texts("access_mcp_server_ids")?.unwrap_or_default()));
        }
    }
    Ok(Granted { models: (!names.is_empty()).then(|| ModelList::compile(names)), mcp_servers })
}
