//! From files to one [`Snapshot`](crate::engine::Snapshot): what was written, and what will run.

pub mod compile;
mod custom;
mod jwt;
pub mod keys;
pub mod live;
pub mod load;
mod models;
mod oauth2;
mod permissions;
pub mod problem;
pub mod raw;
mod request;
mod response_ids;
mod routes;
pub mod schema;
pub mod secret;
mod store;
pub mod watch;
