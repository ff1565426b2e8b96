//! The routes that are known, as data. Everything else is unknown, and unknown is refused.

use super::Method;

/// One route, whatever its spelling.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// Stable name for logs, metrics and metadata.
    pub id: &'static str,
    /// Methods it is defined for. HEAD is implied by GET.
    pub methods: &'static [Method],
    /// What kind of route it is.
    pub class: Class,
    /// Whether it names a model.
    pub model: ModelRule,
    /// Its spellings, as patterns.
    pub paths: &'static [&'static str],
}

impl Route {
    /// Whether the route is defined for a method.
    #[must_use]
    pub fn expects(&self, method: Method) -> bool {
        let method = if method == Method::Head { Method::Get } else { method };
        self.methods.contains(&method)
    }
}

/// Groups of routes that LiteLLM's `allowed_routes` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `llm_api_routes`: what a model client calls.
    LlmApi,
}

/// Where a route's model is, and whether there must be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelRule {
    /// The route names no model.
    Never,
    /// In the JSON body, and required.
    Body,
    /// In the JSON body; the upstream has a default, so a restricted caller must name one.
    OptionalBody,
    /// In the path; a JSON body may repeat it.
    Path,
    /// In the path, and there is no body.
    PathOnly,
}

const fn post(id: &'static str, model: ModelRule, paths: &'static [&'static str]) -> Route {
    Route { id, methods: &[Method::Post], class: Class::LlmApi, model, paths }
}

const fn get(id: &'static str, model: ModelRule, paths: &'static [&'static str]) -> Route {
    Route { id, methods: &[Method::Get], class: Class::LlmApi, model, paths }
}

/// Every known route.
pub const CATALOGUE: &[Route] = &[
    get("models", ModelRule::Never, &["/v1/models", "/models"]),
    get("model", ModelRule::PathOnly, &["/v1/models/{model}", "/models/{model}"]),
    post("chat_completions", ModelRule::Body, &["/v1/chat/completions", "/chat/completions"]),
    post("completions", ModelRule::Body, &["/v1/completions", "/completions"]),
    post("embeddings", ModelRule::Body, &["/v1/embeddings", "/embeddings"]),
    post(
        "azure_chat_completions",
        ModelRule::Path,
        &["/openai/deployments/{model}/chat/completions", "/engines/{model}/chat/completions"],
    ),
    post(
        "azure_completions",
        ModelRule::Path,
        &["/openai/deployments/{model}/completions", "/engines/{model}/completions"],
    ),
    post(
        "azure_embeddings",
        ModelRule::Path,
        &["/openai/deployments/{model}/embeddings", "/engines/{model}/embeddings"],
    ),
    post("moderations", ModelRule::OptionalBody, &["/v1/moderations", "/moderations"]),
    post("rerank", ModelRule::Body, &["/v1/rerank", "/v2/rerank", "/rerank"]),
    post("images_generations", ModelRule::OptionalBody, &["/v1/images/generations", "/images/generations"]),
    post("audio_speech", ModelRule::Body, &["/v1/audio/speech", "/audio/speech"]),
    post("responses", ModelRule::Body, &["/v1/responses", "/responses", "/openai/v1/responses"]),
    Route {
        id: "response",
        methods: &[Method::Get, Method::Delete],
        class: Class::LlmApi,
        model: ModelRule::Never,
        paths: &["/v1/responses/{response_id}", "/responses/{response_id}", "/openai/v1/responses/{response_id}"],
    },
    post(
        "response_cancel",
        ModelRule::Never,
        &[
            "/v1/responses/{response_id}/cancel",
            "/responses/{response_id}/cancel",
            "/openai/v1/responses/{response_id}/cancel",
        ],
    ),
    get(
        "response_input_items",
        ModelRule::Never,
        &[
            "/v1/responses/{response_id}/input_items",
            "/responses/{response_id}/input_items",
            "/openai/v1/responses/{response_id}/input_items",
        ],
    ),
    post("messages", ModelRule::Body, &["/v1/messages"]),
    post("messages_count_tokens", ModelRule::Body, &["/v1/messages/count_tokens"]),
    post(
        "generate_content",
        ModelRule::Path,
        &["/v1beta/models/{model:path}:generateContent", "/models/{model:path}:generateContent"],
    ),
    post(
        "stream_generate_content",
        ModelRule::Path,
        &["/v1beta/models/{model:path}:streamGenerateContent", "/models/{model:path}:streamGenerateContent"],
    ),
    post(
        "count_tokens",
        ModelRule::Path,
        &["/v1beta/models/{model:path}:countTokens", "/models/{model:path}:countTokens"],
    ),
];
