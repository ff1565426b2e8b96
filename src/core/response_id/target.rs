//! The request target as the provider is to see it.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::plain::PlainId;

/// A request target with the provider's id in it. Its `Debug` is blind.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainTarget(String);

impl PlainTarget {
    /// The target itself, for the upstream alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainTarget(…)")
    }
}

/// The target with the plain id in place of the segment that spells `shown`, the id that was opened.
/// Everything else, the query included, stays as it is. `None` unless exactly one segment does: the
/// request must not go on with an id that was not judged.
#[must_use]
pub fn rewrite_target(target: &str, shown: &str, inner: &PlainId) -> Option<PlainTarget> {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let spells = |segment: &str| percent_decode_str(segment).eq(shown.bytes());
    let mut segments: Vec<_> = path.split('/').collect();
    let mut found = segments.iter_mut().filter(|segment| spells(segment));
    let (Some(segment), None) = (found.next(), found.next()) else { return None };
    let inner = inner.to_segment();
    *segment = &inner;
    Some(PlainTarget(segments.join("/") + query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_segment_is_replaced_and_nothing_else() {
        let rewrite = |target: &str, inner: &str| rewrite_target(target, "resp_A=", &PlainId::parse(inner).unwrap());
        for (target, inner, expected) in [
            ("/v1/responses/resp_A=", "resp_68", "/v1/responses/resp_68"),
            ("/v1/responses/resp_A%3D/cancel", "resp_68", "/v1/responses/resp_68/cancel"),
            ("/responses/resp_A%3d?stream=true&a=resp_A=", "resp_68", "/responses/resp_68?stream=true&a=resp_A="),
            ("/v1/responses/%72esp_A=/input_items?", "a/b?c", "/v1/responses/a%2Fb%3Fc/input_items?"),
            ("/v1/responses/resp_A=/", "x", "/v1/responses/x/"),
        ] {
            assert_eq!(rewrite(target, inner).as_ref().map(PlainTarget::expose), Some(expected), "{target}");
        }
        for target in [
            "/v1/responses/resp_B=",
            "/v1/responses/resp_A",
            "/resp_A=/resp_A%3D",
            "/v1/responses?id=resp_A=",
            "",
            "?resp_A=",
        ] {
            assert_eq!(rewrite(target, "x"), None, "{target}");
        }
    }
}
