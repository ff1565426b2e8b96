//! What is known of one kind of record.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use super::bounded::Bounded;
use crate::store::rows::Unreadable;
use crate::store::{Answer, Trouble};

/// Records of a kind: found ones, missing ones, and those somebody is asking for. Each kind has a shelf of its
/// own, so that an id of one kind is never found as another's (S-092, SEC-40).
pub(super) struct Shelf<K, T> {
    found: Bounded<K, Loaded<T>>,
    missing: Bounded<K, Missing>,
    flights: DashMap<K, Arc<Flight<T>>>,
    /// Everything of an earlier generation is asked for again.
    generation: AtomicU32,
    /// How long a record is used before it is asked for again, in milliseconds.
    fresh: AtomicU64,
    limits: Limits,
}

impl<K: Hash + Eq, T> fmt::Debug for Shelf<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({:?} found, {:?} missing)", self.found, self.missing)
    }
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) found: usize,
    pub(super) missing: usize,
    /// While the store tells of changes.
    pub(super) watched: Duration,
    /// While it does not.
    pub(super) unwatched: Duration,
    pub(super) missing_for: Duration,
    pub(super) stale: Duration,
}

/// A record, and when it was asked for. That never changes: using a record does not renew it (SEC-7).
#[derive(Debug)]
struct Loaded<T> {
    record: Arc<T>,
    asked: u64,
    generation: u32,
}

impl<T> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        Self { record: Arc::clone(&self.record), ..*self }
    }
}

/// That there is no record, or none that can be believed.
#[derive(Debug, Clone, Copy)]
struct Missing {
    asked: u64,
    unreadable: Option<Unreadable>,
}

/// What a shelf knows.
#[derive(Debug)]
pub(super) enum Known<T> {
    /// The record.
    Fresh(Arc<T>),
    /// A record that has to be asked for again. It may stand in when nobody answers, while it is `usable`.
    Expired {
        /// As it was.
        record: Arc<T>,
        /// Whether it is not too old.
        usable: bool,
    },
    /// There is none.
    Missing(Option<Unreadable>),
    /// Nothing.
    Nothing,
}

/// One question that is being asked, for everybody who wants to know.
#[derive(Debug)]
pub(super) struct Flight<T> {
    /// The record changed since the question was put: the answer may be the old one.
    overtaken: AtomicBool,
    answer: watch::Sender<Option<Answer<T>>>,
}

impl<T> Flight<T> {
    /// Waits for the answer. `None` when it never came.
    pub(super) async fn landed(&self) -> Option<Answer<T>> {
        let mut answer = self.answer.subscribe();
        let answer = answer.wait_for(Option::is_some).await.ok()?;
        answer.as_ref().map(|answer| match answer {
            Ok(found) => Ok(found.clone()),
            Err(trouble) => Err(*trouble),
        })
    }

    /// Answers everybody who waits, once.
    pub(super) fn land(&self, answer: Answer<T>) {
        self.answer.send_if_modified(|landed| {
            let first = landed.is_none();
            if first {
                *landed = Some(answer);
            }
            first
        });
    }
}

impl<K: Hash + Eq + Clone, T> Shelf<K, T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            found: Bounded::new(limits.found),
            missing: Bounded::new(limits.missing),
            flights: DashMap::new(),
            generation: AtomicU32::new(0),
            fresh: AtomicU64::new(millis(limits.unwatched)),
            limits,
        }
    }

    pub(super) fn look(&self, key: &K, now: u64) -> Known<T> {
        if let Some(entry) = self.found.get(key) {
            let fresh = self.fresh_for(key);
            if entry.generation == self.generation.load(Ordering::Acquire) && now < entry.asked.saturating_add(fresh) {
                return Known::Fresh(entry.record);
            }
            let usable = millis(self.limits.watched).saturating_add(millis(self.limits.stale));
            let usable = !self.limits.stale.is_zero() && now < entry.asked.saturating_add(usable);
            return Known::Expired { record: entry.record, usable };
        }
        match self.missing.get(key) {
            Some(missing) if now < missing.asked.saturating_add(millis(self.limits.missing_for)) => {
                Known::Missing(missing.unreadable)
            }
            _ => Known::Nothing,
        }
    }

    /// Up to a tenth less than the whole time, so that what was loaded together does not expire together
    /// (S-201).
    fn fresh_for(&self, key: &K) -> u64 {
        let whole = self.fresh.load(Ordering::Relaxed);
        whole - self.found.spread(key) % (whole / 10 + 1)
    }

    /// The question for a key, and whether it is the caller who has to ask it.
    pub(super) fn board(&self, key: &K) -> (Arc<Flight<T>>, bool) {
        match self.flights.entry(key.clone()) {
            Entry::Occupied(flight) => (Arc::clone(flight.get()), false),
            Entry::Vacant(vacant) => {
                let flight = Arc::new(Flight { overtaken: AtomicBool::new(false), answer: watch::Sender::new(None) });
                vacant.insert(Arc::clone(&flight));
                (flight, true)
            }
        }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps an answer to a question that was put at `asked`. Returns how many records had to go for it.
    pub(super) fn keep(&self, key: &K, answer: &Answer<T>, asked: u64, generation: u32) -> usize {
        match answer {
            Ok(Some(found)) => {
                self.missing.remove(key);
                let record = Arc::clone(&found.record);
                self.found.insert(key.clone(), Loaded { record, asked, generation })
            }
            Ok(None) => self.keep_missing(key, asked, None),
            Err(Trouble::Unreadable(unreadable)) => self.keep_missing(key, asked, Some(*unreadable)),
            Err(Trouble::Outage(_)) => 0,
        }
    }

    fn keep_missing(&self, key: &K, asked: u64, unreadable: Option<Unreadable>) -> usize {
        self.found.remove(key);
        self.missing.insert(key.clone(), Missing { asked, unreadable });
        0
    }

    /// Ends the question, unless the record changed since it was put: then what was kept is forgotten, and the
    /// question has to be put again.
    pub(super) fn disembark(&self, key: &K) -> bool {
        let ended = self.flights.remove_if(key, |_, flight| !flight.overtaken.load(Ordering::Acquire)).is_some();
        if !ended {
            self.drop_record(key);
            if let Some(flight) = self.flights.get(key) {
                flight.overtaken.store(false, Ordering::Release);
            }
        }
        ended
    }

    /// Ends the question whatever happened.
    pub(super) fn abandon(&self, key: &K, flight: &Arc<Flight<T>>) {
        self.flights.remove_if(key, |_, other| Arc::ptr_eq(flight, other));
    }

    /// Forgets a record that changed, and does not let a question that is being asked bring it back.
    pub(super) fn forget(&self, key: &K) {
        if let Some(flight) = self.flights.get(key) {
            flight.overtaken.store(true, Ordering::Release);
        }
        self.drop_record(key);
    }

    fn drop_record(&self, key: &K) {
        self.found.remove(key);
        self.missing.remove(key);
    }

    /// Forgets the records that satisfy a condition, and everything that is missing: what it pointed to may
    /// have come.
    pub(super) fn forget_where(&self, mut changed: impl FnMut(&K, &T) -> bool) {
        for flight in &self.flights {
            flight.overtaken.store(true, Ordering::Release);
        }
        self.found.retain(|key, entry| !changed(key, &entry.record));
        self.missing.clear();
    }

    /// Whether the store tells of changes decides how long its word is taken.
    pub(super) fn watched(&self, watched: bool) {
        let fresh = if watched { self.limits.watched } else { self.limits.unwatched };
        self.fresh.store(millis(fresh), Ordering::Relaxed);
    }

    /// Asks for everything again before it is used again.
    pub(super) fn doubt(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.missing.clear();
    }

    /// A number that differs from key to key.
    pub(super) fn noise(&self, key: &K) -> u64 {
        self.found.spread(key)
    }

    /// How many records are held.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// How many are known to be missing.
    pub(super) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Records held that satisfy a condition.
    pub(super) fn search(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<Arc<T>> {
        let mut all = Vec::new();
        self.found.visit(|entry| all.extend(wanted(&entry.record).then(|| Arc::clone(&entry.record))));
        all
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
