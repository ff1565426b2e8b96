//! Where is the credential? One file per source; [`SOURCES`] lists them in LiteLLM's order (EXT-1).
//!
//! LiteLLM takes the first source present. Here a request that carries two *different* credentials is
//! refused: whichever of them a reader believed, the other might be what the upstream sees (SEC-33).

mod authorization;
mod x_api_key;

use crate::core::credential::{Credential, MAX_CREDENTIAL, Secret};
use crate::core::deny::DenyReason;
use crate::core::request::{Fidelity, HeaderView};

/// One place a credential can be.
#[derive(Debug)]
pub struct Source {
    /// The header, lower-case.
    pub header: &'static str,
    /// Reads one non-empty header value, with white space at both ends removed.
    parse: fn(&str) -> Found<'_>,
}

/// What a source says of one header value.
enum Found<'a> {
    Credential(&'a str),
    Malformed,
}

/// Every source that is read, in order.
pub const SOURCES: &[Source] = &[authorization::SOURCE, x_api_key::SOURCE];

/// Headers that some client uses to carry a credential. All are removed before the request is
/// forwarded, those that are not read included: none of them is the upstream's to see (S-242).
pub const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "x-litellm-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "proxy-authorization",
];

/// Finds the one credential of a request.
///
/// # Errors
/// [`DenyReason::CredentialMissing`], [`DenyReason::CredentialMalformed`] or
/// [`DenyReason::CredentialConflict`]; never the text that was found.
pub fn credential(headers: &HeaderView<'_>) -> Result<Credential, DenyReason> {
    let mut found: Option<Credential> = None;
    for source in SOURCES {
        let Some(text) = read(source, headers)? else {
            continue;
        };
        match &mut found {
            None => found = Some(Credential { secret: Secret::new(text), headers: vec![source.header] }),
            Some(earlier) if earlier.secret.expose() == text => earlier.headers.push(source.header),
            Some(_) => return Err(DenyReason::CredentialConflict),
        }
    }
    found.ok_or(DenyReason::CredentialMissing)
}

/// Reads one source. An empty header counts as absent (LiteLLM EXT-1); a repeated one is malformed,
/// whether the proxy kept the lines apart or joined them with a comma (S-031 … S-033).
fn read<'a>(source: &Source, headers: &HeaderView<'a>) -> Result<Option<&'a str>, DenyReason> {
    let mut values = headers.all(source.header);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(DenyReason::CredentialMalformed);
    }
    let text = std::str::from_utf8(value).map_err(|_| DenyReason::CredentialMalformed)?;
    // An HTTP/1 upstream trims optional white space; over HTTP/2 Envoy does not (S-038).
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Ok(None);
    }
    match (source.parse)(text) {
        Found::Credential(token) if is_token(token, headers.fidelity()) => Ok(Some(token)),
        Found::Credential(_) | Found::Malformed => Err(DenyReason::CredentialMalformed),
    }
}

/// Whether a text can be a credential at all: visible ASCII, no comma (Envoy joins repeated lines with
/// one), bounded. In lossy mode `!` may stand for any byte (S-035).
fn is_token(text: &str, fidelity: Fidelity) -> bool {
    let acceptable =
        |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b',' && !(byte == b'!' && fidelity == Fidelity::Lossy);
    !text.is_empty() && text.len() <= MAX_CREDENTIAL && text.bytes().all(acceptable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(headers: &[(&str, &[u8])]) -> Result<String, DenyReason> {
        let view = HeaderView::new(headers.to_vec(), Fidelity::Exact);
        credential(&view).map(|found| found.secret.expose().to_owned())
    }

    #[test]
    fn reads_each_source() {
        for (name, value, expected) in [
            ("authorization", "Bearer sk-a", Ok("sk-a")),
            ("Authorization", "bearer sk-a", Ok("sk-a")),
            ("authorization", "BEARER sk-a", Ok("sk-a")),       // C03
            ("authorization", " \tBearer sk-a \t", Ok("sk-a")), // S-038
            ("x-api-key", "sk-a", Ok("sk-a")),                  // C16
            ("x-api-key", " sk-a ", Ok("sk-a")),
            ("authorization", "", Err(DenyReason::CredentialMissing)), // C20
            ("authorization", "sk-a", Err(DenyReason::CredentialMalformed)), // C04
            ("authorization", "Bearer", Err(DenyReason::CredentialMalformed)), // CE2
            ("authorization", "Bearer ", Err(DenyReason::CredentialMalformed)), // CE3
            ("authorization", "Bearer  sk-a", Err(DenyReason::CredentialMalformed)), // C33
            ("authorization", "Bearer\tsk-a", Err(DenyReason::CredentialMalformed)), // CE6
            ("authorization", "Bearer\u{a0}sk-a", Err(DenyReason::CredentialMalformed)), // S-037
            ("authorization", "Bearersk-a", Err(DenyReason::CredentialMalformed)), // S-037
            ("authorization", "Bearer Bearer sk-a", Err(DenyReason::CredentialMalformed)), // S-039
            ("authorization", "Basic sk-a", Err(DenyReason::CredentialMalformed)), // C05
            ("authorization", "Token sk-a", Err(DenyReason::CredentialMalformed)), // C19
            ("authorization", "Bearer sk-a,Bearer sk-b", Err(DenyReason::CredentialMalformed)), // S-031
            ("x-api-key", "Bearer sk-a", Err(DenyReason::CredentialMalformed)), // EXT-7
            ("x-api-key", ",sk-a", Err(DenyReason::CredentialMalformed)), // S-032
            ("x-api-key", "sk-\u{e9}", Err(DenyReason::CredentialMalformed)), // S-081
            ("cookie", "sk-a", Err(DenyReason::CredentialMissing)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(find(&[(name, value.as_bytes())]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn two_lines_of_one_header_are_refused_s033() {
        let two: &[(&str, &[u8])] = &[("x-api-key", b"sk-a"), ("X-API-KEY", b"sk-a")];
        assert_eq!(find(two), Err(DenyReason::CredentialMalformed));
        let one_empty: &[(&str, &[u8])] = &[("x-api-key", b""), ("x-api-key", b"sk-a")];
        assert_eq!(find(one_empty), Err(DenyReason::CredentialMalformed));
    }

    #[test]
    fn two_sources_must_agree_s034() {
        let differ: &[(&str, &[u8])] = &[("authorization", b"Bearer sk-a"), ("x-api-key", b"sk-b")];
        assert_eq!(find(differ), Err(DenyReason::CredentialConflict));
        let agree: &[(&str, &[u8])] = &[("authorization", b"Bearer sk-a"), ("x-api-key", b"sk-a")];
        assert_eq!(find(agree).unwrap(), "sk-a");
        let malformed: &[(&str, &[u8])] = &[("authorization", b"Token z"), ("x-api-key", b"sk-a")];
        assert_eq!(find(malformed), Err(DenyReason::CredentialMalformed), "C19");
    }

    #[test]
    fn a_garbled_byte_never_matches_s035() {
        let view = HeaderView::new(vec![("x-api-key", b"sk-ab!!".as_slice())], Fidelity::Lossy);
        assert_eq!(credential(&view).err(), Some(DenyReason::CredentialMalformed));
        assert_eq!(find(&[("x-api-key", b"sk-ab\xff\xfe")]), Err(DenyReason::CredentialMalformed));
    }

    #[test]
    fn a_huge_credential_is_refused_before_it_is_hashed_s091() {
        let huge = format!("sk-{}", "a".repeat(60 * 1024));
        assert_eq!(find(&[("x-api-key", huge.as_bytes())]), Err(DenyReason::CredentialMalformed));
    }

    proptest! {
        #[test]
        fn is_total(name in "authorization|x-api-key", value in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(token) = find(&[(&name, &value)]) {
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
            }
        }
    }
}
