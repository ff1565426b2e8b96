//! Looking up a route costs the same with 10 and with 1,000 patterns of a configuration.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking; clippy excepts functions marked #[test] only")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::core::route::pattern::Pattern;
use tollgate::core::route::{Additions, RouteTable};

/// A group of many patterns of every kind.
fn table(patterns: usize) -> RouteTable {
    let pattern = |index: usize| match index % 4 {
        0 => format!("/tools/t{index}/run"),
        1 => format!("/tools/t{index}/{{id}}"),
        2 => format!("/tools/t{index}/*"),
        _ => format!("/tools/prefix-{index}*"),
    };
    let patterns = (0..patterns).map(|index| Pattern::parse(&pattern(index)).unwrap()).collect();
    RouteTable::build(Additions { groups: vec![("tools".to_owned(), patterns, Vec::new())], ..Additions::default() })
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for patterns in [10, 1_000] {
        let table = table(patterns);
        for (name, path) in [
            ("catalogue", "/v1/chat/completions"),
            ("placeholder", "/v1/vector_stores/vs_1/files/file_1/content"),
            ("user", "/tools/t5/some-id"),
            ("user wildcard", "/tools/prefix-7-and-more/x"),
            ("unknown", "/tools/nothing/of/the/kind"),
        ] {
            group.bench_function(format!("{name}, {patterns} user routes"), |bencher| {
                bencher.iter(|| table.find(black_box(path)).is_some());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, lookup);
criterion_main!(benches);
