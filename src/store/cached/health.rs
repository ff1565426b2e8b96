//! Whether it makes sense to ask the store.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Failures in a row before nobody asks any more. One slow question is no outage.
const TOLERATED: u32 = 3;
/// The first pause, in milliseconds. Each failure doubles it.
const FIRST_PAUSE: u64 = 50;
/// The longest pause, in milliseconds: this soon after it is back, a store is asked again.
const LONGEST_PAUSE: u64 = 1000;

/// Counts failures, and lets one question through when a pause is over (a circuit breaker).
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: AtomicU32,
    /// When the next question may be asked; in milliseconds of the cache's own time.
    retry_at: AtomicU64,
}

impl Health {
    /// Whether the store may be asked now. During an outage one caller may, each time a pause is over.
    pub(super) fn may_ask(&self, now: u64) -> bool {
        if !self.is_down() {
            return true;
        }
        let retry_at = self.retry_at.load(Ordering::Acquire);
        let claim = now.saturating_add(LONGEST_PAUSE);
        now >= retry_at && self.retry_at.compare_exchange(retry_at, claim, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Whether nobody may ask now.
    pub(super) fn is_silent(&self, now: u64) -> bool {
        self.is_down() && now < self.retry_at.load(Ordering::Acquire)
    }

    /// Whether it failed too often in a row.
    pub(super) fn is_down(&self) -> bool {
        self.failures.load(Ordering::Acquire) >= TOLERATED
    }

    pub(super) fn succeeded(&self) {
        self.failures.store(0, Ordering::Release);
    }

    /// `noise` spreads the pauses of many processes.
    pub(super) fn failed(&self, now: u64, noise: u64) {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).min(1 << 16) + 1;
        self.failures.fetch_min(1 << 16, Ordering::AcqRel);
        let doublings = failures.saturating_sub(TOLERATED).min(5);
        let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
        let jittered = pause / 2 + noise % (pause / 2 + 1);
        self.retry_at.store(now.saturating_add(jittered), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_no_outage() {
        let health = Health::default();
        health.failed(0, 0);
        health.failed(0, 0);
        assert!(health.may_ask(0));
        health.succeeded();
        health.failed(0, 0);
        assert!(health.may_ask(0), "in a row");
    }

    #[test]
    fn in_an_outage_one_at_a_time_may_ask_and_soon() {
        let health = Health::default();
        let mut now = 0;
        for _ in 0..100 {
            health.failed(now, 12345);
            if health.is_down() {
                assert!(!health.may_ask(now));
                now += LONGEST_PAUSE;
                assert!(health.may_ask(now), "no pause is longer");
                assert!(!health.may_ask(now), "somebody asks already");
            }
        }
        health.succeeded();
        assert!(health.may_ask(now) && health.may_ask(now));
    }
}
