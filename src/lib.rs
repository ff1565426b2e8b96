//! Tollgate: external authorization for LLM backends behind Envoy.
//!
//! # The journey
//!
//! ```text
//!  Envoy ─CheckRequest─► serve::ext_authz ─► RequestView<'_>
//!                                                ▼
//!                engine    one Arc<Snapshot> per request
//!         core::path, route    ─► one canonical route         sync
//!         core::extract        ─► Credential                  sync
//!         authn, store         ─► Identity                    the only await
//!         core::ask            ─► what the request names      sync
//!         core::policy         ─► () or DenyReason            sync
//!         core::mutate         ─► header changes              sync
//!                                                ▼
//!              Decision ─► metrics, one log line ─► CheckResponse
//! ```
//!
//! # What holds everywhere
//!
//! - `core` has no async, no locks, no clock, no sockets and no Envoy types.
//! - Wire types are seen by one file per protocol in [`serve`].
//! - Policy denial is a successful answer; "could not find out" is an error, never an allow.
//! - There are no statics: two [`app::App`]s in one process share nothing.

pub mod app;
pub mod authn;
pub mod cli;
pub mod config;
pub mod core;
pub mod engine;
pub mod metrics;
pub mod serve;
pub mod store;
pub mod telemetry;
