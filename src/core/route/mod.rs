//! What are they asking for? A path becomes one route, with the groups it is in, in one walk down a trie.

pub mod catalogue;
pub mod dialect;
pub mod grant;
pub mod groups;
mod method;
pub mod pass_through;
pub mod pattern;
pub mod select;
mod table;
mod trie;

pub use groups::PASS_THROUGH_PREFIXES;
pub use method::{Method, MethodSet};
pub use table::{Additions, Endpoint, Match, RouteTable};
