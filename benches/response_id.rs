//! What protecting response ids costs: an id, a stream of 2,000 events, a large body.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking; clippy excepts functions marked #[test] only")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate::core::credential::Secret;
use tollgate::core::response_id::{AccessRules, BodyEditor, Caller, Exchange, Keyring, PlainId, ResponseIds};

const RAW: &str = "resp_68aa00000000000000000000000000000000000000000001";

fn ids() -> Arc<ResponseIds> {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    Arc::new(ResponseIds { keyring, legacy: None, rules: AccessRules::default() })
}

fn alice() -> Caller {
    Caller::new(Some("user-aaaaaaaa"), Some("team-1"), None, false).unwrap()
}

fn one_id(criterion: &mut Criterion) {
    let (ids, alice) = (ids(), alice());
    let plain = PlainId::parse(RAW).unwrap();
    let sealed = ids.seal(&plain, alice.owner(), None).unwrap();
    let mut group = criterion.benchmark_group("id");
    group.bench_function("seal", |bencher| bencher.iter(|| ids.seal(black_box(&plain), alice.owner(), None)));
    group.bench_function("open and judge", |bencher| bencher.iter(|| ids.admit(black_box(&sealed), &alice, None)));
    group.bench_function("refuse a foreign id", |bencher| bencher.iter(|| ids.admit(black_box(RAW), &alice, None)));
    group.finish();
}

/// A response as it is streamed: one event that names it, then text.
fn stream(events: usize) -> String {
    let created = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"{RAW}\",\"object\":\"response\",\"metadata\":{{}}}},\"sequence_number\":0}}\n\n"
    );
    let delta = |number: usize| {
        format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_0001\",\"output_index\":0,\"content_index\":0,\"delta\":\" word\",\"logprobs\":[],\"obfuscation\":\"abcdefgh\",\"sequence_number\":{number}}}\n\n"
        )
    };
    std::iter::once(created).chain((1..events).map(delta)).collect()
}

/// Passes a body through, in pieces as they come from a network.
fn edit(ids: &Arc<ResponseIds>, mut editor: BodyEditor, body: &str, piece: usize) -> usize {
    let mut exchange = Exchange::new(ids.clone(), alice(), None, None).unwrap();
    let mut length = 0;
    for piece in body.as_bytes().chunks(piece) {
        let mut out = Vec::new();
        editor.push(piece, &mut exchange, &mut out).unwrap();
        length += out.len();
    }
    let mut out = Vec::new();
    editor.finish(&mut exchange, &mut out).unwrap();
    length + out.len()
}

fn bodies(criterion: &mut Criterion) {
    let ids = ids();
    let mut group = criterion.benchmark_group("body");
    let events = stream(2_000);
    group.throughput(Throughput::Bytes(events.len() as u64));
    group.bench_function("2,000 events", |bencher| {
        bencher.iter(|| edit(&ids, BodyEditor::events(1 << 20), black_box(&events), 512));
    });
    let text = "All work and no play makes Jack a dull boy. ".repeat(24_000);
    let body =
        format!("{{\"id\":\"{RAW}\",\"object\":\"response\",\"output\":[{{\"content\":[{{\"text\":\"{text}\"}}]}}]}}");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("1 MB of JSON, mostly text", |bencher| {
        bencher.iter(|| edit(&ids, BodyEditor::answer(false), black_box(&body), 16 * 1024));
    });
    let numbers = "0.123456789,".repeat(87_000);
    let body = format!("{{\"id\":\"{RAW}\",\"object\":\"response\",\"output\":[{numbers}0]}}");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("1 MB of JSON, all numbers", |bencher| {
        bencher.iter(|| edit(&ids, BodyEditor::answer(false), black_box(&body), 16 * 1024));
    });
    group.finish();
}

criterion_group!(benches, one_id, bodies);
criterion_main!(benches);
