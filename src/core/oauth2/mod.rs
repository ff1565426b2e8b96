//! What others say of a caller, who is known to them and not to us: an authorization server (RFC 7662), a
//! proxy that signed the person in, an authenticator of the operator's own. Their words are read here,
//! strictly; nothing is asked and nothing is looked up.

pub mod introspection;
pub mod proxy_headers;
pub mod routing;
pub mod said;
mod selector;

pub use said::{RoleRule, Said, Unusable};
