//! What LiteLLM's own functions said about response ids, asked of ours.
//!
//! Ours must never allow more. Where ours allows less, the reason is one of `response-ids.md` §8.
//! `TOLLGATE_VECTORS=DIR` replays `DIR/response-id-vectors.json` in place of the committed file.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use tollgate::core::credential::Secret;
use tollgate::core::response_id::legacy::Legacy;
use tollgate::core::response_id::{AccessError, AccessRules, Caller, Keyring, Managed, Opened, Owner, ResponseIds};

use crate::harness::vectors;

#[derive(Deserialize)]
struct Document {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: u64,
    #[serde(rename = "fn")]
    function: String,
    #[serde(rename = "in")]
    input: Value,
    out: Value,
    quirk: Option<String>,
}

impl Vector {
    /// LiteLLM's key string: the salt where it exists, be it empty, else the master key.
    fn key(&self) -> Option<&str> {
        let text = |name: &str| self.input[name].as_str();
        text("signing_key").or_else(|| text("LITELLM_SALT_KEY")).or_else(|| text("master_key"))
    }

    fn ids(&self, rules: AccessRules) -> Option<ResponseIds> {
        let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
        let legacy = Legacy::new(&[Secret::new(self.key()?)]).ok()?;
        Some(ResponseIds { keyring, legacy: Some(legacy), rules })
    }
}

fn all() -> Vec<Vector> {
    let document: Document = serde_json::from_str(&vectors("response-id-vectors.json")).unwrap();
    assert!(document.vectors.len() > 20);
    document.vectors
}

fn of<'v>(vectors: &'v [Vector], function: &'v str) -> impl Iterator<Item = &'v Vector> {
    vectors.iter().filter(move |vector| vector.function == function)
}

/// Inner id, user and team; empty where there is none.
fn fields(managed: &Managed) -> [String; 3] {
    let (user, team) = match &managed.owner {
        None => ("", ""),
        Some(Owner::User { user, team }) => (user.as_str(), team.as_ref().map_or("", |team| team.as_str())),
        Some(Owner::Team(team)) => ("", team.as_str()),
        Some(Owner::Key(_)) => panic!("LiteLLM has no such owner"),
    };
    [managed.inner.expose(), user, team].map(str::to_owned)
}

/// Whether LiteLLM's plain text says one thing: nothing in it is syntax (R4), nothing is too long, and
/// there is an id.
fn is_clear(plaintext: &str) -> bool {
    let Some(text) = plaintext.strip_prefix("litellm_proxy:responses_api:response_id:") else { return false };
    let fields: Vec<_> = text.split(';').collect();
    let [inner, user, team] = fields.as_slice() else { return false };
    let (Some(user), Some(team)) = (user.strip_prefix("user_id:"), team.strip_prefix("team_id:")) else { return false };
    let visible = inner.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let bounded = !inner.is_empty() && inner.len() <= 1024 && user.len() <= 256 && team.len() <= 256;
    let syntax = inner.contains("response_id:") || user.contains("user_id:") || team.contains("team_id:");
    visible && bounded && !syntax
}

#[test]
fn what_litellm_sealed_opens_and_what_is_ambiguous_does_not() {
    let vectors = all();
    let mut opened = 0;
    for vector in of(&vectors, "encrypt").chain(of(&vectors, "encrypt_v2_later_release")) {
        let Some(ids) = vector.ids(AccessRules::default()) else {
            assert_eq!(vector.key(), Some(""), "vector {}: R6", vector.id);
            continue;
        };
        let id = vector.out["id"].as_str().unwrap();
        let expected =
            ["response_id", "user_id", "team_id"].map(|name| vector.input[name].as_str().unwrap_or_default());
        match ids.open(id) {
            Opened::Managed(managed) => {
                assert_eq!(fields(&managed), expected, "vector {}", vector.id);
                opened += 1;
            }
            other @ (Opened::Foreign | Opened::Unreadable) => {
                assert_eq!(other, Opened::Unreadable, "vector {}", vector.id);
                assert!(!is_clear(vector.out["plaintext"].as_str().unwrap()), "vector {} should open", vector.id);
            }
        }
    }
    assert!(opened >= 5, "{opened} were opened");
}

#[test]
fn what_litellm_takes_for_decrypted_is_decrypted_or_refused() {
    let vectors = all();
    let sealed = of(&vectors, "encrypt").chain(of(&vectors, "encrypt_v2_later_release"));
    let plaintexts: HashMap<_, _> =
        sealed.map(|vector| (vector.out["id"].as_str().unwrap(), vector.out["plaintext"].as_str().unwrap())).collect();
    let mut opened = 0;
    for vector in of(&vectors, "detect_and_decrypt").chain(of(&vectors, "decrypt_v2_later_release")) {
        let (Some(id), Some(ids)) = (vector.input["id"].as_str(), vector.ids(AccessRules::default())) else { continue };
        let theirs = &vector.out["decrypted"]["ok"];
        if let Opened::Managed(managed) = ids.open(id) {
            opened += 1;
            let plaintext = vector.out["plaintext"].as_str();
            assert!(plaintext.is_none_or(is_clear), "vector {}", vector.id);
            if !id.contains("v2:gcm:") {
                assert_eq!(*theirs, serde_json::json!(fields(&managed)), "vector {}", vector.id);
            }
            assert!(matches!(vector.quirk.as_deref(), None | Some("legacy_std_base64")), "vector {}", vector.id);
        } else {
            let clear = plaintexts.get(id).is_some_and(|plaintext| is_clear(plaintext));
            let read = theirs[1].is_string();
            assert!(!(clear && read), "vector {} should open", vector.id);
            if let Some("plaintext_forgery" | "lenient_base64" | "junk_suffix" | "junk_prefix") =
                vector.quirk.as_deref()
            {
                assert_eq!(ids.open(id), Opened::Unreadable, "vector {}", vector.id);
            }
        }
    }
    assert!(opened >= 5, "{opened} were opened");
}

#[test]
fn nobody_gets_in_whom_litellm_keeps_out() {
    let vectors = all();
    for vector in of(&vectors, "check_access") {
        let text = |name: &str| vector.input[name].as_str();
        let admin = text("caller_role") == Some("proxy_admin");
        let caller = Caller::new(text("caller_user_id"), text("caller_team_id"), None, admin);
        let sealed = Caller::new(text("id_user_id"), text("id_team_id"), None, false);
        let allowed = caller.is_some_and(|caller| {
            caller.is_admin() || sealed.as_ref().is_some_and(|sealed| sealed.owner().admits(&caller))
        });
        let theirs = vector.out["ok"] == true;
        // There is no switch that turns the check off (R9), and what nobody owns is not everybody's (R7).
        let switched_off = !matches!(vector.input["disable_responses_id_security"], Value::Null | Value::Bool(false));
        let fixed = switched_off || sealed.is_none() || text("caller_user_id").is_none();
        assert!(!allowed || theirs, "vector {}: ours allows more", vector.id);
        assert!(allowed || !theirs || fixed, "vector {}: ours allows less", vector.id);
    }
}

/// What a request hook of LiteLLM's made of the id, and what ours makes of it.
fn judged(vector: &Vector, rules: AccessRules) -> Option<(Result<String, AccessError>, String)> {
    let ids = vector.ids(rules)?;
    let data = &vector.input["data"];
    let member = ["response_id", "previous_response_id"].into_iter().find(|name| data[*name].is_string())?;
    let given = data[member].as_str()?;
    let who = &vector.input["caller"];
    let caller = Caller::new(who["user_id"].as_str(), who["team_id"].as_str(), None, who["role"] == "proxy_admin");
    let ours = caller.ok_or(AccessError::NotOwner).and_then(|caller| ids.admit(given, &caller, None));
    Some((ours.map(|admitted| admitted.inner.expose().to_owned()), given.to_owned()))
}

#[test]
fn requests_go_on_with_ids_of_their_own_only() {
    let vectors = all();
    let (mut passed, mut refused) = (0, 0);
    for vector in of(&vectors, "request_hook").chain(of(&vectors, "later_release_request_hook")) {
        let settings = &vector.input["general_settings"];
        let off = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        if off(&vector.input["disable_responses_id_security"]) || off(&settings["disable_responses_id_security"]) {
            continue;
        }
        let rules =
            AccessRules { allow_unmanaged: settings["allow_unmanaged_response_ids"] == true, admins_use_all: true };
        let Some((ours, given)) = judged(vector, rules) else { continue };
        let theirs =
            ["response_id", "previous_response_id"].iter().find_map(|name| vector.out["data_after"][name].as_str());
        match ours {
            Ok(inner) => {
                assert!(vector.out["http_error"].is_null(), "vector {}: ours allows more", vector.id);
                // LiteLLM leaves some calls alone and sends the sealed id upstream.
                assert!(theirs.is_none_or(|theirs| theirs == inner || theirs == given), "vector {}", vector.id);
                passed += 1;
            }
            Err(reason) => {
                let opened = theirs.is_some_and(|theirs| theirs != given);
                let fixed = matches!(reason, AccessError::Unmanaged | AccessError::Unreadable);
                let uncovered = theirs.is_some_and(|theirs| theirs == given);
                assert!(!opened || fixed, "vector {}: ours allows less: {reason}", vector.id);
                assert!(opened || uncovered || !vector.out["data_after"].is_object() || fixed, "vector {}", vector.id);
                refused += 1;
            }
        }
    }
    assert!(passed >= 3 && refused >= 5, "{passed} passed, {refused} were refused");
}
