//! The fuzz targets about tokens, for as long as a test may take: signed tokens changed at random, and claims of any shape.
//! `PROPTEST_CASES=10000` asks for longer; `cargo fuzz` in `fuzz/` does with coverage to guide it.

#[path = "../../fuzz/fuzz_targets/tokens.rs"]
mod properties;

use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value};

use properties::SIGNED;

/// Members that mean something, there or in a header.
const NAMES: [&str; 21] = [
    "sub",
    "email",
    "email_verified",
    "team",
    "groups",
    "alias",
    "org",
    "id",
    "name",
    "roles",
    "customer",
    "oid",
    "azp",
    "scope",
    "exp",
    "iss",
    "aud",
    "alg",
    "kid",
    "crit",
    "tid",
];
/// Texts that mean something, and texts that must not.
const TEXTS: [&str; 17] = [
    "admin",
    "openid admin",
    "user",
    "team",
    "chat",
    "a@example.com",
    "a@b@example.com",
    "",
    " ",
    "a\r\nx-admin: 1",
    "a\u{85}b",
    "\u{0}",
    "none",
    "HS256",
    "EdDSA",
    "_litellm_x",
    "t1",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(TEXTS.as_slice()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (250..260_usize).prop_map(|length| "x".repeat(length)),
        1 => (60..70_usize).prop_map(|length| "😀".repeat(length)),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![4 => select(NAMES.as_slice()).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec((name, value), 0..8).prop_map(|members| members.into_iter().collect())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => (0..600_usize).prop_map(|many| (0..many).map(|number| format!("t{number}")).collect::<Value>()),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object(inner).prop_map(Value::from)
        ]
    })
}

/// A byte of a token, and what it becomes; nothing, or one of the alphabet.
fn change() -> impl Strategy<Value = (Index, Option<u8>, bool)> {
    (any::<Index>(), prop::option::of(select(b"ABCwxyz0189-_.=+/ \n\xc3".as_slice())), any::<bool>())
}

proptest! {
    #[test]
    fn any_text(text in any::<String>(), parts in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
        properties::compact(&text);
        let parts: Vec<_> = parts.iter().map(|part| BASE64URL_NOPAD.encode(part)).collect();
        properties::compact(&parts.join("."));
    }

    #[test]
    fn signed_tokens_that_were_changed(which in 0..SIGNED.len(), changes in prop::collection::vec(change(), 0..4)) {
        let mut token = SIGNED[which].as_bytes().to_vec();
        for (at, byte, inserts) in changes {
            let at = at.index(token.len());
            token.splice(at..at + usize::from(!inserts), byte);
        }
        properties::compact(&String::from_utf8_lossy(&token));
    }

    #[test]
    fn signed_tokens_with_more(text in "[A=.+/ \t\r\n\u{0}-]{1,3}", any in any::<String>()) {
        properties::around(&text);
        properties::around(&any);
    }

    #[test]
    fn parts_of_signed_tokens(value in object(value()), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        properties::parts(Value::from(value).to_string().as_bytes());
        properties::parts(&bytes);
    }

    #[test]
    fn claims_of_any_shape(claims in object(value())) {
        properties::read(&claims);
        properties::claims(Value::from(claims).to_string().as_bytes());
    }

    #[test]
    fn claims_with_many_names(name in select(["groups", "roles"].as_slice()), many in 0..600_usize, text in "[a-z]{1,3}") {
        let names = (0..many).map(|number| format!("{text}{number}")).collect::<Value>();
        properties::read(&Map::from_iter([(name.to_owned(), names)]));
    }

    #[test]
    fn documents_of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        properties::claims(&bytes);
    }
}

#[test]
fn the_signed_tokens_are_accepted() {
    for token in SIGNED {
        assert!(properties::is_accepted(token), "the properties above hold of nothing: {token}");
    }
}
