//! One HTTP request as the rules see it: borrowed from the wire message, no Envoy types.

use ::core::net::IpAddr;

use crate::core::peer::Peer;

/// The request under judgement.
#[derive(Debug, Clone)]
pub struct RequestView<'a> {
    /// The proxy's request id, already reduced to safe characters; empty when there is none.
    pub id: &'a str,
    /// The method as sent. Methods are case-sensitive (RFC 9110 §9.1).
    pub method: &'a str,
    /// The request target as it will be forwarded: path and query, not decoded.
    pub target: &'a str,
    /// The peer of the connection as the proxy knows it; none when that is no IP address.
    pub peer: Option<IpAddr>,
    /// The name in the peer's client certificate, which the proxy has verified; none without one.
    pub principal: Option<&'a str>,
    /// All request headers.
    pub headers: HeaderView<'a>,
    /// What is known of the body.
    pub body: BodyView<'a>,
}

impl<'a> RequestView<'a> {
    /// Who is at the other end of the proxy's connection.
    #[must_use]
    pub fn sender(&self) -> Peer<'a> {
        Peer { address: self.peer, principal: self.principal }
    }
}

/// The body, or why it cannot be judged.
#[derive(Debug, Clone, Copy)]
pub enum BodyView<'a> {
    /// The proxy sent no body with the check, and the headers announce none.
    NotSent,
    /// The headers announce a body, and the proxy sent none: buffering is off, or this is an upgrade.
    Unseen,
    /// Every byte that will be forwarded.
    Complete {
        /// The bytes.
        bytes: &'a [u8],
        /// How far the bytes can be trusted to be those on the wire.
        fidelity: Fidelity,
        /// Whether `content-length` announced as many. Without it the proxy may take a pause of the
        /// client, at exactly the limit of what it buffers, for the end of the body (S-049).
        announced: bool,
    },
    /// The proxy cut the body off. A stump never authorises (S-048, S-049).
    Truncated,
}

/// Whether text handed over by the proxy is byte-exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// The bytes on the wire.
    Exact,
    /// Envoy's string mode: every byte that is not UTF-8 was replaced by `!`.
    Lossy,
}

/// Request headers in wire order, duplicates kept where the proxy keeps them.
#[derive(Debug, Clone)]
pub struct HeaderView<'a> {
    entries: Vec<(&'a str, &'a [u8])>,
    fidelity: Fidelity,
}

impl<'a> HeaderView<'a> {
    /// Takes the headers as they came. Names are matched without regard to ASCII case.
    #[must_use]
    pub fn new(entries: Vec<(&'a str, &'a [u8])>, fidelity: Fidelity) -> Self {
        Self { entries, fidelity }
    }

    /// Whether values are byte-exact.
    #[must_use]
    pub fn fidelity(&self) -> Fidelity {
        self.fidelity
    }

    /// Every value of the header `name`, in order.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.entries.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Every header name, in order, repeated where the header is.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.entries.iter().map(|(name, _)| *name)
    }
}
