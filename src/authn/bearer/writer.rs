//! Writes in the background what tokens made known: one thing at a time, not too often, and each once in a while.

mod attempt;
mod rows;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, MissedTickBehavior};

use self::attempt::{Attempt, Next, Outcome};
use super::writes::Write;
use crate::core::decision::Outage;
use crate::store::Place;
use crate::store::admin::{Admin, AdminError};
use crate::store::cached::bounded::Bounded;
use crate::telemetry;

/// Writes that may wait. More are dropped: the next request brings them again.
const QUEUE: usize = 1024;
/// Names of writes that are remembered.
const REMEMBERED: usize = 16 * 1024;
/// Least time between two writes: 50 a second.
const PACE: Duration = Duration::from_millis(20);

/// The writer of a store.
pub struct Writer {
    place: Place,
    queue: Arc<Queue>,
}

/// Once the last of those who fill it is gone, what is in it is written, and that is all.
struct Queue {
    sender: Sender<Write>,
    /// What the writer will receive from, until it is running.
    #[expect(clippy::disallowed_types, reason = "held to take what is in it")]
    waiting: std::sync::Mutex<Option<Receiver<Write>>>,
    shared: Arc<Shared>,
}

struct Shared {
    /// What was queued, written or said last, by its name.
    known: Bounded<String, Attempt>,
    #[expect(clippy::disallowed_types, reason = "held for a look and an insertion, never over an await")]
    turn: std::sync::Mutex<()>,
    counts: Counts,
}

/// What a writer has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Written, or found to be there already.
    pub written: AtomicU64,
    /// Refused by the store.
    pub failed: AtomicU64,
    /// Dropped, for too many were waiting.
    pub dropped: AtomicU64,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("place", &self.place).field("counts", self.counts()).finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer that is not running yet.
    #[must_use]
    pub fn new(place: Place) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        #[expect(clippy::disallowed_types, reason = "held to take what is in it")]
        let waiting = std::sync::Mutex::new(Some(receiver));
        #[expect(clippy::disallowed_types, reason = "held for a look and an insertion, never over an await")]
        let turn = std::sync::Mutex::new(());
        let shared = Arc::new(Shared { known: Bounded::new(REMEMBERED), turn, counts: Counts::default() });
        Self { place, queue: Arc::new(Queue { sender, waiting, shared }) }
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.queue.shared.counts
    }

    /// Fills the queue of another writer of the same store.
    pub fn succeed(&mut self, other: &Self) {
        if self.place == other.place {
            self.queue = Arc::clone(&other.queue);
        }
    }

    /// Begins to write, unless it has begun.
    pub fn open(&self) {
        let receiver = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(receiver) = receiver {
            let (shared, place) = (Arc::clone(&self.queue.shared), self.place.clone());
            tokio::spawn(async move { shared.run(receiver, place).await });
        }
    }

    /// Queues what is not queued and was not written a short time ago.
    ///
    /// # Errors
    /// When a registration finds no room, fails, or is not to be seen: nothing would hold the client to its key's limits
    /// for longer than a moment.
    pub fn take(&self, writes: Vec<Write>) -> Result<(), Outage> {
        writes.into_iter().try_for_each(|write| self.queue.take(write))
    }
}

impl Queue {
    fn take(&self, write: Write) -> Result<(), Outage> {
        let (name, now) = (write.name(), Instant::now());
        let last = self.shared.known.get(&name);
        let is_registration = matches!(write, Write::Register(_));
        let is_missed = is_registration && last.is_some_and(|last| last.is_missed(now));
        let outcome = if is_missed { Err(Outage::RegistrationFailed) } else { Ok(()) };
        // Most requests bring nothing new, and wait for nobody.
        if self.shared.next(&write, last, now) == Next::Leave {
            return outcome;
        }
        let _turn = self.shared.turn();
        match self.shared.next(&write, self.shared.known.get(&name), now) {
            Next::Leave => outcome,
            Next::Note(attempt) => {
                self.shared.known.insert(name, attempt);
                outcome
            }
            Next::Queue(attempt) => match self.sender.try_send(write) {
                Ok(()) => {
                    // What has failed is a failure until it is written.
                    let outcome_so_far = if is_missed { Outcome::Failed } else { attempt.outcome };
                    self.shared.known.insert(name, Attempt { outcome: outcome_so_far, ..attempt });
                    outcome
                }
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                    self.shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    if attempt.said.is_some() {
                        self.shared.known.insert(name, Attempt { outcome: Outcome::Untried, ..attempt });
                    }
                    if is_registration { Err(Outage::RegistrationsFull) } else { Ok(()) }
                }
            },
        }
    }
}

impl Shared {
    /// Whose turn it is to change what is remembered together with the queue: so both have one order.
    fn turn(&self) -> std::sync::MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, write: &Write, last: Option<Attempt>, now: Instant) -> Next {
        let followed = write.follows().and_then(|(name, issued)| Some((self.known.get(&name)?.said?, issued)));
        match followed {
            Some((said, issued)) if issued < said.issued => Next::Leave,
            Some(_) | None => Next::of(write, last, now),
        }
    }

    async fn run(&self, mut receiver: Receiver<Write>, place: Place) {
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut admin = None;
        while let Some(write) = receiver.recv().await {
            ticks.tick().await;
            let result = rows_of(&place, &mut admin, &write).await;
            self.note(&write, result.is_err());
            let count = match result {
                Ok(()) => &self.counts.written,
                Err(error) => {
                    tracing::warn!(%error, "what a token made known could not be written; a later request brings it again");
                    &self.counts.failed
                }
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note(&self, write: &Write, failed: bool) {
        let (name, _turn) = (write.name(), self.turn());
        let attempt = attempt::tried(write, self.known.get(&name), failed, Instant::now());
        self.known.insert(name, attempt);
    }
}

/// Writes with the connection there is. One that has failed is not used again.
async fn rows_of(place: &Place, admin: &mut Option<Admin>, write: &Write) -> Result<(), AdminError> {
    let open = match admin.take() {
        Some(open) => open,
        None => Admin::open(place).await?,
    };
    rows::write(&open, write, telemetry::now()).await?;
    *admin = Some(open);
    Ok(())
}

#[cfg(test)]
mod tests;
