//! What the documentation lists is what there is.

use std::fmt::Write as _;

use expect_test::expect_file;
use tollgate::config::load::load;
use tollgate::core::decision::Outage;
use tollgate::core::deny::DenyReason;
use tollgate::core::extract::CREDENTIAL_HEADERS;
use tollgate::core::mutate::IDENTITY_HEADERS;

use crate::harness::{Files, config, environment, vectors};

const OPERATIONS: &str = include_str!("../../docs/operations.md");
const DIFFERENCES: &str = include_str!("../../docs/litellm-differences.md");

#[test]
fn every_reason_and_credential_header_is_documented() {
    let reasons: Vec<_> = DenyReason::all().map(|reason| reason.refusal().label.to_owned()).collect();
    let outages = [
        Outage::RequestMissing,
        Outage::Overloaded,
        Outage::StoreUnavailable,
        Outage::StoreOverloaded,
        Outage::IssuerUnavailable,
        Outage::RegistrationsFull,
        Outage::RegistrationFailed,
        Outage::AuthorizationServer,
        Outage::Authenticator,
        Outage::AuthenticationOverloaded,
        Outage::Internal,
    ]
    .map(|outage| outage.label().to_owned());
    let credentials = CREDENTIAL_HEADERS.iter().map(|name| (*name).to_owned());
    for word in reasons.into_iter().chain(outages).chain(credentials) {
        assert!(OPERATIONS.contains(&format!("`{word}`")), "docs/operations.md does not mention `{word}`");
    }
}

const PROTO: &str = include_str!("../../proto/tollgate/v1/decision.proto");

/// Fields of a message of the proto file: name, type, comment.
fn fields(message: &str) -> Vec<(&'static str, &'static str, String)> {
    let (_, body) = PROTO.split_once(&format!("\nmessage {message} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let mut comment = Vec::new();
    let mut fields = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("// ") {
            comment.push(text);
        } else {
            let (kind, rest) = line.strip_prefix("repeated ").unwrap_or(line).split_once(' ').unwrap();
            fields.push((rest.split(' ').next().unwrap(), kind, std::mem::take(&mut comment).join(" ")));
        }
    }
    fields
}

/// Every path of the metadata with its comment, lists marked.
fn paths(message: &str, prefix: &str, rows: &mut Vec<(String, String)>) {
    for (name, kind, comment) in fields(message) {
        let path = format!("{prefix}{name}");
        let list = PROTO.contains(&format!("repeated {kind} {name} ="));
        let path = if list { path + "[]" } else { path };
        if ["string", "double", "Names", "Override"].contains(&kind) {
            rows.push((path, comment));
        } else {
            let intro = PROTO.split_once(&format!("\nmessage {kind} {{")).unwrap().0;
            let intro: Vec<_> = intro.lines().rev().map_while(|line| line.strip_prefix("// ")).collect();
            let intro: Vec<_> = intro.into_iter().rev().collect();
            rows.push((path.clone(), if comment.is_empty() { intro.join(" ") } else { comment }));
            paths(kind, &format!("{path}."), rows);
        }
    }
}

/// Headers and metadata on one page, written from the code and from the proto file.
#[test]
fn what_the_upstream_is_told_is_on_one_page() {
    let mut rows = Vec::new();
    paths("Decision", "", &mut rows);
    let mut page = String::from(IDENTITY_PAGE);
    for header in IDENTITY_HEADERS {
        let path = header.metadata;
        assert!(rows.iter().any(|(known, _)| known.trim_end_matches("[]") == path), "{path} is not in the proto file");
        writeln!(page, "| `x-auth-{}` | {} | `{path}` |", header.suffix, header.meaning).unwrap();
    }
    page += METADATA_PAGE;
    for (path, comment) in rows {
        writeln!(page, "| `{path}` | {comment} |").unwrap();
    }
    expect_file!["../../docs/identity.md"].assert_eq(&page);
}

const IDENTITY_PAGE: &str = "\
# What the upstream and the other filters are told

This page is written from the code and from `proto/tollgate/v1/decision.proto`; a test keeps it current.

## Headers

Every identity header is overwritten or removed in every allowed request, in whatever spelling a client sends it. The
prefix is `headers.prefix`. Values are visible ASCII: anything else, and `%`, `,`, `\"`, `\\` and space, is
percent-encoded. A header without a value is removed. Ids and models are at most 256 bytes before encoding, ids of
responses 1,024; a request whose tags are longer than 4,096 bytes together is refused.

| header | meaning | metadata |
|---|---|---|
";

const METADATA_PAGE: &str = "
## Dynamic metadata

Under the namespace `envoy.filters.http.ext_authz`, for access logs, rate limits, RBAC and `ext_proc`, of allowed and of
refused requests. A client cannot write it. Values are text, for numbers would travel as doubles; what has no value is
absent. `Override` is what Envoy reads as a limit: `requests_per_unit`, a number, and `unit`, `MINUTE`. `Names` are objects: `unrestricted` is `true`, or `false` and `names` lists what is left, which may be nothing.

| path | meaning |
|---|---|
";

#[test]
fn links_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/configuration.md",
        "docs/identity.md",
        "docs/identity-providers.md",
        "docs/jwt.md",
        "docs/operations.md",
        "docs/litellm-differences.md",
        "docs/performance.md",
        "docs/response-ids.md",
    ] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let target = root.join(page).parent().unwrap().join(link.split('#').next().unwrap());
            assert!(target.exists(), "{page}: {link}");
        }
    }
}

#[test]
fn every_switch_and_every_surprise_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/config.schema.json")).unwrap();
    let switches = schema["$defs"]["RawCompat"]["properties"].as_object().unwrap().keys();
    let switches: Vec<_> = switches.map(|name| format!("| `{name}` |")).collect();
    assert!(switches.len() > 5, "the switches were not found");
    let surprises = (1..=40).map(|number| format!("| SEC-{number} |"));
    for cell in switches.into_iter().chain(surprises) {
        assert!(DIFFERENCES.contains(&cell), "docs/litellm-differences.md has no line {cell}");
    }
}

/// Whether a file of a folder has a text.
fn any_file(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            any_file(&path, text)
        } else {
            std::fs::read_to_string(path).is_ok_and(|it| it.contains(text))
        }
    })
}

/// Names of files, tests and rows of tables: whatever can be said to hold a difference.
fn holds(name: &str) -> bool {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let module = |folder: &str| root.join(folder).join(format!("{}.rs", name.replace("::", "/")));
    let folder = root.join("src").join(name.replace("::", "/"));
    let file = root.join(name).is_file() || [module("src"), module("tests/it")].iter().any(|path| path.is_file());
    let test = format!("fn {name}(");
    let tested = ["src", "tests/it"].iter().any(|folder| any_file(&root.join(folder), &test));
    let is_row = |table: &str| {
        let table = vectors(table);
        [format!("{{\"id\": \"{name}\""), format!("{{\"id\": \"{name}, "), format!("  \"{name}\": \"")]
            .iter()
            .any(|text| table.contains(text))
    };
    let tables = [
        "credential-vectors.json",
        "record-vectors.json",
        "request-vectors.json",
        "jwt-vectors.json",
        "jwt-journeys.json",
    ];
    file || folder.is_dir() || tested || tables.into_iter().any(is_row)
}

#[test]
fn what_is_said_to_hold_a_difference_exists() {
    let (mut held, mut tables) = (false, 0);
    for line in DIFFERENCES.lines() {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let last = *cells.last().unwrap();
        if !line.starts_with('|') || last == "held by" {
            held = last == "held by";
            tables += usize::from(held);
            continue;
        }
        if !held || line.starts_with("|---") {
            continue;
        }
        assert!(!last.is_empty(), "nothing holds {line}");
        for name in last.split('`').skip(1).step_by(2) {
            assert!(holds(name), "there is no {name}: {line}");
        }
    }
    assert!(tables > 5, "the tables were not found");
}

/// Blocks of a page that are configurations.
fn configurations(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with("jwt:")).collect()
}

#[test]
fn every_configuration_for_a_provider_can_be_loaded() {
    let providers = configurations(include_str!("../../docs/identity-providers.md"));
    assert_eq!(providers.len(), 7, "six providers, and several at one time");
    for block in providers.into_iter().chain(configurations(include_str!("../../docs/jwt.md"))) {
        let files =
            Files::new(&config(&block.replace("/var/run/secrets/kubernetes.io/serviceaccount/", "")), "keys: []");
        files.write("ca.crt", include_str!("authority.pem"));
        let loaded = load(&files.config(), &environment);
        loaded.result.unwrap_or_else(|problems| panic!("{block}{problems}"));
    }
}
