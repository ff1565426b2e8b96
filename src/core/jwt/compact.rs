//! The compact form (RFC 7515 section 7.1), read strictly, before any library sees it.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::{Malformed, Refusal, json};

/// Longest token read, in bytes, unless configured otherwise (S-130).
pub const MAX_TOKEN: usize = 16 * 1024;
/// Longest `kid`, in bytes.
pub const MAX_KID: usize = 512;

/// Whether a credential claims to be a JWT: three parts, the first of them a JSON object with `alg`.
/// `sk-a.b.c` and `a.b.c` are none (S-131; LiteLLM asks for two dots only, W51).
#[must_use]
pub fn looks_like_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    text.len() <= MAX_TOKEN
        && decode(header).and_then(|header| json::object(&header).ok()).is_some_and(|header| header.contains_key("alg"))
}

/// A signed message whose shape is right and whose signature is not verified.
#[derive(Clone)]
pub struct Compact<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// `typ`, as written.
    pub(super) declared: Option<String>,
    /// What is signed: header, dot, payload.
    pub(super) signed: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
    pub(super) payload: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Reads a token of at most `max` bytes.
    ///
    /// # Errors
    /// What is wrong with the form, see [`Malformed`], or an algorithm or extension that is not accepted.
    pub fn parse(text: &'t str, max: usize) -> Result<Self, Refusal> {
        if text.len() > max {
            return Err(Malformed::TooLong.into());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Malformed::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(Malformed::Parts)?;
        if payload.contains('.') {
            return Err(Malformed::Parts.into());
        }
        if decode(signature).ok_or(Malformed::Base64)?.is_empty() {
            return Err(Malformed::NoSignature.into());
        }
        let header = decode(header).ok_or(Malformed::Base64)?;
        let payload = decode(payload).ok_or(Malformed::Base64)?;
        let header = json::object(&header).map_err(|_| Malformed::Header)?;
        // Extensions that must be understood: none is, `b64` included (S-101, S-102).
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Refusal::CriticalExtension);
        }
        if header.contains_key("zip") || header.contains_key("enc") {
            return Err(Refusal::Encrypted);
        }
        let algorithm = text_member(&header, "alg")?.ok_or(Refusal::Algorithm)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(Refusal::Algorithm)?;
        let kid = text_member(&header, "kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Malformed::Header.into());
        }
        let declared = text_member(&header, "typ")?.map(str::to_owned);
        Ok(Self { algorithm, kid, declared, signed, signature, payload })
    }

    /// The algorithm the header names.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key the header gives. A text to compare, nothing else (S-105).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

impl std::fmt::Debug for Compact<'_> {
    /// Without payload and signature: those are a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compact").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A text, or nothing. Any other type is malformed: `null` too.
fn text_member<'h>(header: &'h Map<String, Value>, name: &str) -> Result<Option<&'h str>, Refusal> {
    header.get(name).map(|value| value.as_str().ok_or(Malformed::Header.into())).transpose()
}

/// Canonical base64url: no padding, no line breaks, no stray bits at the end (S-100).
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn b64(text: &str) -> String {
        BASE64URL_NOPAD.encode(text.as_bytes())
    }

    fn with_header(header: &str) -> Result<Algorithm, Refusal> {
        Compact::parse(&format!("{}.{}.AAAA", b64(header), b64("{}")), MAX_TOKEN).map(|token| token.algorithm())
    }

    #[test]
    fn no_algorithm_but_ours_s093_s095() {
        for alg in ["none", "None", "nOnE", "NONE", "HS256", "HS512", "ES256K", "", "dir"] {
            assert_eq!(with_header(&format!(r#"{{"alg":"{alg}"}}"#)), Err(Refusal::Algorithm), "{alg}");
        }
        assert_eq!(with_header("{}"), Err(Refusal::Algorithm), "alg is missing");
        for alg in ["null", "1", "[\"RS256\"]", "{}", "true"] {
            assert_eq!(with_header(&format!(r#"{{"alg":{alg}}}"#)), Err(Malformed::Header.into()), "{alg}");
        }
        assert_eq!(with_header(r#"{"alg":"none","alg":"RS256"}"#), Err(Malformed::Header.into()), "S-094");
        assert_eq!(with_header(r#"{"alg":"RS256","alg":"RS256"}"#), Err(Malformed::Header.into()), "S-094");
    }

    #[test]
    fn nothing_is_critical_s101_s102_v024() {
        for crit in [
            r#""crit":["bork"],"bork":1"#,
            r#""crit":[]"#,
            r#""crit":["exp"]"#,
            r#""crit":"x""#,
            r#""crit":null"#,
            r#""crit":["b64"],"b64":false"#,
            r#""b64":false"#,
            r#""b64":true"#,
        ] {
            assert_eq!(with_header(&format!(r#"{{"alg":"RS256",{crit}}}"#)), Err(Refusal::CriticalExtension), "{crit}");
        }
    }

    #[test]
    fn private_members_and_key_locations_are_not_read_s103_s104() {
        let header = r#"{"alg":"RS256","ver":2,"x5c":["x"],"jku":"http://169.254.169.254/","jwk":{"kty":"oct"}}"#;
        assert_eq!(with_header(header), Ok(Algorithm::Rs256));
    }

    #[test]
    fn kid_is_a_short_text_s105_v025() {
        for kid in ["1", "null", "[\"a\"]", "{}", "true"] {
            assert_eq!(with_header(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#)), Err(Malformed::Header.into()));
        }
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(MAX_KID + 1));
        assert_eq!(with_header(&long), Err(Malformed::Header.into()));
        assert!(with_header(r#"{"alg":"RS256","kid":"../../dev/null' UNION SELECT"}"#).is_ok());
    }

    #[test]
    fn base64_is_canonical_s100() {
        let good = format!("{}.{}.AAAA", b64(r#"{"alg":"RS256"}"#), b64("{}"));
        assert!(Compact::parse(&good, MAX_TOKEN).is_ok());
        let (header, rest) = good.split_once('.').unwrap();
        for bad in [
            format!("{good}="),
            format!("{good}\n"),
            format!(" {good}"),
            format!("{header}=.{rest}"),
            format!("{header}.e30=.AAAA"),
            format!("{header}.e31.AAAA"),
            format!("{header}.e30.AA+A"),
            format!("{header}.e30.AA/A"),
            format!("{header}.e30.AA\nAA"),
            format!("{header}.e30.AB"),
            format!("{header}.e30.A"),
            format!("{header}.e30.ÄAAA"),
        ] {
            assert_eq!(Compact::parse(&bad, MAX_TOKEN).err(), Some(Malformed::Base64.into()), "{bad}");
        }
    }

    #[test]
    fn three_parts_and_a_signature_s098_s129() {
        let header = b64(r#"{"alg":"RS256"}"#);
        for bad in [
            String::new(),
            header.clone(),
            format!("{header}.e30"),
            format!("{header}.e30.AAAA.x"),
            format!("{header}.a.b.c.d"),
        ] {
            assert_eq!(Compact::parse(&bad, MAX_TOKEN).err(), Some(Malformed::Parts.into()), "{bad}");
        }
        let unsigned = format!("{header}.e30.");
        assert_eq!(Compact::parse(&unsigned, MAX_TOKEN).err(), Some(Malformed::NoSignature.into()));
        assert_eq!(with_header(r#"{"alg":"RS256","zip":"DEF"}"#), Err(Refusal::Encrypted));
        assert_eq!(with_header(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), Err(Refusal::Encrypted));
    }

    #[test]
    fn length_is_bounded_before_anything_is_decoded_s130() {
        let long = format!("{}.e30.AAAA", "!".repeat(MAX_TOKEN));
        assert_eq!(Compact::parse(&long, MAX_TOKEN).err(), Some(Malformed::TooLong.into()));
    }

    #[test]
    fn a_jwt_has_a_jose_header_s131_v005() {
        assert!(looks_like_jwt(&format!("{}.x.y", b64(r#"{"alg":"none"}"#))));
        for other in ["sk-a.b.c", "a.b.c", "sk-m.a.b", "..", "", "a.b", "e30.e30.AAAA", "eyJhbGciOiJSUzI1NiJ9.a.b.c.d"]
        {
            assert!(!looks_like_jwt(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text in any::<String>(), parts in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let _ = Compact::parse(&text, MAX_TOKEN);
            let joined = parts.iter().map(|part| BASE64URL_NOPAD.encode(part)).collect::<Vec<_>>().join(".");
            let _ = Compact::parse(&joined, MAX_TOKEN);
            let _ = looks_like_jwt(&text);
        }
    }
}
