//! What is remembered of a write, and what becomes of the next one of its name.

use std::cmp::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::authn::bearer::writes::{Statement, Write};

/// For this long nothing is written twice.
const AGAIN: Duration = Duration::from_mins(5);
/// A key is to be seen so long after it was queued, or written. Until then nothing counts what the client spends.
const VISIBLE: Duration = Duration::from_secs(30);
/// Nothing that failed is written again before this.
const RETRY: Duration = Duration::from_secs(10);

/// The last time something was queued or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) at: Instant,
    pub(super) outcome: Outcome,
    /// The latest statement about the name.
    pub(super) said: Option<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is queued, or written.
    Taken,
    /// The store refused it.
    Failed,
    /// Nothing was queued: the store had it, or there was no room.
    Untried,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Leave,
    /// It is only remembered, so that what an older token says does not count.
    Note(Attempt),
    /// It is queued, and remembered so.
    Queue(Attempt),
}

impl Attempt {
    /// Whether it is too early for another.
    fn holds(&self, now: Instant) -> bool {
        match self.outcome {
            Outcome::Taken => now < self.at + AGAIN,
            Outcome::Failed => now < self.at + RETRY,
            Outcome::Untried => false,
        }
    }

    /// Whether a key that is still asked for should have been there.
    pub(super) fn is_missed(&self, now: Instant) -> bool {
        self.outcome == Outcome::Failed || now > self.at + VISIBLE
    }
}

impl Next {
    /// Judges a write by what is remembered of its name. Of two statements that of the later token counts, at once. Of
    /// those that cannot be told apart, for both tokens were issued in one second or do not say when, the other one gets
    /// its turn no sooner than [`AGAIN`]: however many tokens take turns, nothing is written for each request.
    pub(super) fn of(write: &Write, last: Option<Attempt>, now: Instant) -> Self {
        let said = write.statement();
        let fresh = Attempt { at: now, outcome: Outcome::Taken, said };
        let Some(last) = last else {
            return if write.is_there() {
                Self::Note(Attempt { outcome: Outcome::Untried, ..fresh })
            } else {
                Self::Queue(fresh)
            };
        };
        let held = if last.holds(now) { Self::Leave } else { Self::Queue(fresh) };
        let Some((said, known)) = said.zip(last.said) else { return held };
        let age = said.issued.cmp(&known.issued);
        if said.value == known.value {
            return match age {
                _ if !write.is_there() && held != Self::Leave => {
                    let issued = said.issued.max(known.issued);
                    Self::Queue(Attempt { said: Some(Statement { issued, ..said }), ..fresh })
                }
                Ordering::Greater => Self::Note(Attempt { said: Some(said), ..last }),
                Ordering::Less | Ordering::Equal => Self::Leave,
            };
        }
        match age {
            Ordering::Less => Self::Leave,
            Ordering::Equal => held,
            // Whatever the row says: it may be older than what was queued.
            Ordering::Greater => Self::Queue(fresh),
        }
    }
}

/// What is remembered of a write that was tried: nothing new, where something later has been queued meanwhile.
pub(super) fn tried(write: &Write, last: Option<Attempt>, failed: bool, now: Instant) -> Attempt {
    let outcome = if failed { Outcome::Failed } else { Outcome::Taken };
    let attempt = Attempt { at: now, outcome, said: write.statement() };
    match (attempt.said, last, last.and_then(|last| last.said)) {
        (Some(said), Some(last), Some(known)) if known.issued >= said.issued => {
            if known.value == said.value {
                Attempt { said: Some(known), ..attempt }
            } else {
                last
            }
        }
        _ => attempt,
    }
}
