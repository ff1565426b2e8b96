//! The table of LiteLLM's behaviour about tokens, with our verdicts: as far as it is decided without a
//! directory. `TOLLGATE_VECTORS=DIR` replays the table of `DIR` in place of the committed one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate::core::jwt::claims::{Facts, Mapping, OrganizationClaim};
use tollgate::core::jwt::moment::TimeRules;
use tollgate::core::jwt::path::ClaimPath;
use tollgate::core::jwt::rbac::{RbacRole, RoleGlob};
use tollgate::core::jwt::team::{TeamName, TeamSearch};
use tollgate::core::jwt::{Algorithm, Audience, Issuer, Issuers, KeySet, MAX_TOKEN, Token, Verified, looks_like_jwt};
use tollgate::core::record::Role;

use crate::harness::vectors;
use crate::jwt_signer::Signer;

const NOW: i64 = 1_800_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "for people")]
    about: String,
    vectors: Vec<Row>,
    not_applicable: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    /// Members of `litellm_jwtauth`.
    #[serde(default)]
    config: Map<String, Value>,
    /// Members beside those every token has; `ABSENT` takes one away.
    #[serde(default)]
    claims: Map<String, Value>,
    /// Of the JOSE header; the same.
    #[serde(default)]
    header: Map<String, Value>,
    /// The name of the key that signs.
    signer: Option<String>,
    /// Members of the public keys in the set, by the key's name.
    keys: Option<Vec<(String, Value)>>,
    /// `iss` and `aud` of an issuer; null is any.
    issuers: Option<Vec<(Value, Value)>>,
    /// A credential in place of a signed token.
    text: Option<String>,
    team_header: Option<String>,
    expect: String,
    #[serde(default)]
    shows: Map<String, Value>,
    #[expect(dead_code, reason = "for people")]
    #[serde(default)]
    why: String,
}

struct Keys(BTreeMap<&'static str, Signer>);

impl Keys {
    fn new() -> Self {
        let names = [("rsa", "RS256"), ("other", "RS256"), ("p384", "ES384"), ("ed", "EdDSA")];
        Self(names.map(|(name, alg)| (name, Signer::fit(Algorithm::parse(alg).unwrap()))).into())
    }

    fn get(&self, name: &str) -> &Signer {
        self.0.get(name).unwrap_or_else(|| panic!("there is no key {name}"))
    }
}

fn changed(mut base: Value, more: &Map<String, Value>) -> String {
    let members = base.as_object_mut().unwrap();
    members.extend(more.clone());
    members.retain(|_, value| *value != json!("ABSENT"));
    base.to_string()
}

impl Row {
    fn token(&self, keys: &Keys) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let header = changed(json!({ "alg": "RS256", "kid": "k1" }), &self.header);
        let claims = changed(json!({ "iss": "https://idp", "aud": "api", "exp": NOW + 60 }), &self.claims);
        keys.get(self.signer.as_deref().unwrap_or("rsa")).sign(&header, &claims)
    }

    fn issuers(&self) -> Issuers {
        let usual = || vec![(json!("https://idp"), json!("api"))];
        let entries = self.issuers.clone().unwrap_or_else(usual).into_iter().map(|(issuer, audience)| Issuer {
            issuer: issuer.as_str().map(str::to_owned),
            audience: audience.as_str().map_or(Audience::Unchecked, |one| Audience::OneOf(vec![one.to_owned()])),
            times: TimeRules::default(),
            types: None,
            authorized_parties: None,
        });
        Issuers::new(entries.collect()).unwrap()
    }

    fn verified(&self, keys: &Keys) -> Result<Verified, String> {
        let text = self.token(keys);
        if !looks_like_jwt(&text) {
            return Err("not a token".to_owned());
        }
        let document = self.keys.clone().unwrap_or_else(|| vec![("rsa".to_owned(), json!({ "kid": "k1" }))]);
        let document: Vec<_> = document.iter().map(|(name, more)| keys.get(name).jwk(more)).collect();
        let set = KeySet::parse(Value::from(document).to_string().as_bytes()).map_err(|bad| format!("{bad:?}"))?;
        let verified = Token::parse(&text, MAX_TOKEN).and_then(|token| {
            self.issuers().select(&token)?.1.verify(&token, &set, Timestamp::from_second(NOW).unwrap())
        });
        verified.map_err(|refusal| format!("{refusal:?}"))
    }

    /// What is made of it: `mapped`, or the first refusal.
    fn outcome(&self, keys: &Keys) -> (String, Value) {
        let verified = match self.verified(keys) {
            Ok(verified) => verified,
            Err(refusal) => return (refusal, Value::Null),
        };
        match mapping(&self.config).facts(&verified) {
            Ok(facts) => ("mapped".to_owned(), summary(&facts, self.team_header.as_deref())),
            Err(unmapped) => (format!("{unmapped:?}"), Value::Null),
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn mapping(config: &Map<String, Value>) -> Mapping {
    let scope = Some("litellm_proxy_admin".to_owned());
    let mut mapping = Mapping { may_administer: true, admin_jwt_scope: scope, ..Mapping::default() };
    let rbac = |name: &Value| match name.as_str().unwrap() {
        "team" => RbacRole::Team,
        "internal_user" => RbacRole::InternalUser,
        other => panic!("{other}"),
    };
    for (name, value) in config {
        let text = || value.as_str().map(str::to_owned);
        let path = || value.as_str().and_then(ClaimPath::parse);
        let rows = || value.as_array().unwrap().iter();
        let flag = || value.as_bool().unwrap();
        match name.as_str() {
            "team_id_jwt_field" => mapping.team_id_jwt_field = path(),
            "team_ids_jwt_field" => mapping.team_ids_jwt_field = path(),
            "team_id_default" => mapping.team_id_default = text(),
            "team_alias_jwt_field" => mapping.team_alias_jwt_field = path(),
            "org_id_jwt_field" => mapping.org_id_jwt_field = path(),
            "org_alias_jwt_field" => mapping.org_alias_jwt_field = path(),
            "user_id_jwt_field" => mapping.user_id_jwt_field = path(),
            "user_email_jwt_field" => mapping.user_email_jwt_field = path(),
            "user_allowed_email_domain" => mapping.user_allowed_email_domain = text(),
            "user_roles_jwt_field" => mapping.user_roles_jwt_field = path(),
            "user_allowed_roles" => mapping.user_allowed_roles = texts(value),
            "end_user_id_jwt_field" => mapping.end_user_id_jwt_field = path(),
            "roles_jwt_field" => mapping.roles_jwt_field = path(),
            "role_mappings" => {
                mapping.role_mappings =
                    rows().map(|row| (row[0].as_str().unwrap().to_owned(), rbac(&row[1]))).collect();
            }
            "object_id_jwt_field" => mapping.object_id_jwt_field = path(),
            "scope_mappings" => {
                let row = |row: &Value| (row[0].as_str().unwrap().to_owned(), texts(&row[1]));
                mapping.scope_mappings = Some(rows().map(row).collect());
            }
            "enforce_team_based_model_access" => mapping.enforce_team_based_model_access = flag(),
            "team_claim_fallback" => mapping.team_claim_fallback = flag(),
            "admin_team_header" => mapping.admin_team_header = flag(),
            "virtual_key_claim_field" => mapping.virtual_key_claim_field = path(),
            "jwt_litellm_role_map" => {
                mapping.jwt_litellm_role_map = rows()
                    .map(|row| RoleGlob {
                        jwt_role: row[0].as_str().unwrap().to_owned(),
                        litellm_role: Role::parse(row[1].as_str().unwrap()).unwrap(),
                    })
                    .collect();
            }
            other => panic!("unknown setting {other}"),
        }
    }
    mapping
}

fn summary(facts: &Facts, team_header: Option<&str>) -> Value {
    let name = |team: &TeamName| match team {
        TeamName::Id(id) => format!("id {id}"),
        TeamName::Alias(alias) => format!("alias {alias}"),
    };
    let team = match facts.teams.search(team_header, facts.is_admin) {
        Ok(TeamSearch::Nothing) => "nothing".to_owned(),
        Ok(TeamSearch::OnlyTeamOfUser) => "only team of user".to_owned(),
        Ok(TeamSearch::One { team, if_unknown: None }) => name(&team),
        Ok(TeamSearch::One { team, if_unknown: Some(groups) }) => format!("{} else {groups:?}", name(&team)),
        Ok(TeamSearch::FirstOf(teams)) => format!("first of {teams:?}"),
        Err(reason) => format!("refused: {reason:?}"),
    };
    let organization = facts.organization.as_ref().map(|organization| match organization {
        OrganizationClaim::Id(id) => format!("id {id}"),
        OrganizationClaim::Alias(alias) => format!("alias {alias}"),
    });
    json!({
        "is_admin": facts.is_admin,
        "rbac_role": facts.rbac_role.map(RbacRole::as_str),
        "user_id": facts.user_id,
        "end_user_id": facts.end_user_id,
        "organization": organization,
        "domain": format!("{:?}", facts.domain),
        "team": team,
        "scope_models": facts.scope_models,
        "role_to_sync": facts.role_to_sync.map(Role::as_str),
        "client": facts.client.as_ref().map(|client| format!("{}={}", client.field, client.value)),
    })
}

fn table() -> Table {
    serde_json::from_str(&vectors("jwt-vectors.json")).unwrap()
}

#[test]
fn the_table_of_tokens_is_followed() {
    let (table, keys) = (table(), Keys::new());
    assert!(table.vectors.len() > 80, "{} rows", table.vectors.len());
    let mut differences = Vec::new();
    for row in &table.vectors {
        let (outcome, shown) = row.outcome(&keys);
        if outcome != row.expect {
            differences.push(format!("{}: {outcome} and not {}", row.id, row.expect));
        }
        for (name, expected) in &row.shows {
            let seen = shown.get(name).unwrap_or_else(|| panic!("{}: there is no {name}: {outcome}", row.id));
            if seen != expected {
                differences.push(format!("{}: {name} is {seen} and not {expected}", row.id));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// An id has rows or a reason why it has none, and not both.
#[test]
fn every_vector_of_the_table_of_tokens_is_in_one_place() {
    let table = table();
    let mut names = BTreeSet::new();
    for row in &table.vectors {
        assert!(names.insert(row.id.as_str()), "{} is there twice", row.id);
    }
    let with_rows: BTreeSet<_> = table.vectors.iter().filter_map(|row| row.id.split(", ").next()).collect();
    for number in 1..=170 {
        let id = format!("V{number:03}");
        let reason = table.not_applicable.get(&id);
        assert!(with_rows.contains(id.as_str()) != reason.is_some(), "{id}: {reason:?}");
        assert!(reason.is_none_or(|reason| reason.len() > 20), "{id}: {reason:?}");
    }
}
