//! `models` and `end_users` as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is known of a model of the upstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawModel {
    /// Its name, as requests name it; `*` stands for any text.
    pub name: String,
    /// Every price of it is zero, so that no budget stops it.
    #[serde(default)]
    pub zero_cost: bool,
    /// Groups it is in. A list of models that names a group grants the models in it.
    #[serde(default)]
    pub access_groups: Vec<String>,
    /// Its provider: with `openai`, a list that grants `openai/*` grants this model too.
    pub provider: Option<String>,
}

/// Customers that requests name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawEndUsers {
    /// A budget of the key file or the store, for end users without a limit of their own.
    pub default_budget_id: Option<String>,
    /// Count a request for the end user it names only if that is an end user of the key file, or the id or e-mail
    /// address of a user (LiteLLM's `validate_end_user_id_in_db`).
    pub validate: bool,
}
