//! What may a request carry, whoever sends it?

use super::Facts;
use crate::core::deny::DenyReason;
use crate::core::route::Method;
use crate::core::route::catalogue::ModelRule;
use crate::core::route::groups::Group;

/// Nothing that steers the upstream (LiteLLM PRE-2), the master key included (X15), and no fallbacks
/// where the deployment refuses them.
pub(super) fn allowed(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let fallbacks = ask.names_fallbacks && facts.request.refuse_fallbacks;
    if ask.banned || fallbacks { Err(DenyReason::ParameterNotAllowed) } else { Ok(()) }
}

/// LiteLLM COMMON-7, in every form a tag can have (SEC-10).
pub(super) fn client_tags(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let refused = facts.request.reject_client_tags && facts.groups().is_llm() && ask.names_tags;
    if refused { Err(DenyReason::ClientTagsNotAllowed) } else { Ok(()) }
}

/// LiteLLM COMMON-15: who POSTs to a model says for whom. A header says it too, the query does not.
pub(super) fn user_named(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let mcp = facts.groups().has(Group::McpRoutes);
    let asked = facts.request.require_user && facts.method == Method::Post && facts.groups().is_llm() && !mcp;
    if asked && ask.end_user.is_none() { Err(DenyReason::UserMissing) } else { Ok(()) }
}

/// Spec section 4.9: members that must be there, in whatever calls a model.
pub(super) fn enforced(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let rule = facts.found.map_or(ModelRule::Never, |found| found.route.model);
    let calls = matches!(rule, ModelRule::Body | ModelRule::OptionalBody | ModelRule::Path | ModelRule::Form);
    let lacks = calls && rule.applies(facts.method) && ask.lacks_params;
    if lacks { Err(DenyReason::ParameterMissing) } else { Ok(()) }
}
