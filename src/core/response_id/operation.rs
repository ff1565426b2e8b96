//! What a request of the Responses API does, by its method and its path.

use crate::core::route::catalogue::{Class, ModelRule};
use crate::core::route::{Match, Method};

/// What a request does with response ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'p> {
    /// It is none of the Responses API.
    Other,
    /// Its body may name a response, and its answer tells of one: create, compact, count tokens.
    Create,
    /// It is about the response of this id: get, delete, cancel, list input items.
    About(&'p str),
    /// It is below a path of the Responses API, and nobody knows what it does there: the list of a backend's
    /// responses, say, which are everybody's.
    Unknown,
}

/// Routes of the catalogue whose bodies may name a response. Cursor's speaks both APIs.
const CREATE: [&str; 4] = ["responses", "responses_compact", "responses_input_tokens", "cursor_chat_completions"];
/// Those with the id of a response in their path.
const ABOUT: [&str; 3] = ["response", "response_cancel", "response_input_items"];

/// The path of Cursor's.
const CURSOR: [&str; 3] = ["cursor", "chat", "completions"];

impl<'p> Operation<'p> {
    /// What a method, a canonical path and its route say. A route of the catalogue that is none of the API's
    /// is none, whatever its placeholders match. What forwards to somebody else's paths is judged by
    /// structure: a provider's own API (`/openai/responses`, `/vllm/v1/responses`), what the configuration
    /// passes through, and the paths without a route, which are open to administrators alone.
    #[must_use]
    pub fn of(method: Method, path: &'p str, found: Option<&Match<'p>>) -> Self {
        let is_api = found.is_none_or(|found| match found.route.class {
            Class::LlmApi => found.route.model == ModelRule::Opaque || Self::is_known(found.route.id),
            Class::PassThrough | Class::Custom => true,
            Class::Management | Class::Public => false,
        });
        if is_api { Self::by_structure(method, path) } else { Self::Other }
    }

    /// Whether a route is one whose ids are guarded wherever it is found.
    #[must_use]
    pub fn is_known(route: &str) -> bool {
        CREATE.contains(&route) || ABOUT.contains(&route)
    }

    /// By the first segment `responses`, in any case and wherever it stands: an upstream decides what its
    /// paths begin with.
    fn by_structure(method: Method, path: &'p str) -> Self {
        let segments: Vec<_> = path.split('/').collect();
        let mut rest = segments.as_slice();
        while let [first, below @ ..] = rest {
            if first.eq_ignore_ascii_case("responses") {
                return Self::of_responses(method, below);
            }
            if is_cursor(rest) {
                let exact = rest.len() == CURSOR.len() && method == Method::Post;
                return if exact { Self::Create } else { Self::Unknown };
            }
            rest = below;
        }
        Self::Other
    }

    /// By what follows `responses`.
    fn of_responses(method: Method, below: &[&'p str]) -> Self {
        use Method::{Delete, Get, Head, Post};
        match (method, below) {
            (Post, [] | ["compact" | "input_tokens"]) => Self::Create,
            (_, [] | ["" | "compact" | "input_tokens"] | [_, ""]) => Self::Unknown,
            (Get | Head | Delete, [id]) | (Post, [id, "cancel"]) | (Get | Head, [id, "input_items"]) => Self::About(id),
            _ => Self::Unknown,
        }
    }
}

/// Whether segments are the path of Cursor's, with nothing or a last slash after it.
fn is_cursor(segments: &[&str]) -> bool {
    let segments = if let [rest @ .., ""] = segments { rest } else { segments };
    segments.len() == CURSOR.len() && segments.iter().zip(CURSOR).all(|(one, name)| one.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::RouteTable;

    fn of(table: &RouteTable, request: &str) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        format!("{:?}", Operation::of(Method::parse(method).unwrap(), path, table.find(path).as_ref()))
    }

    #[test]
    fn every_spelling_of_the_api_is_known() {
        let table = RouteTable::new(Vec::new(), String::new());
        for prefix in ["", "/v1", "/openai/v1", "/openai", "/openai/deployments/d", "/azure/openai", "/vllm/v1"] {
            let of = |method: &str, rest: &str| of(&table, &format!("{method} {prefix}/responses{rest}"));
            assert!(table.find(&format!("{prefix}/responses/resp_1/cancel")).is_some(), "{prefix}");
            for create in ["", "/compact", "/input_tokens"] {
                assert_eq!(of("POST", create), "Create", "{prefix}{create}");
                for method in ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"] {
                    assert_eq!(of(method, create), "Unknown", "{method} {prefix}{create}: a list, say");
                }
            }
            for about in
                ["GET /resp_1", "HEAD /resp_1", "DELETE /resp_1", "POST /resp_1/cancel", "GET /resp_1/input_items"]
            {
                let (method, rest) = about.split_once(' ').unwrap();
                assert_eq!(of(method, rest), "About(\"resp_1\")", "{prefix} {about}");
            }
            for unknown in
                ["POST /resp_1", "PUT /resp_1", "GET /resp_1/cancel", "DELETE /resp_1/input_items", "GET /a/b"]
            {
                let (method, rest) = unknown.split_once(' ').unwrap();
                assert_eq!(of(method, rest), "Unknown", "{prefix} {unknown}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_something_else() {
        let table = RouteTable::new(Vec::new(), String::new());
        for request in [
            "GET /openai/responses/resp_1/other",
            "GET /openai/responses/a/responses/b",
            "GET /azure/Responses/a/b/c",
            "POST /v1/responses/",
            "GET /v1/responses/a/",
            "GET /v2/Responses/a/b",
            "POST /cursor/chat/completions/",
            "POST /Cursor/Chat/completions/",
            "GET /cursor/chat/completions",
        ] {
            assert_eq!(of(&table, request), "Unknown", "{request}");
        }
        for request in [
            "POST /v1/chat/completions",
            "POST /openai/deployments/responses/chat/completions",
            "GET /v1/models/responses",
            "POST /cursor/other",
            "GET /mystery",
        ] {
            assert_eq!(of(&table, request), "Other", "{request}");
        }
        assert_eq!(of(&table, "POST /cursor/chat/completions"), "Create");
        assert_eq!(of(&table, "GET /v2/responses/a"), "About(\"a\")", "no route");
    }
}
