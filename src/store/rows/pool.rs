//! One copy of what many records point to: a team is in memory once, however many keys it has.

use std::collections::HashMap;
use std::fmt;
#[expect(clippy::disallowed_types, reason = "held for a map operation, never over an await")]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError, Weak};

use sha2::{Digest, Sha256};

/// Records by the text they were made from: a changed row is another record, and an old one goes when
/// nobody points to it any more.
#[derive(Debug)]
#[expect(clippy::disallowed_types, reason = "held for a map operation, never over an await")]
pub(super) struct Pool<T>(Mutex<Entries<T>>);

#[derive(Debug)]
struct Entries<T> {
    by_text: HashMap<[u8; 32], Weak<T>>,
    /// At this size the map is searched for what has gone.
    sweep_at: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        let entries = Entries { by_text: HashMap::new(), sweep_at: MIN_SWEEP };
        #[expect(clippy::disallowed_types, reason = "held for a map operation, never over an await")]
        Self(Mutex::new(entries))
    }
}

/// Below this many entries nothing is swept.
const MIN_SWEEP: usize = 256;

impl<T> Pool<T> {
    /// The record of these texts, made by `make` unless there is one.
    pub(super) fn get<E>(&self, texts: &[Option<&str>], make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let name = name(texts);
        if let Some(known) = self.entries(|entries| entries.by_text.get(&name).and_then(Weak::upgrade)) {
            return Ok(known);
        }
        Ok(self.insert(name, make()?))
    }

    /// The record of these texts, or `record`, which was made from them.
    pub(super) fn share(&self, texts: &[Option<&str>], record: T) -> Arc<T> {
        let name = name(texts);
        let known = self.entries(|entries| entries.by_text.get(&name).and_then(Weak::upgrade));
        known.unwrap_or_else(|| self.insert(name, record))
    }

    /// Puts the record that is equal to this one in its place, if there is one.
    pub(super) fn alike(&self, record: &mut Arc<T>)
    where
        T: PartialEq + fmt::Debug,
    {
        // The name only has to tell most of them apart: what is shared is equal.
        let name = name(&[Some(&format!("{record:?}"))]);
        match self.entries(|entries| entries.by_text.get(&name).and_then(Weak::upgrade)) {
            Some(known) if known == *record => *record = known,
            _ => self.keep(name, record),
        }
    }

    fn insert(&self, name: [u8; 32], record: T) -> Arc<T> {
        let record = Arc::new(record);
        self.keep(name, &record);
        record
    }

    fn keep(&self, name: [u8; 32], record: &Arc<T>) {
        self.entries(|entries| {
            if entries.by_text.len() >= entries.sweep_at {
                entries.by_text.retain(|_, record| record.strong_count() > 0);
                entries.sweep_at = MIN_SWEEP.max(entries.by_text.len().saturating_mul(2));
            }
            entries.by_text.insert(name, Arc::downgrade(record));
        });
    }

    fn entries<R>(&self, look: impl FnOnce(&mut Entries<T>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last values of a kind, for those that are cheap to copy once there is one.
#[derive(Debug)]
#[expect(clippy::disallowed_types, reason = "held for a map operation, never over an await")]
pub(super) struct Recent<T>(Mutex<HashMap<[u8; 32], T>>);

/// Beyond this many values the map begins anew.
const MAX_RECENT: usize = 4096;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        #[expect(clippy::disallowed_types, reason = "held for a map operation, never over an await")]
        Self(Mutex::new(HashMap::new()))
    }
}

impl<T: Clone> Recent<T> {
    /// The value of these texts, made by `make` unless there is one.
    pub(super) fn get(&self, texts: &[&str], make: impl FnOnce() -> T) -> T {
        let texts: Vec<_> = texts.iter().copied().map(Some).collect();
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= MAX_RECENT {
            values.clear();
        }
        values.entry(name(&texts)).or_insert_with(make).clone()
    }
}

/// Lengths are part of the name, so that no two lists of texts have the same.
fn name(texts: &[Option<&str>]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in texts {
        let text = text.unwrap_or_default();
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn equal_texts_share_a_record_and_others_do_not() {
        let pool = Pool::default();
        let get = |texts: &[Option<&str>]| pool.get(texts, || Ok::<_, Infallible>(texts.len())).unwrap();
        let first = get(&[Some("ab"), Some("c")]);
        assert!(Arc::ptr_eq(&first, &get(&[Some("ab"), Some("c")])));
        assert!(!Arc::ptr_eq(&first, &get(&[Some("a"), Some("bc")])));
    }

    #[test]
    fn what_nobody_points_to_goes() {
        let pool = Pool::default();
        for number in 0..10 * MIN_SWEEP {
            drop(pool.get(&[Some(&number.to_string())], || Ok::<_, Infallible>(number)));
        }
        assert!(pool.entries(|entries| entries.by_text.len()) <= MIN_SWEEP);
    }
}
