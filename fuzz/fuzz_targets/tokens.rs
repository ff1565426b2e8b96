//! What the targets about tokens share: the properties themselves. `tests/it/jwt_fuzz.rs` asks the same, for as long as CI
//! can afford, with a toolchain that has no fuzzer.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tollgate::core::jwt::claims::{Facts, MAX_ID, MAX_NAMES, Mapping, OrganizationClaim};
use tollgate::core::jwt::moment::TimeRules;
use tollgate::core::jwt::path::ClaimPath;
use tollgate::core::jwt::rbac::{RbacRole, RoleGlob};
use tollgate::core::jwt::required::RequiredClaim;
use tollgate::core::jwt::{Audience, Issuer, Issuers, KeySet, MAX_TOKEN, Token, json, looks_like_jwt};
use tollgate::core::oauth2::routing::{Claim, Rule, Rules};
use tollgate::core::record::Role;

/// Public halves. Nobody has the private ones any more.
const KEYS: &str = r#"{"keys":[
{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"G6IISl-v2FRI_rxgp_uZwcu4i2DEkKljy704unP728Y"},
{"kty":"RSA","kid":"rsa","e":"AQAB","n":"xmItgOjKRhDImte9AYFqwfQyWHhKGemx7-xGrrVkjXqmKyqxtMvm9fWQfCcr_c8qmr6xQhSxbMQbnTp-YcGUDU6GCW9AZqDZkz-vpKXarC1pMXyMBabiEb_dP11Wwe4V0MsJ1mOqGxMmLow-T9uLhK-FcEJWhRR8CsVC74VTWjkzo_phGZtVxKp8-7cAMLuGbkrMRqcRyR2JGbq5ZFuJyI4jHEjLkQOFS_eQhZ_U8mUQknYrG_J1JPSgAdGwOj8CTU4IF1XYRoGIf1rHvI6EGC41tNfZQgUwiui5J8e-ajireKySk6Ca_hfZkBouitgk04Ps9QMCqljyfg5ER6eK1Q"}]}"#;

/// The only tokens that were ever signed with them.
pub const SIGNED: [&str; 2] = [
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJpc3MiOiJodHRwczovL2lkcCIsImF1ZCI6ImFwaSIsInN1YiI6ImFkYSIsImV4cCI6MTgwMDAwMDAwMH0.iZ253h4E5V8lQmRJIVplAA2koi-tp-s7hGl93d1Xrl9Z8NCej9R2436XcqEn3yr0y6nMUsfwVncq1fyBuks5CA",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcCIsImF1ZCI6ImFwaSIsInN1YiI6ImFkYSIsImV4cCI6MTgwMDAwMDAwMH0.iKklA9z2P-duCZFxbalTi43jgPJoIekQ4W2sNUqAYyR1Nsnrs3OXHsS76tDimJxnIHTFQ_nqOMQEpbPpL5Awe7CGpdAuJvkcsBL37GB42BGYkGAvYIHAJly9CNnIBGEXDEkESXigpLQKtN9YhFE3b1NoFDz315AAtu_UDo5BWNOkvHffaPDAbCWsqVAzPeKzwIDpJ3tW32aw0PLi8jt37k4FW5I4shtEGUgYeA_9vNSxOY64ed7g6ATSR0t5fDyHMuSs1BKw_gOQNWlJwTfqW4Atl8yr7he_MTCSKTfjnIpD7wOVP0BNhCodrILrEw8yR0WoOG3e8pdoPLhtVfU-MQ",
];

/// Terms that nothing but a signature is needed for.
fn issuers() -> Issuers {
    let times = TimeRules { leeway: 300, expiry_optional: true, max_lifetime: None };
    let any = Issuer { issuer: None, audience: Audience::Unchecked, times, types: None, authorized_parties: None };
    Issuers::new(vec![any]).unwrap()
}

/// Whether a text is accepted, on terms that ask for a signature alone.
pub fn is_accepted(text: &str) -> bool {
    let keys = KeySet::parse(KEYS.as_bytes()).unwrap();
    let (issuers, now) = (issuers(), Timestamp::from_second(1_790_000_000).unwrap());
    let verified = Token::parse(text, MAX_TOKEN).and_then(|token| {
        let (_, issuer) = issuers.select(&token)?;
        issuer.verify(&token, &keys, now)
    });
    if let Ok(verified) = &verified {
        read(verified.claims());
    }
    verified.is_ok()
}

/// No text is accepted that was not signed.
pub fn compact(text: &str) {
    let wanted = vec![(Claim::Iss, vec!["h*".to_owned()]), (Claim::Scope, vec!["a?".to_owned(), "[a]*".to_owned()])];
    let _ = Rules(vec![Rule::new(wanted)]).match_token(text);
    if is_accepted(text) {
        assert!(SIGNED.contains(&text) && looks_like_jwt(text), "{text}");
    }
}

/// The same of texts that have the form: each part of a signed token is replaced by these bytes, and each is put after it.
pub fn parts(data: &[u8]) {
    let encoded = BASE64URL_NOPAD.encode(data);
    for token in SIGNED {
        let parts: Vec<_> = token.split('.').collect();
        for place in 0..parts.len() {
            let mut replaced = parts.clone();
            replaced[place] = &encoded;
            compact(&replaced.join("."));
            let longer = format!("{}{encoded}", parts[place]);
            replaced[place] = &longer;
            compact(&replaced.join("."));
        }
        // A header of one token with the rest of another.
        let [header, payload, signature] = parts.as_slice() else { continue };
        compact(&format!("{header}.{payload}.{encoded}.{signature}"));
        for other in SIGNED.iter().filter_map(|other| other.split('.').next()).filter(|other| other != header) {
            compact(&format!("{other}.{payload}.{signature}"));
        }
    }
}

/// The same of signed tokens with a text before or after one of their parts.
pub fn around(text: &str) {
    for token in SIGNED {
        let dots = token.match_indices('.').flat_map(|(at, _)| [at, at + 1]);
        for at in dots.chain([0, token.len()]) {
            let (left, right) = token.split_at(at);
            compact(&format!("{left}{text}{right}"));
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "settings are optional")]
fn path(text: &str) -> Option<ClaimPath> {
    Some(ClaimPath::parse(text).unwrap())
}

/// Everything that claims can say is listened to.
fn mapping(first: bool) -> Mapping {
    Mapping {
        required_claims: Vec::new(),
        may_administer: true,
        admin_jwt_scope: Some("admin".to_owned()),
        team_id_jwt_field: path("team"),
        team_ids_jwt_field: path("groups"),
        team_id_default: Some("t0".to_owned()),
        team_alias_jwt_field: path("alias"),
        org_id_jwt_field: path("org.id"),
        org_alias_jwt_field: path("org.name"),
        user_id_jwt_field: path("sub"),
        user_email_jwt_field: path("email"),
        email_is_verified: first,
        user_allowed_email_domain: first.then(|| "example.com".to_owned()),
        user_roles_jwt_field: path("roles"),
        user_allowed_roles: vec!["user".to_owned()],
        end_user_id_jwt_field: path("customer"),
        roles_jwt_field: path("roles"),
        role_mappings: vec![("user".to_owned(), RbacRole::InternalUser), ("team".to_owned(), RbacRole::Team)],
        role_mappings_first: first,
        object_id_jwt_field: path("oid"),
        scope_mappings: Some(vec![("chat".to_owned(), vec!["m1".to_owned()])]),
        enforce_team_based_model_access: true,
        team_claim_fallback: true,
        admin_team_header: true,
        jwt_litellm_role_map: vec![RoleGlob { jwt_role: "us*".to_owned(), litellm_role: Role::InternalUser }],
        virtual_key_claim_field: path("azp"),
    }
}

/// Whatever claims say, they name nobody by a text that could be anything but a name, and not too many.
pub fn read(claims: &Map<String, Value>) {
    for first in [false, true] {
        if let Ok(facts) = mapping(first).read(Some("https://idp"), claims) {
            assert_bounded(&facts, claims);
        }
        let required = RequiredClaim { path: ClaimPath::parse("tid").unwrap(), one_of: vec!["t1".to_owned()] };
        let strict = Mapping { required_claims: vec![required], ..mapping(first) };
        let text = Value::from("t1");
        let is_there = claims
            .get("tid")
            .is_some_and(|tid| *tid == text || tid.as_array().is_some_and(|list| list.contains(&text)));
        assert!(is_there || strict.read(Some("https://idp"), claims).is_err(), "{claims:?}");
    }
}

fn assert_bounded(facts: &Facts, claims: &Map<String, Value>) {
    let organization = facts.organization.as_ref().map(|organization| match organization {
        OrganizationClaim::Id(name) | OrganizationClaim::Alias(name) => name,
    });
    let teams = &facts.teams;
    let client = facts.client.as_ref().map(|client| &client.value);
    let single = [&facts.user_id, &facts.end_user_id, &teams.id, &teams.alias, &teams.object];
    let single = single.into_iter().flatten().chain(organization).chain(client);
    let lists = [Some(&teams.groups), facts.teams_to_sync.as_ref()];
    for names in lists.into_iter().flatten() {
        assert!(names.len() <= MAX_NAMES, "{claims:?}");
    }
    for name in single.chain(lists.into_iter().flatten().flatten()) {
        let is_name = !name.trim().is_empty() && name.len() <= MAX_ID && !name.contains(char::is_control);
        assert!(is_name, "{name:?} of {claims:?}");
    }
    let admin = Value::from("admin");
    let has_scope = match claims.get("scope") {
        Some(Value::String(text)) => text.split_whitespace().any(|scope| scope == "admin"),
        Some(Value::Array(list)) => list.contains(&admin),
        _ => false,
    };
    assert_eq!(facts.is_admin, has_scope, "{claims:?}");
}

/// A document of claims, if it is one without a member twice.
pub fn claims(data: &[u8]) {
    if let Ok(claims) = json::object(data) {
        read(&claims);
    }
}
