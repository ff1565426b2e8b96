//! What a cache counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and gauges of a cache. Reading them changes nothing.
#[derive(Debug, Default)]
pub struct Stats {
    /// Answers from memory.
    pub hits: AtomicU64,
    /// Answers from memory that there is no such record.
    pub negative_hits: AtomicU64,
    /// Answers that had to be asked for, or waited for.
    pub misses: AtomicU64,
    /// Old records that stood in.
    pub stale: AtomicU64,
    /// Questions the store did not answer.
    pub failures: AtomicU64,
    /// Questions refused because too many were waiting.
    pub shed: AtomicU64,
    /// Records that had to go for others.
    pub evictions: AtomicU64,
    /// Changes the store told of.
    pub changes: AtomicU64,
    /// Questions being asked now.
    pub loading: AtomicU64,
    /// Questions waiting for their turn now.
    pub waiting: AtomicU64,
    /// Keys held now.
    pub keys: AtomicU64,
    /// Keys known to be missing now.
    pub missing: AtomicU64,
    /// 1 while the store does not answer.
    pub down: AtomicU64,
    /// 1 while the store tells of changes by itself.
    pub watched: AtomicU64,
    /// Questions the store answered.
    pub answers: AtomicU64,
    /// When the store last answered, in milliseconds since the cache began.
    pub(super) answered_at: AtomicU64,
    /// How long ago that was, in milliseconds.
    pub silent_for: AtomicU64,
}

impl Stats {
    /// Whether the store ever answered.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.answers.load(Ordering::Relaxed) > 0
    }

    pub(super) fn answered(&self, now: u64) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.answered_at.fetch_max(now, Ordering::Relaxed);
    }

    /// Counts a question for as long as the guard lives.
    pub(super) fn loading(&self) -> impl Drop {
        Count::up(&self.loading)
    }

    /// Counts a wait for as long as the guard lives.
    pub(super) fn waiting(&self) -> impl Drop {
        Count::up(&self.waiting)
    }
}

struct Count<'a>(&'a AtomicU64);

impl<'a> Count<'a> {
    fn up(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
