//! Claims and what is read from them; the table of LiteLLM's behaviour is `tests/vectors/jwt-vectors.json`.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::core::jwt::required::RequiredClaim;
use crate::core::jwt::team::{NoTeam, Obstacle, TeamName, TeamSearch};
use crate::core::record::Role;

#[expect(clippy::unnecessary_wraps, reason = "settings are optional")]
fn path(text: &str) -> Option<ClaimPath> {
    Some(ClaimPath::parse(text).unwrap())
}

fn read(mapping: &Mapping, claims: &Value) -> Result<Facts, Unmapped> {
    mapping.read(Some("https://idp"), claims.as_object().unwrap())
}

#[test]
fn admin_is_an_exact_element_of_the_scopes_s119_v060_to_v065() {
    let mapping = Mapping { may_administer: true, admin_jwt_scope: Some("adm".to_owned()), ..Mapping::default() };
    for scope in [json!("adm"), json!("openid adm"), json!("a\tadm"), json!(["x", 5, "adm"])] {
        assert!(read(&mapping, &json!({ "scope": scope })).unwrap().is_admin, "{scope}");
        assert!(!read(&Mapping::default(), &json!({ "scope": scope })).unwrap().is_admin, "off unless configured");
    }
    for scope in [json!("adm_x"), json!("a,adm"), json!("ADM"), json!(["a adm"]), json!("")] {
        assert!(!read(&mapping, &json!({ "scope": scope })).unwrap().is_admin, "{scope}");
    }
    assert!(!read(&mapping, &json!({ "scp": "adm" })).unwrap().is_admin);
    let nobody = Mapping { may_administer: false, ..mapping.clone() };
    assert!(!read(&nobody, &json!({ "scope": "adm" })).unwrap().is_admin, "of an issuer without administrators");
    for scope in [json!(null), json!(5), json!({ "adm": 1 }), json!(true)] {
        assert_eq!(read(&mapping, &json!({ "scope": scope })).err(), Some(Unmapped::Scope), "{scope}");
    }
}

#[test]
fn names_are_short_texts_without_controls_s187_w02() {
    let mapping = Mapping {
        user_id_jwt_field: path("sub"),
        end_user_id_jwt_field: path("c"),
        team_ids_jwt_field: path("g"),
        ..Mapping::default()
    };
    let emoji = "😀".repeat(2_500);
    for bad in ["", " ", "a\u{0}b", "a\r\nx-admin: 1", "a\u{85}", emoji.as_str(), &"x".repeat(MAX_ID + 1)] {
        assert_eq!(read(&mapping, &json!({ "sub": bad })).err(), Some(Unmapped::Name("user_id_jwt_field")), "{bad:?}");
        assert_eq!(read(&mapping, &json!({ "c": bad })).err(), Some(Unmapped::Name("end_user_id_jwt_field")));
        assert_eq!(read(&mapping, &json!({ "g": ["t", bad] })).err(), Some(Unmapped::Name("team_ids_jwt_field")));
    }
    for odd in [json!(5), json!(true), json!(["u"]), json!({})] {
        assert_eq!(read(&mapping, &json!({ "sub": odd })).err(), Some(Unmapped::Type("user_id_jwt_field")), "{odd}");
    }
    for odd in [json!(5), json!({}), json!(["t", 5]), json!([["t"]]), json!([null])] {
        assert_eq!(read(&mapping, &json!({ "g": odd })).err(), Some(Unmapped::Type("team_ids_jwt_field")), "{odd}");
    }
    let many: Vec<_> = (0..=MAX_NAMES).map(|number| format!("t{number}")).collect();
    assert_eq!(read(&mapping, &json!({ "g": many })).err(), Some(Unmapped::TooMany("team_ids_jwt_field")));
    assert_eq!(read(&mapping, &json!({ "sub": null })).unwrap().user_id, None);
    assert_eq!(read(&mapping, &json!({ "sub": "josé 王" })).unwrap().user_id.as_deref(), Some("josé 王"));
}

#[test]
fn rbac_takes_the_first_that_holds_v073_to_v082() {
    let mapping = Mapping {
        may_administer: true,
        admin_jwt_scope: Some("adm".to_owned()),
        team_id_jwt_field: path("t"),
        user_id_jwt_field: path("sub"),
        user_email_jwt_field: path("email"),
        user_roles_jwt_field: path("r"),
        user_allowed_roles: vec!["basic".to_owned()],
        roles_jwt_field: path("roles"),
        role_mappings: vec![("rt".to_owned(), RbacRole::Team), ("ru".to_owned(), RbacRole::InternalUser)],
        ..Mapping::default()
    };
    let first = Mapping { role_mappings_first: true, ..mapping.clone() };
    let (admin, team, user) = (Some(RbacRole::ProxyAdmin), Some(RbacRole::Team), Some(RbacRole::InternalUser));
    let rows = [
        (json!({ "scope": "adm", "t": "t1", "roles": ["ru"] }), admin, admin),
        (json!({ "t": "t1", "sub": "u", "roles": ["ru"] }), team, user),
        (json!({ "sub": "u", "roles": ["rt"] }), user, team),
        (json!({ "email": "a@b.c" }), None, None),
        (json!({ "r": ["basic"] }), user, user),
        (json!({ "r": "basic" }), user, user),
        (json!({ "r": "xbasic" }), None, None),
        (json!({ "r": ["b", "a", "s", "i", "c"] }), None, None),
        (json!({ "roles": ["ru", "rt"] }), team, team),
        (json!({ "roles": "ru" }), user, user),
        (json!({ "roles": ["RU"] }), None, None),
        (json!({ "sub": "u" }), user, None),
        (json!({ "t": "t1", "roles": ["other"] }), team, None),
        (json!({}), None, None),
    ];
    for (claims, usual, mapped) in rows {
        assert_eq!(read(&mapping, &claims).unwrap().rbac_role, usual, "{claims}");
        assert_eq!(read(&first, &claims).unwrap().rbac_role, mapped, "mapping first: {claims}");
    }
    for claims in [json!({ "r": 5 }), json!({ "roles": 5 }), json!({ "scope": "adm", "r": {} })] {
        assert!(matches!(read(&mapping, &claims), Err(Unmapped::Type(_))), "V081 {claims}");
    }
}

#[test]
fn teams_are_tried_in_the_claims_order_w46_v101() {
    let mapping = Mapping { team_id_jwt_field: path("t"), team_ids_jwt_field: path("g"), ..Mapping::default() };
    let teams = read(&mapping, &json!({ "t": "z", "g": ["b", "a", "b", "z", "c"] })).unwrap().teams;
    assert_eq!(teams.candidates(), ["b", "a", "z", "c"]);
    let teams = read(&mapping, &json!({ "t": "0", "g": ["b", "a"] })).unwrap().teams;
    assert_eq!(teams.candidates(), ["b", "a", "0"]);
}

#[test]
fn the_header_names_one_of_the_verified_teams_s127_v115_v116_v117() {
    let mapping = Mapping {
        team_ids_jwt_field: path("g"),
        team_alias_jwt_field: path("al"),
        object_id_jwt_field: path("oid"),
        ..Mapping::default()
    };
    let teams = read(&mapping, &json!({ "g": ["t1", "t2"], "al": "A" })).unwrap().teams;
    let id = |id: &str| Ok(TeamSearch::One { team: TeamName::Id(id.to_owned()), if_unknown: None });
    assert_eq!(teams.search(Some("t2"), false), id("t2"));
    for header in ["t3", "A", "t1,t2", "t1 ", " t1", "T1", "\u{ff}"] {
        assert_eq!(teams.search(Some(header), false), Err(NoTeam::Header), "{header:?}");
    }
    let alias = TeamSearch::One { team: TeamName::Alias("A".to_owned()), if_unknown: None };
    assert_eq!(teams.search(Some(""), false), Ok(alias.clone()), "empty is absent");
    assert_eq!(teams.search(None, false), Ok(alias));
    assert_eq!(teams.search(Some("t1"), true), Err(NoTeam::Header), "admins only when they may (W53)");
    let generous = Mapping { admin_team_header: true, ..mapping };
    let teams = read(&generous, &json!({ "g": ["t1"] })).unwrap().teams;
    assert_eq!(teams.search(Some("tX"), true), id("tX"));
    assert_eq!(teams.search(Some("tX"), false), Err(NoTeam::Header));
}

#[test]
fn what_stood_before_the_nearest_team_is_said_w45() {
    use Obstacle::{Blocked, Model, Route, Unknown};
    let judge = |obstacles: &[Obstacle]| NoTeam::of(obstacles.iter().copied().max());
    assert_eq!(judge(&[]), NoTeam::Unknown);
    assert_eq!(judge(&[Unknown; 3]), NoTeam::Unknown);
    assert_eq!(judge(&[Unknown, Model, Unknown]), NoTeam::Model);
    assert_eq!(judge(&[Route, Model, Unknown]), NoTeam::Route);
    assert_eq!(judge(&[Blocked, Unknown, Unknown]), NoTeam::Blocked);
    assert_eq!(judge(&[Blocked, Model, Blocked]), NoTeam::Model);
}

#[test]
fn mail_addresses_decide_only_when_they_are_some_s120_w42() {
    let mapping = Mapping {
        user_id_jwt_field: path("sub"),
        user_email_jwt_field: path("email"),
        user_allowed_email_domain: Some("corp.com".to_owned()),
        may_administer: true,
        admin_jwt_scope: Some("adm".to_owned()),
        ..Mapping::default()
    };
    let domain = |claims: Value| read(&mapping, &claims).unwrap().domain;
    assert_eq!(domain(json!({ "email": "a@CORP.com", "email_verified": true })), Domain::Allowed);
    assert_eq!(domain(json!({ "email": "a@corp.com" })), Domain::Refused, "nobody vouches for it");
    for verified in [json!(false), json!("true"), json!(null), json!(1)] {
        assert_eq!(domain(json!({ "email": "a@corp.com", "email_verified": verified })), Domain::Refused, "{verified}");
    }
    assert_eq!(domain(json!({})), Domain::Refused, "V126");
    assert_eq!(domain(json!({ "email": "corp.com" })), Domain::Refused, "V127");
    assert_eq!(domain(json!({ "email": "a@evil.com", "scope": "adm" })), Domain::Refused, "admins are not exempt");
    assert_eq!(read(&mapping, &json!({ "email": 5 })).err(), Some(Unmapped::Type("user_email_jwt_field")));
    let facts = read(&mapping, &json!({ "email": "a@corp.com" })).unwrap();
    assert_eq!((facts.user_id.as_deref(), facts.is_email_verified), (Some("a@corp.com"), false), "V123");
    let declared = Mapping { email_is_verified: true, ..mapping };
    let domain = |claims: Value| read(&declared, &claims).unwrap().domain;
    assert_eq!(domain(json!({ "email": "a@corp.com" })), Domain::Allowed);
    assert_eq!(domain(json!({ "email": "a@corp.com", "email_verified": false })), Domain::Refused);
}

#[test]
fn what_the_directory_learns_v132_v133_w38_w39() {
    let row = |jwt_role: &str, litellm_role| RoleGlob { jwt_role: jwt_role.to_owned(), litellm_role };
    let mapping = Mapping {
        may_administer: true,
        roles_jwt_field: path("roles"),
        team_ids_jwt_field: path("g"),
        jwt_litellm_role_map: vec![
            row("adm*", Role::ProxyAdmin),
            row("*view*", Role::ProxyAdminViewer),
            row("u", Role::InternalUser),
        ],
        ..Mapping::default()
    };
    let facts = |claims: Value| read(&mapping, &claims).unwrap();
    assert_eq!(facts(json!({ "roles": ["u", "reviewer"] })).role_to_sync, Some(Role::ProxyAdminViewer));
    assert_eq!(facts(json!({ "roles": "u" })).role_to_sync, Some(Role::InternalUser));
    assert_eq!(facts(json!({ "roles": ["admins"] })).role_to_sync, None, "never proxy admin");
    let nobody = Mapping { may_administer: false, ..mapping.clone() };
    assert_eq!(read(&nobody, &json!({ "roles": ["viewer"] })).unwrap().role_to_sync, None, "S-119");
    assert_eq!(facts(json!({ "roles": ["other"] })).role_to_sync, None);
    assert_eq!(facts(json!({})).teams_to_sync, None, "absent removes nobody");
    assert_eq!(facts(json!({ "g": null })).teams_to_sync, None);
    assert_eq!(facts(json!({ "g": [] })).teams_to_sync, Some(vec![]));
    assert_eq!(facts(json!({ "g": ["t1"] })).teams_to_sync, Some(vec!["t1".to_owned()]));
}

#[test]
fn a_client_is_registered_for_an_issuer_s125() {
    let mapping = Mapping { virtual_key_claim_field: path("client\\.id"), ..Mapping::default() };
    let claims = json!({ "client.id": "X" });
    let of = |issuer| mapping.read(issuer, claims.as_object().unwrap()).unwrap().client.unwrap();
    assert_ne!(of(Some("https://a")), of(Some("https://b")));
    assert_ne!(of(Some("https://a")), of(None));
    assert_eq!(
        of(None),
        ClientClaim { issuer: None, field: "client\\.id".to_owned(), value: "X".to_owned(), is_user: false }
    );
    assert!(read(&mapping, &json!({})).unwrap().client.is_none());
    assert!(matches!(read(&mapping, &json!({ "client.id": 5 })), Err(Unmapped::Type(_))), "5 is not \"5\"");
}

proptest! {
    #[test]
    fn no_claims_panic_and_no_odd_name_gets_through(value in arbitrary_json(), member in "[a-d]") {
        let all = |name: &str| path(name);
        let mapping = Mapping {
            team_id_jwt_field: all("a"), team_ids_jwt_field: all("b"), team_alias_jwt_field: all("c"), user_id_jwt_field: all("a.b"),
            user_email_jwt_field: all("b"), roles_jwt_field: all("c.d"), object_id_jwt_field: all("d"), org_id_jwt_field: all("d.a"),
            ..Mapping::default()
        };
        if let Ok(facts) = read(&mapping, &json!({ member: value })) {
            let names = facts.teams.candidates().into_iter().chain(facts.user_id).chain(facts.teams.alias);
            for name in names {
                prop_assert!(!name.is_empty() && name.len() <= MAX_ID && !name.contains(char::is_control));
            }
        }
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-d]", inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

#[test]
fn nothing_is_read_without_the_required_claims() {
    let required = ["hd", "deep.tid"].map(|name| RequiredClaim { path: path(name).unwrap(), one_of: vec!["x".into()] });
    let mapping = Mapping { required_claims: required.into(), user_id_jwt_field: path("sub"), ..Mapping::default() };
    let facts = read(&mapping, &json!({ "sub": "u", "hd": "x", "deep": { "tid": ["x"] } })).unwrap();
    assert_eq!(facts.user_id.as_deref(), Some("u"));
    for (claims, lacks) in [
        (json!({ "sub": "u", "hd": "x" }), "deep.tid"),
        (json!({ "sub": 5, "hd": "secret", "deep": { "tid": "x" } }), "hd"),
        (json!({}), "hd"),
    ] {
        let refusal = read(&mapping, &claims).unwrap_err();
        assert_eq!(refusal, Unmapped::Required(lacks.to_owned()));
        assert!(!refusal.to_string().contains("secret"), "the value is not told");
    }
}
