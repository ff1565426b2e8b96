//! A session survives any messages in any order.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::session(data));
