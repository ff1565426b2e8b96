//! What a person reads when the sections `oauth2` and `custom_authenticator` are wrong.

use expect_test::{Expect, expect};
use tollgate::config::load::load;

use crate::harness::{Files, MASTER_KEY, environment};

fn check(section: &str, expected: &Expect) {
    let files = Files::new(&format!("master_key: {MASTER_KEY}\n{section}\n"), "{}");
    let directory = format!("{}/", files.path("").to_string_lossy().trim_end_matches('/'));
    let text =
        load(&files.config(), &environment).result.map_or_else(|problems| problems.to_string(), |_| String::new());
    assert!(!text.contains("canary"), "a message quotes a secret: {text}");
    expected.assert_eq(&format!("{}\n", text.replace(&directory, "")));
}

#[test]
fn an_introspection_that_would_let_too_many_in_is_refused() {
    check(
        "oauth2: { introspection: { url: 'http://idp.example.com/introspect', client_id: '', client_secret: canary, \
         allowed_roles: [internal_user, proxy_admin], cache_seconds: 61, negative_cache_seconds: 61, deadline_ms: 3001, \
         max_questions: 1, ca_file: missing.pem } }",
        &expect![[r#"
            tollgate.yaml: oauth2.introspection.max_questions: it must be between 2 and 1024
            tollgate.yaml: oauth2.introspection.deadline_ms: it must be between 50 and 3000
            tollgate.yaml: oauth2.introspection.cache_seconds: it must be between 0 and 60
            tollgate.yaml: oauth2.introspection.negative_cache_seconds: it must be between 0 and 60
            tollgate.yaml: oauth2.introspection.url: it must be `https://…`; `http://…` is for this machine alone, as `127.0.0.1`
            tollgate.yaml: oauth2.introspection.client_id: it is empty; the server has to know who asks
            tollgate.yaml: oauth2.introspection.audiences: say whom tokens must be for, or `accept_any_audience: true`
            tollgate.yaml: oauth2.introspection.allowed_roles: nobody becomes proxy administrator by the word of others; remove that role
            tollgate.yaml: oauth2.introspection.ca_file: cannot read `missing.pem`: No such file or directory (os error 2)
        "#]],
    );
    check(
        "oauth2: { introspection: { url: 'https://user:canary@idp/introspect', client_id: c, client_secret: s, \
         audiences: [a], accept_any_audience: true, allowed_roles: [root] }, routing_overrides: [{ iss: [] }] }",
        &expect![[r#"
            tollgate.yaml: oauth2.routing_overrides: without section `jwt` every token goes there anyway; remove them
            tollgate.yaml: oauth2.introspection.url: it must hold neither a name, nor a password, nor a fragment
            tollgate.yaml: oauth2.introspection.audiences: `accept_any_audience` would make it meaningless; remove one
            tollgate.yaml: oauth2.introspection.allowed_roles: there is a role that LiteLLM does not have
            tollgate.yaml: oauth2.routing_overrides[0].iss: an empty list matches no token; remove it, or name somebody
        "#]],
    );
}

#[test]
fn nobody_is_asked_about_what_another_decides() {
    let introspection = "introspection: { url: 'https://idp/i', client_id: c, client_secret: s, audiences: [a] }";
    check(
        &format!("oauth2: {{ {introspection}, userinfo: {{ url: 'https://idp/u', issuer: 'https://idp' }} }}"),
        &expect![[r#"
            tollgate.yaml: oauth2.userinfo: both would be asked about the same tokens; keep it or `oauth2.introspection`
            tollgate.yaml: oauth2.userinfo.issuer: it is no issuer of `jwt.issuers`, which says what claims mean
        "#]],
    );
    check(
        &format!(
            "oauth2: {{ {introspection} }}\ncustom_authenticator: {{ url: 'https://me:1', credentials: [opaque] }}"
        ),
        &expect![[r#"
            tollgate.yaml: custom_authenticator.credentials: with `opaque` nobody in `oauth2` would ever be asked; remove one
        "#]],
    );
    check(
        "oauth2: { routing_overrides: [{ iss: ['https://idp'] }] }",
        &expect![[r#"
        tollgate.yaml: oauth2.routing_overrides: they lead to `oauth2.introspection`, which is not there
        tollgate.yaml: oauth2.routing_overrides: without section `jwt` every token goes there anyway; remove them
    "#]],
    );
}

#[test]
fn a_proxy_is_named_and_its_headers_are_its_own() {
    check(
        "oauth2: { proxy_headers: { trusted_networks: [0.0.0.0/0, localhost], user_id: authorization, \
         user_email: 'x y', team_id: x-auth-team-id, org_id: cookie } }",
        &expect![[r#"
            tollgate.yaml: oauth2.proxy_headers.trusted_networks[0]: that is everybody; name the proxy's own network
            tollgate.yaml: oauth2.proxy_headers.trusted_networks[1]: it is no network such as `10.0.0.0/8`, and no address
            tollgate.yaml: oauth2.proxy_headers.user_id: the header means something else, and would be removed from every request
            tollgate.yaml: oauth2.proxy_headers.user_email: it is no name of a request header
            tollgate.yaml: oauth2.proxy_headers.team_id: the header means something else, and would be removed from every request
            tollgate.yaml: oauth2.proxy_headers.org_id: the header means something else, and would be removed from every request
        "#]],
    );
    check(
        "oauth2: { proxy_headers: { user_id: x-user } }",
        &expect![[r#"
        tollgate.yaml: oauth2.proxy_headers: nobody is believed; name the proxy in `trusted_networks` or `trusted_principals`
    "#]],
    );
    check(
        "oauth2: { proxy_headers: { trusted_principals: [''], user_id: x-user, user_role: x-role } }",
        &expect![[r#"
            tollgate.yaml: oauth2.proxy_headers: unknown field `user_role`; did you mean `user_email`?
        "#]],
    );
    check(
        "oauth2: { proxy_headers: { trusted_principals: [''], user_id: x-user } }",
        &expect![[r#"
        tollgate.yaml: oauth2.proxy_headers.trusted_principals: an empty name is whoever has no certificate
    "#]],
    );
}

#[test]
fn an_authenticator_is_near_or_behind_tls_and_learns_no_credentials() {
    check(
        "custom_authenticator: { url: 'http://me.example.com:1', headers: [authorization], deadline_ms: 5, cache_seconds: 301 }",
        &expect![[r#"
            tollgate.yaml: custom_authenticator.deadline_ms: it must be between 10 and 3000
            tollgate.yaml: custom_authenticator.cache_seconds: it must be between 0 and 300
            tollgate.yaml: custom_authenticator.credentials: it would never be asked; list `opaque`, `jwt` or both, or set `validate_claims`
            tollgate.yaml: custom_authenticator.url: it must be `https://HOST:PORT`, `unix:///PATH`, or `http://` on this machine, as `http://127.0.0.1:50051`
            tollgate.yaml: custom_authenticator.headers: there is one that carries credentials; the credential is told anyway, as one
        "#]],
    );
    let problems = |url: &str| {
        let section = format!("custom_authenticator: {{ url: '{url}', credentials: [jwt] }}");
        let files = Files::new(&format!("master_key: {MASTER_KEY}\n{section}\n"), "{}");
        load(&files.config(), &environment).result.map_or_else(|problems| problems.to_string(), |_| String::new())
    };
    for url in ["unix://relative.sock", "ftp://127.0.0.1", "https://me/path", "127.0.0.1:1", "http://10.0.0.1:1"] {
        assert!(problems(url).contains("custom_authenticator.url: it must be"), "{url}");
    }
    for url in ["unix:///run/me.sock", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://me:1"] {
        assert_eq!(problems(url), "", "{url}");
    }
    check(
        "custom_authenticator: { url: 'https://me:1', validate_claims: true }",
        &expect![[r#"
        tollgate.yaml: custom_authenticator.validate_claims: no claims are verified without section `jwt`
    "#]],
    );
}

#[test]
fn a_file_of_authorities_holds_some() {
    let of = |section: &str, text: &str| {
        let files = Files::new(&format!("master_key: {MASTER_KEY}\n{section}\n"), "{}");
        files.write("ca.pem", text);
        load(&files.config(), &environment).result.err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    for (place, section) in [
        (
            "custom_authenticator",
            "custom_authenticator: { url: 'https://me:1', credentials: [opaque], ca_file: ca.pem }",
        ),
        (
            "oauth2.introspection",
            "oauth2: { introspection: { url: 'https://idp/', client_id: c, client_secret: canary, audiences: [a], ca_file: ca.pem } }",
        ),
        (
            "jwt.issuers[0]",
            "jwt: { issuers: [{ issuer: 'https://idp', audience: a, ca_file: ca.pem }], user_id_jwt_field: sub }",
        ),
    ] {
        for nothing in [
            "",
            "canary",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let said = of(section, nothing);
            assert!(said.ends_with(&format!("{place}.ca_file: it holds no certificates in PEM")), "{nothing}: {said}");
        }
    }
}
