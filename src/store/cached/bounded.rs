//! A map that never holds more than it may.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
#[expect(clippy::disallowed_types, reason = "held for a queue operation, never over an await")]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use dashmap::DashMap;

/// Values by key, up to a number of them. When it is full the oldest goes, unless it was used since it was
/// last looked at: then it comes last again (CLOCK). A flood of new keys meets those that are in use last.
#[expect(clippy::disallowed_types, reason = "held for a queue operation, never over an await")]
pub(crate) struct Bounded<K, V> {
    slots: DashMap<K, Slot<V>, RandomState>,
    /// Keys by age, each with the number of its birth: a key that was removed and came again is here twice.
    ages: Mutex<VecDeque<(K, u32)>>,
    births: AtomicU32,
    capacity: usize,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    born: u32,
    used: AtomicBool,
}

impl<K: Hash + Eq, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bounded({} of {})", self.slots.len(), self.capacity)
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Bounded<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        #[expect(clippy::disallowed_types, reason = "held for a queue operation, never over an await")]
        let ages = Mutex::new(VecDeque::new());
        Self {
            slots: DashMap::with_hasher(RandomState::new()),
            ages,
            births: AtomicU32::new(0),
            capacity: capacity.max(1),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let slot = self.slots.get(key)?;
        // Written only once, so that readers do not take the line from each other.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(slot.value.clone())
    }

    /// Puts a value in, and tells how many had to go for it.
    pub(crate) fn insert(&self, key: K, value: V) -> usize {
        if let Some(mut slot) = self.slots.get_mut(&key) {
            slot.value = value;
            return 0;
        }
        let born = self.births.fetch_add(1, Ordering::Relaxed);
        self.slots.insert(key.clone(), Slot { value, born, used: AtomicBool::new(false) });
        let mut gone = 0;
        let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        ages.push_back((key, born));
        // Once around at most: then every key has had its second chance.
        let mut chances = ages.len();
        while ages.len() > self.capacity {
            let Some((oldest, born)) = ages.pop_front() else { break };
            let is_it = |slot: &Slot<V>| slot.born == born;
            let spared = |slot: &Slot<V>| is_it(slot) && slot.used.swap(false, Ordering::Relaxed);
            if chances > 0 && self.slots.get(&oldest).is_some_and(|slot| spared(&slot)) {
                chances -= 1;
                ages.push_back((oldest, born));
            } else {
                gone += usize::from(self.slots.remove_if(&oldest, |_, slot| is_it(slot)).is_some());
            }
        }
        gone
    }

    pub(crate) fn remove(&self, key: &K) -> bool {
        self.slots.remove(key).is_some()
    }

    /// Keeps what satisfies a condition. Looks at every value.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        self.slots.retain(|key, slot| keep(key, &slot.value));
    }

    /// Looks at every value.
    pub(crate) fn visit(&self, mut look: impl FnMut(&V)) {
        self.slots.iter().for_each(|slot| look(&slot.value().value));
    }

    pub(crate) fn clear(&self) {
        self.slots.clear();
        self.ages.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A number that spreads keys evenly, another in every process.
    pub(crate) fn spread(&self, key: &K) -> u64 {
        self.slots.hasher().hash_one(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_s191() {
        let map = Bounded::new(100);
        for number in 0..10_000 {
            map.insert(number, number);
            assert!(map.len() <= 100);
        }
        assert_eq!(map.get(&9_999), Some(9_999));
        assert_eq!(map.ages.lock().unwrap().len(), 100);
    }

    #[test]
    fn what_is_in_use_outlives_a_flood_s193() {
        let map = Bounded::new(100);
        map.insert(-1, 0);
        for number in 0..10_000 {
            assert_eq!(map.get(&-1), Some(0), "after {number}");
            map.insert(number, number);
        }
    }

    #[test]
    fn what_was_removed_and_comes_again_does_not_grow_the_queue() {
        let map = Bounded::new(10);
        for number in 0..1_000 {
            map.insert(1, number);
            map.remove(&1);
        }
        assert!(map.ages.lock().unwrap().len() <= 10);
        map.insert(1, 7);
        assert_eq!(map.get(&1), Some(7));
    }
}
