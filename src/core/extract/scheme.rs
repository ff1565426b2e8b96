//! Authorization schemes: `Bearer`, and the two odd ones that LiteLLM's clients use.

use super::{Extractor, OptionalSource};

/// The name an AWS Signature V4 value begins with.
const AWS: &str = "AWS4-HMAC-SHA256";

/// Takes the key out of `<scheme> <key>`: the scheme in any case (RFC 9110 §11.1), one space, one token.
/// LiteLLM knows three spellings, and removes every copy of them (EXT-3, EXT-4). Anything else is `None`.
pub(super) fn strict<'a>(extractor: &Extractor, text: &'a str) -> Option<&'a str> {
    let (scheme, rest) = text.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer")
        || (extractor.reads(OptionalSource::BasicRaw) && scheme.eq_ignore_ascii_case("basic"))
    {
        Some(rest)
    } else if extractor.reads(OptionalSource::AwsSigV4) && scheme == AWS {
        aws(rest)
    } else {
        None
    }
}

/// As [`strict`] where the text names a scheme, else the text itself (EXT-2).
pub(super) fn lenient<'a>(extractor: &Extractor, text: &'a str) -> Option<&'a str> {
    let scheme = text.split(' ').next().unwrap_or_default();
    let known = ["bearer", "basic"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) || scheme.starts_with(AWS);
    if known { strict(extractor, text) } else { Some(text) }
}

/// The key in `Credential=Bearer <key>/…`, or in `Credential=<key>/…` (EXT-5).
fn aws(parameters: &str) -> Option<&str> {
    let (_, credential) = parameters.split_once("Credential=")?;
    if credential.contains("Credential=") {
        return None;
    }
    let credential = credential.strip_prefix("Bearer").map_or(credential, |rest| rest.trim_start_matches(' '));
    credential.split(['/', ' ', ',']).next().filter(|key| !key.is_empty())
}
