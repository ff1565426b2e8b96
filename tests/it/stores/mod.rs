//! Stores: one contract for all of them, on the real databases.

mod contract;
mod rows;
pub mod server;
mod serving;
pub mod world;
