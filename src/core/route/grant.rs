//! A key's `allowed_routes` (LiteLLM AUTHZ-23): a restriction, never a grant of its own (W5).

use thiserror::Error;

use super::Method;
use super::groups::{Group, GroupNames, GroupSet};
use crate::core::path::is_below;

/// The routes a key may call. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouteGrants {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    /// The path itself, and everything below it.
    Below(String),
    /// Text before a final `*`.
    Prefix(String),
    /// A route group by name.
    Group(GroupSet),
}

/// Why an entry of `allowed_routes` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantError {
    /// `""`, `"/"`, `"*"` and `"/*"` restrict nothing or match nothing; LiteLLM reads them as everything.
    #[error("it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction")]
    Unbounded,
    /// Neither a path nor the name of a group.
    #[error("it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`")]
    UnknownGroup,
    /// A `*` that is not at the end.
    #[error("`*` is only understood at the end")]
    StarInside,
}

/// What a list is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The canonical path.
    pub path: &'a str,
    /// The method; a WebSocket upgrade is a GET (W18).
    pub method: Method,
    /// Groups of the path.
    pub groups: GroupSet,
    /// What the path is, if it is passed through.
    pub pass_through: PassedThrough,
}

/// How a path is passed through, for this method and this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedThrough {
    /// It is not.
    No,
    /// By an endpoint that needs no grant.
    Open,
    /// The caller has the grant it needs.
    Granted,
    /// The caller has not.
    NotGranted,
}

/// What a list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Open to the key.
    Covered,
    /// A group would cover it, but the endpoint needs a grant.
    PassThroughNotGranted,
    /// Not open to the key.
    NotCovered,
}

impl RouteGrants {
    /// Compiles a list; an error comes with the index of its entry.
    pub fn compile<'a>(
        entries: impl IntoIterator<Item = &'a str>,
        names: &GroupNames,
    ) -> Result<Self, Vec<(usize, GrantError)>> {
        let (mut compiled, mut errors) = (Vec::new(), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            match Entry::parse(entry, names) {
                Ok(entry) => compiled.push(entry),
                Err(error) => errors.push((index, error)),
            }
        }
        if errors.is_empty() { Ok(Self { entries: compiled }) } else { Err(errors) }
    }

    /// Whether the list leaves every route open.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the list covers a request (section 5 of the route spec).
    #[must_use]
    pub fn covers(&self, request: &Request<'_>) -> Coverage {
        if self.is_unrestricted() || self.names_path(request.path) {
            return Coverage::Covered;
        }
        let mut answer = Coverage::NotCovered;
        for entry in &self.entries {
            let Entry::Group(group) = entry else {
                continue;
            };
            match covered_by_group(*group, request) {
                Coverage::Covered => return Coverage::Covered,
                Coverage::PassThroughNotGranted => answer = Coverage::PassThroughNotGranted,
                Coverage::NotCovered => {}
            }
        }
        answer
    }

    /// Whether an entry other than a group covers a path.
    #[must_use]
    pub fn names_path(&self, path: &str) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Below(entry) => is_below(path, entry),
            Entry::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Entry::Group(_) => false,
        })
    }
}

/// Two groups hold pass-through endpoints, and none of those is theirs to open.
fn covered_by_group(group: GroupSet, request: &Request<'_>) -> Coverage {
    let llm = group.has(Group::LlmApiRoutes);
    let guarded = llm || group.has(Group::OpenaiRoutes);
    let member = request.groups.intersects(group);
    let discovery = llm && is_mcp_discovery(request.path, request.method);
    let covered = match request.pass_through {
        PassedThrough::NotGranted if llm || (guarded && member) => return Coverage::PassThroughNotGranted,
        PassedThrough::Granted | PassedThrough::Open => member || llm,
        PassedThrough::NotGranted | PassedThrough::No => member || discovery,
    };
    if covered { Coverage::Covered } else { Coverage::NotCovered }
}

/// Reading the list of MCP servers, or one of them, is part of calling their tools.
#[must_use]
pub fn is_mcp_discovery(path: &str, method: Method) -> bool {
    let below = path.strip_prefix("/v1/mcp/server");
    let one = |rest: &str| rest.strip_prefix('/').is_some_and(|id| !id.is_empty() && !id.contains('/'));
    method == Method::Get && below.is_some_and(|rest| rest.is_empty() || one(rest))
}

impl Entry {
    fn parse(entry: &str, names: &GroupNames) -> Result<Self, GrantError> {
        match (entry, entry.strip_suffix('*')) {
            ("" | "/" | "*" | "/*", _) => Err(GrantError::Unbounded),
            (_, Some(prefix)) if prefix.contains('*') => Err(GrantError::StarInside),
            (_, None) if entry.contains('*') => Err(GrantError::StarInside),
            (_, Some(prefix)) if prefix.starts_with('/') => Ok(Self::Prefix(prefix.to_owned())),
            (path, None) if path.starts_with('/') => Ok(Self::Below(path.to_owned())),
            (name, _) => names.find(name).map(Self::Group).ok_or(GrantError::UnknownGroup),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::RouteTable;

    fn covers(entries: &[&str], method: Method, path: &str) -> bool {
        let table = RouteTable::new(Vec::new(), String::new());
        let groups = table.find(path).map_or(GroupSet::EMPTY, |found| found.groups);
        let grants = RouteGrants::compile(entries.iter().copied(), &GroupNames::default()).unwrap();
        let request = Request { path, method, groups, pass_through: PassedThrough::No };
        grants.covers(&request) == Coverage::Covered
    }

    #[test]
    fn follows_the_route_vectors() {
        let post = |entries, path| covers(entries, Method::Post, path);
        assert!(post(&[], "/chat/completions"), "6727");
        assert!(post(&["llm_api_routes"], "/chat/completions"), "6739");
        assert!(post(&["llm_api_routes"], "/v1/messages"), "6744");
        assert!(!post(&["llm_api_routes"], "/team/new"), "6756");
        assert!(!post(&["openai_routes"], "/v1/messages"), "6772");
        assert!(!post(&["/chat/completions"], "/v1/chat/completions"), "7244: aliases are different here");
        assert!(post(&["/v1"], "/v1/models"), "7301");
        assert!(!post(&["/v1"], "/v1x/models"));
        assert!(post(&["/v1/*"], "/v1/models"), "7329");
        assert!(!post(&["/key/*"], "/team/new"), "7484");
        assert!(!post(&["/v1/threads/{thread_id}"], "/v1/threads/t1"), "7499: placeholders are literal");
        assert!(!post(&["llm_api_routes"], "/openaiX/y"), "6748 differs: W6");
    }

    #[test]
    fn discovery_of_mcp_servers_is_a_get() {
        let at = |method, path| covers(&["llm_api_routes"], method, path);
        assert!(at(Method::Get, "/v1/mcp/server") && at(Method::Get, "/v1/mcp/server/abc"));
        for (method, path) in [
            (Method::Head, "/v1/mcp/server"),
            (Method::Post, "/v1/mcp/server"),
            (Method::Delete, "/v1/mcp/server/abc"),
            (Method::Get, "/v1/mcp/server/"),
            (Method::Get, "/v1/mcp/server/a/b"),
            (Method::Get, "/v1/mcp/serverx"),
        ] {
            assert!(!at(method, path), "{method:?} {path}");
        }
    }

    #[test]
    fn what_restricts_nothing_is_refused() {
        use GrantError::*;
        for (entry, error) in [
            ("", Unbounded),
            ("/", Unbounded),
            ("*", Unbounded),
            ("/*", Unbounded),
            ("LLM_API_ROUTES", UnknownGroup),
            ("v1/models", UnknownGroup),
            ("v1*", UnknownGroup),
            ("/v1/*/x", StarInside),
        ] {
            let errors = RouteGrants::compile(["/ok", entry], &GroupNames::default()).unwrap_err();
            assert_eq!(errors, [(1, error)], "{entry}");
        }
    }
}
