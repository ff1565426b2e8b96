//! Request methods, and sets of them.

/// Request methods that some route expects. CONNECT is none of them: after an allow, Envoy would pass
/// bytes on that no check has seen (S-018).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// All methods, in the order of an `Allow` header.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Options, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Exact spelling only: methods are case-sensitive (RFC 9110 §9.1, S-022).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// The token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request of this method changes nothing (RFC 9110 §9.2.1).
    #[must_use]
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// A set of methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MethodSet(u8);

impl MethodSet {
    /// No method.
    pub const EMPTY: Self = Self(0);

    /// These methods.
    #[must_use]
    pub const fn of(methods: &[Method]) -> Self {
        let mut set = 0;
        let mut rest = methods;
        while let [first, after @ ..] = rest {
            set |= 1 << *first as u8;
            rest = after;
        }
        Self(set)
    }

    /// Everything in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a method is in the set.
    #[must_use]
    pub const fn has(self, method: Method) -> bool {
        self.0 & 1 << method as u8 != 0
    }

    /// Whether a request of this method may be made where the set is expected: HEAD is implied by GET.
    #[must_use]
    pub const fn expect(self, method: Method) -> bool {
        match method {
            Method::Head => self.has(Method::Get),
            Method::Get | Method::Options | Method::Post | Method::Put | Method::Patch | Method::Delete => {
                self.has(method)
            }
        }
    }

    /// Whether the sets share a method.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no method is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods, in the order of an `Allow` header.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.has(*method))
    }
}
