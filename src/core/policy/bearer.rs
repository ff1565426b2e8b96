//! What does a token leave to its bearer?

use super::{Asked, Facts};
use crate::core::deny::{DenyReason, TokenDenial};

/// Routes of administrators by scope (W59), of the RBAC role (LiteLLM 4.3.3), and of whoever acts for a team (W44).
pub(super) fn routes(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let lists = facts.identity.bearer().map(|bearer| &bearer.routes);
    let held = lists.into_iter().flatten().all(|list| list.holds(facts.path, facts.found));
    if held { Ok(()) } else { Err(TokenDenial::Route.into()) }
}

/// Models of scopes and RBAC role (LiteLLM 4.3.2, 4.4), administrators included. Names are taken literally, `*` too
/// (V086), wherever in the request they are (W08), and on the whole way an alias takes.
pub(super) fn models(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let Some(models) = asked.identity.bearer().and_then(|bearer| bearer.models.as_ref()) else {
        return Ok(());
    };
    let granted = |name: &str| models.iter().any(|model| model == name);
    asked.ask?;
    let target = asked.rules.compat.alias_grants_target;
    let all = asked
        .chains
        .iter()
        .all(|chain| if target { chain.names().any(granted) } else { chain.to_be_granted().all(granted) });
    if all { Ok(()) } else { Err(TokenDenial::Model.into()) }
}
