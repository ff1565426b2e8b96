//! The fuzz targets, for as long as a test may take: what a fuzzer would begin with, changed at random.
//! `PROPTEST_CASES=10000` asks for longer; `cargo fuzz` in `fuzz/` does with coverage to guide it.

#[path = "../../fuzz/fuzz_targets/common.rs"]
mod properties;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// What bodies are made of, and what breaks them.
const WORDS: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"\\u0069d",
    b"\"id\":\"resp_1\"",
    b"\"previous_response_id\":",
    b"\"response\":{",
    b"null",
    b"1e9",
    b"\n\n",
    b"\r\n",
    b"\r",
    b"data: ",
    b"data",
    b"event: x\n",
    b"[DONE]",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xe2\x82",
];

/// Recorded streams, a few events of each, and bodies of requests and answers.
fn seeds() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sse");
    let streams = std::fs::read_dir(directory).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let mut seeds: Vec<_> = streams.map(|stream| stream[..stream.len().min(1500)].to_vec()).collect();
    seeds.push(br#"{"model":"m","input":[{"id":"x"}],"extra_body":{"previous_response_id":null}}"#.to_vec());
    seeds
        .push(br#"{"id":"resp_68aa","object":"response","output":[{"id":"msg_1"}],"error":{"message":"no"}}"#.to_vec());
    seeds
}

#[derive(Debug, Clone)]
enum Change {
    Put(Index, usize),
    Cut(Index, usize),
    Flip(Index, u8),
    Copy(Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), 0..WORDS.len()).prop_map(|(at, word)| Change::Put(at, word)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (any::<Index>(), any::<Index>(), 1..60_usize).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        let end = |at: usize, length: usize| (at + length).min(data.len());
        match self {
            Self::Put(at, word) => {
                let at = at.index(data.len() + 1);
                data.splice(at..at, WORDS[*word].iter().copied());
            }
            Self::Cut(at, length) => {
                let at = at.index(data.len() + 1);
                data.drain(at..end(at, *length));
            }
            Self::Flip(at, bits) if !data.is_empty() => {
                let at = at.index(data.len());
                data[at] ^= bits;
            }
            Self::Flip(..) => {}
            Self::Copy(from, to, length) => {
                let from = from.index(data.len() + 1);
                let part = data[from..end(from, *length)].to_vec();
                let to = to.index(data.len() + 1);
                data.splice(to..to, part);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8 * ProptestConfig::default().cases))]

    #[test]
    fn bodies(kind in any::<u8>(), cut in any::<u8>(), seed in any::<Index>(), changes in prop::collection::vec(change(), 0..8)) {
        let mut data = seed.get(&seeds()).clone();
        for change in &changes {
            change.apply(&mut data);
        }
        properties::body(&[&[kind, cut], data.as_slice()].concat());
    }

    #[test]
    fn sessions(data in prop::collection::vec(any::<u8>(), 0..400)) {
        properties::session(&data);
    }

    #[test]
    fn sessions_of_sound_messages(kinds in prop::collection::vec((0..144_u8, any::<u8>(), 0..WORDS.len()), 0..24)) {
        let data: Vec<u8> = kinds
            .into_iter()
            .flat_map(|(kind, flags, word)| {
                let word = WORDS[word];
                let length = u8::try_from(word.len()).unwrap() | flags & 0x80;
                [&[kind, length], word].concat()
            })
            .collect();
        properties::session(&data);
    }

    #[test]
    fn texts(text in "(resp_)?[A-Za-z0-9_=+/.:; -]{0,200}") {
        properties::open(&text);
    }
}
