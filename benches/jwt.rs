//! A whole decision about a caller with a token, beside one about the same person with a key.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking; clippy excepts functions marked #[test] only"
)]

#[path = "../tests/it/jwt_signer.rs"]
#[expect(unreachable_pub, reason = "it is a module of the tests")]
mod jwt_signer;
#[path = "../tests/support/decision.rs"]
#[expect(dead_code, reason = "a gate without additions is for other measurements")]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jwt_signer::Signer;
use serde_json::json;
use support::{Gate, chat, request};
use tollgate::core::decision::Decision;
use tollgate::core::jwt::Algorithm;

/// Tokens of each algorithm: more than a small cache holds.
const TOKENS: usize = 64;

/// A gate that believes these keys, and remembers so many tokens.
fn gate(keys: &serde_json::Value, remembers: usize) -> Gate {
    let jwt = format!(
        "jwt: {{ issuers: [{{ issuer: 'https://idp', audience: api, jwks_file: issuer.json }}], user_id_jwt_field: sub, \
         team_id_jwt_field: team, max_cached_tokens: {remembers} }}\n"
    );
    Gate::with(&jwt, &json!({ "keys": keys }).to_string())
}

fn decision(criterion: &mut Criterion) {
    let signers: Vec<_> = ["RS256", "ES256", "EdDSA"]
        .into_iter()
        .map(|name| (name, Signer::fit(Algorithm::parse(name).unwrap())))
        .collect();
    let keys: Vec<_> = signers.iter().map(|(name, signer)| signer.jwk(&json!({ "kid": name }))).collect();
    let (remembering, forgetful) = (gate(&json!(keys), 1000), gate(&json!(keys), 1));
    let body = chat(1024);
    let mut group = criterion.benchmark_group("token");
    let asked = request("sk-plain", &body);
    group.bench_function("a key", |bencher| bencher.iter(|| remembering.judge(black_box(&asked))));
    for (name, signer) in &signers {
        let header = json!({ "alg": name, "kid": name, "typ": "at+jwt" }).to_string();
        let tokens: Vec<_> = (0..TOKENS)
            .map(|number| {
                let claims = json!({
                    "iss": "https://idp", "aud": ["api", "account"], "exp": 4_000_000_000_u64, "sub": "ada", "team": "red",
                    "jti": format!("6a9f0c3e-4f0b-4b0e-9b1a-{number:012}"), "azp": "llm-cli", "scope": "openid email chat",
                    "realm_access": { "roles": ["offline_access", "uma_authorization"] }, "email": "ada@example.com",
                });
                signer.sign(&header, &claims.to_string())
            })
            .collect();
        let asked: Vec<_> = tokens.iter().map(|token| request(token, &body)).collect();
        assert!(matches!(remembering.judge(&asked[0]).decision, Decision::Allow(_)));
        group.bench_function(format!("{name}, seen before"), |bencher| {
            bencher.iter(|| remembering.judge(black_box(&asked[0])));
        });
        let mut next = (0..TOKENS).cycle();
        group.bench_function(format!("{name}, new"), |bencher| {
            bencher.iter(|| forgetful.judge(black_box(&asked[next.next().unwrap()])));
        });
    }
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
