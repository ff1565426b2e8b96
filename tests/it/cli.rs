//! The program as a person runs it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};

use crate::harness::{Files, hash};

fn tollgate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files() -> Files {
    let keys = format!(
        "keys:\n- {{ key_hash: {}, key_alias: ada-laptop, user_id: ada, models: [mini, 'claude-*'] }}\n\
         users:\n- {{ user_id: ada, user_role: internal_user }}\n",
        hash("sk-ada")
    );
    Files::new("keys: { file: keys.yaml }\nheaders: { upstream_credential: { secret: sk-upstream-canary } }\n", &keys)
}

fn prefix() -> String {
    hash("sk-ada").chars().take(8).collect()
}

fn explain(arguments: &[&str], input: &str, expected: &Expect) {
    let files = files();
    let config = files.config();
    let mut all = vec!["explain", "--config", config.to_str().unwrap()];
    all.extend(arguments);
    let output = tollgate(&all, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(!shown.contains("canary"), "{shown}");
    expected.assert_eq(&shown);
}

#[test]
fn explain_shows_every_rule_and_which_decides() {
    explain(
        &["--as", "ada-laptop", "POST", "/v1/chat/completions", "--model", "big"],
        "",
        &expect![[r#"
            request   POST /v1/chat/completions
            caller    virtual_key
            key       b66df6d7 ada-laptop; not blocked; expires: never; models: claude-*, mini
            user      ada; internal_user; active; models: every model
            route     chat_completions
            names     big

              key_blocked          ok
              key_expired          ok
              user_active          ok
              route_known          ok
              route_method         ok
              master_key_only      ok
              deployment_routes    ok
              deployment_switches  ok
              key_routes           ok
              admin_only           ok
              pass_through         ok
              organization         ok
              role                 ok
              team_blocked         ok
              request_readable     ok
              parameters           ok
              client_tags          ok
              user_named           ok
              model_named          ok
              key_models           key_model_denied  <- decides
              team_models          ok
              user_models          ok
              org_models           ok
              tools                ok
              vector_stores        ok
              guardrails           ok
              enforced_params      ok

            denied by `key_models`: key_model_denied (403): the API key may not use this model
        "#]],
    );
}

#[test]
fn explain_shows_what_the_upstream_would_see() {
    explain(
        &["--as", &prefix(), "GET", "/v1/models"],
        "",
        &expect![[r#"
            request   GET /v1/models
            caller    virtual_key
            key       b66df6d7 ada-laptop; not blocked; expires: never; models: claude-*, mini
            user      ada; internal_user; active; models: every model
            route     models
            names     no model

              key_blocked          ok
              key_expired          ok
              user_active          ok
              route_known          ok
              route_method         ok
              master_key_only      ok
              deployment_routes    ok
              deployment_switches  ok
              key_routes           ok
              admin_only           ok
              pass_through         ok
              organization         ok
              role                 ok
              team_blocked         ok
              request_readable     ok
              parameters           ok
              client_tags          ok
              user_named           ok
              model_named          ok
              key_models           ok
              team_models          ok
              user_models          ok
              org_models           ok
              tools                ok
              vector_stores        ok
              guardrails           ok
              enforced_params      ok

            allowed
              set     authorization: (a secret)
              set     x-auth-key-alias: ada-laptop
              set     x-auth-key-hash: b66df6d705ffc25e95b5517f2fa87caf3a1b142ce53d75afba4fe5b0d9f5d13a
              set     x-auth-method: virtual_key
              set     x-auth-role: internal_user
              set     x-auth-user-id: ada
              remove  api-key, litellm_user_api_key, ocp-apim-subscription-key, proxy-authorization, x-api-key, x-auth-end-user-id, x-auth-model, x-auth-org-alias, x-auth-org-id, x-auth-tags, x-auth-team-alias, x-auth-team-id, x-auth-user-email, x-envoy-auth-failure-mode-allowed, x-envoy-auth-headers-to-remove, x-envoy-auth-partial-body, x-envoy-internal, x-envoy-original-host, x-envoy-original-path, x-goog-api-key, x-litellm-api-key
        "#]],
    );
    explain(
        &["--as", "master", "GET", "/v1//models"],
        "",
        &expect![[r#"
        request   GET /v1//models
        caller    master_key

        denied before any rule is asked: path_malformed (400): the request path is malformed or ambiguous
    "#]],
    );
}

#[test]
fn explain_takes_a_line_of_the_decision_log() {
    let line = format!(
        r#"{{"decision":"deny","route":"chat_completions","method":"virtual_key","key_hash":"{}","model":"big"}}"#,
        &prefix()
    );
    explain(
        &["--decision", "-"],
        &line,
        &expect![[r#"
            request   POST /v1/chat/completions
            caller    virtual_key
            key       b66df6d7 ada-laptop; not blocked; expires: never; models: claude-*, mini
            user      ada; internal_user; active; models: every model
            route     chat_completions
            names     big

              key_blocked          ok
              key_expired          ok
              user_active          ok
              route_known          ok
              route_method         ok
              master_key_only      ok
              deployment_routes    ok
              deployment_switches  ok
              key_routes           ok
              admin_only           ok
              pass_through         ok
              organization         ok
              role                 ok
              team_blocked         ok
              request_readable     ok
              parameters           ok
              client_tags          ok
              user_named           ok
              model_named          ok
              key_models           key_model_denied  <- decides
              team_models          ok
              user_models          ok
              org_models           ok
              tools                ok
              vector_stores        ok
              guardrails           ok
              enforced_params      ok

            denied by `key_models`: key_model_denied (403): the API key may not use this model
        "#]],
    );
}

#[test]
fn problems_are_said_plainly_and_fail() {
    let files = files();
    let config = files.config();
    let config = config.to_str().unwrap();
    for (arguments, input, expected) in [
        (&["explain", "--config", config, "--as", "nobody-knows", "GET", "/v1/models"][..], "", "no key has the alias"),
        (&["explain", "--config", config, "--as", "sk-ada", "GET", "/v1/models"], "", "arguments are not secret"),
        (&["explain", "--config", config, "--decision", "-"], "hello", "this is no line of the decision log"),
        (&["validate", "missing.yaml"], "", "missing.yaml: there is no such file; check the path"),
        (&["serve", "--config", "missing.yaml"], "", "missing.yaml: there is no such file; check the path"),
        (&["keys", "hash"], "", "no key on standard input"),
        (&["keys", "hash"], "hunter2\n", "a line is no virtual key"),
    ] {
        let output = tollgate(arguments, input);
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {shown}");
        assert!(shown.contains(expected) && !shown.contains("panicked") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn keys_are_hashed_and_made() {
    let output = tollgate(&["keys", "hash"], "sk-a\nsk-b\r\n\n");
    assert_eq!(text(&output.stdout), format!("{}\n{}\n", hash("sk-a"), hash("sk-b")));
    let made = text(&tollgate(&["keys", "generate"], "").stdout);
    let (key, digest) = made.trim().split_once("\nkey_hash: ").unwrap();
    assert_eq!(hash(key.strip_prefix("key: ").unwrap()), digest);
    let again = text(&tollgate(&["keys", "generate"], "").stdout);
    assert_ne!(made, again);
}

#[test]
fn a_sound_configuration_is_called_so() {
    let files = files();
    let output = tollgate(&["validate", files.config().to_str().unwrap()], "");
    assert!(text(&output.stdout).contains("tollgate.yaml: sound (1 keys, version "), "{}", text(&output.stdout));
}

#[test]
fn a_reader_that_closes_early_is_no_fault() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}
