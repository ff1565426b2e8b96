//! Where the same setting about tokens is stricter here than in LiteLLM: said to those who use it.

use serde_json::{Map, Value, json};

use super::general::Import;

/// Settings, of which one must be there, what is said, and of which setting.
const DIFFERENCES: [(&[&str], &str, &str); 5] = [
    (
        &["user_email_jwt_field", "user_allowed_email_domain"],
        "user_email_jwt_field",
        "LiteLLM takes any address in a token for its bearer's; here it counts only with `email_verified: true` in the token, \
         or with `email_is_verified: true` of an issuer that gives nobody the address of another",
    ),
    (
        &["team_id_jwt_field", "team_alias_jwt_field", "team_id_default", "object_id_jwt_field"],
        "team_allowed_routes",
        "it holds for every team, however it was found, and not only for those of `team_ids_jwt_field`; without it they are \
         `openai_routes`, `info_routes` and `mcp_routes`",
    ),
    (
        &["user_id_jwt_field", "user_email_jwt_field", "object_id_jwt_field"],
        "admin_allowed_routes",
        "who is proxy administrator by the user's row is one on these routes only, and a user elsewhere",
    ),
    (
        &["virtual_key_claim_field"],
        "virtual_key_claim_field",
        "the rules of tokens hold beside those of the key: the token's user must exist and be active, and the key must not be \
         another's",
    ),
    (
        &["team_claim_fallback"],
        "team_claim_fallback",
        "where nothing stands in for an unknown team the token is refused; LiteLLM lets its bearer in without a team",
    ),
];

const ALWAYS: &str = "tokens without `exp`, and users whom SCIM has deactivated, are refused";
const NOBODY: &str = "a token that names neither a user, nor a team, nor an organisation is refused, without \
                      `allow_anonymous_jwt: true`";
const ANY_ISSUER: &str =
    "without `JWT_ISSUER`, tokens of whatever issuer are accepted, as there, and none makes an administrator";

impl Import {
    /// What is said of a section that is carried over.
    pub(super) fn differences(&mut self, path: &str, jwt: &Map<String, Value>, issuers: &[Value]) {
        let set = |value: Option<&Value>| value.is_some_and(|value| ![json!(false), json!(null)].contains(value));
        let used = |name: &&str| set(jwt.get(*name)) || issuers.iter().any(|issuer| set(issuer.get(*name)));
        for (settings, name, text) in DIFFERENCES {
            if settings.iter().any(used) {
                self.findings.differ(&format!("{path}.{name}"), text);
            }
        }
        self.findings.differ(path, ALWAYS);
        self.findings.differ(path, NOBODY);
        if issuers.iter().any(|issuer| set(issuer.get("any_issuer"))) {
            self.findings.differ(path, ANY_ISSUER);
        }
    }
}
