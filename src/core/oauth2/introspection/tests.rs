use proptest::prelude::*;

use super::*;
use crate::core::record::Role;

const NOW: i64 = 1_800_000_000;

fn terms() -> Terms {
    Terms { issuer: None, audience: Audience::Unchecked, fields: Fields::default(), roles: RoleRule::default() }
}

fn judged(terms: &Terms, body: &str) -> Result<Result<Said, NotAccepted>, NoAnswer> {
    terms.judge(body.as_bytes(), Timestamp::from_second(NOW).unwrap())
}

fn with(more: &str) -> Result<Said, NotAccepted> {
    judged(&terms(), &format!(r#"{{"active":true,"sub":"ada"{more}}}"#)).unwrap()
}

#[test]
fn active_is_true_and_nothing_else_s144_v154_v155() {
    for active in ["false", "\"true\"", "\"false\"", "1", "[true]", "{}", "null"] {
        let body = format!(r#"{{"active":{active},"sub":"ada"}}"#);
        assert_eq!(judged(&terms(), &body), Ok(Err(NotAccepted::Inactive)), "{active}");
    }
    assert_eq!(judged(&terms(), r#"{"sub":"ada"}"#), Ok(Err(NotAccepted::Inactive)), "V155");
    assert_eq!(judged(&terms(), "{}"), Ok(Err(NotAccepted::Inactive)));
    assert_eq!(with("").unwrap().user_id.as_deref(), Some("ada"));
}

#[test]
fn what_is_no_object_is_no_answer_s144_s116() {
    for body in [
        "",
        "[]",
        "true",
        "null",
        "<html>",
        "{",
        r#"{"active":true,"active":true}"#,
        r#"{"sub":"a","sub":"b"}"#,
        "{}{}",
    ] {
        assert_eq!(judged(&terms(), body), Err(NoAnswer), "{body}");
    }
    assert_eq!(terms().judge(b"\xff{}", Timestamp::UNIX_EPOCH), Err(NoAnswer));
}

#[test]
fn times_are_judged_as_those_of_tokens_s111_s144() {
    let past = NOW - 1;
    for times in [
        format!(r#","exp":{past}"#),
        format!(r#","exp":{NOW}"#),
        format!(r#","exp":"{}""#, NOW + 60),
        r#","exp":null"#.to_owned(),
        r#","exp":true"#.to_owned(),
        format!(r#","nbf":{}"#, NOW + 1),
        format!(r#","iat":{}"#, NOW + 1),
    ] {
        assert_eq!(with(&times), Err(NotAccepted::Expired), "{times}");
    }
    let expires = with(&format!(r#","exp":{}"#, NOW + 60)).unwrap().expires;
    assert_eq!(expires, Timestamp::from_second(NOW + 60).ok());
    assert_eq!(with("").unwrap().expires, None);
}

#[test]
fn issuer_and_audience_are_compared_exactly_s107_to_s110() {
    let strict = Terms {
        issuer: Some("https://idp".to_owned()),
        audience: Audience::OneOf(vec!["api".to_owned(), "llm".to_owned()]),
        ..terms()
    };
    let with = |more: &str| judged(&strict, &format!(r#"{{"active":true,"sub":"ada"{more}}}"#)).unwrap();
    assert!(with(r#","iss":"https://idp","aud":"api""#).is_ok());
    assert!(with(r#","iss":"https://idp","aud":["x","llm"]"#).is_ok());
    for iss in ["", r#","iss":"https://idp/""#, r#","iss":null"#, r#","iss":["https://idp"]"#, r#","iss":1"#] {
        assert_eq!(with(&format!(r#"{iss},"aud":"api""#)), Err(NotAccepted::Issuer), "{iss}");
    }
    for aud in [
        "",
        r#","aud":"API""#,
        r#","aud":"api ""#,
        r#","aud":[]"#,
        r#","aud":["api",7]"#,
        r#","aud":7"#,
        r#","aud":null"#,
    ] {
        assert_eq!(with(&format!(r#","iss":"https://idp"{aud}"#)), Err(NotAccepted::Audience), "{aud}");
    }
}

#[test]
fn a_token_of_another_kind_is_no_credential() {
    for kind in [
        r#","token_type":"DPoP""#,
        r#","token_type":"refresh_token""#,
        r#","token_type":1"#,
        r#","token_use":"refresh_token""#,
        r#","token_use":"id""#,
        r#","typ":"Refresh""#,
        r#","typ":"ID""#,
        r#","typ":"Offline""#,
        r#","cnf":{"jkt":"x"}"#,
        r#","cnf":{}"#,
    ] {
        assert_eq!(with(kind), Err(NotAccepted::Kind), "{kind}");
    }
    assert!(with(r#","token_type":"bearer","token_use":"access_token","typ":"Bearer","cnf":null"#).is_ok());
}

#[test]
fn roles_are_on_the_list_or_refused_v157_v158_w23() {
    assert_eq!(with(r#","role":"internal_user_viewer""#).unwrap().role, Some(Role::InternalUserViewer));
    assert_eq!(with(r#","role":null"#).unwrap().role, None);
    for role in ["\"proxy_admin\"", "\"root\"", "\"\"", "7", "[\"internal_user\"]"] {
        assert!(matches!(with(&format!(r#","role":{role}"#)), Err(NotAccepted::Unusable(_))), "{role}");
    }
}

#[test]
fn members_are_texts_of_the_right_kind_s187_w29() {
    let said = with(r#","team_id":"red","email":"x","extra":{"deep":[1]}"#).unwrap();
    assert_eq!((said.team_id.as_deref(), said.email), (Some("red"), None));
    for more in [r#","team_id":7"#, r#","team_id":["red"]"#, r#","team_id":"""#, r#","team_id":"a\r\nb""#] {
        assert!(matches!(with(more), Err(NotAccepted::Unusable(_))), "{more}");
    }
    for body in [r#"{"active":true}"#, r#"{"active":true,"sub":null,"team_id":"red"}"#] {
        assert_eq!(judged(&terms(), body), Ok(Err(NotAccepted::Unusable(Unusable::Nobody))), "{body}");
    }
    assert_eq!(judged(&terms(), r#"{"active":true,"sub":7}"#), Ok(Err(Unusable::Type("user_id_field").into())));
}

#[test]
fn models_are_a_list_or_words() {
    let fields = Fields { models: Some("models".to_owned()), email: Some("email".to_owned()), ..Fields::default() };
    let terms = Terms { fields, ..terms() };
    let models = |more: &str| {
        judged(&terms, &format!(r#"{{"active":true,"sub":"ada"{more}}}"#)).unwrap().map(|said| said.models.unwrap())
    };
    assert_eq!(models(r#","models":["a","b"]"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(models(r#","models":"a  b""#), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(models(""), Ok(vec![]), "none is none, and not all");
    assert!(models(r#","models":[1]"#).is_err() && models(r#","models":{}"#).is_err());
    assert!(models(r#","email":"a@b@c""#).is_err() && models(r#","email":"a@b.c""#).is_ok());
}

proptest! {
    #[test]
    fn no_answer_panics(body in any::<Vec<u8>>(), value in any::<String>()) {
        let _ = terms().judge(&body, Timestamp::UNIX_EPOCH);
        let told = serde_json::json!({ "active": true, "sub": value, "team_id": value, "role": value });
        let said = terms().judge(told.to_string().as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        if let Ok(said) = said {
            prop_assert!(said.user_id.is_some_and(|id| !id.contains(char::is_control) && id.len() <= 256));
        }
    }
}
