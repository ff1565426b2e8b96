//! Tokens that are signed, and what is made of them.

use aws_lc_rs::rsa::KeySize;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate::core::jwt::issuer::BadIssuers;
use tollgate::core::jwt::key::Unusable;
use tollgate::core::jwt::key_set::BadDocument;
use tollgate::core::jwt::moment::TimeRules;
use tollgate::core::jwt::seen::TokenHash;
use tollgate::core::jwt::{Algorithm, Audience, Issuer, Issuers, KeySet, MAX_TOKEN, Refusal, Token, Verified};

use crate::jwt_signer::{Signer, b64};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://idp";

pub fn issuer() -> Issuer {
    Issuer {
        issuer: Some(ISSUER.to_owned()),
        audience: Audience::OneOf(vec!["llm".to_owned()]),
        times: TimeRules::default(),
        types: None,
        authorized_parties: None,
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn verify(token: &str, issuer: &Issuer, keys: &KeySet) -> Result<Verified, Refusal> {
    issuer.verify(&Token::parse(token, MAX_TOKEN)?, keys, now())
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "llm", "exp": NOW + 60, "sub": "alice" })
}

/// The usual claims, with other members; a `null` takes one away.
fn with(more: &Value) -> String {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| *value != json!("ABSENT"));
    claims.to_string()
}

/// One key and its set.
struct One {
    signer: Signer,
    keys: KeySet,
}

impl One {
    fn new() -> Self {
        let signer = Signer::p256();
        let keys = set(&[signer.jwk(&json!({ "kid": "k1" }))]);
        Self { signer, keys }
    }

    fn ask(&self, issuer: &Issuer, header: &Value, claims: &str) -> Result<Verified, Refusal> {
        let mut all = json!({ "alg": "ES256", "kid": "k1" });
        all.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        verify(&self.signer.sign(&all.to_string(), claims), issuer, &self.keys)
    }

    fn claims(&self, more: &Value) -> Result<Verified, Refusal> {
        self.ask(&issuer(), &json!({}), &with(more))
    }
}

#[test]
fn each_algorithm_verifies_with_its_key_and_no_other_v016_v017_v018_s096() {
    let keys: Vec<_> = ["RS256", "ES256", "ES384", "ES512", "EdDSA"].map(|name| Algorithm::parse(name).unwrap()).into();
    let keys: Vec<_> = keys.into_iter().map(|algorithm| (algorithm, Signer::fit(algorithm))).collect();
    for algorithm in Algorithm::ALL {
        for (of, signer) in &keys {
            let token =
                signer.sign(&json!({ "alg": algorithm.as_str(), "kid": "k" }).to_string(), &claims().to_string());
            let seen = verify(&token, &issuer(), &set(&[signer.jwk(&json!({ "kid": "k" }))]));
            if of.kind() == algorithm.kind() {
                assert_eq!(seen.unwrap().claims()["sub"], "alice", "{algorithm}");
            } else {
                assert_eq!(seen.err(), Some(Refusal::KeyAlgorithm), "{algorithm} with a key of {of}");
            }
        }
    }
}

#[test]
fn a_pinned_key_verifies_its_algorithm_only_s096_v022() {
    let signer = Signer::rsa(KeySize::Rsa2048);
    let keys = set(&[signer.jwk(&json!({ "kid": "k", "alg": "RS256", "use": "sig", "key_ops": ["verify"] }))]);
    for (alg, expected) in
        [("RS256", None), ("PS256", Some(Refusal::KeyAlgorithm)), ("RS384", Some(Refusal::KeyAlgorithm))]
    {
        let token = signer.sign(&json!({ "alg": alg, "kid": "k" }).to_string(), &claims().to_string());
        assert_eq!(verify(&token, &issuer(), &keys).err(), expected, "{alg}");
    }
}

#[test]
fn keys_that_may_not_verify_are_skipped_s097_s141_w16() {
    let (good, other) = (Signer::p256(), Signer::rsa(KeySize::Rsa2048));
    let point = good.jwk(&json!({}));
    let bad_point = |x: &str, y: &str| json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    let (x, y) = (point["x"].as_str().unwrap(), point["y"].as_str().unwrap());
    let zeros = b64([0; 32]);
    let short = b64([0xff; 128]);
    let rows = [
        (json!(7), Unusable::Malformed),
        (json!("-----BEGIN PUBLIC KEY-----"), Unusable::Malformed),
        (json!({}), Unusable::Malformed),
        (good.jwk(&json!({ "kid": 5 })), Unusable::Malformed),
        (good.jwk(&json!({ "kid": null })), Unusable::Malformed),
        (json!({ "kty": "oct", "k": "AAAA" }), Unusable::Secret),
        (json!({ "kty": "oct" }), Unusable::Secret),
        (good.jwk(&json!({ "d": "AAAA" })), Unusable::Secret),
        (other.jwk(&json!({ "p": "AAAA" })), Unusable::Secret),
        (good.jwk(&json!({ "use": "enc" })), Unusable::Purpose),
        (good.jwk(&json!({ "key_ops": ["encrypt", "sign"] })), Unusable::Purpose),
        (good.jwk(&json!({ "key_ops": "verify" })), Unusable::Purpose),
        (good.jwk(&json!({ "alg": "ES384" })), Unusable::Algorithm),
        (good.jwk(&json!({ "alg": "HS256" })), Unusable::Algorithm),
        (good.jwk(&json!({ "alg": "ECDH-ES" })), Unusable::Algorithm),
        (good.jwk(&json!({ "kty": "RSA" })), Unusable::Kind),
        (good.jwk(&json!({ "crv": "secp256k1" })), Unusable::Kind),
        (json!({ "kty": "OKP", "crv": "Ed448", "x": "AAAA" }), Unusable::Kind),
        (good.jwk(&json!({ "crv": "P-384" })), Unusable::Point),
        (bad_point(y, x), Unusable::Point),
        (bad_point(&zeros, &zeros), Unusable::Point),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }), Unusable::Point),
        (json!({ "kty": "RSA", "e": "AQAB", "n": short }), Unusable::Size),
        (other.jwk(&json!({ "e": "AQ" })), Unusable::Weak),
        (other.jwk(&json!({ "e": "BA" })), Unusable::Weak),
        (other.jwk(&json!({ "n": b64([0xff; 256]) })), Unusable::Weak),
        (other.jwk(&json!({ "n": "====" })), Unusable::Malformed),
    ];
    for (entry, expected) in rows {
        let keys = set(&[entry.clone(), good.jwk(&json!({ "kid": "k1" }))]);
        assert_eq!(keys.skipped(), [(0, expected)], "{entry}");
        let token = good.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims().to_string());
        assert!(verify(&token, &issuer(), &keys).is_ok(), "the good one still works: {entry}");
        let alone = KeySet::parse(json!([entry]).to_string().as_bytes());
        assert_eq!(alone.err(), Some(BadDocument::NoKeys));
    }
}

#[test]
fn documents_that_are_no_key_sets_v032_v033_v034_s134_s140() {
    let key = Signer::p256().jwk(&json!({ "kid": "k1" }));
    assert!(KeySet::parse(json!([key]).to_string().as_bytes()).is_ok(), "a bare list");
    let rows = [
        ("<html>".to_owned(), BadDocument::NotJson),
        (String::new(), BadDocument::NotJson),
        ("{\"keys\":[],\"keys\":[]}".to_owned(), BadDocument::NotJson),
        ("null".to_owned(), BadDocument::Shape),
        ("5".to_owned(), BadDocument::Shape),
        (json!({ "error": "x" }).to_string(), BadDocument::Shape),
        (key.to_string(), BadDocument::Shape),
        (json!({ "k1": "-----BEGIN PUBLIC KEY-----" }).to_string(), BadDocument::Shape),
        (json!({ "keys": {} }).to_string(), BadDocument::Shape),
        (json!({ "keys": [] }).to_string(), BadDocument::NoKeys),
        (json!({ "keys": vec![key.clone(); 101] }).to_string(), BadDocument::TooMany),
        (json!({ "keys": vec![json!(0); 10_000] }).to_string(), BadDocument::TooMany),
        (" ".repeat(1024 * 1024 + 1), BadDocument::TooLarge),
    ];
    for (document, expected) in rows {
        assert_eq!(
            KeySet::parse(document.as_bytes()).err(),
            Some(expected),
            "{}",
            document.get(..40).unwrap_or(&document)
        );
    }
}

#[test]
fn the_key_is_found_by_its_name_v027_to_v031_s105_s106() {
    let (one, two, rsa) = (Signer::p256(), Signer::p256(), Signer::rsa(KeySize::Rsa2048));
    let named = |signer: &Signer, kid: &str| signer.jwk(&json!({ "kid": kid }));
    let token = |header: &str| one.sign(header, &claims().to_string());
    let (kid, none) = (token(r#"{"alg":"ES256","kid":"k1"}"#), token(r#"{"alg":"ES256"}"#));
    let rows = [
        ("V027", &none, vec![named(&one, "kX")], None),
        ("V028", &kid, vec![named(&one, "kX")], Some(Refusal::NoKey)),
        ("V029", &kid, vec![one.jwk(&json!({}))], Some(Refusal::NoKey)),
        ("V030", &none, vec![named(&one, "k1"), named(&two, "k2")], Some(Refusal::NoKey)),
        ("V031", &kid, vec![named(&one, "k1"), named(&two, "k1")], Some(Refusal::AmbiguousKey)),
        ("V031 the other way", &kid, vec![named(&two, "k1"), named(&one, "k1")], Some(Refusal::AmbiguousKey)),
        ("twice the same", &kid, vec![named(&one, "k1"), named(&one, "k1")], None),
        ("one of the name fits", &kid, vec![named(&rsa, "k1"), named(&one, "k1")], None),
        ("V023", &kid, vec![named(&two, "k1")], Some(Refusal::Signature)),
        ("the only one does not fit", &none, vec![named(&rsa, "k1")], Some(Refusal::KeyAlgorithm)),
    ];
    for (id, token, keys, expected) in rows {
        assert_eq!(verify(token, &issuer(), &set(&keys)).err(), expected, "{id}");
    }
}

#[test]
fn the_issuer_is_one_exact_text_s107_s110_v052() {
    let one = One::new();
    for iss in
        [json!(1), json!({"x": 1}), json!(null), json!("ABSENT"), json!(["https://evil", ISSUER]), json!([ISSUER])]
    {
        assert_eq!(one.claims(&json!({ "iss": iss })).err(), Some(Refusal::Issuer), "{iss}");
    }
    for iss in
        ["https://idp/", "https://idp:443", "HTTPS://IDP", "https://idp.evil.com", "https://idp#x", "", " https://idp"]
    {
        assert_eq!(one.claims(&json!({ "iss": iss })).err(), Some(Refusal::Issuer), "{iss}");
    }
    assert_eq!(one.claims(&json!({})).unwrap().issuer(), Some(ISSUER));
}

#[test]
fn the_audience_is_exact_and_of_texts_only_s108_s109_v049_v050_v051() {
    let one = One::new();
    let bad = [
        json!(7),
        json!([7]),
        json!(["other", 7]),
        json!(["llm", 7]),
        json!({"llm": true}),
        json!("ABSENT"),
        json!([]),
        json!(null),
        json!(true),
        json!("llm-gateway-evil"),
        json!("LLM"),
        json!("llm "),
        json!("a,llm"),
        json!(""),
    ];
    for aud in bad {
        assert_eq!(one.claims(&json!({ "aud": aud })).err(), Some(Refusal::Audience), "{aud}");
    }
    for aud in [json!("llm"), json!(["llm"]), json!(["other", "llm"])] {
        assert!(one.claims(&json!({ "aud": aud })).is_ok(), "{aud}");
    }
    let anybody = Issuer { audience: Audience::Unchecked, ..issuer() };
    assert!(one.ask(&anybody, &json!({}), &with(&json!({ "aud": "ABSENT" }))).is_ok());
    assert_eq!(one.ask(&anybody, &json!({}), &with(&json!({ "aud": 7 }))).err(), Some(Refusal::Audience));
}

#[test]
fn times_are_judged_s112_s113_s114_v043_v044_v045_v046() {
    let one = One::new();
    let rows = [
        (json!({ "exp": "ABSENT" }), Refusal::NoExpiry),
        (json!({ "exp": NOW }), Refusal::Expired),
        (json!({ "exp": NOW - 30 }), Refusal::Expired),
        (json!({ "exp": format!("{}", NOW + 60) }), Refusal::ClaimType("exp")),
        (json!({ "nbf": NOW + 60 }), Refusal::NotYet),
        (json!({ "nbf": "99999999999" }), Refusal::ClaimType("nbf")),
        (json!({ "iat": NOW + 60 }), Refusal::IssuedLater),
        (json!({ "iat": "x" }), Refusal::ClaimType("iat")),
        (json!({ "sub": 5 }), Refusal::ClaimType("sub")),
        (json!({ "sub": null }), Refusal::ClaimType("sub")),
        (json!({ "jti": ["a"] }), Refusal::ClaimType("jti")),
    ];
    for (more, expected) in rows {
        assert_eq!(one.claims(&more).err(), Some(expected), "{more}");
    }
    assert_eq!(one.claims(&json!({})).unwrap().expires(), Timestamp::from_second(NOW + 60).ok());
    assert_eq!(one.claims(&json!({ "exp": u64::MAX })).unwrap().expires(), None);
}

#[test]
fn types_and_parties_s128() {
    let one = One::new();
    let ask = |issuer: &Issuer, kind: Value| one.ask(issuer, &json!({ "typ": kind }), &claims().to_string()).err();
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert_eq!(ask(&issuer(), json!(kind)), None, "{kind}");
    }
    for kind in ["oauth-id-jag+jwt", "logout+jwt", "dpop+jwt", "application/LOGOUT+JWT", "", "secevent+jwt"] {
        assert_eq!(ask(&issuer(), json!(kind)), Some(Refusal::Type), "{kind}");
    }
    let listed = Issuer { types: Some(vec!["at+JWT".to_owned(), "dpop+jwt".to_owned()]), ..issuer() };
    assert_eq!(ask(&listed, json!("at+jwt")), None);
    assert_eq!(ask(&listed, json!("JWT")), Some(Refusal::Type));
    assert_eq!(ask(&listed, json!("dpop+jwt")), Some(Refusal::Type));
    assert_eq!(one.ask(&listed, &json!({}), &claims().to_string()).err(), Some(Refusal::Type), "no type");

    let parties = Issuer { authorized_parties: Some(vec!["web".to_owned()]), ..issuer() };
    for (azp, good) in [(json!("web"), true), (json!("WEB"), false), (json!("ABSENT"), false), (json!(["web"]), false)]
    {
        let seen = one.ask(&parties, &json!({}), &with(&json!({ "azp": azp })));
        assert_eq!(seen.is_ok(), good, "{azp}");
    }
}

#[test]
fn keys_of_one_issuer_never_speak_for_another_s122_s123_v053_v054_v055() {
    let (a, b) = (One::new(), One::new());
    let other = Issuer { issuer: Some("https://b".to_owned()), ..issuer() };
    let strict = Issuers::new(vec![issuer(), other.clone()]).unwrap();
    let sets = [&a.keys, &b.keys];
    let ask = |issuers: &Issuers, signer: &Signer, more: &Value| {
        let text = signer.sign(r#"{"alg":"ES256","kid":"k1"}"#, &with(more));
        let token = Token::parse(&text, MAX_TOKEN)?;
        let (position, issuer) = issuers.select(&token)?;
        issuer.verify(&token, sets[position % 2], now())
    };
    assert!(ask(&strict, &a.signer, &json!({})).is_ok());
    assert!(ask(&strict, &b.signer, &json!({ "iss": "https://b" })).is_ok());
    assert_eq!(ask(&strict, &b.signer, &json!({})).err(), Some(Refusal::Signature), "same kid in both sets");
    for iss in [json!("https://c"), json!("ABSENT"), json!(null), json!([ISSUER]), json!("")] {
        assert_eq!(ask(&strict, &a.signer, &json!({ "iss": iss })).err(), Some(Refusal::Issuer), "{iss}");
    }
    let any = Issuer { issuer: None, ..issuer() };
    let lax = Issuers::new(vec![any.clone(), other.clone()]).unwrap();
    assert!(ask(&lax, &a.signer, &json!({ "iss": "https://c" })).is_ok());
    assert!(ask(&lax, &a.signer, &json!({ "iss": "ABSENT" })).is_ok());
    assert_eq!(ask(&lax, &a.signer, &json!({ "iss": "https://b" })).err(), Some(Refusal::Signature), "never retried");
    assert_eq!(ask(&lax, &a.signer, &json!({ "iss": null })).err(), Some(Refusal::Issuer));

    assert_eq!(Issuers::new(vec![issuer(), other, issuer()]).err(), Some(BadIssuers::Twice(2)));
    assert_eq!(Issuers::new(vec![any.clone(), any]).err(), Some(BadIssuers::Twice(1)));
    let nobody = Issuer { audience: Audience::OneOf(vec![]), ..issuer() };
    assert_eq!(Issuers::new(vec![nobody]).err(), Some(BadIssuers::Empty(0)));
    assert_eq!(
        Issuers::new(vec![Issuer { issuer: Some(String::new()), ..issuer() }]).err(),
        Some(BadIssuers::Empty(0))
    );
}

#[test]
fn reserved_claims_are_taken_away_and_duplicates_refused_s116_s118() {
    let one = One::new();
    let verified = one.claims(&json!({ "_litellm_jwt_issuer": ISSUER, "_litellm_user_id": "root", "_litellm_new": 1 }));
    let verified = verified.unwrap();
    assert!(verified.claims().keys().all(|name| !name.starts_with("_litellm")), "{:?}", verified.claims());
    let twice = claims().to_string().replacen('{', r#"{"team_id":"a","team_id":"b","#, 1);
    let seen = one.ask(&issuer(), &json!({}), &twice).err();
    assert_eq!(seen, Some(tollgate::core::jwt::Malformed::Claims.into()));
    assert!(!format!("{verified:?}").contains("alice"), "claims stay out of logs");
}

/// HMAC with everything that is public about the key (S-095): the algorithm alone is refused.
#[test]
fn symmetric_algorithms_never_verify_s095_v020() {
    let one = One::new();
    for alg in ["HS256", "HS384", "HS512", "none"] {
        assert_eq!(one.ask(&issuer(), &json!({ "alg": alg }), &claims().to_string()).err(), Some(Refusal::Algorithm));
    }
}

#[test]
fn what_was_verified_is_forgotten_in_time_s136_s142() {
    let one = One::new();
    let second = |seconds: i64| Timestamp::from_second(NOW + seconds).unwrap();
    let short = one.claims(&json!({})).unwrap();
    assert_eq!(short.remember_until(now()), second(60), "its expiry");
    let long = one.claims(&json!({ "exp": u64::MAX })).unwrap();
    let until = long.remember_until(now());
    assert_eq!(until, second(300), "five minutes");
    assert!(long.is_still_good(until, &one.keys, second(299)));
    assert!(!long.is_still_good(until, &one.keys, until));
    assert!(!long.is_still_good(until, &One::new().keys, now()), "the key is gone, though the name is not");
    let renamed = set(&[one.signer.jwk(&json!({ "kid": "k2" }))]);
    assert!(long.is_still_good(until, &renamed, now()));

    let token = one.signer.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims().to_string());
    assert_eq!(TokenHash::of(&token), TokenHash::of(&token.clone()));
    for length in [20, 100, token.len() - 1] {
        let other = format!("{}-", token.get(..length).unwrap());
        assert_ne!(TokenHash::of(&token), TokenHash::of(&other), "the first {length} bytes agree");
    }
    assert_eq!(format!("{:?}", TokenHash::of(&token)), "TokenHash(…)");
}

/// Every byte of the token, changed in every bit (S-098, S-100).
#[test]
fn no_byte_of_a_token_can_be_changed_s098_s100() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let signer = Signer::fit(algorithm);
        let keys = set(&[signer.jwk(&json!({ "kid": "k1" }))]);
        let header = json!({ "alg": algorithm.as_str(), "kid": "k1" }).to_string();
        let good = signer.sign(&header, &claims().to_string());
        assert!(verify(&good, &issuer(), &keys).is_ok());
        for position in 0..good.len() {
            for bit in 0..7 {
                let mut bytes = good.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(verify(&changed, &issuer(), &keys).is_err(), "{algorithm} byte {position} bit {bit}");
            }
            assert!(verify(good.get(..position).unwrap(), &issuer(), &keys).is_err(), "{algorithm} cut at {position}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_document_panics(bytes in prop::collection::vec(any::<u8>(), 0..256), n in any::<Vec<u8>>(), e in any::<Vec<u8>>(), kty in "EC|OKP", crv in "P-256|P-384|P-521|Ed25519") {
        let _ = KeySet::parse(&bytes);
        let entry = json!({ "kty": kty, "crv": crv, "x": b64(&n), "y": b64(&e) });
        // 32 bytes may be a point of Ed25519.
        let _ = KeySet::parse(json!([entry]).to_string().as_bytes());
        let rsa = json!({ "kty": "RSA", "n": b64(&n), "e": b64(&e) });
        prop_assert!(KeySet::parse(json!([rsa]).to_string().as_bytes()).is_err());
    }

    #[test]
    fn no_claims_panic(header in "[ -~]{0,40}", payload in any::<Vec<u8>>()) {
        let text = format!("{}.{}.AAAA", b64(format!("{{\"alg\":\"ES256\"{header}}}")), b64(payload));
        let _ = Token::parse(&text, MAX_TOKEN);
    }
}
