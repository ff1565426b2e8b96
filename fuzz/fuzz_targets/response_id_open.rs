//! No text opens that was not sealed.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|text: &str| common::open(text));
