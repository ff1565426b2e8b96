//! For whom the caller asks (spec section 5.2), and the tags it gives.

use super::facts::{Facts, Texts};
use super::place::Slot;
use super::rules::RequestRules;
use crate::core::request::RequestView;

/// Longest end user, in bytes; a longer one is none.
const MAX_END_USER: usize = 256;
/// LiteLLM's own headers, first of all sources (N01 … N03).
const HEADERS: [&str; 2] = ["x-litellm-customer-id", "x-litellm-end-user-id"];
/// Members of the body, in LiteLLM's order (N07 … N15).
const MEMBERS: [Slot; 4] = [Slot::User, Slot::LitellmUser, Slot::MetadataUserId, Slot::SafetyIdentifier];

/// The first usable source: a text that is not blank, or a number.
pub(super) fn find(view: &RequestView<'_>, rules: &RequestRules, body: &Facts<'_>) -> Option<String> {
    let configured = rules.end_user_headers.iter().map(crate::core::header::HeaderName::as_str);
    let headers = HEADERS.into_iter().chain(configured).filter_map(|name| {
        let text = std::str::from_utf8(view.headers.all(name).next()?).ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    });
    let members = MEMBERS.into_iter().filter_map(|slot| match body.value(slot)? {
        Texts::One(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Texts::Number(number) => Some(number.clone()),
        Texts::Null | Texts::Many(_) | Texts::Other => None,
    });
    headers.chain(members).next().filter(|found| found.len() <= MAX_END_USER)
}

/// The tags of `x-litellm-tags`, a list with commas.
pub(super) fn header_tags(view: &RequestView<'_>) -> Vec<String> {
    let values = view.headers.all("x-litellm-tags").map(String::from_utf8_lossy);
    values.flat_map(|value| value.split(',').map(|tag| tag.trim().to_owned()).collect::<Vec<_>>()).collect()
}
