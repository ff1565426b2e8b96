//! What the documentation lists is what there is.

use tollgate::core::decision::Outage;
use tollgate::core::deny::DenyReason;
use tollgate::core::extract::CREDENTIAL_HEADERS;
use tollgate::core::mutate::IDENTITY_HEADERS;

use crate::harness::vectors;

const OPERATIONS: &str = include_str!("../../docs/operations.md");
const DIFFERENCES: &str = include_str!("../../docs/litellm-differences.md");

#[test]
fn every_reason_and_header_is_documented() {
    let reasons = DenyReason::ALL.map(|reason| reason.refusal().label.to_owned());
    let outages =
        [Outage::RequestMissing, Outage::Overloaded, Outage::Internal].map(|outage| outage.label().to_owned());
    let identity = IDENTITY_HEADERS.map(|suffix| format!("x-auth-{suffix}"));
    let credentials = CREDENTIAL_HEADERS.iter().map(|name| (*name).to_owned());
    for word in reasons.into_iter().chain(outages).chain(identity).chain(credentials) {
        assert!(OPERATIONS.contains(&format!("`{word}`")), "docs/operations.md does not mention `{word}`");
    }
}

#[test]
fn links_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/configuration.md",
        "docs/operations.md",
        "docs/litellm-differences.md",
        "docs/performance.md",
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
    let tables = ["credential-vectors.json", "record-vectors.json", "request-vectors.json"];
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
