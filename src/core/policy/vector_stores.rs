//! Which vector stores may the request read?

use super::Asked;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-20: the key's list and the team's must both grant each store that is named.
pub(super) fn granted(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let mut lists = asked.request_grants().filter_map(|grants| grants.vector_stores.as_ref()).peekable();
    if let Some(reason) = ask.unread.filter(|_| lists.peek().is_some()) {
        return Err(reason);
    }
    let granted = lists.all(|list| ask.vector_stores.iter().all(|store| list.contains(store)));
    if granted { Ok(()) } else { Err(DenyReason::VectorStoreDenied) }
}
