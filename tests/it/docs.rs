//! What the documentation lists is what there is.

use tollgate::core::decision::Outage;
use tollgate::core::deny::DenyReason;
use tollgate::core::extract::CREDENTIAL_HEADERS;
use tollgate::core::mutate::IDENTITY_HEADERS;

const OPERATIONS: &str = include_str!("../../docs/operations.md");

#[test]
fn every_reason_and_header_is_documented() {
    let reasons = DenyReason::ALL.map(|reason| reason.refusal().label.to_owned());
    let outages = [
        Outage::RequestMissing,
        Outage::Overloaded,
        Outage::StoreUnavailable,
        Outage::StoreOverloaded,
        Outage::Internal,
    ]
    .map(|outage| outage.label().to_owned());
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
