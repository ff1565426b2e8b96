//! Whose response is it? Ids of the Responses API that only their owner can use.
//!
//! A provider's id is a bearer secret: who knows it reads the response, continues the conversation and
//! deletes it. So no caller ever sees one. What callers see is sealed:
//!
//! ```text
//! "resp_" base64url( version 1 | key id 5 | synthetic IV 16 | ciphertext of the payload )
//!                    └───── header ──────┘
//! ```
//!
//! - The cipher is AES-SIV (RFC 5297): deterministic, so the same response of the same owner has the same
//!   id everywhere, and nothing has to be random or remembered (S-211).
//! - Text has one spelling: base64url, no padding, no spare bits. Other spellings are unreadable, and
//!   unreadable is never "somebody else's" ([`Opened`], S-208, S-213).
//! - The header is 6 bytes, so each key's ids begin with 8 characters of its own after `resp_`.
//! - The payload is length-prefixed (`payload.rs`): no value can end another (S-206, S-207).
//!
//! LiteLLM's ids can be opened for a migration ([`legacy`]). They are never written.

mod access;
mod body;
mod exchange;
mod guard;
mod json;
mod keyring;
pub mod legacy;
mod open;
mod operation;
mod owner;
mod payload;
mod place;
mod plain;
mod quote;
mod seal;
pub mod session;
mod sse;
mod target;
mod utf8;

pub use access::{AccessError, AccessRules, Admitted, ResponseIds};
pub use body::BodyEditor;
pub use exchange::{EditError, Exchange};
pub use guard::{Admission, Guard, Guarded, Protection, Question};
pub use keyring::{Keyring, KeyringError};
pub use open::{Managed, Opened};
pub use operation::Operation;
pub use owner::{Caller, Name, Owner};
pub use plain::PlainId;
pub use seal::SealError;
pub use target::{PlainTarget, rewrite_target};

/// What every id begins with.
pub const PREFIX: &str = "resp_";

/// Longest sealed id, in bytes of text: no longer text is looked at. LiteLLM's ids have about 400.
pub const MAX_SEALED: usize = 2436;
