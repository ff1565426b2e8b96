//! The decision, as a pure function: no async, no locks, no clock, no sockets, no Envoy types.
//!
//! Everything a rule needs is handed to it. `tests/it/layering.rs` reads these sources and keeps it so.

pub mod ask;
pub mod budget;
pub mod credential;
pub mod decision;
pub mod deny;
pub mod extract;
pub mod glob;
pub mod header;
pub mod identity;
pub mod jwt;
pub mod limits;
pub mod model_list;
pub mod models;
pub mod mutate;
pub mod oauth2;
pub mod path;
pub mod peer;
pub mod policy;
pub mod record;
pub mod request;
pub mod response_id;
pub mod route;
pub mod time;
