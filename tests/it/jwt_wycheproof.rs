//! The signature and key vectors of Wycheproof, where `TOLLGATE_WYCHEPROOF=DIR` names a folder with them.

use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate::core::jwt::{Compact, KeySet, MAX_TOKEN};

/// Valid vectors of public keys that are refused, by a text of the key or the comment, and why.
const STRICTER: [(&str, &str); 3] = [
    ("Figure20", "the token is PS384 and the key's `alg` is PS256 (S-096)"),
    ("ES521", "the key's `alg` is no algorithm: RFC 7518 calls it ES512"),
    ("sign, verify", "`key_ops` is one text with a comma, which is no operation of RFC 7517"),
];

#[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
fn folder() -> Option<PathBuf> {
    std::env::var("TOLLGATE_WYCHEPROOF").ok().map(PathBuf::from)
}

/// Whether a token is accepted with a document of keys. Wycheproof signs texts, not claims.
fn accepts(document: &Value, token: &str) -> bool {
    let Ok(keys) = KeySet::parse(document.to_string().as_bytes()) else {
        return false;
    };
    Compact::parse(token, MAX_TOKEN).is_ok_and(|token| keys.verify(&token).is_ok())
}

#[test]
fn wycheproof_is_followed_s093_s096_s097_s098_s099_s100_s141() {
    let Some(folder) = folder() else {
        eprintln!("NOT RUN: TOLLGATE_WYCHEPROOF names no folder");
        return;
    };
    let (mut asked, mut accepted, mut wrong) = (0, 0, Vec::new());
    for name in ["json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file: Value = serde_json::from_str(&text).unwrap();
        for group in file["testGroups"].as_array().unwrap() {
            let is_public = group.get("public").is_some();
            let key = group.get("public").or_else(|| group.get("private")).unwrap();
            let document = if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
            let stricter = STRICTER.iter().any(|(mark, _)| document.to_string().contains(&format!("\"{mark}\"")));
            for test in group["tests"].as_array().unwrap() {
                let Some(token) = test["jws"].as_str() else {
                    continue;
                };
                asked += 1;
                // Symmetric keys are never used, so nothing that needs one is accepted.
                let stricter = stricter || STRICTER.iter().any(|(mark, _)| test["comment"] == *mark);
                let expected = test["result"] == "valid" && is_public && !stricter;
                let seen = accepts(&document, token);
                accepted += usize::from(seen);
                if seen != expected {
                    wrong.push(format!("{name} {} {}: accepted is {seen}", test["tcId"], test["comment"]));
                }
            }
        }
    }
    eprintln!("{asked} asked, {accepted} accepted");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked >= 400 && accepted >= 25, "{asked} asked, {accepted} accepted");
}
