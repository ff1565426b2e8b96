//! JSON Web Tokens: read strictly, verified with the issuer's keys, never believed before that.
//!
//! The crate `jsonwebtoken` only checks signatures here. What it accepts by itself (a missing or odd
//! `iss` and `aud`, a future `nbf`, an unknown `crit`, members that are there twice) is decided in this
//! room, before and after. The clock and the keys are handed in.

pub mod algorithm;
pub mod claims;
pub mod compact;
pub mod email;
pub mod issuer;
pub mod json;
pub mod key;
pub mod key_set;
pub mod moment;
pub mod path;
pub mod rbac;
pub mod refresh;
pub mod required;
pub mod seen;
pub mod team;
pub mod terms;
mod weak;

pub use algorithm::{Algorithm, KeyKind};
pub use compact::{Compact, MAX_TOKEN, looks_like_jwt};
pub use issuer::{Audience, BadIssuers, Issuer, Issuers, Token, Verified};
pub use key_set::KeySet;

/// Why a token is refused. One value for each cause; none of them quotes the token, and the client hears
/// of expiry at most (S-234).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The form is wrong.
    #[error("the token is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// `alg` is missing, or is not one of the ten.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// `crit` or `b64` is there.
    #[error("a critical extension")]
    CriticalExtension,
    /// `enc` or `zip` is there.
    #[error("encrypted or compressed")]
    Encrypted,
    /// `typ` says that the token is for something else, or that is required and not said.
    #[error("a token of another type")]
    Type,
    /// `iss` is missing, no text, or nobody we know.
    #[error("the issuer is unknown")]
    Issuer,
    /// No key has the token's `kid`, or there is no `kid` and more than one key.
    #[error("no key matches")]
    NoKey,
    /// Several different keys match (S-105).
    #[error("more than one key matches")]
    AmbiguousKey,
    /// The key of that `kid` is for another algorithm.
    #[error("the key is for another algorithm")]
    KeyAlgorithm,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// `aud` is missing, of the wrong type, or somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// `azp` is missing, no text, or nobody who is listed.
    #[error("the authorized party is not accepted")]
    AuthorizedParty,
    /// `exp` is missing and required.
    #[error("the token never expires")]
    NoExpiry,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `exp` is farther away than tokens may live.
    #[error("the token lives too long")]
    Lifetime,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// `iat` is in the future.
    #[error("the token was issued in the future")]
    IssuedLater,
    /// A registered claim has a type it must not have.
    #[error("the claim `{0}` has the wrong type")]
    ClaimType(&'static str),
}

/// What is wrong with the form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Longer than a token may be.
    #[error("too long")]
    TooLong,
    /// Not three parts.
    #[error("not three parts")]
    Parts,
    /// A part is not canonical base64url.
    #[error("not base64url")]
    Base64,
    /// The signature is empty.
    #[error("not signed")]
    NoSignature,
    /// The header is not an object, has a member twice, or a member of the wrong type.
    #[error("the header")]
    Header,
    /// The payload is not an object, or has a member twice.
    #[error("the claims")]
    Claims,
}
