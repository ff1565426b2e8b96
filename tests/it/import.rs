//! `tollgate import litellm`: what realistic configurations become, and what is said of the rest.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use expect_test::expect_file;
use tollgate::config::load::load;

use crate::cli::{text, tollgate};

fn import(config: &Path, out: &Path, more: &[&str]) -> (bool, String) {
    let arguments = ["import", "litellm", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = tollgate(&[&arguments, more].concat(), "");
    let shown = text(&output.stdout) + &text(&output.stderr);
    (
        output.status.success(),
        shown.replace(out.to_str().unwrap(), "OUT").replace(config.to_str().unwrap(), "config.yaml"),
    )
}

fn environment(name: &str) -> Option<String> {
    let known = ["PROXY_KEY", "LITELLM_MASTER_KEY", "OAUTH_CLIENT_SECRET"];
    match name {
        "DATABASE_URL" => Some("postgresql://reader@localhost/litellm".to_owned()),
        _ => known.contains(&name).then(|| "sk-of-the-environment-0123".to_owned()),
    }
}

/// Imports a fixture, and compares what was written and said. What was written must load.
fn golden(name: &str, more: &[&str]) -> tempfile::TempDir {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import");
    let out = tempfile::tempdir().unwrap();
    let (done, said) = import(&fixtures.join(format!("{name}.yaml")), out.path(), more);
    assert!(done, "{said}");
    let written = std::fs::read_to_string(out.path().join("tollgate.yaml")).unwrap();
    for secret in ["canary", "sk-1234"] {
        assert!(!written.contains(secret) && !said.contains(secret), "a secret was copied: {written}{said}");
    }
    expect_file![fixtures.join(format!("{name}.expected.yaml"))].assert_eq(&written);
    expect_file![fixtures.join(format!("{name}.expected.txt"))].assert_eq(&said);
    let loaded = load(&out.path().join("tollgate.yaml"), &environment);
    if let Err(problems) = loaded.result {
        panic!("what was imported does not load: {problems}\n{written}");
    }
    for entry in std::fs::read_dir(out.path()).unwrap() {
        let entry = entry.unwrap();
        let open = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert!(entry.file_name() == "tollgate.yaml" || open == 0, "{entry:?}");
    }
    out
}

#[test]
fn tokens_of_an_identity_provider_are_believed_as_before() {
    golden("tokens", &[]);
}

#[test]
fn whoever_vouched_for_callers_does_so_again() {
    let out = golden("oauth2", &[]);
    assert_eq!(std::fs::read_to_string(out.path().join("introspection.secret")).unwrap(), "secret-canary\n");
}

#[test]
fn a_proxy_is_believed_and_code_becomes_a_service_that_is_asked() {
    golden("proxy", &[]);
}

/// What a configuration becomes, what is said, and the files beside it.
fn imported(document: &str) -> (String, String, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let (config, out) = (directory.path().join("config.yaml"), directory.path().join("out"));
    std::fs::write(&config, format!("{document}\n  master_key: os.environ/PROXY_KEY\n")).unwrap();
    let (done, said) = import(&config, &out, &[]);
    assert!(done && !said.contains("canary"), "{document}: {said}");
    let loaded = load(&out.join("tollgate.yaml"), &environment);
    assert!(loaded.result.is_ok(), "{document}: it does not load");
    let files = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    (std::fs::read_to_string(out.join("tollgate.yaml")).unwrap(), said, files.collect())
}

const SERVER: &str = "environment_variables: { OAUTH_TOKEN_INFO_ENDPOINT: 'https://idp/introspect', OAUTH_CLIENT_ID: a, \
                      OAUTH_CLIENT_SECRET: canary, JWT_PUBLIC_KEY_URL: 'https://idp/keys', JWT_AUDIENCE: b }\n";
const RULES: &str = "\n  litellm_jwtauth: { user_id_jwt_field: sub, routing_overrides: [{ iss: a }] }";

/// What is said of a configuration, and what is not in the new one.
fn assert_left_out(document: &str, said: &str, absent: &str) {
    let (written, all, files) = imported(document);
    assert!(all.contains(said), "{document}: {all}");
    assert!(!written.contains(absent), "{document}: {written}");
    assert!(!files.contains(&"introspection.secret".to_owned()), "{document}: {files:?}");
    assert!(absent != "oauth2:" || !all.contains("`allowed_roles`"), "{document}: {all}");
}

const GENERAL: &str = "general_settings:\n  ";

#[test]
fn nobody_is_introspected_who_was_not() {
    let general = GENERAL;
    for (document, said, absent) in [
        // What LiteLLM finds in its environment is not known, and GET is not introspection.
        (format!("{general}enable_oauth2_auth: true"), "LiteLLM finds `OAUTH_TOKEN_INFO_ENDPOINT`", "oauth2:"),
        (format!("{}{general}enable_oauth2_auth: true", SERVER.replace("/introspect", "/me")), "by GET", "oauth2:"),
        (
            format!("{}{general}enable_oauth2_auth: true", SERVER.replace("canary", "''")),
            "_SECRET` is empty",
            "oauth2:",
        ),
        (format!("{}{general}enable_oauth2_auth: true", SERVER.replace("ID: a", "ID: ''")), "who asks", "oauth2:"),
        // Refused by Tollgate.
        (
            format!("{}{general}enable_oauth2_auth: true", SERVER.replace("https://idp/intro", "http://idp/intro")),
            "refused here, for `oauth2.introspection.url`",
            "oauth2:",
        ),
        // Else tokens that LiteLLM verifies would be introspected.
        (
            format!("{}{general}enable_oauth2_auth: true\n  enable_jwt_auth: true", SERVER.replace("JWT_PUBLIC", "NO")),
            "without `jwt` it would be asked",
            "oauth2:",
        ),
        (
            format!(
                "{}{general}enable_oauth2_auth: true\n  enable_jwt_auth: true",
                SERVER.replace("//idp/keys", "//i d")
            ),
            "tokens are refused until `jwt` is written",
            "oauth2:",
        ),
        (
            format!(
                "{}{general}enable_jwt_auth: true\n  litellm_jwtauth: {{ custom_validate: a.b }}",
                SERVER.replace("//idp/keys", "//i d")
            ),
            "tokens are refused until `jwt` is written",
            "custom_authenticator:",
        ),
        (
            format!("{}{general}enable_jwt_auth: true{RULES}", SERVER.replace("TOKEN_INFO", "NO")),
            "one that is revoked",
            "oauth2:",
        ),
    ] {
        assert_left_out(&document, said, absent);
    }
}

#[test]
fn a_proxy_is_not_believed_that_nobody_can_tell_from_others() {
    let general = GENERAL;
    for (document, said, absent) in [
        (format!("{general}enable_oauth2_proxy_auth: true"), "no header for `user_id`", "oauth2:"),
        (
            format!("{general}enable_oauth2_proxy_auth: true\n  oauth2_config_mappings: {{ user_id: x-user }}"),
            "names no network",
            "oauth2:",
        ),
        (
            format!(
                "{general}enable_oauth2_proxy_auth: true\n  trusted_proxy_ranges: [10.0.0.5]\n  \
                 oauth2_config_mappings: {{ user_id: x-user, user_role: x-role }}"
            ),
            "what no header can say",
            "oauth2:",
        ),
        (
            format!(
                "{general}enable_oauth2_proxy_auth: true\n  trusted_proxy_ranges: [10.0.0.5]\n  \
                 oauth2_config_mappings: {{ user_id: authorization }}"
            ),
            "refused here, for `oauth2.proxy_headers.user_id`",
            "oauth2:",
        ),
    ] {
        assert_left_out(&document, said, absent);
    }
}

#[test]
fn what_lies_behind_code_is_not_carried_over() {
    let general = GENERAL;
    for (document, said, absent) in [
        (
            format!("{SERVER}{general}custom_auth: a.b\n  enable_jwt_auth: true\n  enable_oauth2_auth: true{RULES}"),
            "`custom_auth` decides there before it",
            "jwt:",
        ),
        (
            format!("{general}custom_auth: a.b\n  custom_auth_settings: {{ mode: 'off' }}"),
            "switched off",
            "custom_authenticator:",
        ),
    ] {
        assert_left_out(&document, said, absent);
    }
}

#[test]
fn what_is_open_that_was_not_is_said_first() {
    let (written, said, _) = imported(&format!("{SERVER}general_settings:\n  enable_jwt_auth: true{RULES}"));
    assert!(written.contains("routing_overrides:") && written.contains("introspection:"), "{written}");
    let first = said.split("\nNot carried over:").next().unwrap();
    assert!(first.contains("routing_overrides: the server is asked about opaque tokens as well"), "{said}");
    // Nobody in particular is routed there: `iss` must be said.
    let rules = "general_settings: { enable_jwt_auth: true, litellm_jwtauth: { routing_overrides: [{ scope: a }] } }\n";
    assert!(refused(rules).contains("routing_overrides[0]: `iss` is missing"));
}

#[test]
fn what_code_decides_is_asked_of_a_service_and_nobody_else() {
    let (written, _, _) = imported("general_settings:\n  custom_auth: a.b");
    assert!(written.contains("credentials: [opaque, jwt]"), "{written}");
    let auto = "general_settings:\n  custom_auth: a.b\n  custom_auth_settings: { mode: auto }";
    let (written, ..) = imported(&format!("{SERVER}{auto}\n  enable_jwt_auth: true"));
    assert!(written.contains("credentials: [opaque]") && written.contains("jwt:"), "{written}");
    let all = format!("{SERVER}{auto}\n  enable_jwt_auth: true\n  enable_oauth2_auth: true");
    let (written, said, _) = imported(&all);
    assert!(!written.contains("custom_authenticator") && said.contains("whom it alone knows is refused"), "{said}");
}

#[test]
fn a_secret_that_litellm_finds_in_its_environment_is_found_there() {
    let server = SERVER.replace("OAUTH_CLIENT_SECRET: canary, ", "");
    for server in [server, SERVER.replace("canary", "os.environ/OAUTH_CLIENT_SECRET")] {
        let (written, ..) = imported(&format!("{server}general_settings:\n  enable_oauth2_auth: true"));
        assert!(written.contains("client_secret: \"${OAUTH_CLIENT_SECRET}\""), "{written}");
    }
}

#[test]
fn secrets_move_into_files_of_their_own() {
    let out = golden("simple", &[]);
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    assert_eq!(read("database.url"), "postgresql://llm:hunter2-canary@localhost:5432/litellm\n");
    let key = read("master.key");
    assert!(key.starts_with("sk-") && key.len() > 40, "the well-known key was kept");
}

#[test]
fn everything_that_has_a_counterpart_is_carried_over() {
    golden("production", &[]);
}

#[test]
fn what_comes_from_the_environment_is_asked_for() {
    golden("environment", &["--database-env", "DATABASE_URL"]);
    let out = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import/environment.yaml");
    let (done, said) = import(&fixture, out.path(), &[]);
    assert!(done && said.contains("--database-env DATABASE_URL"), "{said}");
    let restricting = said.split("\nNot carried over:").next().unwrap();
    assert!(restricting.contains("litellm_settings.max_budget: refused here"), "{said}");
}

/// What is wrong with a document, in which nothing but a mistake is said.
fn refused(document: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (config, out) = (directory.path().join("config.yaml"), directory.path().join("out"));
    std::fs::write(&config, document).unwrap();
    let (done, said) = import(&config, &out, &[]);
    assert!(!done && !out.exists(), "{document}: {said}");
    assert!(!said.contains("canary") && !said.contains("panicked"), "{said}");
    said
}

#[test]
fn mistakes_are_named_by_their_place_and_nothing_is_written() {
    for (document, expected) in [
        ("a: 1\nb: 2\na: 3\n", "config.yaml: line 3, column 1: not valid YAML: a key is there twice"),
        ("a: [", "config.yaml: line 1, column"),
        ("- a\n", "config.yaml: the document is a list; it must be an object"),
        ("general_settings: [sk-canary]\n", "general_settings: this is a list; it must be an object"),
        (
            "general_settings: { allowed_ips: 10.0.0.5 }\n",
            "general_settings.allowed_ips: this is a text; it must be a list of texts",
        ),
        (
            "general_settings: { enforce_user_param: 'true' }\n",
            "enforce_user_param: this is a text; it must be true or false",
        ),
        (
            "general_settings: { max_request_size_mb: -1 }\n",
            "max_request_size_mb: this is a number; it must be a number, zero or more",
        ),
        ("general_settings: { database_url: 'mysql://u:canary@h/d' }\n", "database_url: it is no URL of PostgreSQL"),
        (
            "general_settings: { pass_through_endpoints: [{ path: /a, auth: 'true' }] }\n",
            "general_settings.pass_through_endpoints[0].auth: this is a text; it must be true or false",
        ),
        ("model_list: [{ litellm_params: {} }]\n", "model_list[0]: `model_name` is missing"),
        (
            "router_settings: { model_group_alias: { a: [b] } }\n",
            "router_settings.model_group_alias.a: it must be the name",
        ),
        (
            "general_settings: { master_key: os.environ/ }\n",
            "general_settings.master_key: it refers to no environment variable",
        ),
        // Without these, more would be open than was.
        ("general_settings: { allowed_ips: [nowhere] }\n", "general_settings.allowed_ips: it lets nobody in"),
        (
            "general_settings: { admin_only_routes: ['/key/*/x*'] }\n",
            "general_settings.admin_only_routes[0]: `*` is not understood",
        ),
        ("general_settings: { enforced_params: [''] }\n", "general_settings.enforced_params[0]: it must be the name"),
        (
            "general_settings: { litellm_key_header_name: 'a b' }\n",
            "general_settings.litellm_key_header_name: it is no name",
        ),
    ] {
        let said = refused(document);
        assert!(said.contains(expected), "{document}: {said}");
    }
    let said = refused("general_settings: { allowed_ips: 1, enforce_user_param: 2 }\nmodel_list: 3\n");
    assert_eq!(said.lines().count(), 3, "all mistakes at once: {said}");
}

#[test]
fn an_import_overwrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    std::fs::write(&config, "general_settings: { master_key: sk-canary-0123456789abcdef }\n").unwrap();
    let out = directory.path().join("out");
    assert!(import(&config, &out, &[]).0);
    let (done, said) = import(&config, &out, &[]);
    assert!(!done && said.contains("is there already"), "{said}");
}

#[test]
fn included_files_are_merged_as_litellm_does() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "config.yaml",
        "include: [more.yaml, last.yaml]\nmodel_list: [{ model_name: a, litellm_params: { model: openai/a } }]\n\
         general_settings: { master_key: os.environ/PROXY_KEY, allowed_routes: [/a] }\n",
    );
    write("more.yaml", "model_list: [{ model_name: b, litellm_params: { model: openai/b } }]\ninclude: [x.yaml]\n");
    write("last.yaml", "general_settings: { master_key: os.environ/PROXY_KEY, allowed_routes: [/v1/models] }\n");
    let out = directory.path().join("out");
    let (done, said) = import(&directory.path().join("config.yaml"), &out, &[]);
    assert!(done, "{said}");
    let written = std::fs::read_to_string(out.join("tollgate.yaml")).unwrap();
    for part in ["name: a", "name: b", "allowed: [/v1/models]"] {
        assert!(written.contains(part), "{part}: {written}");
    }
    assert!(said.contains("include: an included file includes another"), "{said}");

    write("more.yaml", "model_list: [");
    let (done, said) = import(&directory.path().join("config.yaml"), &directory.path().join("none"), &[]);
    assert!(!done && said.contains("include[0]") && said.contains("more.yaml"), "{said}");
    write("config.yaml", "include: more.yaml\n");
    let (done, said) = import(&directory.path().join("config.yaml"), &out, &[]);
    assert!(!done && said.contains("include: it must be a list of files"), "{said}");
}
