//! Why not: the one table from reason to wire.
//!
//! A [`DenyReason`] is a decision about the caller. "Could not find out" is an
//! [`Outage`](crate::core::decision::Outage) and never in this table.

mod token;

pub use token::TokenDenial;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DenyReason {
    /// The request target is ambiguous or malformed.
    PathMalformed,
    /// No route expects this method.
    MethodNotAllowed,
    /// A protocol upgrade that is no WebSocket of a realtime route.
    UpgradeNotAllowed,
    /// The request comes from an address that is not allowed.
    AddressNotAllowed,
    /// No credential in any place that is read.
    CredentialMissing,
    /// A credential that cannot be one, or a repeated header.
    CredentialMalformed,
    /// Two different credentials in one request.
    CredentialConflict,
    /// A header that an upstream could believe cannot be removed, for its name is no token.
    HeaderMalformed,
    /// Not of the form `sk-…`.
    CredentialNotAKey,
    /// No such key.
    CredentialUnknown,
    /// The key is blocked.
    KeyBlocked,
    /// The key has expired.
    KeyExpired,
    /// A record of the key, or one the request names, cannot be believed, or refers to one that is missing.
    RecordUnreadable,
    /// The key's owner was deactivated.
    UserInactive,
    /// The path is no route of the catalogue.
    RouteUnknown,
    /// The key's `allowed_routes` do not cover the route.
    RouteNotAllowed,
    /// The route answers to the master key alone.
    MasterKeyOnly,
    /// The deployment's list of routes does not hold the route.
    RouteNotOffered,
    /// A switch of the deployment turns the route off.
    RouteDisabled,
    /// The pass-through endpoint was not granted to the key or its team.
    PassThroughNotGranted,
    /// The deployment keeps the route for administrators.
    AdminOnly,
    /// The caller's role does not open the route.
    RoleNotAllowed,
    /// A read-only administrator may not do this.
    ViewerNotAllowed,
    /// The information asked for is another user's.
    AnotherUser,
    /// The caller does not administer the organisation.
    OrganizationNotAllowed,
    /// A query parameter that a rule needs is repeated with another value, or is no text.
    QueryAmbiguous,
    /// The key's team is blocked.
    TeamBlocked,
    /// The key's project is blocked.
    ProjectBlocked,
    /// The end user the request names is blocked.
    EndUserBlocked,
    /// The key's agent must say which trace a request belongs to.
    TraceIdMissing,
    /// The route names a model in its body, and the proxy sent none.
    BodyMissing,
    /// The body has no announced length, so that nobody knows whether all of it was seen.
    BodyLengthMissing,
    /// The body is larger than what the proxy buffers.
    BodyTruncated,
    /// The body is not one unambiguous JSON object, or it is encoded.
    BodyMalformed,
    /// The body is larger than the deployment allows.
    RequestTooLarge,
    /// The route needs a model and none is named.
    ModelMissing,
    /// The model's name is of the wrong type, too long, or holds control characters.
    ModelMalformed,
    /// Two sources name different models.
    ModelAmbiguous,
    /// The model is an alias that leads back to itself.
    ModelAliasLoop,
    /// The end user is no text of at most 256 bytes, or named twice in one place.
    EndUserMalformed,
    /// A tag is no text of at most 256 bytes, or there are more than 64.
    TagsMalformed,
    /// The key's `models` do not cover the model.
    KeyModelDenied,
    /// The team's `models` do not cover the model.
    TeamModelDenied,
    /// The owner's `models` do not cover the model.
    UserModelDenied,
    /// The organisation's `models` do not cover the model.
    OrganizationModelDenied,
    /// The models to fall back to can be read in two ways, or are addresses.
    FallbackMalformed,
    /// A parameter steers the upstream: its address, credentials, prices, observers, or identity.
    ParameterNotAllowed,
    /// The deployment refuses tags from callers.
    ClientTagsNotAllowed,
    /// The deployment wants every request to name its end user.
    UserMissing,
    /// A member that must be there is not.
    ParameterMissing,
    /// The `allowed_tools` of the key or its team do not hold a tool.
    ToolDenied,
    /// The `vector_stores` of the key or its team do not hold a store.
    VectorStoreDenied,
    /// Somebody who has a say has a list of agents, and the agent is not on it.
    AgentDenied,
    /// The same of a search tool.
    SearchToolDenied,
    /// The MCP server was granted to neither the key nor its team, or somebody's list does not hold it.
    McpServerDenied,
    /// The team lets nobody change its guardrails.
    GuardrailsDenied,
    /// The team does not let its member use the model.
    MemberModelDenied,
    /// The project's `models` do not cover the model.
    ProjectModelDenied,
    /// The key has spent its budget, or that of a window.
    KeyBudgetExceeded,
    /// The key has spent its budget for the model.
    KeyModelBudgetExceeded,
    /// The team has spent its budget, or that of a window.
    TeamBudgetExceeded,
    /// The member has spent its budget in the team.
    MemberBudgetExceeded,
    /// The owner has spent the personal budget.
    UserBudgetExceeded,
    /// The project has spent its budget.
    ProjectBudgetExceeded,
    /// The organisation has spent its budget.
    OrganizationBudgetExceeded,
    /// The end user has spent the budget.
    EndUserBudgetExceeded,
    /// The end user has spent the budget for the model.
    EndUserModelBudgetExceeded,
    /// The budget of a tag is spent.
    TagBudgetExceeded,
    /// The budget of the whole proxy is spent.
    ProxyBudgetExceeded,
    /// The request names a response, and nothing is configured that could tell whose it is.
    ResponseIdsOff,
    /// The request names a response where none is read.
    ResponseIdNotAllowed,
    /// The path is below one of the Responses API, and none that is known.
    ResponseRouteUnknown,
    /// Nothing tells who asks, so that no response can be the caller's.
    ResponseCallerUnknown,
    /// The response belongs to somebody else, or to nobody.
    ResponseNotOwned,
    /// The response id was not issued here.
    ResponseUnmanaged,
    /// The response id is damaged, forged, or sealed with a key that is gone.
    ResponseUnreadable,
    /// The response belongs to another upstream.
    ResponseElsewhere,
    /// What only callers with a token meet.
    Token(TokenDenial),
}

/// How a reason goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Stable label for logs, metrics and documentation.
    pub label: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `type` of the error body, from LiteLLM's vocabulary (ERR-9).
    pub kind: &'static str,
    /// Text for the caller. It never quotes the request, a key, a list or an internal.
    pub message: &'static str,
}

impl DenyReason {
    /// Every reason, for the guards that want all of them covered.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::PLAIN.into_iter().chain(TokenDenial::ALL.map(Self::Token))
    }

    const PLAIN: [Self; 77] = [
        Self::PathMalformed,
        Self::MethodNotAllowed,
        Self::UpgradeNotAllowed,
        Self::AddressNotAllowed,
        Self::CredentialMissing,
        Self::CredentialMalformed,
        Self::CredentialConflict,
        Self::HeaderMalformed,
        Self::CredentialNotAKey,
        Self::CredentialUnknown,
        Self::KeyBlocked,
        Self::KeyExpired,
        Self::RecordUnreadable,
        Self::UserInactive,
        Self::RouteUnknown,
        Self::RouteNotAllowed,
        Self::MasterKeyOnly,
        Self::RouteNotOffered,
        Self::RouteDisabled,
        Self::PassThroughNotGranted,
        Self::AdminOnly,
        Self::RoleNotAllowed,
        Self::ViewerNotAllowed,
        Self::AnotherUser,
        Self::OrganizationNotAllowed,
        Self::QueryAmbiguous,
        Self::TeamBlocked,
        Self::ProjectBlocked,
        Self::EndUserBlocked,
        Self::TraceIdMissing,
        Self::BodyMissing,
        Self::BodyLengthMissing,
        Self::BodyTruncated,
        Self::BodyMalformed,
        Self::RequestTooLarge,
        Self::ModelMissing,
        Self::ModelMalformed,
        Self::ModelAmbiguous,
        Self::ModelAliasLoop,
        Self::EndUserMalformed,
        Self::TagsMalformed,
        Self::KeyModelDenied,
        Self::TeamModelDenied,
        Self::UserModelDenied,
        Self::OrganizationModelDenied,
        Self::FallbackMalformed,
        Self::ParameterNotAllowed,
        Self::ClientTagsNotAllowed,
        Self::UserMissing,
        Self::ParameterMissing,
        Self::ToolDenied,
        Self::VectorStoreDenied,
        Self::AgentDenied,
        Self::SearchToolDenied,
        Self::McpServerDenied,
        Self::GuardrailsDenied,
        Self::MemberModelDenied,
        Self::ProjectModelDenied,
        Self::KeyBudgetExceeded,
        Self::KeyModelBudgetExceeded,
        Self::TeamBudgetExceeded,
        Self::MemberBudgetExceeded,
        Self::UserBudgetExceeded,
        Self::ProjectBudgetExceeded,
        Self::OrganizationBudgetExceeded,
        Self::EndUserBudgetExceeded,
        Self::EndUserModelBudgetExceeded,
        Self::TagBudgetExceeded,
        Self::ProxyBudgetExceeded,
        Self::ResponseIdsOff,
        Self::ResponseIdNotAllowed,
        Self::ResponseRouteUnknown,
        Self::ResponseCallerUnknown,
        Self::ResponseNotOwned,
        Self::ResponseUnmanaged,
        Self::ResponseUnreadable,
        Self::ResponseElsewhere,
    ];

    /// The row of this reason. 401 is "who are you", 403 "you may not", 429 "not any more",
    /// 400, 405 and 413 "not like this".
    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "it is a table, one line for each reason")]
    #[must_use]
    pub fn refusal(self) -> Refusal {
        let (label, status, kind, message) = match self {
            Self::PathMalformed => ("path_malformed", 400, "bad_request_error", "the request path is malformed or ambiguous"),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "bad_request_error", "the method is not allowed for this route"),
            Self::UpgradeNotAllowed => ("upgrade_not_allowed", 400, "bad_request_error", "this route takes no protocol upgrade"),
            Self::AddressNotAllowed => ("address_not_allowed", 403, "auth_error", "requests from this address are not allowed"),
            Self::CredentialMissing => ("credential_missing", 401, "auth_error", "no API key was sent; send `Authorization: Bearer sk-…` or `x-api-key: sk-…`"),
            Self::CredentialMalformed => ("credential_malformed", 401, "auth_error", "the API key is malformed; send it once, as `Authorization: Bearer sk-…` or `x-api-key: sk-…`"),
            Self::CredentialConflict => ("credential_conflict", 401, "auth_error", "the request carries different API keys; send one"),
            Self::HeaderMalformed => ("header_malformed", 400, "bad_request_error", "a request header is malformed"),
            Self::CredentialNotAKey => ("credential_not_a_key", 401, "auth_error", "the API key is not a virtual key; virtual keys begin with `sk-`"),
            Self::CredentialUnknown => ("credential_unknown", 401, "token_not_found_in_db", "the API key is not valid"),
            Self::KeyBlocked => ("key_blocked", 401, "auth_error", "the API key is blocked"),
            Self::KeyExpired => ("key_expired", 401, "expired_key", "the API key has expired"),
            Self::RecordUnreadable => ("record_unreadable", 403, "auth_error", "a record this request depends on is not in order; ask an administrator"),
            Self::UserInactive => ("user_inactive", 401, "auth_error", "the owner of the API key is deactivated"),
            Self::RouteUnknown => ("route_unknown", 403, "auth_error", "this route is not open to this API key"),
            Self::RouteNotAllowed => ("route_not_allowed", 403, "auth_error", "this route is not open to this API key"),
            Self::MasterKeyOnly => ("master_key_only", 403, "auth_error", "this route is open to the master key only"),
            Self::RouteNotOffered => ("route_not_offered", 403, "auth_error", "this deployment does not offer this route"),
            Self::RouteDisabled => ("route_disabled", 403, "auth_error", "this deployment has turned this route off"),
            Self::PassThroughNotGranted => ("pass_through_not_granted", 403, "auth_error", "this pass-through route was not granted to the API key or its team"),
            Self::AdminOnly => ("admin_only", 403, "auth_error", "this route is open to proxy administrators only"),
            Self::RoleNotAllowed => ("role_not_allowed", 403, "auth_error", "the role of the API key's owner does not open this route"),
            Self::ViewerNotAllowed => ("viewer_not_allowed", 403, "auth_error", "a read-only administrator may not do this"),
            Self::AnotherUser => ("another_user", 403, "auth_error", "the API key may not read the information of another user"),
            Self::OrganizationNotAllowed => ("organization_not_allowed", 403, "auth_error", "this needs the role of an administrator in the organization that the request names"),
            Self::QueryAmbiguous => ("query_ambiguous", 400, "invalid_request_error", "a query parameter is repeated with another value, or is not a valid text"),
            Self::TeamBlocked => ("team_blocked", 403, "auth_error", "the team of the API key is blocked"),
            Self::ProjectBlocked => ("project_blocked", 403, "auth_error", "the project of the API key is blocked"),
            Self::EndUserBlocked => ("end_user_blocked", 403, "auth_error", "the end user is blocked"),
            Self::TraceIdMissing => ("trace_id_missing", 400, "bad_request_error", "the agent of the API key must send a trace id, as `x-litellm-trace-id`"),
            Self::BodyMissing => ("body_missing", 400, "invalid_request_error", "this route needs a JSON body"),
            Self::BodyLengthMissing => ("body_length_missing", 411, "invalid_request_error", "the request body needs a content-length"),
            Self::BodyTruncated => ("body_truncated", 413, "invalid_request_error", "the request body is too large to be checked"),
            Self::BodyMalformed => ("body_malformed", 400, "invalid_request_error", "the request body is not one unambiguous JSON object; send it uncompressed, as `application/json`"),
            Self::RequestTooLarge => ("request_too_large", 413, "bad_request_error", "the request body is larger than this deployment allows"),
            Self::ModelMissing => ("model_missing", 400, "invalid_request_error", "the request names no model"),
            Self::ModelMalformed => ("model_malformed", 400, "invalid_request_error", "the model name is not a valid text"),
            Self::ModelAmbiguous => ("model_ambiguous", 400, "invalid_request_error", "the request names different models in different places"),
            Self::ModelAliasLoop => ("model_alias_loop", 400, "invalid_request_error", "the model is an alias without an end"),
            Self::EndUserMalformed => ("end_user_malformed", 400, "bad_request_error", "the end user is not one text of at most 256 bytes"),
            Self::TagsMalformed => ("tags_malformed", 400, "bad_request_error", "the tags are not at most 64 texts of at most 256 bytes each"),
            Self::KeyModelDenied => ("key_model_denied", 403, "key_model_access_denied", "the API key may not use this model"),
            Self::TeamModelDenied => ("team_model_denied", 403, "team_model_access_denied", "the team of the API key may not use this model"),
            Self::UserModelDenied => ("user_model_denied", 403, "user_model_access_denied", "the owner of the API key may not use this model"),
            Self::OrganizationModelDenied => ("org_model_denied", 403, "org_model_access_denied", "the organization of the API key may not use this model"),
            Self::FallbackMalformed => ("fallback_malformed", 400, "invalid_request_error", "the fallbacks of the request are not lists of model names"),
            Self::ParameterNotAllowed => ("parameter_not_allowed", 400, "bad_request_error", "the request carries a parameter that callers may not set"),
            Self::ClientTagsNotAllowed => ("client_tags_not_allowed", 400, "bad_request_error", "this deployment does not take tags from callers"),
            Self::UserMissing => ("user_missing", 400, "bad_request_error", "the request names no `user`, which this deployment requires"),
            Self::ParameterMissing => ("parameter_missing", 400, "bad_request_error", "the request lacks a parameter that is required of this API key"),
            Self::ToolDenied => ("tool_denied", 403, "tool_access_denied", "the API key may not use a tool of this request"),
            Self::VectorStoreDenied => ("vector_store_denied", 403, "key_vector_store_access_denied", "the API key may not use a vector store of this request"),
            Self::AgentDenied => ("agent_denied", 403, "auth_error", "the API key may not use this agent"),
            Self::SearchToolDenied => ("search_tool_denied", 403, "key_model_access_denied", "the API key may not use this search tool"),
            Self::McpServerDenied => ("mcp_server_denied", 403, "auth_error", "the API key may not use this MCP server"),
            Self::GuardrailsDenied => ("guardrails_denied", 403, "auth_error", "the team of the API key does not let requests change guardrails"),
            Self::MemberModelDenied => ("member_model_denied", 403, "team_model_access_denied", "the team does not let the owner of the API key use this model"),
            Self::ProjectModelDenied => ("project_model_denied", 403, "project_model_access_denied", "the project of the API key may not use this model"),
            Self::KeyBudgetExceeded => ("key_budget_exceeded", 429, "budget_exceeded", "the budget of the API key is spent"),
            Self::KeyModelBudgetExceeded => ("key_model_budget_exceeded", 429, "budget_exceeded", "the budget of the API key for this model is spent"),
            Self::TeamBudgetExceeded => ("team_budget_exceeded", 429, "budget_exceeded", "the budget of the team is spent"),
            Self::MemberBudgetExceeded => ("member_budget_exceeded", 429, "budget_exceeded", "the budget of the team's member is spent"),
            Self::UserBudgetExceeded => ("user_budget_exceeded", 429, "budget_exceeded", "the budget of the owner of the API key is spent"),
            Self::ProjectBudgetExceeded => ("project_budget_exceeded", 429, "budget_exceeded", "the budget of the project is spent"),
            Self::OrganizationBudgetExceeded => ("org_budget_exceeded", 429, "budget_exceeded", "the budget of the organization is spent"),
            Self::EndUserBudgetExceeded => ("end_user_budget_exceeded", 429, "budget_exceeded", "the budget of the end user is spent"),
            Self::EndUserModelBudgetExceeded => ("end_user_model_budget_exceeded", 429, "budget_exceeded", "the budget of the end user for this model is spent"),
            Self::TagBudgetExceeded => ("tag_budget_exceeded", 429, "budget_exceeded", "the budget of a tag of the request is spent"),
            Self::Token(denial) => return denial.refusal(),
            Self::ProxyBudgetExceeded => ("proxy_budget_exceeded", 429, "budget_exceeded", "the budget of this deployment is spent"),
            Self::ResponseIdsOff => ("response_ids_off", 403, "auth_error", "this deployment does not let responses be named; it has no `response_ids`"),
            Self::ResponseIdNotAllowed => ("response_id_not_allowed", 400, "invalid_request_error", "a response is named where none is read; `previous_response_id` belongs into the JSON body of the Responses API"),
            Self::ResponseRouteUnknown => ("response_route_unknown", 403, "auth_error", "this path is none of the Responses API that is known here"),
            Self::ResponseCallerUnknown => ("response_caller_unknown", 403, "auth_error", "responses need a caller with a user, a team or an API key"),
            Self::ResponseNotOwned => ("response_not_owned", 403, "auth_error", NOT_YOURS),
            Self::ResponseUnmanaged => ("response_unmanaged", 403, "auth_error", NOT_YOURS),
            Self::ResponseUnreadable => ("response_unreadable", 403, "auth_error", NOT_YOURS),
            Self::ResponseElsewhere => ("response_elsewhere", 403, "auth_error", NOT_YOURS),
        };
        Refusal { label, status, kind, message }
    }

    /// The member of the request the refusal is about, as OpenAI's `param`.
    #[must_use]
    pub fn param(self) -> Option<&'static str> {
        let kind = self.refusal().kind;
        if self == Self::SearchToolDenied {
            return Some("search_tool_name");
        }
        let model = kind.ends_with("_model_access_denied")
            || matches!(self, Self::ModelMissing | Self::ModelMalformed | Self::ModelAmbiguous | Self::ModelAliasLoop);
        let organization = self == Self::OrganizationNotAllowed;
        let response = matches!(self, Self::ResponseIdNotAllowed);
        model
            .then_some("model")
            .or(organization.then_some("organization_id"))
            .or(response.then_some("previous_response_id"))
    }
}

/// One text for every reason: what tells them apart is told to the operator.
const NOT_YOURS: &str = "the response id is none that this API key may use";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_unique_and_policy_is_never_a_server_error() {
        let labels: HashSet<_> = DenyReason::all().map(|reason| reason.refusal().label).collect();
        assert_eq!(labels.len(), DenyReason::all().count());
        for reason in DenyReason::all() {
            assert!((400..500).contains(&reason.refusal().status), "{reason:?}");
        }
    }
}
