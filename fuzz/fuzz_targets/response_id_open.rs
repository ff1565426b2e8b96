//! No text opens that was not sealed.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tollgate::core::response_id::Opened;

fuzz_target!(|text: &str| {
    let ids = common::ids();
    // The marker of the key, which a mutation would not find.
    let marker: String = ids
        .seal(&tollgate::core::response_id::PlainId::parse("x").unwrap(), common::alice().owner(), None)
        .unwrap()
        .chars()
        .take(13)
        .collect();
    for text in [text.to_owned(), format!("{marker}{text}")] {
        assert!(!matches!(ids.open(&text), Opened::Managed(_)), "{text}");
        assert!(ids.admit(&text, &common::alice(), None).is_err(), "{text}");
    }
});
