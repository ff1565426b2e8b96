//! A whole decision, from the request as Envoy describes it to the verdict; and the scan of a large body.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking; clippy excepts functions marked #[test] only")]

#[path = "../tests/support/decision.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{Gate, chat, request};
use tollgate::core::ask::rules::RequestRules;
use tollgate::core::ask::{self, BodyLimits, Reading};
use tollgate::core::route::{Method, RouteTable};

fn decision(criterion: &mut Criterion) {
    let gate = Gate::new();
    let mut group = criterion.benchmark_group("decision");
    for (name, key) in [("a key", "sk-plain"), ("a key with everything", "sk-full"), ("an unknown key", "sk-nobody")] {
        let body = chat(1024);
        let asked = request(key, &body);
        group.bench_function(format!("{name}, 1 KB body"), |bencher| {
            bencher.iter(|| gate.judge(black_box(&asked)));
        });
    }
    group.finish();
}

fn scan(criterion: &mut Criterion) {
    let table = RouteTable::new(Vec::new(), String::new());
    let found = table.find("/v1/chat/completions").unwrap();
    let rules = RequestRules::default();
    let reading = Reading { limits: BodyLimits::default(), rules: &rules, wanted: Vec::new() };
    let mut group = criterion.benchmark_group("scan");
    for (name, bytes) in [("1 KB", 1024), ("100 KB", 100 << 10), ("1 MB", 1 << 20)] {
        let body = chat(bytes);
        let asked = request("sk-plain", &body);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("a chat of {name}"), |bencher| {
            let view = asked.view();
            bencher.iter(|| ask::read(black_box(&view), None, Method::Post, &found, &reading).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, decision, scan);
criterion_main!(benches);
