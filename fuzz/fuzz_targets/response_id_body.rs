//! Where a piece ends decides nothing, but for which of several faults is found first.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tollgate::core::response_id::{BodyEditor, Exchange};

fn editor(kind: u8) -> BodyEditor {
    match kind % 5 {
        0 => BodyEditor::request(),
        1 => BodyEditor::answer(false),
        2 => BodyEditor::answer(true),
        3 => BodyEditor::events(4096),
        _ => BodyEditor::report(),
    }
}

fn edit(kind: u8, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let mut exchange = Exchange::new(common::ids(), common::alice(), None, None).unwrap();
    let (mut editor, mut out) = (editor(kind), Vec::new());
    for piece in pieces {
        editor.push(piece, &mut exchange, &mut out).ok()?;
    }
    editor.finish(&mut exchange, &mut out).ok()?;
    Some(out)
}

fuzz_target!(|data: &[u8]| {
    let [kind, cut, body @ ..] = data else { return };
    let whole = edit(*kind, &[body]);
    let (left, right) = body.split_at(usize::from(*cut).min(body.len()));
    assert_eq!(edit(*kind, &[left, right]), whole);
    assert_eq!(edit(*kind, &body.chunks(1).collect::<Vec<_>>()), whole);
});
