//! What may a request carry, whoever sends it?

use super::Asked;
use crate::core::deny::DenyReason;
use crate::core::route::Method;
use crate::core::route::catalogue::ModelRule;
use crate::core::route::groups::Group;

/// Nothing that steers the upstream (LiteLLM PRE-2), the master key included (X15), and no fallbacks
/// where the deployment refuses them.
pub(super) fn allowed(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let fallbacks = ask.names_fallbacks && asked.request.refuse_fallbacks;
    if ask.banned || fallbacks { Err(DenyReason::ParameterNotAllowed) } else { Ok(()) }
}

/// LiteLLM COMMON-7, in every form a tag can have (SEC-10).
pub(super) fn client_tags(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let refused = asked.request.reject_client_tags && asked.is_inference() && ask.names_tags;
    if refused { Err(DenyReason::ClientTagsNotAllowed) } else { Ok(()) }
}

/// LiteLLM COMMON-15: who POSTs to a model says for whom. A header says it too, the query does not.
pub(super) fn user_named(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let mcp = asked.groups().has(Group::McpRoutes);
    let asked = asked.request.require_user && asked.method == Method::Post && asked.is_inference() && !mcp;
    let named = ask.end_user.is_some() && !ask.end_user_in_query;
    if asked && !named { Err(DenyReason::UserMissing) } else { Ok(()) }
}

/// Spec section 4.9: members that must be there, in whatever calls a model.
pub(super) fn enforced(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let rule = asked.found.map_or(ModelRule::Never, |found| found.route.model);
    let calls = !matches!(rule, ModelRule::Never | ModelRule::Named);
    let lacks = calls && rule.applies(asked.method) && ask.lacks_params;
    if lacks { Err(DenyReason::ParameterMissing) } else { Ok(()) }
}
