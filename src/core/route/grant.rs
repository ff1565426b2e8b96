//! A key's `allowed_routes` (LiteLLM AUTHZ-23): a restriction, never a grant of its own (W5).

use thiserror::Error;

use super::catalogue::{Class, Route};

/// The routes a key may call. An empty list does not restrict.
#[derive(Debug, Clone, Default)]
pub struct RouteGrants {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    /// The path itself, and everything below it.
    Below(String),
    /// Text before a final `*`.
    Prefix(String),
    /// A route group by name.
    Group(Class),
}

/// Why an entry of `allowed_routes` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantError {
    /// `""`, `"/"`, `"*"` and `"/*"` restrict nothing or match nothing; LiteLLM reads them as everything.
    #[error("it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction")]
    Unbounded,
    /// Neither a path nor the name of a group.
    #[error("it is no route group; write a path that begins with `/`, or `llm_api_routes`")]
    UnknownGroup,
    /// A `*` that is not at the end.
    #[error("`*` is only understood at the end")]
    StarInside,
}

impl RouteGrants {
    /// Compiles a list; an error comes with the index of its entry.
    pub fn compile<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<(usize, GrantError)>> {
        let (mut compiled, mut errors) = (Vec::new(), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            match Entry::parse(entry) {
                Ok(entry) => compiled.push(entry),
                Err(error) => errors.push((index, error)),
            }
        }
        if errors.is_empty() { Ok(Self { entries: compiled }) } else { Err(errors) }
    }

    /// Whether the list covers a route, given its path as sent.
    #[must_use]
    pub fn covers(&self, path: &str, route: Option<&Route>) -> bool {
        self.entries.is_empty() || self.entries.iter().any(|entry| entry.covers(path, route))
    }
}

impl Entry {
    fn parse(entry: &str) -> Result<Self, GrantError> {
        match (entry, entry.strip_suffix('*')) {
            ("" | "/" | "*" | "/*", _) => Err(GrantError::Unbounded),
            ("llm_api_routes", _) => Ok(Self::Group(Class::LlmApi)),
            (_, Some(prefix)) if prefix.contains('*') => Err(GrantError::StarInside),
            (_, None) if entry.contains('*') => Err(GrantError::StarInside),
            (_, Some(prefix)) if prefix.starts_with('/') => Ok(Self::Prefix(prefix.to_owned())),
            (path, None) if path.starts_with('/') => Ok(Self::Below(path.to_owned())),
            _ => Err(GrantError::UnknownGroup),
        }
    }

    fn covers(&self, path: &str, route: Option<&Route>) -> bool {
        match self {
            Self::Below(entry) => {
                path.strip_prefix(entry.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Self::Group(class) => route.is_some_and(|route| route.class == *class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::RouteTable;

    fn covers(entries: &[&str], path: &str) -> bool {
        let table = RouteTable::new(Vec::new(), String::new());
        let route = table.find(path).map(|found| found.route);
        RouteGrants::compile(entries.iter().copied()).unwrap().covers(path, route)
    }

    #[test]
    fn follows_the_route_vectors() {
        assert!(covers(&[], "/chat/completions"), "6727");
        assert!(covers(&["llm_api_routes"], "/chat/completions"), "6739");
        assert!(covers(&["llm_api_routes"], "/v1/messages"), "6744");
        assert!(!covers(&["llm_api_routes"], "/team/new"), "6756");
        assert!(!covers(&["/chat/completions"], "/v1/chat/completions"), "7244: aliases are different here");
        assert!(covers(&["/v1"], "/v1/models"), "7301");
        assert!(!covers(&["/v1"], "/v1x/models"));
        assert!(covers(&["/v1/*"], "/v1/models"), "7329");
        assert!(!covers(&["/key/*"], "/team/new"), "7484");
        assert!(!covers(&["/v1/threads/{thread_id}"], "/v1/threads/t1"), "7499: placeholders are literal");
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
            assert_eq!(RouteGrants::compile(["/ok", entry]).unwrap_err(), [(1, error)], "{entry}");
        }
    }
}
