//! What a request of the Responses API does, by its path.

use crate::core::route::Match;
use crate::core::route::catalogue::{Class, ModelRule};

/// What a request does with response ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'p> {
    /// It is none of the Responses API.
    Other,
    /// Its body may name a response, and its answer tells of one: create, compact, count tokens.
    Create,
    /// It is about the response of this id: get, delete, cancel, list input items.
    About(&'p str),
    /// It is below a path of the Responses API, and nobody knows what it does there.
    Unknown,
}

/// Routes of the catalogue whose bodies may name a response. Cursor's speaks both APIs.
const CREATE: [&str; 4] = ["responses", "responses_compact", "responses_input_tokens", "cursor_chat_completions"];
/// Those with the id of a response in their path.
const ABOUT: [&str; 3] = ["response", "response_cancel", "response_input_items"];

impl<'p> Operation<'p> {
    /// What a canonical path and its route say. A path without a route is open to administrators alone, and
    /// is judged by its structure for them.
    #[must_use]
    pub fn of(path: &'p str, found: Option<&Match<'p>>) -> Self {
        let Some(found) = found else { return Self::by_structure(path, |_| true) };
        let route = found.route;
        if CREATE.contains(&route.id) {
            return Self::Create;
        }
        if ABOUT.contains(&route.id) {
            return found.param("response_id").map_or(Self::Unknown, Self::About);
        }
        match route.class {
            // A provider's own API: `/openai/responses`, `/azure/openai/responses/{id}`, `/vllm/v1/responses`.
            Class::LlmApi if route.model == ModelRule::Opaque => Self::by_structure(path, |_| true),
            // What a configured endpoint calls `responses` may be anything: only the API's own spelling counts.
            Class::PassThrough | Class::Custom => {
                Self::by_structure(path, |before| matches!(before, "v1" | "openai" | ""))
            }
            Class::LlmApi | Class::Management | Class::Public => Self::Other,
        }
    }

    /// Whether a route is one whose ids are guarded wherever it is found.
    #[must_use]
    pub fn is_known(route: &str) -> bool {
        CREATE.contains(&route) || ABOUT.contains(&route)
    }

    /// By the first segment `responses`, and whether what stands before it makes it the API's.
    fn by_structure(path: &'p str, is_api: impl Fn(&str) -> bool) -> Self {
        let segments: Vec<_> = path.split('/').collect();
        let is_responses = |segment: &&str| segment.eq_ignore_ascii_case("responses");
        let Some(at) = segments.iter().position(is_responses) else { return Self::Other };
        let (before, rest) = segments.split_at(at);
        if !is_api(before.last().unwrap_or(&"")) {
            return Self::Other;
        }
        match rest {
            [_] | [_, "compact" | "input_tokens"] => Self::Create,
            [_, ""] | [_, _, ""] => Self::Unknown,
            [_, id] | [_, id, "cancel" | "input_items"] => Self::About(id),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::RouteTable;

    #[test]
    fn every_spelling_of_the_api_is_known() {
        let table = RouteTable::new(Vec::new(), String::new());
        let of = |path: &str| {
            let found = table.find(path).unwrap_or_else(|| panic!("{path} has no route"));
            format!("{:?}", Operation::of(path, Some(&found)))
        };
        for prefix in ["", "/v1", "/openai/v1", "/openai", "/openai/deployments/d", "/azure/openai", "/vllm/v1"] {
            let path = |rest: &str| format!("{prefix}/responses{rest}");
            for create in ["", "/compact", "/input_tokens"] {
                assert_eq!(of(&path(create)), "Create", "{}", path(create));
            }
            for about in ["/resp_1", "/resp_1/cancel", "/resp_1/input_items"] {
                assert_eq!(of(&path(about)), "About(\"resp_1\")", "{}", path(about));
            }
        }
        for path in ["/openai/responses/resp_1/other", "/openai/responses/a/responses/b", "/azure/Responses/a/b/c"] {
            assert_eq!(of(path), "Unknown", "{path}");
        }
        for path in ["/v1/chat/completions", "/openai/deployments/responses/chat/completions", "/v1/models/responses"] {
            assert_eq!(of(path), "Other", "{path}");
        }
        assert_eq!(of("/cursor/chat/completions"), "Create");
        for path in ["/v1/responses/", "/v1/responses/a/", "/v1/responses/a/other", "/v2/Responses/a/b"] {
            assert_eq!(Operation::of(path, table.find(path).as_ref()), Operation::Unknown, "{path}");
        }
        assert_eq!(Operation::of("/v2/responses/a", None), Operation::About("a"));
        assert_eq!(Operation::of("/mystery", None), Operation::Other);
    }
}
