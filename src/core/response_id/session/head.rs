//! What headers say about a body, and what they must not.

use super::HeaderEdits;
use crate::core::header::{HeaderName, HeaderValue};
use crate::core::request::HeaderView;
use crate::core::response_id::PREFIX;
use crate::core::response_id::exchange::Exchange;

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Events,
    Other,
    /// No media type.
    Untold,
}

/// Headers, pseudo-headers included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'h>(pub(super) &'h HeaderView<'h>);

impl Head<'_> {
    /// The status, if there is one.
    pub(super) fn status(self) -> Option<u16> {
        let status = std::str::from_utf8(self.single(":status")?).ok()?;
        status.parse().ok().filter(|status| (100..600).contains(status))
    }

    pub(super) fn is_head_request(self) -> bool {
        self.0.all(":method").any(|method| method == b"HEAD")
    }

    /// Whether the connection is to become another one: HTTP/1.1 `upgrade`, or `CONNECT` (RFC 8441).
    pub(super) fn is_upgrade(self) -> bool {
        self.0.all("upgrade").next().is_some() || self.0.all(":method").any(|method| method == b"CONNECT")
    }

    /// Whether the body is compressed, or anything else but itself.
    pub(super) fn is_encoded(self) -> bool {
        self.0.all("content-encoding").any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// The format, by the media type; `None` when there is more than one, or a charset that is not UTF-8.
    pub(super) fn format(self) -> Option<Format> {
        let mut values = self.0.all("content-type");
        let Some(value) = values.next() else { return Some(Format::Untold) };
        if values.next().is_some() {
            return None;
        }
        let value = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
        let mut parts = value.split(';').map(str::trim);
        let essence = parts.next()?;
        let mut charsets =
            parts.filter_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
        let is_utf8 = charsets.all(|charset| matches!(charset, "utf-8" | "utf8" | "us-ascii"));
        match essence {
            "text/event-stream" => is_utf8.then_some(Format::Events),
            json if json == "application/json" || json.ends_with("+json") => is_utf8.then_some(Format::Json),
            _ => Some(Format::Other),
        }
    }

    /// Headers that tell an id; `None` when one of them cannot be removed.
    pub(super) fn telling(self, exchange: &Exchange) -> Option<Vec<HeaderName>> {
        let tells =
            |value: &[u8]| memchr::memmem::find(value, PREFIX.as_bytes()).is_some() || exchange.is_told_in(value);
        let names = self.0.names().filter(|name| self.0.all(name).any(tells));
        names.map(HeaderName::new).collect()
    }

    /// The value of a header that comes once.
    fn single(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.0.all(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// Headers that vouch for the bytes of a body, which change.
const DIGESTS: [&str; 5] = ["content-md5", "content-digest", "repr-digest", "digest", "etag"];

/// What the upstream must not see, and what it is asked: an answer that can be read, and all of it.
pub(super) fn for_upstream() -> HeaderEdits {
    let identity = HeaderName::new("accept-encoding").zip(HeaderValue::encode("identity"));
    let remove = DIGESTS.into_iter().chain(["range", "if-range"]).filter_map(HeaderName::new).collect();
    HeaderEdits { set: identity.into_iter().collect(), remove }
}

/// What the caller must not see; `None` when it cannot be kept from it.
pub(super) fn for_caller(head: Head<'_>, exchange: &Exchange) -> Option<HeaderEdits> {
    let mut remove = head.telling(exchange)?;
    remove.extend(DIGESTS.into_iter().filter_map(HeaderName::new));
    remove.sort_unstable();
    remove.dedup();
    Some(HeaderEdits { set: Vec::new(), remove })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::Fidelity;

    fn view<'a>(headers: &[(&'a str, &'a str)]) -> HeaderView<'a> {
        HeaderView::new(headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect(), Fidelity::Exact)
    }

    #[test]
    fn formats_are_told_by_the_media_type() {
        for (value, expected) in [
            ("application/json", Some(Format::Json)),
            ("Application/JSON; charset=\"UTF-8\"", Some(Format::Json)),
            ("application/problem+json", Some(Format::Json)),
            ("text/event-stream; charset=utf-8", Some(Format::Events)),
            ("application/json; charset=utf-16", None),
            ("text/event-stream;charset=latin1", None),
            ("text/html", Some(Format::Other)),
            ("application/x-ndjson", Some(Format::Other)),
            ("application/json, text/html", Some(Format::Other)),
        ] {
            assert_eq!(Head(&view(&[("content-type", value)])).format(), expected, "{value}");
        }
        assert_eq!(Head(&view(&[])).format(), Some(Format::Untold));
        let two = view(&[("content-type", "application/json"), ("content-type", "text/event-stream")]);
        assert_eq!(Head(&two).format(), None);
    }

    #[test]
    fn an_encoding_is_anything_but_identity_s223() {
        for (value, expected) in
            [("identity", false), (" Identity ", false), ("gzip", true), ("identity, gzip", true), ("", true)]
        {
            assert_eq!(Head(&view(&[("content-encoding", value)])).is_encoded(), expected, "{value}");
        }
        assert!(!Head(&view(&[])).is_encoded());
    }
}
