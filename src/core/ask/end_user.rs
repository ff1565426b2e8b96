//! For whom the caller asks (spec section 5.2), and the tags it gives.

use super::facts::{Facts, Texts};
use super::place::Slot;
use super::rules::RequestRules;
use crate::core::deny::DenyReason;
use crate::core::request::{Fidelity, RequestView};

/// Longest end user, in bytes.
const MAX_END_USER: usize = 256;
/// Most tags taken out of a header: more than may be there.
const MAX_HEADER_TAGS: usize = 1024;
/// LiteLLM's own headers, first of all sources (N01 … N03).
const HEADERS: [&str; 2] = ["x-litellm-customer-id", "x-litellm-end-user-id"];
/// Members of the body, in LiteLLM's order (N07 … N15).
const MEMBERS: [Slot; 4] = [Slot::User, Slot::LitellmUser, Slot::MetadataUserId, Slot::SafetyIdentifier];

/// The first usable source: a text that is not blank, or a number. The query fills in what the body leaves open
/// (BODY-3); whether it did is the second result.
///
/// # Errors
/// [`DenyReason::EndUserMalformed`] when the source is repeated, no text, too long, or has control characters: some
/// reader would take it for another.
pub(super) fn find<'r>(
    view: &RequestView<'_>,
    rules: &RequestRules,
    body: &mut Facts<'r>,
    query: &mut Facts<'r>,
) -> Result<(Option<String>, bool), DenyReason> {
    let configured = rules.end_user_headers.iter().map(crate::core::header::HeaderName::as_str);
    for name in HEADERS.into_iter().chain(configured) {
        let mut values = view.headers.all(name);
        let Some(value) = values.next() else { continue };
        let text = std::str::from_utf8(value).map_err(|_| DenyReason::EndUserMalformed)?;
        // Envoy's string mode joins two lines by a comma.
        let joined = view.headers.fidelity() == Fidelity::Lossy && text.contains(',');
        if joined || values.next().is_some() {
            return Err(DenyReason::EndUserMalformed);
        }
        if let Some(id) = usable(text.to_owned())? {
            return Ok((Some(id), false));
        }
    }
    for (facts, in_query) in [(body, false), (query, true)] {
        for slot in MEMBERS {
            let found = match facts.take(slot) {
                Some(Texts::One(text)) => usable(text)?,
                Some(Texts::Number(number)) => usable(number)?,
                None | Some(Texts::Null | Texts::Many(_) | Texts::Other) => None,
            };
            if found.is_some() {
                return Ok((found, in_query));
            }
        }
    }
    Ok((None, false))
}

fn usable(text: String) -> Result<Option<String>, DenyReason> {
    let id = text.trim();
    if id.len() > MAX_END_USER || id.chars().any(char::is_control) {
        return Err(DenyReason::EndUserMalformed);
    }
    let id = if id.len() == text.len() { text } else { id.to_owned() };
    Ok(Some(id).filter(|id| !id.is_empty()))
}

/// The tags of `x-litellm-tags`, a list with commas.
///
/// # Errors
/// [`DenyReason::TagsMalformed`] when the header is no text.
pub(super) fn header_tags(view: &RequestView<'_>) -> Result<Vec<String>, DenyReason> {
    let mut tags = Vec::new();
    for value in view.headers.all("x-litellm-tags") {
        let text = std::str::from_utf8(value).map_err(|_| DenyReason::TagsMalformed)?;
        tags.extend(text.split(',').take(MAX_HEADER_TAGS).map(|tag| tag.trim().to_owned()));
    }
    Ok(tags)
}
