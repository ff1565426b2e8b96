//! How much memory a decision asks for. A binary of its own: it counts in the global allocator.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking; clippy excepts functions marked #[test] only")]

#[path = "support/decision.rs"]
mod support;

use allocation_counter::measure;
use support::{Gate, chat, request};
use tollgate::core::decision::Decision;

/// Allocations of one decision about a chat of 1 KB.
fn allocations(key: &str) -> u64 {
    let gate = Gate::new();
    let body = chat(1024);
    let asked = request(key, &body);
    let verdict = gate.judge(&asked);
    assert!(matches!(verdict.decision, Decision::Allow(_)), "{:?}", verdict.decision);
    let counted = measure(|| drop(gate.judge(&asked)));
    println!("{key}: {} allocations, {} bytes", counted.count_total, counted.bytes_total);
    counted.count_total
}

#[test]
fn a_decision_asks_for_little_memory() {
    assert!(allocations("sk-plain") < 30);
}
