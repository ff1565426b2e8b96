//! Where issuers' keys come from, when that goes wrong, and when they change.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rsa::KeySize;
use serde_json::{Value, json};
use tollgate::authn::jwks::fetch::{FetchError, Place, Remote};
use tollgate::authn::jwks::{KeySource, KeySpec};
use tollgate::core::jwt::refresh::RefreshRules;
use tollgate::telemetry;
use tonic::Code;

use crate::harness::{Asked, Client, Files, MASTER_KEY, Running, config, eventually, hash, post};
use crate::jwt_signer::{Signer, b64};
use crate::provider::{Provider, Reply, key_set};

const KEYS: &str = "/keys";

fn rsa() -> Signer {
    Signer::rsa(KeySize::Rsa2048)
}

fn named(signer: &Signer, kid: &str) -> Value {
    signer.jwk(&json!({ "kid": kid }))
}

fn token_with(signer: &Signer, header: &Value, sub: &str) -> String {
    let now = telemetry::now().as_second();
    let claims = json!({ "iss": "https://idp", "aud": "api", "exp": now + 600, "sub": sub });
    signer.sign(&header.to_string(), &claims.to_string())
}

fn token(signer: &Signer, kid: &str) -> String {
    token_with(signer, &json!({ "alg": "RS256", "kid": kid }), "ada")
}

fn chat(token: &str) -> Asked {
    post("/v1/chat/completions", r#"{"model":"m1"}"#).key(token)
}

/// A gate that believes the provider, and knows Ada and a key.
async fn gate(provider: &Provider, more: &str) -> (Files, Running) {
    let jwt = format!(
        "jwt:\n  user_id_jwt_field: sub\n  issuers:\n  - issuer: https://idp\n    audience: api\n    jwks_url: {}\n    \
         allow_http_on_loopback: true\n    cooldown_seconds: 1\n{more}",
        provider.url(KEYS)
    );
    let keys = format!("users: [{{ user_id: ada }}]\nkeys: [{{ key_hash: {} }}]\n", hash("sk-ada"));
    let files = Files::new(&config(&jwt), &keys);
    let running = Running::start(&files.config()).await;
    (files, running)
}

async fn issuer(running: &Running) -> Value {
    let page: Value = serde_json::from_str(&running.page("/config").await.1).unwrap();
    page["issuers"][0].clone()
}

/// `200 allow`, `401 token_key`, or why it cannot be decided.
async fn summary(client: &Client, token: &str) -> String {
    match client.check(chat(token).raw()).await {
        Ok(response) => crate::harness::Outcome::of(response).summary(),
        Err(status) => format!("{:?}", status.code()),
    }
}

fn source(url: &str, rules: RefreshRules) -> KeySource {
    let remote = Remote {
        place: Place::Keys(url.parse().unwrap()),
        http_on_loopback: true,
        authorities: None,
        token_file: None,
        limit: rules.limit,
    };
    KeySource::new("https://idp", KeySpec::Fetched { remote: Box::new(remote), rules })
}

fn quick() -> RefreshRules {
    RefreshRules {
        every: Duration::from_millis(50),
        stale: Duration::from_mins(1),
        cooldown: Duration::from_millis(10),
        retry: Duration::from_millis(10),
        limit: Duration::from_millis(500),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_a_cold_start_are_one_fetch_s133() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    provider.answers(false);
    // A busy machine takes its time to bring a thousand of them here.
    let (_files, running) = gate(&provider, "    timeout_seconds: 60\n").await;
    let client = running.client().await;
    let asked = Arc::new(token(&signer, "k1"));
    let checks: Vec<_> = (0..1000)
        .map(|_| {
            let (client, token) = (client.clone(), Arc::clone(&asked));
            tokio::spawn(async move { summary(&client, &token).await })
        })
        .collect();
    eventually("the checks wait", async || {
        let metrics = running.page("/metrics").await.1;
        let waiting = metrics.lines().find_map(|line| line.strip_prefix("tollgate_checks_in_flight "))?;
        (waiting.parse::<u32>().ok()? >= 900).then_some(())
    })
    .await;
    provider.answers(true);
    for check in checks {
        assert_eq!(check.await.unwrap(), "200 allow");
    }
    assert_eq!(provider.hits(), 1);
}

#[tokio::test]
async fn what_is_no_key_set_lets_nobody_in_and_takes_no_good_one_away_s134_s137_s140_v035_v036_v038() {
    let (good, elsewhere) = (rsa(), Provider::new("/", Reply::Document(key_set([named(&rsa(), "k2")]))).await);
    let many = key_set((0..10_000).map(|number| json!({ "kty": "oct", "kid": number.to_string(), "k": "AA" })));
    let bad = [
        ("down", Reply::HangsUp),
        ("slow", Reply::Stalls),
        ("500", Reply::Status(500, key_set([named(&good, "k2")]))),
        ("401", Reply::Status(401, "{}".to_owned())),
        ("HTML", Reply::Document("<html><body>Welcome!</body></html>".to_owned())),
        ("20 MB", Reply::Endless(20 << 20)),
        ("a redirect", Reply::Redirect(elsewhere.url("/"))),
        ("10,000 keys", Reply::Document(many)),
        ("RSA of 1024 bits", Reply::Document(key_set([json!({ "kty": "RSA", "n": b64([0xc1; 128]), "e": "AQAB" })]))),
        ("an error", Reply::Document(r#"{"error":"x"}"#.to_owned())),
        ("no keys", Reply::Document(r#"{"keys":[]}"#.to_owned())),
    ];
    for (name, reply) in bad {
        let provider = Provider::new(KEYS, reply.clone()).await;
        let never = source(&provider.url(KEYS), quick());
        never.open();
        eventually(name, async || (never.status().failures > 0).then_some(())).await;
        assert!(never.keys().is_none(), "{name}");
        assert!(never.status().last_error.is_some(), "{name}");

        let provider = Provider::new(KEYS, Reply::Document(key_set([named(&good, "k1")]))).await;
        let source = source(&provider.url(KEYS), quick());
        source.open();
        eventually(name, async || source.keys()).await;
        provider.set(KEYS, reply);
        eventually(name, async || (source.status().failures > 0).then_some(())).await;
        assert_eq!(source.keys().unwrap().keys()[0].kid(), Some("k1"), "{name}: the good set stays");
        // It comes back by itself.
        provider.set(KEYS, Reply::Document(key_set([named(&good, "k3")])));
        eventually(name, async || (source.keys()?.keys()[0].kid() == Some("k3")).then_some(())).await;
        assert_eq!(source.status().last_error, None, "{name}");
    }
    assert_eq!(elsewhere.hits(), 0, "no redirect is followed (S-137)");
}

#[tokio::test]
async fn a_good_set_is_used_for_a_bounded_time_s134() {
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&rsa(), "k1")]))).await;
    let source = source(&provider.url(KEYS), RefreshRules { stale: Duration::from_millis(200), ..quick() });
    source.open();
    eventually("the first set", async || source.keys()).await;
    provider.set(KEYS, Reply::HangsUp);
    eventually("its end", async || source.keys().is_none().then_some(())).await;
    assert!(source.status().failures > 0);
}

#[tokio::test]
async fn without_keys_it_is_nobodys_fault_and_keys_work_all_the_same_s135_v040() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::HangsUp).await;
    let (_files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let refused = client.check(chat(&token(&signer, "k1")).raw()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "503, and not 401");
    assert!(!refused.message().contains("127.0.0.1"), "W49: {}", refused.message());
    assert_eq!(client.outcome(chat("sk-ada").raw()).await.summary(), "200 allow");
    assert_eq!(client.outcome(chat(MASTER_KEY).raw()).await.summary(), "200 allow");
    provider.set(KEYS, Reply::Document(key_set([named(&signer, "k1")])));
    let good = token(&signer, "k1");
    eventually("the provider is back", async || (summary(&client, &good).await == "200 allow").then_some(())).await;
    let metrics = running.page("/metrics").await.1;
    for line in [
        r#"tollgate_jwks_keys{issuer="https://idp"} 1"#,
        r#"tollgate_jwks_fetches_total{issuer="https://idp",result="success"} 1"#,
        "tollgate_tokens_remembered 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert_eq!(issuer(&running).await["keys"], 1);
}

/// V039: LiteLLM asks again after ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_turned_over_under_load_s136_w11() {
    let (old, new) = (rsa(), rsa());
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&old, "old")]))).await;
    let (_files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let (with_old, with_new) = (token(&old, "old"), token(&new, "new"));
    assert_eq!(summary(&client, &with_old).await, "200 allow");
    provider.set(KEYS, Reply::Document(key_set([named(&new, "new")])));
    let load = (0..20).map(async |_| {
        eventually("the new key", async || (summary(&client, &with_new).await == "200 allow").then_some(())).await;
        // Good once, good from then on.
        assert_eq!(summary(&client, &with_new).await, "200 allow");
    });
    futures_util::future::join_all(load).await;
    assert_eq!(provider.hits(), 2, "one fetch for all of them");
    assert_eq!(summary(&client, &with_old).await, "401 token_key", "what was remembered of the old key is forgotten");
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_a_while_s132_s105() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let (_files, running) = gate(&provider, "    refresh_seconds: 3600\n").await;
    let client = running.client().await;
    let good = token(&signer, "k1");
    eventually("the first set", async || (summary(&client, &good).await == "200 allow").then_some(())).await;
    let begun = std::time::Instant::now();
    for number in 0..200 {
        let kid = match number % 4 {
            0 => "../../../dev/null".to_owned(),
            1 => format!("' UNION SELECT {number} --"),
            2 => "k1\u{0}".to_owned(),
            _ => number.to_string(),
        };
        assert_eq!(summary(&client, &token(&signer, &kid)).await, "401 token_key", "{kid:?}");
        assert_eq!(summary(&client, &good).await, "200 allow");
    }
    // The cooldown here is one second.
    let most = 2 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(provider.hits() <= most, "{} fetches", provider.hits());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_does_not_take_every_place_s132() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let (_files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let (good, unknown) = (token(&signer, "k1"), Arc::new(token(&signer, "k2")));
    assert_eq!(summary(&client, &good).await, "200 allow");
    provider.answers(false);
    let flood = || {
        let (client, token) = (client.clone(), Arc::clone(&unknown));
        tokio::spawn(async move { summary(&client, &token).await })
    };
    eventually("a fetch that does not end", async || {
        flood();
        (provider.hits() == 2).then_some(())
    })
    .await;
    let flood: Vec<_> = (0..400).map(|_| flood()).collect();
    eventually("most are told at once", async || {
        (flood.iter().filter(|one| one.is_finished()).count() >= 400 - 128).then_some(())
    })
    .await;
    assert_eq!(summary(&client, &good).await, "200 allow", "and good tokens pass");
    provider.answers(true);
    for one in flood {
        assert_eq!(one.await.unwrap(), "401 token_key");
    }
}

#[tokio::test]
async fn no_place_a_token_names_is_asked_s104() {
    let (signer, evil) = (rsa(), rsa());
    let trap = Provider::new("/jwks", Reply::Document(key_set([named(&evil, "k1")]))).await;
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let (_files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let header = json!({
        "alg": "RS256", "kid": "k1", "jku": trap.url("/jwks"), "x5u": trap.url("/x"), "jwk": named(&evil, "k1"),
    });
    assert_eq!(summary(&client, &token_with(&evil, &header, "ada")).await, "401 token_signature");
    assert_eq!(summary(&client, &token_with(&signer, &header, "ada")).await, "200 allow", "S-103: they are not read");
    assert_eq!(trap.hits(), 0);
}

#[tokio::test]
async fn tokens_have_a_longest_length_and_nothing_else_may_be_long_s130() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let (_files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let long =
        |bytes: usize| token_with(&signer, &json!({ "alg": "RS256", "kid": "k1", "x": "x".repeat(bytes) }), "ada");
    assert_eq!(summary(&client, &long(10_000)).await, "200 allow");
    for text in
        [long(100_000), format!("sk-{}", "a".repeat(2000)), "a".repeat(2000), format!("a.b.{}", "c!".repeat(900))]
    {
        assert_eq!(summary(&client, &text).await, "401 credential_malformed", "{} bytes", text.len());
    }
    let hits = provider.hits();
    for text in ["a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9.e30"] {
        assert_eq!(summary(&client, text).await, "401 credential_not_a_key", "S-131: {text}");
    }
    assert_eq!(summary(&client, "eyJhbGciOiJub25lIn0.e30.").await, "401 token_malformed", "S-093");
    assert_eq!(provider.hits(), hits, "and nobody is asked about it");
}

#[tokio::test]
async fn a_reload_keeps_what_was_fetched() {
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let (files, running) = gate(&provider, "").await;
    let client = running.client().await;
    let good = token(&signer, "k1");
    assert_eq!(summary(&client, &good).await, "200 allow");
    provider.set(KEYS, Reply::HangsUp);
    let text = std::fs::read_to_string(files.config()).unwrap();
    files.write("tollgate.yaml", &format!("{text}request: {{ require_user: true }}\n"));
    eventually("the new configuration", async || (summary(&client, &good).await == "400 user_missing").then_some(()))
        .await;
    assert_eq!(provider.hits(), 1, "nothing was fetched again");
    assert_eq!(issuer(&running).await["fetches"], 1);
    // Other claims, another meaning: what was remembered counts no more, the keys do.
    let text = text.replace("user_id_jwt_field: sub", "user_id_jwt_field: aud");
    files.write("tollgate.yaml", &text);
    eventually("the third", async || (summary(&client, &good).await == "401 token_user_unknown").then_some(())).await;
}

#[tokio::test]
async fn discovery_leads_to_the_keys_and_nowhere_else_s138_s139_v041_v042() {
    const DOCUMENT: &str = "/.well-known/openid-configuration";
    let signer = rsa();
    let provider = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let elsewhere = Provider::new(KEYS, Reply::Document(key_set([named(&signer, "k1")]))).await;
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, "canary-token\n").unwrap();
    let fetched = async |jwks_uri: &str, about: &str, hosts: &[&str]| {
        provider.set(DOCUMENT, Reply::Document(json!({ "issuer": about, "jwks_uri": jwks_uri }).to_string()));
        let remote = Remote {
            place: Place::Discovery {
                url: provider.url(DOCUMENT).parse().unwrap(),
                issuer: "https://idp".to_owned(),
                hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            },
            http_on_loopback: true,
            authorities: None,
            token_file: Some(token_file.clone()),
            limit: Duration::from_secs(5),
        };
        remote.fetch().await
    };
    assert!(fetched(&provider.url(KEYS), "https://idp", &[]).await.is_ok());
    let is_sent = |provider: &Provider| provider.heads().iter().all(|head| head.contains("Bearer canary-token"));
    assert!(is_sent(&provider));
    let other_port = elsewhere.url(KEYS);
    assert_eq!(fetched(&other_port, "https://idp", &[]).await, Err(FetchError::BadKeysUrl));
    assert_eq!(fetched(&provider.url(KEYS), "https://idp/", &[]).await, Err(FetchError::OtherIssuer));
    assert_eq!(
        fetched("http://169.254.169.254/", "https://idp", &["169.254.169.254"]).await,
        Err(FetchError::BadKeysUrl)
    );
    assert_eq!(fetched("", "https://idp", &[]).await, Err(FetchError::BadKeysUrl));
    assert_eq!(elsewhere.hits(), 0);
    assert!(fetched(&other_port, "https://idp", &["127.0.0.1"]).await.is_ok());
    assert!(!elsewhere.heads().iter().any(|head| head.contains("canary")), "the token is for whom it was configured");
    std::fs::remove_file(&token_file).unwrap();
    assert_eq!(fetched(&provider.url(KEYS), "https://idp", &[]).await, Err(FetchError::Token));
}
