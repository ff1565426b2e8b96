//! Stores: one contract for all of them, on the real databases.

mod contract;
mod rows;
pub mod server;
pub mod world;
