//! Whose responses may be named: LiteLLM's switches, and the keys that open the ids it has issued.

use super::general::Import;
use super::source::Section;
use crate::cli::files::{Content, NewFile, fresh_secret};
use crate::cli::init::RESPONSE_KEY_FILE;

/// The file of LiteLLM's own key.
const SALT_FILE: &str = "litellm-salt.key";

const PERHAPS_SALTED: &str = "ids that LiteLLM has issued open with the master key; if `LITELLM_SALT_KEY` is set there, put \
                              `${LITELLM_SALT_KEY}` in its place in `response_ids.litellm_keys`";
const NOT_OPENED: &str = "ids that LiteLLM has issued do not open: sealed with so short a key, they can be forged; name it in \
                          `response_ids.litellm_keys` if they must";

impl Import {
    /// After the master key, which LiteLLM seals with where it has no salt key.
    pub(super) fn response_ids(&mut self, general: &mut Section, environment: &mut Section) -> Result<(), String> {
        const SALT: &str = "LITELLM_SALT_KEY";
        let path = general.path("disable_responses_id_security");
        let disabled = general.flag("disable_responses_id_security", &mut self.findings);
        let unmanaged_path = general.path("allow_unmanaged_response_ids");
        let unmanaged = general.flag("allow_unmanaged_response_ids", &mut self.findings);
        let salt_path = environment.path(SALT);
        let salt = environment.secret(SALT, &mut self.findings);
        if disabled == Some(true) {
            self.target.set("response_ids.unprotected", path, true);
            return Ok(());
        }
        self.secrets.push(NewFile { name: RESPONSE_KEY_FILE, content: Content::Secret(fresh_secret()?) });
        let key = (path.clone(), format!("file:{RESPONSE_KEY_FILE}").into());
        self.target.set_list("response_ids.keys", path, vec![key]);
        if unmanaged == Some(true) {
            self.target.set("response_ids.allow_unmanaged", unmanaged_path, true);
        }
        let legacy = match salt {
            Some(written) => self.find(&salt_path, written, environment).map(|written| self.refer(written, SALT_FILE)),
            None if self.master_key.is_some() => {
                self.findings.note(&salt_path, false, PERHAPS_SALTED);
                self.master_key.clone()
            }
            None => {
                self.findings.note(&salt_path, false, NOT_OPENED);
                None
            }
        };
        if let Some(reference) = legacy {
            self.target.set_list("response_ids.litellm_keys", salt_path.clone(), vec![(salt_path, reference.into())]);
        }
        Ok(())
    }
}
