//! When a key set is fetched, and for how long it is used. Fetching itself is somebody else's: this is
//! told what happened, and when, on a clock that never goes back (S-115).

use std::sync::Arc;
use std::time::Duration;

use super::key_set::{BadDocument, KeySet};

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshRules {
    /// From a good fetch to the next. A key the issuer took away is refused after this much.
    pub every: Duration,
    /// How long a set serves beyond `every` while the issuer does not answer (S-134).
    pub stale: Duration,
    /// Least time between fetches that tokens cause (S-132).
    pub cooldown: Duration,
    /// Pause after the first failure; it doubles up to `cooldown`.
    pub retry: Duration,
    /// A fetch that has not reported for this long has failed.
    pub limit: Duration,
}

impl Default for RefreshRules {
    fn default() -> Self {
        Self {
            every: Duration::new(300, 0),
            stale: Duration::new(3600, 0),
            cooldown: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            limit: Duration::from_secs(5),
        }
    }
}

/// Why somebody wants a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// It is time, see [`Refresh::next`].
    Schedule,
    /// A token names a key that is not in the set.
    UnknownKey,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Fetch, and report with the ticket.
    Fetch(Ticket),
    /// Somebody fetches already: wait for that (S-133).
    Wait,
    /// Not now; use what is there.
    No,
}

/// One fetch. A report of an earlier one than the latest counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// The state of one issuer's keys. `now` is the time since any fixed moment.
#[derive(Debug, Clone)]
pub struct Refresh {
    rules: RefreshRules,
    good: Option<(Arc<KeySet>, Duration)>,
    running: Option<(Ticket, Duration)>,
    /// When the latest fetch began.
    began: Option<Duration>,
    tickets: u64,
    failures: u32,
}

impl Refresh {
    /// Nothing is fetched yet.
    #[must_use]
    pub fn new(rules: RefreshRules) -> Self {
        Self { rules, good: None, running: None, began: None, tickets: 0, failures: 0 }
    }

    /// The keys to verify with. None is an outage, and no fault of the token: 503, never 401 (S-134, S-135).
    #[must_use]
    pub fn keys(&self, now: Duration) -> Option<&Arc<KeySet>> {
        let (keys, _) = self.good.as_ref()?;
        (now < self.usable_until()).then_some(keys)
    }

    /// Until when the keys are usable, if no others come.
    #[must_use]
    pub fn usable_until(&self) -> Duration {
        let life = self.rules.every.saturating_add(self.rules.stale);
        self.good.as_ref().map_or(Duration::ZERO, |(_, fetched)| fetched.saturating_add(life))
    }

    /// How many fetches failed since the last good one: for metrics.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// When the next fetch is due by itself. In the past when it is.
    #[must_use]
    pub fn next(&self) -> Duration {
        if let Some((_, began)) = self.running {
            return began.saturating_add(self.rules.limit);
        }
        let Some(began) = self.began else {
            return Duration::ZERO;
        };
        if self.failures > 0 {
            return began.saturating_add(self.pause());
        }
        self.good.as_ref().map_or(Duration::ZERO, |(_, fetched)| fetched.saturating_add(self.rules.every))
    }

    /// Doubles with each failure, up to the cooldown.
    fn pause(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
        self.rules.retry.saturating_mul(doubled).min(self.rules.cooldown)
    }

    /// Asks for a fetch.
    pub fn want(&mut self, want: Want, now: Duration) -> Answer {
        if let Some((_, began)) = self.running {
            if now.saturating_sub(began) < self.rules.limit {
                return Answer::Wait;
            }
            self.fail();
        }
        let earliest = match want {
            Want::Schedule => self.next(),
            // Not sooner than the schedule after failures either: an issuer in trouble is left alone.
            Want::UnknownKey => self.began.map_or(Duration::ZERO, |began| {
                began.saturating_add(if self.good.is_some() { self.rules.cooldown } else { self.pause() })
            }),
        };
        if now < earliest {
            return Answer::No;
        }
        self.tickets = self.tickets.saturating_add(1);
        let ticket = Ticket(self.tickets);
        self.running = Some((ticket, now));
        self.began = Some(now);
        Answer::Fetch(ticket)
    }

    /// A document came. A bad one counts as a failure and never takes the place of a good one (W10).
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn fetched(&mut self, ticket: Ticket, document: &[u8], now: Duration) -> Result<(), BadDocument> {
        if !self.is_current(ticket) {
            return Ok(());
        }
        match KeySet::parse(document) {
            Ok(keys) => {
                self.good = Some((Arc::new(keys), now));
                self.running = None;
                self.failures = 0;
                Ok(())
            }
            Err(bad) => {
                self.fail();
                Err(bad)
            }
        }
    }

    /// No document came.
    pub fn failed(&mut self, ticket: Ticket) {
        if self.is_current(ticket) {
            self.fail();
        }
    }

    fn is_current(&self, ticket: Ticket) -> bool {
        self.running.is_some_and(|(running, _)| running == ticket)
    }

    fn fail(&mut self) {
        self.running = None;
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 8037, under a name.
    fn document(kid: &str) -> Vec<u8> {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}]}}"#).into_bytes()
    }

    fn kid(refresh: &Refresh, now: u64) -> Option<String> {
        Some(refresh.keys(at(now))?.keys().first()?.kid()?.to_owned())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fetch(refresh: &mut Refresh, want: Want, now: u64) -> Ticket {
        match refresh.want(want, at(now)) {
            Answer::Fetch(ticket) => ticket,
            other @ (Answer::Wait | Answer::No) => panic!("{other:?} at {now}"),
        }
    }

    fn good_at(now: u64) -> Refresh {
        let mut refresh = Refresh::new(RefreshRules::default());
        let ticket = fetch(&mut refresh, Want::Schedule, now);
        refresh.fetched(ticket, &document("k1"), at(now)).unwrap();
        refresh
    }

    #[test]
    fn one_fetch_at_a_time_s133() {
        let mut refresh = Refresh::new(RefreshRules::default());
        let ticket = fetch(&mut refresh, Want::UnknownKey, 100);
        for _ in 0..1_000 {
            assert_eq!(refresh.want(Want::UnknownKey, at(101)), Answer::Wait);
            assert_eq!(refresh.want(Want::Schedule, at(104)), Answer::Wait);
        }
        refresh.fetched(ticket, &document("k1"), at(104)).unwrap();
        assert_eq!(kid(&refresh, 104).as_deref(), Some("k1"));
        assert_eq!(refresh.want(Want::Schedule, at(104)), Answer::No);
    }

    #[test]
    fn unknown_keys_cause_one_fetch_in_a_while_s132_v039() {
        let mut refresh = good_at(0);
        assert_eq!(refresh.want(Want::UnknownKey, at(29)), Answer::No);
        let mut fetches = 0;
        for step in 30..630 {
            for _ in 0..100 {
                if let Answer::Fetch(ticket) = refresh.want(Want::UnknownKey, at(step)) {
                    fetches += 1;
                    refresh.fetched(ticket, &document("k2"), at(step)).unwrap();
                }
            }
        }
        assert_eq!((fetches, kid(&refresh, 630).as_deref()), (20, Some("k2")));
    }

    #[test]
    fn a_stale_set_serves_up_to_a_cap_s134() {
        let mut refresh = good_at(0);
        for (now, bad) in [(300, "<html>"), (302, r#"{"error":"x"}"#), (305, r#"{"keys":[]}"#), (310, "")] {
            let ticket = fetch(&mut refresh, Want::Schedule, now);
            assert!(refresh.fetched(ticket, bad.as_bytes(), at(now)).is_err());
            assert_eq!(kid(&refresh, now).as_deref(), Some("k1"), "{bad}");
        }
        assert_eq!(refresh.failures(), 4);
        assert!(kid(&refresh, 3_899).is_some());
        assert_eq!(kid(&refresh, 3_900), None);
        let ticket = fetch(&mut refresh, Want::Schedule, 4_000);
        refresh.fetched(ticket, &document("k2"), at(4_000)).unwrap();
        assert_eq!((kid(&refresh, 4_000).as_deref(), refresh.failures()), (Some("k2"), 0));
    }

    #[test]
    fn failures_are_retried_with_pauses_s135() {
        let mut refresh = Refresh::new(RefreshRules::default());
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            let ticket = fetch(&mut refresh, Want::Schedule, now);
            refresh.failed(ticket);
            assert_eq!(refresh.next(), at(now + pause));
            assert_eq!(refresh.want(Want::Schedule, at(now + pause - 1)), Answer::No);
            assert_eq!(refresh.want(Want::UnknownKey, at(now + pause - 1)), Answer::No);
            now += pause;
        }
        assert!(refresh.keys(at(now)).is_none());
    }

    #[test]
    fn a_fetch_that_never_reports_blocks_nobody() {
        let mut refresh = Refresh::new(RefreshRules::default());
        let lost = fetch(&mut refresh, Want::Schedule, 0);
        let ticket = fetch(&mut refresh, Want::Schedule, 5);
        refresh.fetched(lost, &document("old"), at(6)).unwrap();
        assert_eq!(kid(&refresh, 6), None, "a late report counts for nothing");
        refresh.failed(lost);
        refresh.fetched(ticket, &document("new"), at(6)).unwrap();
        assert_eq!(kid(&refresh, 6).as_deref(), Some("new"));
    }

    #[test]
    fn a_removed_key_is_gone_after_one_refresh_s136() {
        let mut refresh = good_at(0);
        assert_eq!(refresh.want(Want::Schedule, at(299)), Answer::No);
        let ticket = fetch(&mut refresh, Want::Schedule, 300);
        refresh.fetched(ticket, &document("k2"), at(300)).unwrap();
        assert_eq!(kid(&refresh, 300).as_deref(), Some("k2"));
    }

    proptest! {
        #[test]
        fn whatever_happens(steps in prop::collection::vec((0_u64..40, 0_u8..6), 1..200)) {
            let rules = RefreshRules::default();
            let mut refresh = Refresh::new(rules);
            let (mut now, mut last_good, mut open, mut begun) = (0, None, None, Vec::new());
            for (pause, step) in steps {
                now += pause;
                match (step, open) {
                    (0 | 1, _) => {
                        let want = if step == 0 { Want::Schedule } else { Want::UnknownKey };
                        match refresh.want(want, at(now)) {
                            Answer::Fetch(ticket) => {
                                begun.push(now);
                                open = Some(ticket);
                            }
                            Answer::Wait => {}
                            // Whatever was under way was given up.
                            Answer::No => open = None,
                        }
                    }
                    (2, Some(ticket)) => {
                        refresh.fetched(ticket, &document("k"), at(now)).unwrap();
                        last_good = Some(now);
                        open = None;
                    }
                    (3, Some(ticket)) => {
                        let bad = refresh.fetched(ticket, b"[]", at(now));
                        prop_assert_eq!(bad, Err(BadDocument::NoKeys));
                        open = None;
                    }
                    (4, Some(ticket)) => {
                        refresh.failed(ticket);
                        open = None;
                    }
                    _ => {}
                }
                let serves = last_good.is_some_and(|good: u64| at(now - good) < rules.every + rules.stale);
                prop_assert_eq!(refresh.keys(at(now)).is_some(), serves);
            }
            // At worst one fetch a second, whoever asks.
            prop_assert!(begun.windows(2).all(|pair| pair[1] > pair[0]), "{:?}", begun);
        }
    }
}
