//! Stores: one contract for all of them, on the real databases.

mod admin;
mod chaos;
mod contract;
mod relay;
mod rows;
pub mod server;
pub mod serving;
mod tls;
mod tokens;
pub mod world;
