//! What somebody outside said of credentials, for a while.
//!
//! Answers are keyed by the SHA-256 of everything they depend on and nothing is ever written back by using them:
//! an answer ages from the moment its question was put. One question is asked for one key however many want to
//! know. Active credentials and refused ones are kept apart, each in a bounded number, so that a flood of invented
//! credentials displaces nothing. An outage is never kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use super::calls::Calls;
use crate::core::decision::Outage;
use crate::core::deny::DenyReason;
use crate::store::cached::bounded::Bounded;

/// SHA-256 of a credential, and of whatever else an answer depends on.
pub(super) type Digest = [u8; 32];
/// The answer about a credential.
pub(super) type Verdict<V> = Result<Arc<V>, DenyReason>;

/// A verdict, and how long it may be used after its question was put.
#[derive(Debug)]
pub(super) struct Fresh<V> {
    pub(super) verdict: Result<V, DenyReason>,
    pub(super) keep: Duration,
}

/// How much is kept and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Active credentials kept, at most; and as many refused ones.
    pub entries: usize,
    /// Questions at one time, at most, about credentials that were active lately; and as many about others.
    pub questions: usize,
    /// How long an answer may take, the wait for a turn included.
    pub deadline: Duration,
}

/// Answers about credentials.
pub(super) struct Remembered<V> {
    active: Bounded<Digest, Kept<Arc<V>>>,
    refused: Bounded<Digest, Kept<DenyReason>>,
    flights: DashMap<Digest, Arc<Flight<V>>>,
    /// Turns for credentials that were active lately, and for all others.
    known: Semaphore,
    unknown: Semaphore,
    deadline: Duration,
    start: Instant,
    pub(super) calls: Calls,
}

impl<V> fmt::Debug for Remembered<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remembered({:?} active, {:?} refused)", self.active, self.refused)
    }
}

#[derive(Debug, Clone)]
struct Kept<T> {
    what: T,
    /// In the time since the start, which no clock change moves (S-115).
    until: Duration,
}

/// A question that is being asked, for everybody who wants to know.
#[derive(Debug)]
struct Flight<V>(watch::Sender<Option<Answer<V>>>);

/// A verdict, or that nobody answered.
type Answer<V> = Result<Verdict<V>, Outage>;

impl<V> Flight<V> {
    async fn landed(&self) -> Option<Answer<V>> {
        let mut answer = self.0.subscribe();
        answer.wait_for(Option::is_some).await.ok()?.clone()
    }

    fn land(&self, answer: Answer<V>) {
        self.0.send_if_modified(|landed| {
            let first = landed.is_none();
            if first {
                *landed = Some(answer);
            }
            first
        });
    }
}

impl<V: Send + Sync + 'static> Remembered<V> {
    pub(super) fn new(bounds: &Bounds, calls: Calls) -> Self {
        Self {
            active: Bounded::new(bounds.entries),
            refused: Bounded::new(bounds.entries),
            flights: DashMap::new(),
            known: Semaphore::new(bounds.questions.max(1)),
            unknown: Semaphore::new(bounds.questions.max(1)),
            deadline: bounds.deadline,
            start: Instant::now(),
            calls,
        }
    }

    /// How many active credentials are kept.
    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    /// What is known already.
    pub(super) fn look(&self, key: &Digest) -> Option<Verdict<V>> {
        let now = self.start.elapsed();
        if let Some(kept) = self.active.get(key).filter(|kept| now < kept.until) {
            self.calls.hits.inc();
            return Some(Ok(kept.what));
        }
        let kept = self.refused.get(key).filter(|kept| now < kept.until)?;
        self.calls.hits.inc();
        Some(Err(kept.what))
    }

    /// Asks, or joins those who wait for the same answer. The question is put on a task of its own: whoever asked
    /// first may go away, and the others still want to know. With its answer comes the key it is kept under.
    ///
    /// # Errors
    /// The service's outage when no answer comes in time, [`Outage::AuthenticationOverloaded`] when there is no
    /// turn in time, and whatever outage the question itself ends in.
    pub(super) async fn ask<Q>(self: &Arc<Self>, key: Digest, question: Q) -> Answer<V>
    where
        Q: Future<Output = Result<(Fresh<V>, Digest), Outage>> + Send + 'static,
    {
        let (flight, mine) = self.board(key);
        if mine {
            let trip = Trip { memory: Arc::clone(self), key, flight: Arc::clone(&flight) };
            tokio::spawn(async move { trip.flight.land(trip.answer(question).await) });
        } else {
            self.calls.joined.inc();
        }
        flight.landed().await.unwrap_or(Err(Outage::Internal))
    }

    fn board(&self, key: Digest) -> (Arc<Flight<V>>, bool) {
        match self.flights.entry(key) {
            Entry::Occupied(flight) => (Arc::clone(flight.get()), false),
            Entry::Vacant(vacant) => {
                let flight = Arc::new(Flight(watch::Sender::new(None)));
                vacant.insert(Arc::clone(&flight));
                (flight, true)
            }
        }
    }

    /// A turn. Credentials that were active lately have turns of their own, so that invented ones cannot keep
    /// them waiting (S-186).
    async fn turn(&self, key: &Digest) -> Result<SemaphorePermit<'_>, Outage> {
        let turns = if self.active.get(key).is_some() { &self.known } else { &self.unknown };
        turns.acquire().await.map_err(|_| Outage::Internal)
    }

    fn keep(&self, key: Digest, fresh: Fresh<V>, asked: Duration) -> Verdict<V> {
        let until = asked.saturating_add(fresh.keep);
        match fresh.verdict {
            Ok(said) => {
                let said = Arc::new(said);
                self.refused.remove(&key);
                if fresh.keep.is_zero() {
                    self.active.remove(&key);
                } else {
                    self.active.insert(key, Kept { what: Arc::clone(&said), until });
                }
                Ok(said)
            }
            Err(reason) => {
                self.active.remove(&key);
                if !fresh.keep.is_zero() {
                    self.refused.insert(key, Kept { what: reason, until });
                }
                Err(reason)
            }
        }
    }
}

/// One question on its way. However it ends, it is no longer on its way.
struct Trip<V: Send + Sync + 'static> {
    memory: Arc<Remembered<V>>,
    key: Digest,
    flight: Arc<Flight<V>>,
}

impl<V: Send + Sync + 'static> Trip<V> {
    async fn answer<Q>(&self, question: Q) -> Answer<V>
    where
        Q: Future<Output = Result<(Fresh<V>, Digest), Outage>>,
    {
        let memory = &self.memory;
        let end = Instant::now() + memory.deadline;
        let waited = timeout_at(end, memory.turn(&self.key)).await;
        let Ok(turn) = waited else {
            memory.calls.shed.inc();
            return Err(Outage::AuthenticationOverloaded);
        };
        let _turn = turn?;
        let asked = memory.start.elapsed();
        let Ok(answer) = timeout_at(end, question).await else {
            return Err(memory.calls.failed("timeout", "it takes too long"));
        };
        let (fresh, key) = answer?;
        memory.calls.answered(memory.start.elapsed().saturating_sub(asked));
        Ok(memory.keep(key, fresh, asked))
    }
}

impl<V: Send + Sync + 'static> Drop for Trip<V> {
    fn drop(&mut self) {
        self.memory.flights.remove_if(&self.key, |_, other| Arc::ptr_eq(&self.flight, other));
        // After a panic nobody has answered yet.
        self.flight.land(Err(Outage::Internal));
    }
}

#[cfg(test)]
mod tests;
