//! Recorded streams, of a provider and of LiteLLM, through the editor.

use std::path::Path;
use std::sync::Arc;

use tollgate::core::credential::Secret;
use tollgate::core::response_id::{AccessRules, BodyEditor, Caller, Exchange, Keyring, Opened, PlainId, ResponseIds};

fn ids() -> Arc<ResponseIds> {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    Arc::new(ResponseIds { keyring, legacy: None, rules: AccessRules::default() })
}

fn alice() -> Caller {
    Caller::new(Some("alice"), Some("t1"), None, false).unwrap()
}

/// Every recorded stream, by its file's name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sse");
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let samples: Vec<_> = files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    assert!(samples.len() >= 12);
    samples
}

/// What alice sees of a stream that arrives in these pieces.
fn edit(ids: &Arc<ResponseIds>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut exchange = Exchange::new(ids.clone(), alice(), None, None).unwrap();
    let (mut editor, mut out) = (BodyEditor::events(1 << 20), Vec::new());
    for piece in pieces {
        editor.push(piece, &mut exchange, &mut out).unwrap();
    }
    editor.finish(&mut exchange, &mut out).unwrap();
    out
}

/// The texts between quotation marks that begin with `resp_`.
fn ids_in(text: &str) -> Vec<&str> {
    text.split('"').filter(|part| part.starts_with("resp_")).collect()
}

/// S-217, S-219: no recorded id reaches the caller, each comes back when the caller's are opened, and
/// every other byte is as it was.
#[test]
fn a_recorded_stream_is_the_same_but_for_its_ids() {
    let ids = ids();
    for (name, stream) in samples() {
        let (before, after) =
            (String::from_utf8(stream.clone()).unwrap(), String::from_utf8(edit(&ids, &[&stream])).unwrap());
        let (raw, sealed) = (ids_in(&before), ids_in(&after));
        assert!(raw.len() >= 2 && raw.len() == sealed.len(), "{name}");
        let mut restored = after.clone();
        for (raw, sealed) in raw.iter().zip(&sealed) {
            assert!(!after.contains(raw), "{name}: {raw}");
            assert_eq!(**sealed, ids.seal(&PlainId::parse(raw).unwrap(), alice().owner(), None).unwrap(), "{name}");
            assert!(matches!(ids.open(sealed), Opened::Managed(_)));
            restored = restored.replace(sealed, raw);
        }
        assert_eq!(restored, before, "{name}");
    }
}

#[test]
fn every_split_at_every_byte_gives_the_same_s217() {
    let (ids, samples) = (ids(), samples());
    std::thread::scope(|scope| {
        for (name, stream) in &samples {
            let ids = &ids;
            scope.spawn(move || {
                let whole = edit(ids, &[stream]);
                for size in 1..=64 {
                    assert!(edit(ids, &stream.chunks(size).collect::<Vec<_>>()) == whole, "{name} in pieces of {size}");
                }
                // In two pieces the provider's suffice: LiteLLM's have the same events.
                let splits = if name.starts_with("upstream-") { stream.len() } else { 0 };
                for at in 0..splits {
                    let (left, right) = stream.split_at(at);
                    assert!(edit(ids, &[left, right]) == whole, "{name} at {at}");
                }
            });
        }
    });
}

#[test]
fn line_ends_decide_nothing_s218() {
    let ids = ids();
    for (name, stream) in samples() {
        let text = String::from_utf8(stream).unwrap();
        let expected = String::from_utf8(edit(&ids, &[text.as_bytes()])).unwrap();
        for end in ["\r\n", "\r"] {
            let changed = text.replace('\n', end);
            let bytes: Vec<_> = changed.as_bytes().chunks(1).collect();
            assert_eq!(
                String::from_utf8(edit(&ids, &bytes)).unwrap(),
                expected.replace('\n', end),
                "{name} with {end:?}"
            );
        }
    }
}
