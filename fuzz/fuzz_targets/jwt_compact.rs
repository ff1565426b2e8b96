//! No text is accepted as a token that was not signed.
#![no_main]

mod tokens;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        tokens::compact(text);
        tokens::around(text);
    }
    tokens::parts(data);
});
