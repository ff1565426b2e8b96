//! Search tools and MCP servers that a request names.

use super::facts::{Facts, Texts};
use super::place::Slot;
use crate::core::request::RequestView;
use crate::core::route::Match;

/// Headers by which a client of MCP chooses servers, lists with commas.
const MCP_HEADERS: [&str; 2] = ["x-mcp-servers", "x-mcp-access-groups"];

/// The search tool of the path, the body or the query, on routes that search.
pub(super) fn search_tools(found: &Match<'_>, body: &Facts<'_>, asked: &Facts<'_>) -> Vec<String> {
    if !matches!(found.route.id, "search" | "search_tool") {
        return Vec::new();
    }
    let of_path = found.param("search_tool_name").map(str::to_owned);
    of_path.into_iter().chain(values(body, Slot::SearchTool)).chain(values(asked, Slot::SearchTool)).collect()
}

/// The MCP servers of the headers and of tools, and on routes of MCP those of path, body and query (LiteLLM OBJ-1).
pub(super) fn mcp_servers(
    view: &RequestView<'_>,
    found: &Match<'_>,
    body: &Facts<'_>,
    asked: &Facts<'_>,
) -> Vec<String> {
    let headers = MCP_HEADERS.iter().flat_map(|name| view.headers.all(name)).map(String::from_utf8_lossy);
    let listed = headers.flat_map(|list| split(&list)).chain(body.mcp_servers.iter().cloned());
    if !found.route.id.starts_with("mcp") {
        return listed.collect();
    }
    let path = found.param("subpath").into_iter().flat_map(split);
    listed.chain(path).chain(values(body, Slot::McpServer)).chain(values(asked, Slot::McpServer)).collect()
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What is no text is a name nobody was granted.
fn values(facts: &Facts<'_>, slot: Slot) -> Vec<String> {
    match facts.value(slot) {
        None | Some(Texts::Null) => Vec::new(),
        Some(Texts::One(name)) => vec![name.clone()],
        Some(Texts::Many(names)) => names.clone(),
        Some(Texts::Number(_) | Texts::Other) => vec![String::new()],
    }
}
