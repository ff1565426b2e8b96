//! Endpoints the configuration passes through, and who was granted one (spec section 6).

use thiserror::Error;

use super::{Method, MethodSet};
use crate::core::extract::pass_through::PassThroughCredential;
use crate::core::path::is_below;

/// One rule for the path and, where it has any, everything below it (W7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassThrough {
    /// Methods the rule is for. LiteLLM's default leaves HEAD and OPTIONS out.
    pub methods: MethodSet,
    /// Whether a credential is needed.
    pub auth: bool,
    /// Whether the key or its team must have been granted the path.
    pub grant_required: bool,
    /// Where callers of this endpoint may have their credentials, beside the usual places.
    pub credential: PassThroughCredential,
}

impl PassThrough {
    /// Whether the rule is for a method. HEAD is implied by GET.
    #[must_use]
    pub fn expects(&self, method: Method) -> bool {
        self.methods.expect(method)
    }

    /// Whether only those with a grant may come in: LiteLLM's "auth-enforced".
    #[must_use]
    pub fn needs_grant(&self) -> bool {
        self.auth && self.grant_required
    }
}

/// `allowed_passthrough_routes` of a key, or of its team: paths, each with everything below it. No
/// wildcards, no groups, and never a right to any other route (W5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassThroughGrants {
    paths: Vec<String>,
}

/// Why an entry of `allowed_passthrough_routes` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it must be a path that begins with `/` and is longer than it, without `*`")]
pub struct NotAPath;

impl PassThroughGrants {
    /// Compiles a list; an error comes with the index of its entry.
    pub fn compile<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, NotAPath)> {
        let mut paths = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            if !entry.starts_with('/') || entry == "/" || entry.contains('*') {
                return Err((index, NotAPath));
            }
            paths.push(entry.to_owned());
        }
        Ok(Self { paths })
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether a path is granted.
    #[must_use]
    pub fn cover(&self, path: &str) -> bool {
        self.paths.iter().any(|entry| is_below(path, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_whole_segments() {
        let grants = PassThroughGrants::compile(["/auth-pt", "/x/y"]).unwrap();
        for path in ["/auth-pt", "/auth-pt/", "/auth-pt/x/y", "/x/y"] {
            assert!(grants.cover(path), "{path}");
        }
        for path in ["/", "/auth-ptx", "/x", "/auth-p"] {
            assert!(!grants.cover(path), "{path}");
        }
        for entry in ["", "/", "*", "/*", "/auth-pt*", "llm_api_routes"] {
            assert_eq!(PassThroughGrants::compile(["/ok", entry]), Err((1, NotAPath)), "{entry}");
        }
    }
}
