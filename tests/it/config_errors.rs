//! What a person reads when a configuration is wrong: every problem at once, with its place and remedy.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use tollgate::config::load::load;

use crate::harness::{Files, environment, hash};

/// Checks the message for a configuration and key file, with the directory cut off.
fn check(config: &str, keys: &str, expected: &Expect) {
    let files = Files::new(config, keys);
    let directory = format!("{}/", files.path("").to_string_lossy().trim_end_matches('/'));
    let problems = load(&files.config(), &environment).result.unwrap_err();
    let text = problems.to_string().replace(&directory, "");
    assert!(!text.contains("sk-canary"), "a message quotes a secret: {text}");
    expected.assert_eq(&format!("{text}\n"));
}

const KEYS: &str = "keys: { file: keys.yaml }\n";

#[test]
fn every_problem_is_reported_at_once() {
    check(
        "listen: { grpc: 0.0.0.0:9191, http: localhost, grcp: x }\nmaster_key: ${TOLLGATE_TEST_UNSET}\nlog: { format: xml, level: 3 }\nheaders: [prefix]\nlimits: { concurrent_checks: 0 }\nkeyz: {}\n",
        "",
        &expect![[r#"
            tollgate.yaml: headers: this is a list; it must be a mapping
            tollgate.yaml: limits.concurrent_checks: it must be at least 1
            tollgate.yaml: listen: unknown field `grcp`; did you mean `grpc`?
            tollgate.yaml: log.format: it must be one of `json`, `text`
            tollgate.yaml: log.level: it must be one of `error`, `warn`, `info`, `debug`
            tollgate.yaml: unknown field `keyz`; did you mean `keys`?
        "#]],
    );
    check(
        "listen: { grpc: 0.0.0.0:9191, http: localhost }\nmaster_key: ${TOLLGATE_TEST_UNSET}\nheaders: { prefix: x- }\nroutes: { public: ['/x/*', /v1/models], root_path: genai/ }\nlimits: { concurrent_checks: 0 }\nkeys: { file: missing.yaml }\n",
        "",
        &expect![[r#"
            tollgate.yaml: listen.grpc: the address is reachable from other machines; bind loopback or a Unix socket, or set `listen.allow_remote: true` behind mTLS or a network policy
            tollgate.yaml: listen.http: it must be an IP address and a port, such as `127.0.0.1:9191`
            tollgate.yaml: limits.concurrent_checks: it must be between 1 and 100000
            tollgate.yaml: headers.prefix: it must be lower-case letters, digits and single `-`, end in `-`, and not be the beginning of a common or credential header; `x-auth-` is the default
            tollgate.yaml: routes.public[0]: it must be one exact path without query, wildcard or percent-encoding, such as `/health/liveliness`, or `public_routes`
            tollgate.yaml: routes.root_path: it must be a path without trailing slash, such as `/genai`
            tollgate.yaml: routes.public[1]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
            tollgate.yaml: master_key: the environment variable `TOLLGATE_TEST_UNSET` is not set; set it, or remove this field
            missing.yaml: there is no such file; check the path
        "#]],
    );
}

#[test]
fn broken_yaml_has_a_line_and_a_column() {
    check(
        "keys: { file: keys.yaml\nmaster_key: sk-canary-0123456789",
        "",
        &expect![[r#"
            tollgate.yaml: line 2, column 11: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
        "#]],
    );
    check(
        "master_key: sk-canary-0123456789\nmaster_key: sk-canary-9876543210\n",
        "",
        &expect![[r#"
            tollgate.yaml: line 2, column 1: not valid YAML: a key is there twice
        "#]],
    );
    check(
        "a: &a [x]\n<<: *a\n",
        "",
        &expect![[r#"
            tollgate.yaml: line 2, column 1: not valid YAML: merge key not allowed here
        "#]],
    );
    check(
        "--- {}\n--- {}\n",
        "",
        &expect![[r#"
            tollgate.yaml: line 2, column 5: not valid YAML: only single YAML document expected but multiple found
        "#]],
    );
    check(
        "- keys\n",
        "",
        &expect![[r#"
        tollgate.yaml: this is a list; it must be a mapping
    "#]],
    );
}

#[test]
fn an_open_door_is_not_offered() {
    check(
        "",
        "",
        &expect![[r#"
            tollgate.yaml: the file is empty; write `{}` where that is meant
        "#]],
    );
    check(
        "{}\n",
        "",
        &expect![[r#"
            tollgate.yaml: nobody could get in: set `master_key`, `keys.file`, `store` or `jwt`
        "#]],
    );
    check(
        "master_key: ''\n",
        "",
        &expect![[r#"
        tollgate.yaml: master_key: it is empty; leave `master_key` out to run without one
    "#]],
    );
    check(
        "master_key: sk-1234\n",
        "",
        &expect![[r#"
        tollgate.yaml: master_key: it is a well-known example key; `tollgate keys generate` makes a good one
    "#]],
    );
    check(
        "master_key: file:missing\n",
        "",
        &expect![[r#"
        tollgate.yaml: master_key: cannot read the secret file `missing`: No such file or directory (os error 2)
    "#]],
    );
    check(
        "master_key: 17\n",
        "",
        &expect![[r#"
        tollgate.yaml: master_key: this is a number; it must be a text
    "#]],
    );
}

#[test]
fn a_key_file_is_checked_as_strictly() {
    let a = hash("sk-a");
    let keys = format!(
        "keys:\n- key_hash: sk-canary-0123456789\n- key: sk-canary-0123456789\n- {{ key_hash: {a}, expires: tomorrow }}\n- {{ key_hash: {a}, blocked: 'yes', modles: [] }}\n"
    );
    check(
        KEYS,
        &keys,
        &expect![[r#"
        keys.yaml: keys[1]: unknown field `key`; a key is listed by its hash, as `key_hash`: run `tollgate keys hash` and enter the key
        keys.yaml: keys[1]: `key_hash` is missing
        keys.yaml: keys[3].blocked: this is a text; it must be `true` or `false`
        keys.yaml: keys[3]: unknown field `modles`; did you mean `models`?
    "#]],
    );
    let keys = format!(
        "keys:\n- key_hash: sk-canary-0123456789\n- {{ key_hash: {a}, expires: 31.12.2027, allowed_routes: ['*', /v1, nonsense] }}\n- {{ key_hash: {a}, user_id: ghost, team_id: ghost, organization_id: '' }}\n- {{ key_hash: {} }}\nusers:\n- {{ user_id: ada, user_role: boss }}\n- {{ user_id: ada }}\nteams: []\n",
        a.to_uppercase()
    );
    check(
        KEYS,
        &keys,
        &expect![[r#"
            keys.yaml: users[0].user_role: it must be one of `proxy_admin`, `proxy_admin_viewer`, `org_admin`, `internal_user`, `internal_user_viewer`, `team`, `customer`
            keys.yaml: users[1]: this id is listed twice; keep one
            keys.yaml: keys[0].key_hash: this is a key in plain text, which a file must not hold; run `tollgate keys hash`, enter the key, and write what it prints. Treat the key as leaked if others could read this file
            keys.yaml: keys[1].expires: it is no time; write it like `2027-01-31T12:00:00Z`
            keys.yaml: keys[1].allowed_routes[0]: it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction
            keys.yaml: keys[1].allowed_routes[2]: it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`
            keys.yaml: keys[2].user_id: it is not listed under `users`; list it there, or remove it here
            keys.yaml: keys[2].team_id: it is not listed under `teams`; list it there, or remove it here
            keys.yaml: keys[2].organization_id: the id is empty, or longer than 256 bytes
            keys.yaml: keys[3].key_hash: it must be 64 lower-case hexadecimal digits; `tollgate keys hash` prints them
            keys.yaml: keys[2].key_hash: this key is listed twice; keep one
        "#]],
    );
    let master = "sk-0123456789-abcdefghij";
    let keys = format!("keys: [{{ key_hash: {} }}]\n", hash(master));
    check(
        &format!("{KEYS}master_key: {master}\n"),
        &keys,
        &expect![[r#"
        keys.yaml: keys[0].key_hash: this is the master key; a virtual key needs a text of its own
    "#]],
    );
    check(
        KEYS,
        "keys: [{ key_hash: 12, models: ~ }]\n",
        &expect![[r#"
            keys.yaml: keys[0].models: this is empty; write a value (`[]` for none), or remove the line
            keys.yaml: keys[0].key_hash: this is a number; it must be a text
        "#]],
    );
}

#[test]
fn a_name_in_the_wrong_place_is_not_quoted() {
    check(
        KEYS,
        "keys: [{ sk-canary-0123456789: {} }]\n",
        &expect![[r#"
            keys.yaml: keys[0]: unknown field `(not shown)`; the fields here are `access_group_ids`, `agent_id`, `aliases`, `allowed_routes`, `blocked`, `budget_id`, `budget_limits`, `budget_reset_at`, `expires`, `key_alias`, `key_hash`, `max_budget`, `max_parallel_requests`, `metadata`, `model_max_budget`, `model_spend`, `models`, `object_permission`, `organization_id`, `permissions`, `project_id`, `rpm_limit`, `spend`, `team_id`, `tpm_limit`, `user_id`
            keys.yaml: keys[0]: `key_hash` is missing
        "#]],
    );
    check(
        "master_key: ${sk-canary-0123456789}\n",
        "{}",
        &expect![[r#"
        tollgate.yaml: master_key: the environment variable `(not shown)` is not set; set it, or remove this field
    "#]],
    );
    check(
        "sk-canary-0123456789: 1\nsk-canary-0123456789: 2\n",
        "{}",
        &expect![[r#"
        tollgate.yaml: line 2, column 1: not valid YAML: a key is there twice
    "#]],
    );
}

#[test]
fn an_empty_section_is_not_an_absent_one() {
    check(
        &format!("{KEYS}routes:\n  allowed:\n"),
        "keys: []\nteams:\n#- { team_id: red }\nusers: ~\n",
        &expect![[r#"
        tollgate.yaml: routes.allowed: this is empty; write a value (`[]` for none), or remove the line
    "#]],
    );
}

#[test]
fn public_opens_nothing_else() {
    let routes = "routes: { public: [/closed, /v1/chat/completions/, /V1/models, /mine], admin_only: [/mine], pass_through: [{ path: /closed }] }\n";
    check(
        &format!("{KEYS}{routes}envoy: {{ max_request_bytes: 67108864 }}\n"),
        "{}",
        &expect![[r#"
        tollgate.yaml: envoy.max_request_bytes: it is more than `limits.max_body_bytes`, so that a check with such a body would fail; raise that
        tollgate.yaml: routes.public[0]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
        tollgate.yaml: routes.public[1]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
        tollgate.yaml: routes.public[2]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
        tollgate.yaml: routes.public[3]: it is in `routes.admin_only` as well; remove one
    "#]],
    );
}

#[test]
fn money_and_models_are_checked_as_strictly() {
    let a = hash("sk-a");
    let keys = format!(
        "budgets:\n- {{ budget_id: b, max_budget: -1 }}\n- {{ budget_id: b }}\n\
         teams: [{{ team_id: t, access_group_ids: [ghost], metadata: {{ team_member_budget_id: ghost, tags: x }} }}]\n\
         team_memberships: [{{ user_id: u, team_id: t, budget_id: ghost }}, {{ user_id: u, team_id: t, spend: -1 }}]\n\
         projects: []\nagents: []\n\
         keys: [{{ key_hash: {a}, budget_id: ghost, project_id: ghost, agent_id: ghost, \
         budget_limits: [{{ max_budget: 1, reset_at: soon }}], \
         model_max_budget: {{ gpt-4o: {{ budget_limit: 1, max_budget: 2 }} }}, \
         metadata: {{ temp_budget_increase: 5, model_rpm_limit: {{ gpt-4o: many }} }} }}]\n",
    );
    let models = "end_users: { default_budget_id: ghost }\n\
         models: [{ name: m }, { name: m }, { name: '' }, { name: a/b, provider: openai }, { name: c, provider: 'o/*' }]\n";
    check(
        &format!("{KEYS}{models}"),
        &keys,
        &expect![[r#"
        tollgate.yaml: models[1]: this name is listed twice; keep one
        tollgate.yaml: models[2]: `name` is empty
        tollgate.yaml: models[3]: a name with `/` says its provider itself; remove `provider`
        tollgate.yaml: models[4]: `provider` must be a name such as `openai`
        tollgate.yaml: end_users.default_budget_id: it is not listed under `budgets` of the key file; list it there
        keys.yaml: budgets[0].max_budget: it must be an amount: a number that is not negative
        keys.yaml: budgets[1]: this id is listed twice; keep one
        keys.yaml: teams[0].access_group_ids[0]: it is not listed under `access_groups`; list it there, or remove it here
        keys.yaml: teams[0].metadata.team_member_budget_id: it is not listed under `budgets`; list it there, or remove it here
        keys.yaml: teams[0].metadata.tags: it must be a list of texts
        keys.yaml: team_memberships[0].budget_id: it is not listed under `budgets`; list it there, or remove it here
        keys.yaml: team_memberships[1].spend: it must be an amount: a number that is not negative
        keys.yaml: team_memberships[1]: this member is listed twice; keep one
        keys.yaml: keys[0].project_id: it is not listed under `projects`; list it there, or remove it here
        keys.yaml: keys[0].agent_id: it is not listed under `agents`; list it there, or remove it here
        keys.yaml: keys[0].budget_id: it is not listed under `budgets`; list it there, or remove it here
        keys.yaml: keys[0].budget_limits[0].reset_at: it is no time; write it like `2027-01-31T12:00:00Z`
        keys.yaml: keys[0].model_max_budget.gpt-4o: `budget_limit` and `max_budget` are one thing; keep one
        keys.yaml: keys[0].metadata.model_rpm_limit.gpt-4o: it must be a whole number
    "#]],
    );
    check(
        "master_key: sk-0123456789-abcdefghij\nend_users: { default_budget_id: b }\n",
        "",
        &expect![[r#"
            tollgate.yaml: end_users.default_budget_id: there is nothing to list it; set `keys.file` or `store`
        "#]],
    );
    check(
        KEYS,
        "keys: [{ max_budget: .nan }]\n",
        &expect![[r#"
        keys.yaml: line 1, column 22: not valid YAML: value `.nan` is not a finite number
    "#]],
    );
}

#[test]
fn networks_are_networks() {
    let request = |list: &str| format!("master_key: sk-0123456789-abcdefghij\nrequest: {{ allowed_ips: {list} }}\n");
    check(
        &request("[10.0.0.0/8, 10.0.0.0/33, localhost]"),
        "",
        &expect![[r#"
        tollgate.yaml: request.allowed_ips[1]: it is no network; write it like `10.0.0.0/8`, or one address
        tollgate.yaml: request.allowed_ips[2]: it is no network; write it like `10.0.0.0/8`, or one address
    "#]],
    );
    check(
        &request("[]"),
        "",
        &expect![[r#"
        tollgate.yaml: request.allowed_ips: it lets nobody in; name networks, or leave it out
    "#]],
    );
}

#[test]
fn what_cannot_raise_a_budget_is_ignored_and_said_b14() {
    let files = Files::new(
        KEYS,
        &format!(
            "keys: [{{ key_hash: {}, metadata: {{ temp_budget_increase: five, temp_budget_expiry: soon }} }}]\n",
            hash("sk-a")
        ),
    );
    let warnings = load(&files.config(), &environment).result.unwrap().warnings;
    let warnings: Vec<_> = warnings.iter().map(|problem| format!("{}: {}", problem.place, problem.text)).collect();
    assert_eq!(
        warnings,
        [
            "keys[0].metadata.temp_budget_increase: it is no amount; ignored",
            "keys[0].metadata.temp_budget_expiry: it is no time; ignored",
        ]
    );
}

#[test]
fn an_alias_bomb_is_refused_s258() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let refs = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{refs}]").unwrap();
    }
    let files = Files::new(&bomb, "");
    let text = load(&files.config(), &environment).result.unwrap_err().to_string();
    assert!(text.contains("not valid YAML"), "{text}");
    let deep = format!("master_key: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let files = Files::new(&deep, "");
    let text = load(&files.config(), &environment).result.unwrap_err().to_string();
    assert!(text.contains("not valid YAML"), "{text}");
}

#[test]
fn a_sound_configuration_loads() {
    let files = Files::new(KEYS, &format!("keys: [{{ key_hash: {} }}]\n", hash("sk-a")));
    let loaded = load(&files.config(), &environment);
    assert_eq!(loaded.result.unwrap().snapshot.authenticator.store.len(), 1);
    assert_eq!(loaded.files, [files.config(), files.path("keys.yaml")]);
}

#[test]
fn a_route_that_says_nothing_is_refused() {
    let routes = "routes:\n  public: [public_routes, /key/info, '/x/*']\n  groups:\n    mine: [/x/*, '/x/{a}-{b}', nope, '*', '/*', '']\n    llm_api_routes: [/x]\n  \
        pass_through:\n  - { path: /bria }\n  - { path: /bria, methods: [POST] }\n  - { path: bria }\n  - { path: '/x/{a}' }\n  - { path: '/x/{b}' }\n  - { path: /a/../b }\n  - { path: /a/ }\n  - { path: '/a*' }\n  - { path: /none, methods: [] }\n  - { path: /v1/rerank, auth: false }\n";
    check(
        &format!("{KEYS}{routes}"),
        &format!("keys: [{{ key_hash: {}, allowed_routes: [mine, yours, '', /, '*', '/*'] }}]\n", hash("sk-a")),
        &expect![[r#"
            tollgate.yaml: routes.public[2]: it must be one exact path without query, wildcard or percent-encoding, such as `/health/liveliness`, or `public_routes`
            tollgate.yaml: routes.groups.llm_api_routes: this is the name of a built-in group; choose another
            tollgate.yaml: routes.groups.mine[1]: a placeholder is a whole segment, `{name}`, or `{name:path}` at the end or before `:verb`
            tollgate.yaml: routes.groups.mine[2]: there is no built-in group of this name; write one, or a path that begins with `/`
            tollgate.yaml: routes.groups.mine[3]: it is every route, or none; name the routes
            tollgate.yaml: routes.groups.mine[4]: it is every route, or none; name the routes
            tollgate.yaml: routes.groups.mine[5]: it is every route, or none; name the routes
            tollgate.yaml: routes.pass_through[1]: another endpoint has this path with one of these methods; keep one
            tollgate.yaml: routes.pass_through[2]: `path` must be one path without query, wildcard, percent-encoding or trailing slash, such as `/bria`
            tollgate.yaml: routes.pass_through[4]: another endpoint has this path with one of these methods; keep one
            tollgate.yaml: routes.pass_through[5]: `path` must be one path without query, wildcard, percent-encoding or trailing slash, such as `/bria`
            tollgate.yaml: routes.pass_through[6]: `path` must be one path without query, wildcard, percent-encoding or trailing slash, such as `/bria`
            tollgate.yaml: routes.pass_through[7]: `path` must be one path without query, wildcard, percent-encoding or trailing slash, such as `/bria`
            tollgate.yaml: routes.pass_through[8].methods: the list is empty; name methods, or leave `methods` out
            tollgate.yaml: routes.pass_through[9].auth: the path is a route of the catalogue and would be open to everybody; remove `auth: false`
            tollgate.yaml: routes.public[1]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
            tollgate.yaml: routes.public[2]: it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it
            keys.yaml: keys[0].allowed_routes[1]: it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`
            keys.yaml: keys[0].allowed_routes[2]: it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction
            keys.yaml: keys[0].allowed_routes[3]: it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction
            keys.yaml: keys[0].allowed_routes[4]: it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction
            keys.yaml: keys[0].allowed_routes[5]: it does not restrict anything; name the routes, or leave `allowed_routes` out for no restriction
        "#]],
    );
    check(
        &format!("{KEYS}routes: {{ allowed: [llm, /x*], admin_only: [openai], pass_through: [{{ path: /ok }}] }}\n"),
        &format!(
            "keys: [{{ key_hash: {}, permissions: {{ get_spend_routes: 'no' }}, metadata: {{ allowed_passthrough_routes: [/ok, '/*'] }} }}]\n\
             teams: [{{ team_id: t, metadata: {{ allowed_passthrough_routes: /ok }} }}]\n\
             users: [{{ user_id: u, organization_memberships: [{{ organization_id: o, user_role: boss }}] }}]\n",
            hash("sk-a")
        ),
        &expect![[r#"
            tollgate.yaml: routes.allowed[0]: it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`
            tollgate.yaml: routes.allowed[1]: `*` is not understood here; name a group of `routes.groups` instead
            tollgate.yaml: routes.admin_only[0]: it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`
            keys.yaml: teams[0].metadata.allowed_passthrough_routes: it must be a list of paths
            keys.yaml: users[0].organization_memberships[0].user_role: it must be one of `proxy_admin`, `proxy_admin_viewer`, `org_admin`, `internal_user`, `internal_user_viewer`, `team`, `customer`
            keys.yaml: keys[0].permissions.get_spend_routes: it must be `true` or `false`
            keys.yaml: keys[0].metadata.allowed_passthrough_routes[1]: it must be a path that begins with `/` and is longer than it, without `*`
        "#]],
    );
    check(
        &format!("{KEYS}routes: {{ pass_through: [{{ path: /bria, auth: 'true', methods: [get] }}] }}\n"),
        "",
        &expect![[r#"
            tollgate.yaml: routes.pass_through[0].auth: this is a text; it must be `true` or `false`
            tollgate.yaml: routes.pass_through[0].methods[0]: it must be one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`
        "#]],
    );
}

#[test]
fn response_ids_are_protected_or_plainly_not_s214() {
    let check = |section: &str, expected: &Expect| check(&format!("{KEYS}response_ids: {section}\n"), "{}", expected);
    check(
        "{}",
        &expect![[r#"
        tollgate.yaml: response_ids.keys: there is no secret to seal ids with; name one of 32 random bytes (`openssl rand -base64 32`), or set `unprotected: true`
    "#]],
    );
    check(
        "{ unprotected: true, keys: ['0123456789abcdef0123456789abcdef'], upstream: east }",
        &expect![[r#"
        tollgate.yaml: response_ids.unprotected: the other fields would protect nothing; keep `unprotected` alone
    "#]],
    );
    check(
        "{ unprotected: 'false' }",
        &expect![[r#"
        tollgate.yaml: response_ids.unprotected: this is a text; it must be `true` or `false`
    "#]],
    );
    check(
        "{ keys: [sk-canary-short, '${TOLLGATE_TEST_UNSET}'], litellm_keys: ['${TOLLGATE_TEST_UNSET}'], upstream: '', max_event_bytes: 1 }",
        &expect![[r#"
            tollgate.yaml: response_ids.keys[1]: the environment variable `TOLLGATE_TEST_UNSET` is not set; set it, or remove this field
            tollgate.yaml: response_ids.litellm_keys[0]: the environment variable `TOLLGATE_TEST_UNSET` is not set; set it, or remove this field
            tollgate.yaml: response_ids.upstream: it must have between 1 and 256 bytes
            tollgate.yaml: response_ids.max_event_bytes: it must be between 1024 and 67108864
        "#]],
    );
    check(
        "{ keys: [sk-canary-short] }",
        &expect![[r#"
        tollgate.yaml: response_ids.keys[0]: the secret has fewer than 32 bytes; make one with `openssl rand -base64 32`
    "#]],
    );
    check(
        "{ keys: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa] }",
        &expect![[r#"
        tollgate.yaml: response_ids.keys[0]: the secret is a few bytes repeated; make one with `openssl rand -base64 32`
    "#]],
    );
    check(
        "{ keys: ['0123456789abcdef0123456789abcdef', '0123456789abcdef0123456789abcdef'], upstream: '' }",
        &expect![[r#"
            tollgate.yaml: response_ids.keys[1]: the secret is there already
            tollgate.yaml: response_ids.upstream: it must have between 1 and 256 bytes
        "#]],
    );
}

#[test]
fn what_weakens_response_ids_is_said() {
    let warnings = |section: &str| {
        let files = Files::new(&format!("{KEYS}response_ids: {section}\n"), "{}");
        let loaded = load(&files.config(), &environment).result.unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<String>()
    };
    let keys = "keys: ['0123456789abcdef0123456789abcdef']";
    assert_eq!(warnings(&format!("{{ {keys} }}")), "");
    assert!(warnings("{ unprotected: true }").contains("whoever knows the id of a response"));
    assert!(warnings(&format!("{{ {keys}, allow_unmanaged: true }}")).contains("for a migration only"));
    let weak = warnings(&format!("{{ {keys}, litellm_keys: [sk-canary] }}"));
    assert!(weak.contains("litellm_keys[0]") && !weak.contains("canary"), "{weak}");
}

#[test]
fn everything_wrong_with_issuers_and_claims_is_said_v026_v056_v094() {
    check(
        "keys: { file: keys.yaml }\njwt:\n  issuers:\n  - { issuer: 'http://idp.example.com', audience: a }\n  \
         - { any_issuer: true, disable_audience_validation: true }\n  \
         - { issuer: 'https://idp', jwks_url: 'https://u:canary@idp/keys', refresh_seconds: 1, audience: [] }\n  \
         - { issuer: b, jwks_file: missing.json, jwks_hosts: [x], audience: a, disable_audience_validation: true }\n  \
         - { issuer: c, jwks_file: bad.json, audience: a, user_id_jwt_field: '' }\n  \
         user_roles_jwt_field: r\n  object_id_jwt_field: o\n  roles_jwt_field: r\n  scope_mappings: [{ scope: a }]\n  \
         role_permissions: [{ role: team, routes: [nothing] }]\n  user_allowed_email_domain: a@b\n  user_id_upsert: true\n  \
         unregistered_jwt_client_behavior: auto_register\n  max_cached_tokens: 0\n",
        "keys: []",
        &expect![[r#"
            tollgate.yaml: jwt.user_allowed_roles: it goes with `user_roles_jwt_field`; set both, or none
            tollgate.yaml: jwt.object_id_jwt_field: nothing says whether it names a team or a user; set `role_mappings`
            tollgate.yaml: jwt.roles_jwt_field: it goes with `role_mappings` or `jwt_litellm_role_map`; set both, or none
            tollgate.yaml: jwt.scope_mappings: it goes with `enforce_scope_based_access: true`; set both, or none
            tollgate.yaml: jwt.role_permissions: it does nothing without `enforce_rbac: true`
            tollgate.yaml: jwt.user_allowed_email_domain: nothing says where the address is, so that every token would be refused; set `user_email_jwt_field`
            tollgate.yaml: jwt.user_allowed_email_domain: it is a domain, such as `example.com`
            tollgate.yaml: jwt.max_cached_tokens: it must be between 1 and 1000000
            tollgate.yaml: jwt.unregistered_jwt_client_behavior: nothing says which claim keys are registered for; set `virtual_key_claim_field`
            tollgate.yaml: jwt.unregistered_jwt_client_behavior: there is nothing to write keys to; set `store`
            tollgate.yaml: jwt.user_id_upsert: there is nothing to write to; set `store`
            tollgate.yaml: jwt.issuers[0].issuer: keys are fetched from `https://` only, without user name, password and fragment; `http://` to this machine needs `allow_http_on_loopback: true`
            tollgate.yaml: jwt.issuers[1]: discovery is about one issuer; with `any_issuer`, name the keys as `jwks_url` or `jwks_file`
            tollgate.yaml: jwt.issuers[2].refresh_seconds: it must be between 10 and 86400
            tollgate.yaml: jwt.issuers[2].audience: it is empty, or has an empty entry, which nothing is; leave it out
            tollgate.yaml: jwt.issuers[2].jwks_url: keys are fetched from `https://` only, without user name, password and fragment; `http://` to this machine needs `allow_http_on_loopback: true`
            tollgate.yaml: jwt.issuers[3].audience: say whom tokens must be for, as `audience`; or accept those for anybody, as `disable_audience_validation: true`
            tollgate.yaml: jwt.issuers[3].jwks_hosts: the keys are in `jwks_file`, and nothing is fetched; remove one
            tollgate.yaml: jwt.issuers[3].jwks_file: cannot read `missing.json`: No such file or directory (os error 2)
            tollgate.yaml: jwt.issuers[4].jwks_file: cannot read `bad.json`: No such file or directory (os error 2)
            tollgate.yaml: jwt.issuers[4].user_id_jwt_field: the path of a claim is empty; name one, or leave the field out
            tollgate.yaml: jwt.role_permissions[0].routes[0]: it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`
        "#]],
    );
    check(
        "keys: { file: keys.yaml }\njwt: { issuers: [], custom_validate: x.y, role_mappings: [{ role: a, internal_role: boss }] }\n",
        "keys: []",
        &expect![[r#"
            tollgate.yaml: jwt.role_mappings[0].internal_role: it must be one of `proxy_admin`, `team`, `internal_user`
            tollgate.yaml: jwt: unknown field `custom_validate`; the fields here are `admin_allowed_routes`, `admin_jwt_scope`, `admin_team_header`, `allow_anonymous_jwt`, `auto_registered_keys`, `end_user_id_jwt_field`, `enforce_rbac`, `enforce_scope_based_access`, `enforce_team_based_model_access`, `issuers`, `jwt_litellm_role_map`, `max_cached_tokens`, `object_id_jwt_field`, `org_alias_jwt_field`, `org_id_jwt_field`, `role_mappings`, `role_mappings_first`, `role_permissions`, `roles_jwt_field`, `scope_mappings`, `sync_user_role_and_teams`, `team_alias_jwt_field`, `team_allowed_routes`, `team_claim_fallback`, `team_id_default`, `team_id_jwt_field`, `team_id_upsert`, `team_ids_jwt_field`, `unregistered_jwt_client_behavior`, `upsert_sso_user_to_team`, `user_allowed_email_domain`, `user_allowed_roles`, `user_email_jwt_field`, `user_id_jwt_field`, `user_id_upsert`, `user_roles_jwt_field`, `virtual_key_claim_field`
        "#]],
    );
}
