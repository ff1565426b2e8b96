//! What are they asking for? A path becomes one route of the catalogue, in one walk down a trie.

pub mod catalogue;
pub mod dialect;
pub mod grant;
mod trie;

use catalogue::{CATALOGUE, Route};
use trie::Trie;

/// First segments of LiteLLM's provider pass-throughs (`mapped_pass_through_routes`).
pub const PASS_THROUGH_PREFIXES: &[&str] = &[
    "/bedrock",
    "/vertex-ai",
    "/vertex_ai",
    "/cohere",
    "/cursor",
    "/gemini",
    "/anthropic",
    "/langfuse",
    "/azure",
    "/azure_ai",
    "/openai",
    "/openai_passthrough",
    "/assemblyai",
    "/eu.assemblyai",
    "/vllm",
    "/mistral",
    "/milvus",
    "/watsonx",
];

/// Request methods that some route expects. CONNECT is none of them: after an allow, Envoy would pass
/// bytes on that no check has seen (S-018).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// All methods, in the order of an `Allow` header.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Options, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Exact spelling only: methods are case-sensitive (RFC 9110 §9.1, S-022).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// The token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A route, and what its placeholders stand for in this path.
#[derive(Debug, Clone)]
pub struct Match<'p> {
    /// The route.
    pub route: &'static Route,
    /// Placeholder names and the text they match, in path order.
    pub params: Vec<(&'static str, &'p str)>,
}

impl<'p> Match<'p> {
    /// The text of one placeholder.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'p str> {
        self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// The catalogue and what the configuration adds to it, compiled.
#[derive(Debug)]
pub struct RouteTable {
    trie: Trie<&'static Route>,
    public: Vec<String>,
    root_path: String,
}

impl RouteTable {
    /// Compiles the catalogue. `public` are canonical paths; `root_path` is empty or begins with `/`.
    #[must_use]
    pub fn new(public: Vec<String>, root_path: String) -> Self {
        let mut trie = Trie::default();
        for route in CATALOGUE {
            for pattern in route.paths {
                trie.insert(pattern, route);
            }
        }
        Self { trie, public, root_path }
    }

    /// The deployment's root path, or nothing.
    #[must_use]
    pub fn root_path(&self) -> &str {
        &self.root_path
    }

    /// Whether a path needs no credential. Exact, never a prefix, never the query (S-014, S-015).
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        self.public.iter().any(|public| public == path)
    }

    /// The route of a canonical path.
    #[must_use]
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'p>> {
        self.trie.find(path).map(|(route, params)| Match { route, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Option<(&'static str, Option<String>)> {
        let table = RouteTable::new(vec!["/health/liveliness".to_owned()], String::new());
        table.find(path).map(|found| (found.route.id, found.param("model").map(str::to_owned)))
    }

    #[test]
    fn aliases_are_one_route() {
        for path in ["/v1/chat/completions", "/chat/completions"] {
            assert_eq!(find(path).unwrap().0, "chat_completions");
        }
        for path in ["/v1/responses/resp_1", "/responses/resp_1", "/openai/v1/responses/resp_1"] {
            assert_eq!(find(path).unwrap().0, "response");
        }
    }

    #[test]
    fn placeholders_are_found() {
        let model = |path| find(path).unwrap().1.unwrap();
        assert_eq!(model("/openai/deployments/gpt-4o/chat/completions"), "gpt-4o");
        assert_eq!(model("/v1beta/models/gemini:generateContent"), "gemini");
        assert_eq!(model("/v1beta/models/tuned/a:b:generateContent"), "tuned/a:b");
    }

    #[test]
    fn near_misses_are_unknown_s013_s014() {
        for path in [
            "/V1/Chat/Completions",
            "/v1/chat/completions/",
            "/v1/chat/completions/.json",
            "/v1/responses//cancel",
            "/v1/responses/",
            "/v1beta/models/:generateContent",
            "/v1beta/models/gemini:unheardOf",
            "/",
            "",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn public_is_exact() {
        let table = RouteTable::new(vec!["/health/liveliness".to_owned()], String::new());
        assert!(table.is_public("/health/liveliness"));
        for path in ["/health/liveliness/", "/health/liveliness/x", "/x/health/liveliness", "/health"] {
            assert!(!table.is_public(path), "{path}");
        }
    }
}
