//! How much may be asked in a time. Tollgate does not count: it tells the proxy's rate limiter.

use std::collections::HashMap;

/// Limits of one subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests: Option<u64>,
    /// Tokens a minute.
    pub tokens: Option<u64>,
    /// Requests at one time.
    pub parallel: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and where they say nothing, the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests: self.requests.or(other.requests),
            tokens: self.tokens.or(other.tokens),
            parallel: self.parallel.or(other.parallel),
        }
    }
}

/// Limits of single models, by the name a request uses.
pub type ModelLimits = HashMap<Box<str>, Limits>;
