//! Everything that is tested from outside the crate, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; clippy's own exception covers only functions marked #[test]"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says what the harness offers")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod authenticator_proto;
mod bad_input;
mod budgets;
mod cli;
mod cli_init;
mod cli_keys;
mod config_errors;
mod custom_authenticator;
mod docs;
mod evasions;
mod harness;
mod http_server;
mod import;
mod jwks;
mod jwt_fuzz;
mod jwt_journeys;
mod jwt_signer;
mod jwt_vectors;
mod jwt_verification;
mod jwt_wycheproof;
mod key_vectors;
mod layering;
mod matrix;
mod metadata;
mod oauth2;
mod oauth2_config;
mod oauth2_vectors;
mod pass_through;
mod policy_properties;
mod provider;
mod proxy_headers;
mod reload;
mod response_id_fuzz;
mod response_id_gate;
mod response_id_story;
mod response_id_streams;
mod response_id_vectors;
mod response_id_wire;
mod roles;
mod route_properties;
mod route_vectors;
mod scan_properties;
mod schemas;
mod stores;
mod transports;
