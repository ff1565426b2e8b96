//! Where a piece of a body ends decides nothing.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::body(data));
