//! Which tools may the request give to the model?

use super::Asked;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-21, where the key's list replaces the team's; here both must grant (W32). A tool whose
/// name cannot be told is on no list.
pub(super) fn granted(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let mut lists = asked.request_grants().map(|grants| &grants.tools).filter(|names| !names.is_any()).peekable();
    if let Some(reason) = ask.unread.filter(|_| lists.peek().is_some()) {
        return Err(reason);
    }
    let granted = lists.all(|list| ask.tools.iter().all(|tool| list.grant(tool)));
    if granted { Ok(()) } else { Err(DenyReason::ToolDenied) }
}
