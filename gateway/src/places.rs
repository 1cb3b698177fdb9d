//! Who has how many of something that is bounded; each is given back when dropped.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// How many each has.
#[derive(Debug)]
pub struct Places<K>(Mutex<HashMap<K, usize>>);

/// One of them.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    of: Arc<Places<K>>,
    whose: K,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// One more, if there is room besides what this one has already, and all together.
    pub fn take(self: &Arc<Self>, whose: K, room: impl FnOnce(usize, usize) -> bool) -> Option<Place<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.get(&whose).copied().unwrap_or(0);
        if !room(mine, taken.values().sum()) {
            return None;
        }
        taken.insert(whose.clone(), mine + 1);
        drop(taken);
        Some(Place { of: self.clone(), whose })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_share_and_gives_it_back() {
        let places = Arc::new(Places::default());
        let take = |whose| places.take(whose, |mine, all| mine < 2 && all < 3);
        let (first, second) = (take("a"), take("a"));
        assert!(first.is_some() && second.is_some() && take("a").is_none());
        let other = take("b");
        assert!(other.is_some() && take("b").is_none(), "all are taken");
        drop(first);
        assert!(take("c").is_some());
        drop((second, other));
        assert!(places.0.lock().unwrap().is_empty());
    }
}
