//! The program as a person runs it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use tollgate::core::policy::CHECKS;

use crate::harness::{Files, hash};

pub fn tollgate(arguments: &[&str], input: &str) -> Output {
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

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files() -> Files {
    let keys = format!(
        "keys:\n- {{ key_hash: {}, key_alias: ada-laptop, user_id: ada, models: [mini, 'claude-*'] }}\n\
         - {{ key_hash: {}, key_alias: bot, user_id: ada, team_id: red, project_id: p1, agent_id: a1, max_budget: 5, spend: 1.5, \
         budget_limits: [{{ max_budget: 1, spend: 1 }}] }}\n\
         users:\n- {{ user_id: ada, user_role: internal_user }}\nteams:\n- {{ team_id: red, organization_id: acme }}\n\
         team_memberships:\n- {{ user_id: ada, team_id: red, allowed_models: [mini] }}\nprojects:\n- {{ project_id: p1 }}\n\
         agents:\n- {{ agent_id: a1, require_trace_id_on_calls_by_agent: true }}\nend_users:\n- {{ user_id: c1, blocked: true }}\n\
         tags:\n- {{ tag_name: red, max_budget: 2, spend: 3 }}\norganizations:\n- {{ organization_id: acme, models: ['gpt-*', mini] }}\n",
        hash("sk-ada"),
        hash("sk-bot")
    );
    Files::new(
        "keys: { file: keys.yaml }\nmodel_group_alias: { fast: gpt-4o }\nheaders: { upstream_credential: { secret: sk-upstream-canary } }\n",
        &keys,
    )
}

fn prefix() -> String {
    hash("sk-ada").chars().take(8).collect()
}

/// What is explained, without the rules that have nothing to object.
fn explain(arguments: &[&str], input: &str, expected: &Expect) {
    let shown = explained(arguments, input);
    let lines: Vec<_> = shown.lines().filter(|line| !line.ends_with("  ok")).collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

fn explained(arguments: &[&str], input: &str) -> String {
    let files = files();
    let config = files.config();
    let mut all = vec!["explain", "--config", config.to_str().unwrap()];
    all.extend(arguments);
    let output = tollgate(&all, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(!shown.contains("canary"), "{shown}");
    shown
}

#[test]
fn explain_shows_every_rule_and_which_decides() {
    let asked = ["--as", "ada-laptop", "POST", "/v1/chat/completions", "--model", "big"];
    let whole = explained(&asked, "");
    let shown: Vec<_> = whole.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert_eq!(shown, CHECKS.iter().map(|check| check.name).collect::<Vec<_>>());
    explain(
        &asked,
        "",
        &expect![[r#"
            request   POST /v1/chat/completions
            caller    virtual_key
            key       b66df6d7 ada-laptop; not blocked; expires: never; models: claude-*, mini
            user      ada; internal_user; active; models: every model
            route     chat_completions
            names     big

              key_models             key_model_denied  <- decides

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


            allowed
              set     x-auth-method: virtual_key
              set     x-auth-key-hash: b66df6d705ffc25e95b5517f2fa87caf3a1b142ce53d75afba4fe5b0d9f5d13a
              set     x-auth-key-alias: ada-laptop
              set     x-auth-user-id: ada
              set     x-auth-role: internal_user
              set     authorization: (a secret)
              remove  api-key, litellm_user_api_key, ocp-apim-subscription-key, proxy-authorization, x-api-key, x-auth-agent-id, x-auth-end-user-id, x-auth-guardrails, x-auth-model, x-auth-model-region, x-auth-org-alias, x-auth-org-id, x-auth-previous-response-id, x-auth-project-alias, x-auth-project-id, x-auth-response-id, x-auth-tags, x-auth-team-alias, x-auth-team-id, x-auth-upstream-model, x-auth-user-email, x-envoy-auth-failure-mode-allowed, x-envoy-auth-headers-to-remove, x-envoy-auth-partial-body, x-envoy-internal, x-envoy-original-host, x-envoy-original-path, x-goog-api-key, x-litellm-api-key
        "#]],
    );
}

#[test]
fn explain_shows_the_facts_that_rules_look_at() {
    let body =
        r#"{"model":"fast","fallbacks":["mini"],"user":"c1","metadata":{"tags":["red"]},"tools":[{"name":"t"}]}"#;
    explain(
        &["--as", "bot", "POST", "/v1/chat/completions", "--from", "10.0.0.1", "--body", "-"],
        body,
        &expect![[r#"
            request   POST /v1/chat/completions
            caller    virtual_key
            key       dd90b0d2 bot; not blocked; expires: never; models: every model; spent 1.5 of 5 USD; spent 1 of 1 USD
            user      ada; internal_user; active; models: every model
            team      red; not blocked; models: every model
            member    models: mini
            project   p1; not blocked; models: every model
            org       acme; models: gpt-*, mini
            agent     a1; must send a trace id
            route     chat_completions
            names     fast -> gpt-4o, mini
            end user  c1; blocked
            tags      red; spent 3 of 2 USD
            tools     t

              agent_trace            trace_id_missing  <- decides
              end_user_blocked       end_user_blocked
              member_models          member_model_denied
              key_budget             key_budget_exceeded
              tag_budget             tag_budget_exceeded

            denied by `agent_trace`: trace_id_missing (400): the agent of the API key must send a trace id, as `x-litellm-trace-id`
        "#]],
    );
}

#[test]
fn explain_says_what_no_rule_decides() {
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

              key_models             key_model_denied  <- decides

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
    assert!(text(&output.stdout).contains("tollgate.yaml: sound (2 keys, version "), "{}", text(&output.stdout));
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
