//! Whatever claims say, they name nobody by a text that is no name.
#![no_main]

mod tokens;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokens::claims(data));
