//! Where in a body the scan is, which says what the upstream would make of what is found there.

#![expect(clippy::wildcard_enum_match_arm, reason = "a place without a meaning of its own is a parameter")]

/// A place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The body itself.
    Top,
    /// A value that is kept.
    Value(Slot),
    /// An element of a value that is kept.
    Element(Slot),
    /// `metadata`: an object, or a JSON text of one.
    Metadata,
    /// `litellm_metadata`, likewise.
    LitellmMetadata,
    /// `extra_body` and `litellm_params`, which end up in the request to the provider.
    Merged,
    /// An object or a JSON text of one, of which only the names matter.
    Parsed,
    /// `session` of a realtime client secret.
    Session,
    /// Below it.
    InSession,
    /// A further model that will be used.
    AlsoModel,
    /// `completion` of an evaluation.
    Completion,
    /// `router_settings_override`: an object, or a JSON text of one.
    RouterSettings,
    /// A list of fallbacks.
    Fallbacks,
    /// One of them.
    Fallback,
    /// The models to fall back to from one model.
    FallbackTargets,
    /// One of them.
    FallbackTarget,
    /// The name of a model to fall back to.
    FallbackName,
    /// An object from model to model.
    FallbackDict,
    /// `tools`.
    Tools,
    /// One of them.
    Tool,
    /// Its `type`.
    ToolType,
    /// Its `server_url`.
    McpUrl,
    /// A list of functions.
    Functions,
    /// One of them.
    Function,
    /// The name of a tool or function.
    ToolName,
    /// `params` of a JSON-RPC call.
    RpcParams,
    /// `tags`.
    Tags,
    /// One of them.
    Tag,
    /// `vector_store_ids`.
    Stores,
    /// One of them.
    Store,
    /// The id of a file, a batch or another object, or a list of them.
    ObjectId,
    /// The id of an interaction, which LiteLLM may keep as a response.
    InteractionId,
    /// Some parameter.
    Control,
    /// The properties of a JSON schema: their names are the caller's own.
    Properties,
    /// What the model gets to read: nothing in it steers the upstream.
    Data,
}

/// A value that is kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Model,
    TargetModels,
    SessionModel,
    CompletionModel,
    MergedModel,
    OrganizationId,
    Organizations,
    User,
    LitellmUser,
    MetadataUserId,
    SafetyIdentifier,
    Method,
    Name,
    RpcName,
    SearchTool,
    McpServer,
}

impl Slot {
    /// Whether it says for whom the caller asks.
    pub(super) fn is_end_user(self) -> bool {
        matches!(self, Self::User | Self::LitellmUser | Self::MetadataUserId | Self::SafetyIdentifier)
    }
}

/// Parameters that may stand beside the `model` of a fallback: they choose no model and no upstream.
const HARMLESS: &[&str] = &[
    "messages",
    "prompt",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "timeout",
    "response_format",
    "reasoning_effort",
];

impl Place {
    /// The place of a member's value.
    pub(super) fn member(self, name: &str) -> Self {
        match self {
            Self::Top => top(name),
            Self::Metadata | Self::LitellmMetadata => metadata(self, name),
            Self::Merged if name == "model" => Self::Value(Slot::MergedModel),
            Self::Merged | Self::RouterSettings => router(self, name),
            Self::Session => match name {
                "model" => Self::Value(Slot::SessionModel),
                "tools" => Self::Tools,
                "instructions" => Self::Data,
                _ => Self::InSession,
            },
            Self::InSession if name == "model" => Self::AlsoModel,
            Self::InSession => Self::InSession,
            Self::Completion if name == "model" => Self::Value(Slot::CompletionModel),
            Self::Fallback | Self::FallbackTarget if name == "model" => Self::FallbackName,
            Self::Fallback | Self::FallbackTarget if HARMLESS.contains(&name) => Self::Data,
            Self::Fallback => Self::FallbackTargets,
            Self::FallbackDict => Self::FallbackName,
            Self::Tool | Self::Function if name == "name" => Self::ToolName,
            Self::Tool => match name {
                "type" => Self::ToolType,
                "server_url" => Self::McpUrl,
                "function" => Self::Function,
                "functionDeclarations" | "function_declarations" => Self::Functions,
                _ => control(name),
            },
            Self::RpcParams if name == "name" => Self::Value(Slot::RpcName),
            Self::Data | Self::Value(_) | Self::Element(_) => Self::Data,
            Self::Properties => Self::Control,
            _ => control(name),
        }
    }

    /// The place of an element.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Value(slot) => Self::Element(slot),
            Self::Fallbacks => Self::Fallback,
            Self::FallbackTargets => Self::FallbackTarget,
            Self::Tools => Self::Tool,
            Self::Functions => Self::Function,
            Self::Tags => Self::Tag,
            Self::Stores => Self::Store,
            Self::InSession => Self::InSession,
            Self::ObjectId => Self::ObjectId,
            Self::Element(_) | Self::Data => Self::Data,
            _ => Self::Control,
        }
    }

    /// Whether names found here are the upstream's, not the caller's.
    pub(super) fn has_parameters(self) -> bool {
        !matches!(self, Self::Properties | Self::Data | Self::Value(_) | Self::Element(_) | Self::FallbackDict)
    }

    /// Whether this is one of the objects where a response is named.
    pub(super) fn may_name_response(self) -> bool {
        matches!(self, Self::Top | Self::Merged)
    }

    /// Whether a text found here is read as JSON: LiteLLM parses it (PRE-2).
    pub(super) fn parses_texts(self) -> bool {
        matches!(
            self,
            Self::Metadata | Self::LitellmMetadata | Self::Merged | Self::Parsed | Self::RouterSettings | Self::Tools
        )
    }

    /// Whether this is one of the objects where members about guardrails count (COMMON-17).
    pub(super) fn may_name_guardrails(self) -> bool {
        matches!(self, Self::Top | Self::Metadata | Self::LitellmMetadata | Self::Merged)
    }

    /// Whether the other members of a fallback leave its meaning clear (SEC-3).
    pub(super) fn is_foreign(self, name: &str) -> bool {
        matches!(self, Self::Fallback | Self::FallbackTarget) && name != "model" && !HARMLESS.contains(&name)
    }
}

fn top(name: &str) -> Place {
    match name {
        "model" => Place::Value(Slot::Model),
        "target_model_names" => Place::Value(Slot::TargetModels),
        "organization_id" => Place::Value(Slot::OrganizationId),
        "organizations" => Place::Value(Slot::Organizations),
        "user" => Place::Value(Slot::User),
        "safety_identifier" => Place::Value(Slot::SafetyIdentifier),
        "method" => Place::Value(Slot::Method),
        "name" => Place::Value(Slot::Name),
        "search_tool_name" => Place::Value(Slot::SearchTool),
        "server_id" => Place::Value(Slot::McpServer),
        "metadata" => Place::Metadata,
        "litellm_metadata" => Place::LitellmMetadata,
        "session" => Place::Session,
        "completion" => Place::Completion,
        "tools" => Place::Tools,
        "functions" => Place::Functions,
        "params" => Place::RpcParams,
        "tags" => Place::Tags,
        "router_settings_override" => Place::RouterSettings,
        "extra_body" | "litellm_params" => Place::Merged,
        "litellm_embedding_config" | "user_config" => Place::Parsed,
        _ => router(Place::Top, name),
    }
}

fn metadata(place: Place, name: &str) -> Place {
    match (place, name) {
        (_, "tags") => Place::Tags,
        (Place::Metadata, "user_id") => Place::Value(Slot::MetadataUserId),
        (Place::LitellmMetadata, "user") => Place::Value(Slot::LitellmUser),
        _ => control(name),
    }
}

/// Members that name further models to the router.
fn router(place: Place, name: &str) -> Place {
    match name {
        "fallbacks" | "context_window_fallbacks" | "content_policy_fallbacks" => Place::Fallbacks,
        "default_fallbacks" if place == Place::RouterSettings => Place::Fallbacks,
        "metadata" if place == Place::Merged => Place::Metadata,
        "litellm_metadata" if place == Place::Merged => Place::LitellmMetadata,
        "tags" if place == Place::Merged => Place::Tags,
        "functions" if place == Place::Merged => Place::Functions,
        "context_window_fallback_dict" => Place::FallbackDict,
        "model_group_alias" if place == Place::RouterSettings => Place::FallbackDict,
        "tools" => Place::Tools,
        _ => control(name),
    }
}

fn control(name: &str) -> Place {
    match name {
        "vector_store_ids" | "vector_store_id" => Place::Stores,
        "file_id" | "file_ids" | "input_file_id" | "output_file_id" | "error_file_id" | "batch_id"
        | "fine_tuning_job_id" | "training_file" | "validation_file" | "video_id" | "character_id" => Place::ObjectId,
        "previous_interaction_id" => Place::InteractionId,
        "properties" | "patternProperties" | "$defs" | "definitions" => Place::Properties,
        "messages" | "input" | "contents" | "prompt" | "documents" | "arguments" => Place::Data,
        _ => Place::Control,
    }
}
