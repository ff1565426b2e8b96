//! Writes in the background what tokens made known: one thing at a time, not too often, and each once in a while.

mod rows;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, MissedTickBehavior};

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
/// For this long nothing is written twice.
const AGAIN: Duration = Duration::from_mins(5);
/// And this long after it failed.
const RETRY: Duration = Duration::from_secs(10);
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
    /// When what was queued or written may be so again.
    known: Bounded<String, Instant>,
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
        let shared = Arc::new(Shared { known: Bounded::new(REMEMBERED), counts: Counts::default() });
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
    /// When a registration finds no room: until it is made, nothing would hold the client to its key's limits.
    pub fn take(&self, writes: Vec<Write>) -> Result<(), Outage> {
        writes.into_iter().try_for_each(|write| self.queue.take(write))
    }
}

impl Queue {
    fn take(&self, write: Write) -> Result<(), Outage> {
        let (name, now) = (write.name(), Instant::now());
        if self.shared.known.get(&name).is_some_and(|again| now < again) {
            return Ok(());
        }
        let is_registration = matches!(write, Write::Register(_));
        match self.sender.try_send(write) {
            Ok(()) => {
                self.shared.known.insert(name, now + AGAIN);
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                self.shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
                if is_registration { Err(Outage::RegistrationsFull) } else { Ok(()) }
            }
        }
    }
}

impl Shared {
    async fn run(&self, mut receiver: Receiver<Write>, place: Place) {
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut admin = None;
        while let Some(write) = receiver.recv().await {
            ticks.tick().await;
            let count = match rows_of(&place, &mut admin, &write).await {
                Ok(()) => &self.counts.written,
                Err(error) => {
                    self.known.insert(write.name(), Instant::now() + RETRY);
                    tracing::warn!(%error, "what a token made known could not be written; a later request brings it again");
                    &self.counts.failed
                }
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
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
