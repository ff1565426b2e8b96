//! Header names and values that are safe to hand to Envoy, by construction.
//!
//! Envoy obeys `:path`, `:method` and `host` from an authorization server, desynchronises on
//! `content-length`, ignores `raw_value`, and answers 500 to a control byte in a value. None of that
//! can be said with these types (S-061, S-063, S-064, S-243).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::core::credential::Secret;

/// Longest text sent, in bytes before encoding. Longer ones are not sent at all: a value cut short could name
/// somebody else.
pub const MAX_VALUE: usize = 256;
/// Longest list sent, in bytes after encoding.
pub const MAX_LIST: usize = 4096;

/// Percent-encoded in values: controls, everything beyond ASCII, and what a reader of lists, of
/// quoted strings, or of our own encoding would take for syntax.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b'"').add(b'\\');

/// A lower-case header name that an authorization server may set or remove. A copy costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(Arc<str>);

impl HeaderName {
    /// `None` for pseudo-headers, framing and hop-by-hop headers, and anything that is no token
    /// (RFC 9110 §5.6.2).
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let upper = name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if upper { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
        let token = !name.is_empty() && name.bytes().all(is_token_byte);
        (token && !FORBIDDEN.contains(&name.as_ref())).then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names that steer the connection, not the request.
const FORBIDDEN: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
];

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A header value of visible ASCII, not empty, bounded.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValue {
    text: Cow<'static, str>,
    sensitive: bool,
}

impl HeaderValue {
    /// One of our own words.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self { text: Cow::Borrowed(word), sensitive: false }
    }

    /// Encodes any text: bytes outside visible ASCII, and `%`, `,`, `"`, `\` and space, become `%XX`.
    /// `None` when there is nothing to send or the text is longer than [`MAX_VALUE`].
    #[must_use]
    pub fn encode<'a>(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        Self::encode_up_to(MAX_VALUE, text)
    }

    /// The same for what may be longer. `None` beyond `max` bytes.
    #[must_use]
    pub fn encode_up_to<'a>(max: usize, text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        if text.is_empty() || text.len() > max {
            return None;
        }
        let encoded = match Cow::from(utf8_percent_encode(&text, ENCODED)) {
            Cow::Owned(encoded) => encoded,
            // A text that is one byte to encode is borrowed as well, from a table.
            Cow::Borrowed(encoded) if encoded != text => encoded.to_owned(),
            Cow::Borrowed(_) => text.into_owned(),
        };
        Some(Self { text: Cow::Owned(encoded), sensitive: false })
    }

    /// The same value, for the upstream's eyes only.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// A list: each element encoded as by [`Self::encode`], joined with commas. `None` when it is empty
    /// or longer than [`MAX_LIST`]: a list cut short would say less than was asked.
    #[must_use]
    pub fn list<'a>(elements: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut text = String::new();
        for element in elements {
            if element.is_empty() {
                return None;
            }
            let comma = if text.is_empty() { "" } else { "," };
            text += comma;
            text.extend(utf8_percent_encode(element, ENCODED));
            if text.len() > MAX_LIST {
                return None;
            }
        }
        (!text.is_empty()).then_some(Self { text: Cow::Owned(text), sensitive: false })
    }

    /// A credential for the upstream: `scheme`, a space and the secret, or the bare secret. `None`
    /// when it holds a byte that no credential has.
    #[must_use]
    pub fn credential(scheme: &str, secret: &Secret) -> Option<Self> {
        let secret = secret.expose();
        let printable = !secret.is_empty() && secret.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        let text = if scheme.is_empty() { secret.to_owned() } else { format!("{scheme} {secret}") };
        (printable && scheme.bytes().all(is_token_byte)).then_some(Self { text: Cow::Owned(text), sensitive: true })
    }

    /// A list of tokens (RFC 9110 §5.6.1), as in `sec-websocket-protocol`. `None` when an element is no token.
    #[must_use]
    pub fn tokens(elements: &[&str]) -> Option<Self> {
        let sound = elements.iter().all(|element| !element.is_empty() && element.bytes().all(is_token_byte));
        (sound && !elements.is_empty()).then(|| Self { text: Cow::Owned(elements.join(", ")), sensitive: false })
    }

    /// The value for an operator's eyes: a credential is not shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.sensitive { "(a secret)" } else { &self.text }
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("HeaderValue(…)") } else { write!(f, "HeaderValue({})", self.text) }
    }
}

/// Folds a header name the way a careless upstream might: lower case, everything but letters and digits
/// read as `-`, runs of `-` as one. Two names that fold alike are look-alikes (S-042).
#[must_use]
pub fn fold(name: &str) -> Cow<'_, str> {
    let mut dash = false;
    let plain = name.bytes().all(|byte| {
        let again = dash && byte == b'-';
        dash = byte == b'-';
        !again && (byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    if plain {
        return Cow::Borrowed(name);
    }
    let mut last = None;
    let folded = name.bytes().filter_map(|byte| {
        let byte = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
        let again = byte == b'-' && last == Some(b'-');
        last = Some(byte);
        (!again).then_some(char::from(byte))
    });
    Cow::Owned(folded.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steering_headers_cannot_be_named_s061() {
        for name in
            [":path", ":method", "host", "Host", "content-length", "transfer-encoding", "upgrade", "", "a b", "x\r\n"]
        {
            assert_eq!(HeaderName::new(name), None, "{name}");
        }
        assert_eq!(HeaderName::new("X-Auth-User-Id").unwrap().as_str(), "x-auth-user-id");
        let long = format!("x{}auth-user-id", "-".repeat(1000));
        assert_eq!(HeaderName::new(&long).unwrap().as_str(), long, "S-042: what can be sent can be removed");
    }

    #[test]
    fn a_bad_claim_is_no_outage_s243() {
        let encoded = |text: &str| HeaderValue::encode(text).map(|value| value.as_str().to_owned());
        assert_eq!(encoded("a\r\nb: c").unwrap(), "a%0D%0Ab:%20c");
        assert_eq!(encoded("Zoë, 100%").unwrap(), "Zo%C3%AB%2C%20100%25");
        assert_eq!(encoded(""), None, "S-064");
        assert_eq!(encoded(&"x".repeat(257)), None);
        assert_eq!(encoded(&"é".repeat(128)).unwrap().len(), 768, "what is judged is told");
    }

    #[test]
    fn look_alikes_fold_together_s042() {
        for name in [
            "x_auth_user_id",
            "X-Auth-User_Id",
            "x.auth.user.id",
            "x-auth--user-id",
            "x_auth-user.id",
            "x~auth+user'id",
            "x!auth!user!id",
        ] {
            assert_eq!(fold(name), "x-auth-user-id", "{name}");
        }
    }

    #[test]
    fn an_upstream_credential_is_not_shown() {
        let value = HeaderValue::credential("Bearer", &Secret::new("sk-canary")).unwrap();
        assert_eq!((value.as_str(), format!("{value:?}").as_str()), ("Bearer sk-canary", "HeaderValue(…)"));
        assert_eq!(HeaderValue::credential("Bearer", &Secret::new("a\nb")), None);
    }

    #[test]
    fn a_single_byte_is_encoded_as_well() {
        for (text, encoded) in [("\n", "%0A"), ("\0", "%00"), (",", "%2C"), ("%", "%25"), ("a", "a")] {
            assert_eq!(HeaderValue::encode(text).unwrap().as_str(), encoded, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_visible_ascii_and_decodes_to_its_text(text in "\\PC{1,40}|[\\x00-\\x7f]{1,40}") {
            if let Some(value) = HeaderValue::encode(&text) {
                prop_assert!(value.as_str().bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
                let decoded = percent_encoding::percent_decode_str(value.as_str()).decode_utf8().unwrap();
                prop_assert_eq!(decoded, text);
            }
        }

        #[test]
        fn folding_is_idempotent(name in "[a-zA-Z_.-]{0,20}") {
            let folded = fold(&name);
            prop_assert_eq!(fold(&folded), folded.as_ref());
        }
    }
}
