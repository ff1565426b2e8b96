//! The routes that are known, as data. Everything else is unknown, and unknown is refused.
//!
//! [`CATALOGUE`] names the routes of model clients, with their methods and where their model is. Routes
//! of administration have no row: the route table makes one for every pattern of a group, named by the
//! pattern, open to every method.

use super::{Method, MethodSet};

/// One route, whatever its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Stable name for logs, metrics and metadata.
    pub id: &'static str,
    /// Methods it is defined for. HEAD is implied by GET.
    pub methods: MethodSet,
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
        self.methods.expect(method)
    }
}

/// What a route is for. Every route has one class, so a switch forgets none (W16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What a model client calls.
    LlmApi,
    /// Administration, and what it shows.
    Management,
    /// LiteLLM's public pages.
    Public,
    /// An endpoint the configuration passes through.
    PassThrough,
    /// Known from a group of the configuration only.
    Custom,
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
    /// In the path; the JSON body may repeat it.
    Path,
    /// In the path, and there is no body.
    PathOnly,
    /// In the query, and required: a WebSocket upgrade has no body.
    Query,
    /// Anywhere or nowhere: an object of the caller's, or a pass-through endpoint, which was granted by itself.
    /// A model that is named must be granted, and nobody with a list may send a body that cannot be read.
    Named,
    /// In a form, or in the JSON body; the upstream has a default, so a restricted caller must name one.
    Form,
    /// In a place only the upstream knows, so nobody with a list may use the route.
    Opaque,
}

impl ModelRule {
    /// Whether a request of this method names a model. A rule about a body has no say where there is none.
    #[must_use]
    pub fn applies(self, method: Method) -> bool {
        match self {
            Self::Never => false,
            Self::Path | Self::PathOnly | Self::Query | Self::Named | Self::Opaque => true,
            Self::Body | Self::OptionalBody | Self::Form => {
                matches!(method, Method::Post | Method::Put | Method::Patch)
            }
        }
    }
}

const GET: MethodSet = MethodSet::of(&[Method::Get]);
const POST: MethodSet = MethodSet::of(&[Method::Post]);
const GET_POST: MethodSet = MethodSet::of(&[Method::Get, Method::Post]);
const GET_DELETE: MethodSet = MethodSet::of(&[Method::Get, Method::Delete]);
const GET_POST_DELETE: MethodSet = MethodSet::of(&[Method::Get, Method::Post, Method::Delete]);
/// Every method a handler can have.
pub const ANY: MethodSet = MethodSet::of(&[Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]);

const fn llm(id: &'static str, methods: MethodSet, model: ModelRule, paths: &'static [&'static str]) -> Route {
    Route { id, methods, class: Class::LlmApi, model, paths }
}

use ModelRule::{Body, Form, Named, Never, Opaque, OptionalBody, Path, PathOnly, Query};

/// Every route of model clients.
#[rustfmt::skip]
pub const CATALOGUE: &[Route] = &[
    llm("models", GET, Never, &["/v1/models", "/models"]),
    llm("model", GET, PathOnly, &["/v1/models/{model}", "/models/{model}"]),

    llm("chat_completions", POST, Body, &["/v1/chat/completions", "/chat/completions"]),
    llm("cursor_chat_completions", POST, Body, &["/cursor/chat/completions"]),
    llm("completions", POST, Body, &["/v1/completions", "/completions"]),
    llm("embeddings", POST, Body, &["/v1/embeddings", "/embeddings"]),
    llm("azure_chat_completions", POST, Path, &["/openai/deployments/{model}/chat/completions", "/engines/{model}/chat/completions"]),
    llm("azure_completions", POST, Path, &["/openai/deployments/{model}/completions", "/engines/{model}/completions"]),
    llm("azure_embeddings", POST, Path, &["/openai/deployments/{model}/embeddings", "/engines/{model}/embeddings"]),
    llm("moderations", POST, OptionalBody, &["/v1/moderations", "/moderations"]),
    llm("rerank", POST, Body, &["/v1/rerank", "/v2/rerank", "/rerank"]),
    llm("ocr", POST, Body, &["/v1/ocr", "/ocr"]),
    llm("token_counter", POST, Body, &["/utils/token_counter"]),
    llm("transform_request", POST, Named, &["/utils/transform_request"]),

    llm("images_generations", POST, OptionalBody, &["/v1/images/generations", "/images/generations"]),
    llm("images_edits", POST, Form, &["/v1/images/edits", "/images/edits"]),
    llm("images_variations", POST, Form, &["/v1/images/variations", "/images/variations"]),
    llm("audio_speech", POST, Body, &["/v1/audio/speech", "/audio/speech"]),
    llm("audio_transcriptions", POST, Form, &["/v1/audio/transcriptions", "/audio/transcriptions"]),
    llm("audio_translations", POST, Form, &["/v1/audio/translations", "/audio/translations"]),
    llm("videos", GET_POST, Form, &["/v1/videos", "/videos"]),
    llm("video", GET_DELETE, Named, &["/v1/videos/{video_id}", "/videos/{video_id}"]),
    llm("video_content", GET, Named, &["/v1/videos/{video_id}/content", "/videos/{video_id}/content"]),
    llm("video_remix", POST, Named, &["/v1/videos/{video_id}/remix", "/videos/{video_id}/remix"]),

    llm("responses", POST, Body, &["/v1/responses", "/responses", "/openai/v1/responses"]),
    llm("responses_compact", POST, Body, &["/v1/responses/compact", "/responses/compact", "/openai/v1/responses/compact"]),
    llm("responses_input_tokens", POST, OptionalBody, &["/v1/responses/input_tokens", "/responses/input_tokens", "/openai/v1/responses/input_tokens"]),
    llm("response", GET_DELETE, Never, &["/v1/responses/{response_id}", "/responses/{response_id}", "/openai/v1/responses/{response_id}"]),
    llm("response_cancel", POST, Never, &["/v1/responses/{response_id}/cancel", "/responses/{response_id}/cancel", "/openai/v1/responses/{response_id}/cancel"]),
    llm("response_input_items", GET, Never, &["/v1/responses/{response_id}/input_items", "/responses/{response_id}/input_items", "/openai/v1/responses/{response_id}/input_items"]),

    llm("realtime", GET, Query, &["/v1/realtime", "/realtime", "/openai/v1/realtime"]),
    llm("realtime_client_secrets", POST, OptionalBody, &["/v1/realtime/client_secrets", "/realtime/client_secrets", "/openai/v1/realtime/client_secrets"]),
    llm("realtime_calls", POST, Opaque, &["/v1/realtime/calls", "/realtime/calls", "/openai/v1/realtime/calls"]),
    llm("realtime_transcription_sessions", POST, Opaque, &["/v1/realtime/transcription_sessions", "/realtime/transcription_sessions", "/openai/v1/realtime/transcription_sessions"]),

    llm("batches", GET_POST, OptionalBody, &["/v1/batches", "/batches"]),
    llm("batch", GET, Named, &["/v1/batches/{batch_id}", "/batches/{batch_id}"]),
    llm("batch_cancel", POST, Named, &["/v1/batches/{batch_id}/cancel", "/batches/{batch_id}/cancel"]),
    llm("files", GET_POST, Named, &["/v1/files", "/files"]),
    llm("file", GET_DELETE, Named, &["/v1/files/{file_id}", "/files/{file_id}"]),
    llm("file_content", GET, Named, &["/v1/files/{file_id}/content", "/files/{file_id}/content"]),
    llm("fine_tuning_jobs", GET_POST, Body, &["/v1/fine_tuning/jobs", "/fine_tuning/jobs"]),
    llm("fine_tuning_job_cancel", POST, Named, &["/v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel", "/fine_tuning/jobs/{fine_tuning_job_id}/cancel"]),
    llm("assistants", GET_POST, Body, &["/v1/assistants", "/assistants"]),
    llm("assistant", GET_POST_DELETE, OptionalBody, &["/v1/assistants/{assistant_id}", "/assistants/{assistant_id}"]),
    llm("threads", POST, Named, &["/v1/threads", "/threads"]),
    llm("thread", GET_POST_DELETE, Named, &["/v1/threads/{thread_id}", "/threads/{thread_id}"]),
    llm("thread_and_run", POST, OptionalBody, &["/v1/threads/runs", "/threads/runs"]),
    llm("thread_messages", GET_POST, Named, &["/v1/threads/{thread_id}/messages", "/threads/{thread_id}/messages"]),
    llm("thread_runs", GET_POST, OptionalBody, &["/v1/threads/{thread_id}/runs", "/threads/{thread_id}/runs"]),
    llm("vector_stores", GET_POST, Named, &["/v1/vector_stores", "/vector_stores"]),
    llm("vector_store", GET_POST_DELETE, Named, &["/v1/vector_stores/{vector_store_id}", "/vector_stores/{vector_store_id}"]),
    llm("vector_store_search", POST, Named, &["/v1/vector_stores/{vector_store_id}/search", "/vector_stores/{vector_store_id}/search"]),
    llm("vector_store_files", GET_POST, Named, &["/v1/vector_stores/{vector_store_id}/files", "/vector_stores/{vector_store_id}/files"]),
    llm("vector_store_file", GET_POST_DELETE, Named, &["/v1/vector_stores/{vector_store_id}/files/{file_id}", "/vector_stores/{vector_store_id}/files/{file_id}"]),
    llm("vector_store_file_content", GET, Named, &["/v1/vector_stores/{vector_store_id}/files/{file_id}/content", "/vector_stores/{vector_store_id}/files/{file_id}/content"]),
    llm("vector_store_list", GET, Named, &["/v1/vector_store/list", "/vector_store/list"]),
    llm("search", POST, Named, &["/v1/search", "/search"]),
    llm("search_tool", POST, Named, &["/v1/search/{search_tool_name}", "/search/{search_tool_name}"]),
    llm("containers", GET_POST, Named, &["/v1/containers", "/containers"]),
    llm("container", GET_POST_DELETE, Named, &["/v1/containers/*", "/containers/*"]),

    llm("messages", POST, Body, &["/v1/messages"]),
    llm("messages_count_tokens", POST, Body, &["/v1/messages/count_tokens"]),
    llm("skills", GET_POST, Named, &["/v1/skills"]),
    llm("skill", GET_DELETE, Named, &["/v1/skills/{skill_id}"]),

    llm("generate_content", POST, Path, &["/v1beta/models/{model:path}:generateContent", "/v1/models/{model:path}:generateContent", "/models/{model:path}:generateContent"]),
    llm("stream_generate_content", POST, Path, &["/v1beta/models/{model:path}:streamGenerateContent", "/v1/models/{model:path}:streamGenerateContent", "/models/{model:path}:streamGenerateContent"]),
    llm("count_tokens", POST, Path, &["/v1beta/models/{model:path}:countTokens", "/v1/models/{model:path}:countTokens", "/models/{model:path}:countTokens"]),
    llm("interactions", POST, OptionalBody, &["/v1beta/interactions", "/interactions"]),
    llm("interaction", GET_DELETE, Never, &["/v1beta/interactions/{interaction_id}", "/interactions/{interaction_id}"]),
    llm("interaction_cancel", POST, Never, &["/v1beta/interactions/{interaction_id}/cancel", "/interactions/{interaction_id}/cancel"]),
    llm("google_agents", GET_POST, OptionalBody, &["/v1beta/agents"]),
    llm("google_agent", GET_DELETE, Never, &["/v1beta/agents/{name}"]),
    llm("google_agent_versions", GET_POST, OptionalBody, &["/v1beta/agents/{name}/versions"]),

    llm("rag_ingest", POST, Opaque, &["/v1/rag/ingest", "/rag/ingest"]),
    llm("rag_query", POST, OptionalBody, &["/v1/rag/query", "/rag/query"]),
    llm("apply_guardrail", POST, Named, &["/guardrails/apply_guardrail"]),

    llm("mcp", GET_POST_DELETE, Never, &["/mcp", "/mcp/"]),
    llm("mcp_server", GET_POST_DELETE, Never, &["/mcp/{subpath}"]),
    llm("mcp_tools", GET, Never, &["/mcp/tools"]),
    llm("mcp_tools_list", GET_POST, Never, &["/mcp/tools/list", "/mcp-rest/tools/list"]),
    llm("mcp_tools_call", POST, Never, &["/mcp/tools/call", "/mcp-rest/tools/call"]),

    llm("agents", GET_POST, Named, &["/v1/agents", "/agents"]),
    llm("agent", ANY, Named, &["/v1/agents/{agent_id}"]),
    llm("a2a", GET_POST, Never, &["/a2a/{agent_id}"]),
    llm("a2a_message_send", POST, Never, &["/a2a/{agent_id}/message/send"]),
    llm("a2a_message_stream", POST, Never, &["/a2a/{agent_id}/message/stream"]),
    llm("a2a_agent_card", GET, Never, &["/a2a/{agent_id}/.well-known/agent-card.json"]),

    // Providers' own APIs. Where the model is known to be, it is read; elsewhere it is the upstream's secret.
    llm("anthropic_messages", POST, Body, &["/anthropic/v1/messages"]),
    llm("anthropic_messages_count_tokens", POST, Body, &["/anthropic/v1/messages/count_tokens"]),
];
