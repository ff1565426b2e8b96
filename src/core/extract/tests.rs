use proptest::prelude::*;

use super::websocket_protocol::Remainder;
use super::*;

const K: &str = "sk-alice-0001";
const K2: &str = "sk-bob-0002";
const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/gpt-4o:generateContent";

use DenyReason::{CredentialConflict as Conflict, CredentialMalformed as Malformed, CredentialMissing as Missing};

/// Everything on.
fn all() -> Extractor {
    use OptionalSource::*;
    Extractor { custom_header: None, optional: vec![QueryKey, BasicRaw, AwsSigV4, LitellmUserApiKey], tokens: false }
}

fn find(extractor: &Extractor, target: &str, headers: &[(&str, &str)]) -> Result<String, DenyReason> {
    let bytes = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let view = HeaderView::new(bytes, Fidelity::Exact);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let langfuse = PassThroughCredential { langfuse: true, header: HeaderName::new("x-pt-key") };
    let pass_through = path.starts_with("/pt").then_some(&langfuse);
    let input = Input { headers: &view, path, query, pass_through };
    extractor.credential(&input).map(|found| found.secret.expose().to_owned())
}

#[test]
fn a_custom_header_is_the_only_source() {
    let extractor = Extractor { custom_header: HeaderName::new("X-My-Key"), ..all() };
    let find = |headers| find(&extractor, CHAT, headers);
    assert_eq!(find(&[("x-my-key", "Bearer sk-alice-0001")]).unwrap(), K, "C40");
    assert_eq!(find(&[("x-my-key", K)]), Err(Malformed), "C41");
    assert_eq!(find(&[("authorization", "Bearer sk-alice-0001")]), Err(Missing), "C42");
    assert_eq!(find(&[("x-my-key", "Bearer sk-alice-0001"), ("x-litellm-api-key", K2)]).unwrap(), K, "C43");
}

#[test]
fn two_lines_of_one_header_are_refused_s033() {
    for source in ["x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key", "x-litellm-api-key"] {
        assert_eq!(find(&all(), CHAT, &[(source, K), (source, K)]), Err(Malformed), "{source}");
        assert_eq!(find(&all(), CHAT, &[(source, ""), (source, K)]), Err(Malformed), "S-032: {source}");
    }
}

#[test]
fn every_pair_of_sources_must_agree_s034() {
    let headers = ["x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"];
    for one in headers {
        for other in headers.iter().filter(|other| **other != one) {
            assert_eq!(find(&all(), CHAT, &[(one, K), (other, K2)]), Err(Conflict), "{one} {other}");
            assert_eq!(find(&all(), CHAT, &[(one, K), (other, K)]).unwrap(), K, "{one} {other}");
        }
    }
}

#[test]
fn a_query_key_that_could_not_be_removed_is_refused_s088() {
    let at = |query: &str| find(&all(), &format!("{GEMINI}?{query}"), &[]);
    assert_eq!(at("key=sk-alice%2D0001").unwrap(), K);
    for query in ["k%65y=sk-a", "key=sk-a&key=sk-a", "x=1;key=sk-a", "key=sk-a;x=1", "key=sk-a&%6bey=sk-b", "key=%ff"] {
        assert_eq!(at(query), Err(Malformed), "{query}");
        assert_eq!(
            find(&Extractor::default(), &format!("{GEMINI}?{query}"), &[("x-api-key", K)]),
            Err(Malformed),
            "off: {query}"
        );
    }
    assert_eq!(at("key="), Err(Malformed));
    assert_eq!(at("monkey=sk-a"), Err(Missing));
}

#[test]
fn a_websocket_key_leaves_the_other_protocols() {
    let remainder = |lines: &[&str]| {
        let headers = lines.iter().map(|line| ("sec-websocket-protocol", line.as_bytes())).collect();
        let view = HeaderView::new(headers, Fidelity::Exact);
        websocket_protocol::remainder(&Input { headers: &view, path: "/", query: None, pass_through: None })
    };
    assert_eq!(remainder(&["realtime"]), Ok(Remainder::Unchanged));
    assert_eq!(remainder(&[]), Ok(Remainder::Unchanged));
    assert_eq!(remainder(&["openai-insecure-api-key.sk-a"]), Ok(Remainder::Nothing));
    let Ok(Remainder::Items(rest)) = remainder(&["realtime, openai-insecure-api-key.sk-a", "openai-beta.realtime-v1"])
    else {
        panic!("two items are left");
    };
    assert_eq!(rest.as_str(), "realtime, openai-beta.realtime-v1");
    assert_eq!(remainder(&["a b, openai-insecure-api-key.sk-a"]), Err(Malformed));
    let two =
        [("upgrade", "websocket"), ("sec-websocket-protocol", "openai-insecure-api-key.a, openai-insecure-api-key.a")];
    assert_eq!(find(&all(), "/v1/realtime", &two), Err(Malformed));
}

#[test]
fn a_garbled_byte_never_matches_s035() {
    let view = HeaderView::new(vec![("x-api-key", b"sk-ab!!".as_slice())], Fidelity::Lossy);
    let input = Input { headers: &view, path: CHAT, query: None, pass_through: None };
    assert_eq!(all().credential(&input).err(), Some(Malformed));
    let view = HeaderView::new(vec![("x-api-key", b"sk-ab\xff\xfe".as_slice())], Fidelity::Exact);
    let input = Input { headers: &view, ..input };
    assert_eq!(all().credential(&input).err(), Some(Malformed));
}

#[test]
fn a_huge_credential_is_refused_before_it_is_hashed_s091() {
    let huge = format!("sk-{}", "a".repeat(60 * 1024));
    assert_eq!(find(&all(), CHAT, &[("x-api-key", &huge)]), Err(Malformed));
}

proptest! {
    #[test]
    fn is_total_and_finds_only_tokens(
        headers in proptest::collection::vec((
            prop::sample::select(vec!["authorization", "x-api-key", "api-key", "x-litellm-api-key", "sec-websocket-protocol", "upgrade"]),
            prop_oneof![Just("websocket".to_owned()), "(Bearer |Basic |AWS4-HMAC-SHA256 Credential=)?[ -~]{0,30}", "\\PC{0,20}"],
        ), 0..4),
        query in "[a-z=&;%0-9]{0,20}",
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if let Ok(token) = find(&all(), &format!("{GEMINI}?{query}"), &headers) {
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        }
    }
}
