//! The doors. Each wire protocol is seen by one file here; inside live our own types.

pub mod admin;
pub mod encode;
pub mod ext_authz;
pub mod ext_proc;
pub mod listen;
mod metadata;
mod refuse;
