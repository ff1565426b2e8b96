//! The section `response_ids`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whose response is it? Ids of the Responses API that only their owner can use. Without this section nobody may
/// name a response: no `previous_response_id`, and no route with the id of one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawResponseIds {
    /// Secrets of 32 random bytes or more, each as `${NAME}` or `file:PATH`. The first seals ids, all of them open
    /// them: to rotate, put a new one first, and drop the old one when its ids may die.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Let ids through as they are, in place of `keys`: whoever knows one can use it.
    #[serde(default)]
    pub unprotected: bool,
    /// LiteLLM's keys while its ids are still in use: `LITELLM_SALT_KEY` where that was set, else the master key.
    /// Its ids are opened, and never written.
    #[serde(default)]
    pub litellm_keys: Vec<String>,
    /// Let ids through that were not issued here, from everybody (LiteLLM's `allow_unmanaged_response_ids`).
    #[serde(default)]
    pub allow_unmanaged: bool,
    /// Let proxy administrators use every id, and those that were not issued here.
    #[serde(default)]
    pub admins_use_all: bool,
    /// Names the backend behind this gate, where several share `keys`: an id of one is refused at the others.
    pub upstream: Option<String>,
    /// Longest event of a stream, in bytes. A stream with a longer one ends with an error.
    #[serde(default = "max_event_bytes")]
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub max_event_bytes: usize,
}

/// An event can hold a whole response, with an image in base64.
fn max_event_bytes() -> usize {
    16 * 1024 * 1024
}
