//! A proxy in front says whom it has signed in.

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;

use crate::harness::{Asked, Client, Files, MASTER_KEY, Outcome, Running, config, get, hash, post};

const KEYS: &str = "users:\n- { user_id: bob }\n\
    - { user_id: root, user_role: proxy_admin }\n\
    - { user_id: olga, user_role: org_admin, organization_memberships: [{ organization_id: acme, user_role: org_admin }] }\n\
    teams: [{ team_id: red, team_alias: Red, organization_id: acme }]\norganizations: [{ organization_id: acme }]\n";

fn section() -> String {
    config(
        "oauth2: { proxy_headers: { trusted_networks: [10.0.0.0/8], trusted_principals: ['spiffe://corp/proxy'], \
         user_id: x-forwarded-user, user_email: x-forwarded-email, team_id: x-team, team_alias: x-team-name, \
         org_id: x-org } }\n",
    )
}

async fn started() -> (Files, Running, Client) {
    let keys = format!("keys: [{{ key_hash: {} }}]\n{KEYS}", hash("sk-mine"));
    let files = Files::new(&section(), &keys);
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

fn chat() -> Asked {
    post("/v1/chat/completions", r#"{"model":"m1"}"#)
}

async fn summary(client: &Client, request: CheckRequest) -> String {
    client.outcome(request).await.summary()
}

/// The same, from the holder of a certificate.
fn with_certificate(asked: &Asked, principal: &str) -> CheckRequest {
    let mut request = asked.from("6.6.6.6");
    let source = request.attributes.as_mut().unwrap().source.as_mut().unwrap();
    source.principal = principal.into();
    request
}

#[tokio::test]
async fn the_proxys_word_is_an_identity_v161() {
    let (_files, _running, client) = started().await;
    let asked =
        chat().header("x-forwarded-user", "bob").header("x-forwarded-email", "b@x.org").header("x-team-name", "Red");
    for request in [asked.from("10.0.0.5"), with_certificate(&asked, "spiffe://corp/proxy")] {
        let outcome: Outcome = client.outcome(request).await;
        assert_eq!(outcome.summary(), "200 allow");
        assert_eq!(outcome.set["x-auth-method"], "oauth2_proxy");
        assert_eq!((outcome.set["x-auth-user-id"].as_str(), outcome.set["x-auth-team-id"].as_str()), ("bob", "red"));
        for name in ["x-forwarded-user", "x-forwarded-email", "x-team", "x-team-name", "x-org"] {
            assert!(outcome.removed.contains(&name.to_owned()), "{name}");
        }
    }
}

#[tokio::test]
async fn nobody_elses_word_counts_and_it_goes_no_further_v162_s178() {
    let (_files, _running, client) = started().await;
    let asked = chat().header("x-forwarded-user", "bob").header("x-forwarded-for", "10.0.0.5");
    for request in [
        asked.raw(),
        asked.from("6.6.6.6"),
        asked.from("/run/envoy.sock"),
        with_certificate(&asked, ""),
        with_certificate(&asked, "spiffe://corp/other"),
    ] {
        assert_eq!(summary(&client, request).await, "401 credential_missing");
    }
    let outcome = client.outcome(asked.clone().key("sk-mine").from("6.6.6.6")).await;
    assert_eq!(outcome.set["x-auth-method"], "virtual_key");
    assert!(outcome.removed.contains(&"x-forwarded-user".to_owned()), "spoofed headers are taken out");
    let twin = asked.header("x_forwarded_user", "root").key("sk-mine").from("6.6.6.6");
    assert!(client.outcome(twin).await.removed.contains(&"x_forwarded_user".to_owned()), "S-042");
    let public = get("/health/liveliness").header("x-forwarded-user", "bob").from("6.6.6.6");
    assert!(client.outcome(public).await.removed.contains(&"x-forwarded-user".to_owned()), "on public pages too");
}

#[tokio::test]
async fn nobody_signed_in_has_to_show_a_key_v163_s179() {
    let (_files, _running, client) = started().await;
    assert_eq!(summary(&client, chat().from("10.0.0.5")).await, "401 credential_missing", "V163");
    assert_eq!(
        summary(&client, chat().header("x-forwarded-user", "").from("10.0.0.5")).await,
        "401 credential_missing"
    );
    assert_eq!(summary(&client, chat().key("sk-mine").from("10.0.0.5")).await, "200 allow");
    assert_eq!(summary(&client, chat().header("x-team", "red").from("10.0.0.5")).await, "401 proxy_headers_unusable");
    let twice = chat().header("x-forwarded-user", "bob").header("x-forwarded-user", "root");
    assert_eq!(summary(&client, twice.from("10.0.0.5")).await, "401 proxy_headers_unusable");
}

#[tokio::test]
async fn a_user_and_a_credential_are_two_callers() {
    let (_files, _running, client) = started().await;
    for key in ["sk-mine", MASTER_KEY, "sk-nobodys", "opaque"] {
        let asked = chat().header("x-forwarded-user", "bob").key(key);
        assert_eq!(summary(&client, asked.from("10.0.0.5")).await, "401 credential_conflict", "{key}");
    }
}

#[tokio::test]
async fn whoever_is_named_must_exist_w06() {
    let (_files, _running, client) = started().await;
    for (headers, expected) in [
        (&[("x-forwarded-user", "eve")][..], "401 token_user_unknown"),
        (&[("x-forwarded-user", "bob"), ("x-team", "blue")], "403 token_team_unknown"),
        (&[("x-forwarded-user", "bob"), ("x-team-name", "Blue")], "403 token_team_unknown"),
        (&[("x-forwarded-user", "bob"), ("x-team", "red"), ("x-team-name", "Blue")], "403 token_team_unknown"),
        (&[("x-forwarded-user", "bob"), ("x-org", "other")], "401 token_org_unknown"),
        (&[("x-forwarded-user", "bob"), ("x-team", "red"), ("x-org", "acme")], "200 allow"),
    ] {
        let asked = headers.iter().fold(chat(), |asked, (name, value)| asked.header(name, value));
        assert_eq!(summary(&client, asked.from("10.0.0.5")).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn nobody_administers_by_a_header_w25() {
    let (_files, _running, client) = started().await;
    for user in ["root", "olga"] {
        let asked = chat().header("x-forwarded-user", user);
        assert_eq!(client.outcome(asked.from("10.0.0.5")).await.set["x-auth-role"], "internal_user");
        for (path, expected) in
            [("/team/new", "403 role_not_allowed"), ("/organization/member_add", "403 organization_not_allowed")]
        {
            let asked = post(path, r#"{"organization_id":"acme"}"#).header("x-forwarded-user", user);
            assert_eq!(summary(&client, asked.from("10.0.0.5")).await, expected, "{user} {path}");
        }
    }
}
