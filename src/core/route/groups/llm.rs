//! Route groups of model clients, as LiteLLM lists them. `/realtime?{model}` is left out: a path holds no `?` (W2).

/// Names of operations, which no path equals.
#[rustfmt::skip]
pub(super) const OPENAI_ROUTE_NAMES: &[&str] = &[
    "chat_completion", "completion", "embeddings", "image_generation", "video_generation", "audio_transcriptions",
    "moderations", "model_list",
];

/// The OpenAI API.
#[rustfmt::skip]
pub(super) const OPENAI: &[&str] = &[
    "/engines/{model}/chat/completions", "/openai/deployments/{model}/chat/completions", "/chat/completions",
    "/v1/chat/completions", "/cursor/chat/completions", "/engines/{model}/completions",
    "/openai/deployments/{model}/completions", "/completions", "/v1/completions", "/engines/{model}/embeddings",
    "/openai/deployments/{model}/embeddings", "/embeddings", "/v1/embeddings", "/images/generations",
    "/v1/images/generations", "/images/edits", "/v1/images/edits", "/videos", "/v1/videos", "/videos/{video_id}",
    "/v1/videos/{video_id}", "/videos/{video_id}/content", "/v1/videos/{video_id}/content",
    "/videos/{video_id}/remix", "/v1/videos/{video_id}/remix", "/audio/transcriptions", "/v1/audio/transcriptions",
    "/audio/speech", "/v1/audio/speech", "/moderations", "/v1/moderations", "/v1/batches", "/batches",
    "/v1/batches/{batch_id}", "/batches/{batch_id}", "/v1/batches/{batch_id}/cancel", "/batches/{batch_id}/cancel",
    "/v1/files", "/files", "/v1/files/{file_id}", "/files/{file_id}", "/v1/files/{file_id}/content",
    "/files/{file_id}/content", "/fine_tuning/jobs", "/v1/fine_tuning/jobs",
    "/fine_tuning/jobs/{fine_tuning_job_id}/cancel", "/v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel",
    "/assistants", "/v1/assistants", "/v1/assistants/{assistant_id}", "/assistants/{assistant_id}", "/threads",
    "/v1/threads", "/threads/{thread_id}", "/v1/threads/{thread_id}", "/threads/{thread_id}/messages",
    "/v1/threads/{thread_id}/messages", "/threads/{thread_id}/runs", "/v1/threads/{thread_id}/runs", "/models",
    "/v1/models", "/utils/token_counter", "/utils/transform_request", "/rerank", "/v1/rerank", "/v2/rerank",
    "/realtime", "/v1/realtime", "/openai/v1/realtime", "/realtime/client_secrets", "/v1/realtime/client_secrets",
    "/openai/v1/realtime/client_secrets", "/realtime/calls", "/v1/realtime/calls", "/openai/v1/realtime/calls",
    "/realtime/transcription_sessions", "/v1/realtime/transcription_sessions",
    "/openai/v1/realtime/transcription_sessions", "/responses", "/v1/responses", "/responses/{response_id}",
    "/v1/responses/{response_id}", "/responses/{response_id}/input_items", "/v1/responses/{response_id}/input_items",
    "/responses/{response_id}/cancel", "/v1/responses/{response_id}/cancel", "/vector_stores", "/v1/vector_stores",
    "/vector_stores/{vector_store_id}", "/v1/vector_stores/{vector_store_id}",
    "/vector_stores/{vector_store_id}/search", "/v1/vector_stores/{vector_store_id}/search",
    "/vector_stores/{vector_store_id}/files", "/v1/vector_stores/{vector_store_id}/files",
    "/vector_stores/{vector_store_id}/files/{file_id}", "/v1/vector_stores/{vector_store_id}/files/{file_id}",
    "/vector_stores/{vector_store_id}/files/{file_id}/content",
    "/v1/vector_stores/{vector_store_id}/files/{file_id}/content", "/vector_store/list", "/v1/vector_store/list",
    "/search", "/v1/search", "/search/{search_tool_name}", "/v1/search/{search_tool_name}", "/ocr", "/v1/ocr",
    "/containers", "/v1/containers", "/containers/*", "/v1/containers/*",
];

/// Providers' own APIs, passed through.
#[rustfmt::skip]
pub(super) const MAPPED_PASS_THROUGH: &[&str] = &[
    "/bedrock", "/vertex-ai", "/vertex_ai", "/cohere", "/cursor", "/gemini", "/anthropic", "/langfuse", "/azure",
    "/azure_ai", "/openai", "/openai_passthrough", "/assemblyai", "/eu.assemblyai", "/vllm", "/mistral", "/milvus",
    "/watsonx",
];

/// Everything below them.
#[rustfmt::skip]
pub(super) const PASS_THROUGH_WILDCARD: &[&str] = &[
    "/bedrock/*", "/vertex-ai/*", "/vertex_ai/*", "/cohere/*", "/cursor/*", "/gemini/*", "/anthropic/*",
    "/langfuse/*", "/azure/*", "/azure_ai/*", "/openai/*", "/openai_passthrough/*", "/assemblyai/*",
    "/eu.assemblyai/*", "/vllm/*", "/mistral/*", "/milvus/*", "/watsonx/*",
];

/// LiteLLM's retrieval API.
#[rustfmt::skip]
pub(super) const NATIVE: &[&str] = &[
    "/rag/ingest", "/v1/rag/ingest", "/rag/query", "/v1/rag/query",
];

/// The Anthropic API.
#[rustfmt::skip]
pub(super) const ANTHROPIC: &[&str] = &[
    "/v1/messages", "/v1/messages/count_tokens", "/v1/skills", "/v1/skills/{skill_id}",
];

/// Calls of MCP tools.
#[rustfmt::skip]
pub(super) const MCP_INFERENCE: &[&str] = &[
    "/mcp", "/mcp/", "/mcp/{subpath}", "/mcp/tools", "/mcp/tools/list", "/mcp/tools/call", "/mcp-rest/tools/list",
    "/mcp-rest/tools/call",
];

/// The MCP servers themselves.
#[rustfmt::skip]
pub(super) const MCP_MANAGEMENT: &[&str] = &[
    "/v1/mcp/server", "/v1/mcp/server/{path:path}",
];

/// Agents.
#[rustfmt::skip]
pub(super) const AGENT: &[&str] = &[
    "/v1/agents", "/v1/agents/{agent_id}", "/agents", "/a2a/{agent_id}", "/a2a/{agent_id}/message/send",
    "/a2a/{agent_id}/message/stream", "/a2a/{agent_id}/.well-known/agent-card.json",
];

/// The Google API.
#[rustfmt::skip]
pub(super) const GOOGLE: &[&str] = &[
    "/v1beta/models/{model_name:path}:countTokens", "/v1beta/models/{model_name:path}:generateContent",
    "/v1beta/models/{model_name:path}:streamGenerateContent", "/models/{model_name:path}:countTokens",
    "/models/{model_name:path}:generateContent", "/models/{model_name:path}:streamGenerateContent", "/interactions",
    "/v1beta/interactions", "/interactions/{interaction_id}", "/v1beta/interactions/{interaction_id}",
    "/interactions/{interaction_id}/cancel", "/v1beta/interactions/{interaction_id}/cancel", "/v1beta/agents",
    "/v1beta/agents/{name}", "/v1beta/agents/{name}/versions",
];

/// Guardrails.
#[rustfmt::skip]
pub(super) const APPLY_GUARDRAIL: &[&str] = &[
    "/guardrails/apply_guardrail",
];
