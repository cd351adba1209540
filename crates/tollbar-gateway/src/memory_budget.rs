//! How many bytes of bodies are held in memory at a time, by all threads together.
//!
//! Each body has a limit of its own; what many of them may take together has this one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The budget.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit_bytes: usize,
    used: AtomicUsize,
    high_water: AtomicUsize,
}

/// Bytes that were reserved. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Reserved {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    pub(crate) fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { limit_bytes, used: AtomicUsize::new(0), high_water: AtomicUsize::new(0) })
    }

    /// So many bytes, if they are left.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        self.take(bytes).then(|| Reserved { budget: self.clone(), bytes })
    }

    /// Bytes reserved now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most that was ever reserved at a time.
    pub(crate) fn high_water(&self) -> usize {
        self.high_water.load(Ordering::Relaxed)
    }

    // Relaxed throughout: the number is all that threads tell each other by it.
    fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) => {
                self.high_water.fetch_max(before + bytes, Ordering::Relaxed);
                true
            }
            Err(_) => false,
        }
    }
}

impl Reserved {
    /// So many more. False, and nothing is changed, if they are not left.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.budget.take(bytes);
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }

    /// Gives back what is beyond so many: a body turned out to be smaller, or part of it has gone out.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let beyond = self.bytes.saturating_sub(bytes);
        self.bytes -= beyond;
        self.budget.used.fetch_sub(beyond, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Reserve(usize),
        Grow(usize, usize),
        Shrink(usize, usize),
        Drop(usize),
    }

    fn bytes() -> impl Strategy<Value = usize> {
        prop_oneof![20 => 0..600_usize, 1 => Just(usize::MAX), 1 => Just(1000_usize)]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            bytes().prop_map(Step::Reserve),
            (any::<usize>(), bytes()).prop_map(|(which, bytes)| Step::Grow(which, bytes)),
            (any::<usize>(), bytes()).prop_map(|(which, bytes)| Step::Shrink(which, bytes)),
            any::<usize>().prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn it_is_what_is_held_and_never_over(steps in prop::collection::vec(step(), 0..200)) {
            let budget = MemoryBudget::new(1000);
            // What should be held, beside what is.
            let mut held: Vec<(Reserved, usize)> = Vec::new();
            let mut highest = 0;
            for step in steps {
                let sum: usize = held.iter().map(|(_, bytes)| bytes).sum();
                let fits = |bytes: usize| bytes <= 1000 - sum;
                let count = held.len().max(1);
                match step {
                    Step::Reserve(bytes) => {
                        let reserved = budget.reserve(bytes);
                        prop_assert_eq!(reserved.is_some(), fits(bytes));
                        held.extend(reserved.map(|reserved| (reserved, bytes)));
                    }
                    Step::Grow(which, bytes) => if let Some((reserved, had)) = held.get_mut(which % count) {
                        let grew = reserved.grow(bytes);
                        prop_assert_eq!(grew, fits(bytes));
                        *had += if grew { bytes } else { 0 };
                    },
                    Step::Shrink(which, bytes) => if let Some((reserved, had)) = held.get_mut(which % count) {
                        reserved.shrink_to(bytes);
                        *had = bytes.min(*had);
                    },
                    Step::Drop(which) => if !held.is_empty() {
                        held.swap_remove(which % count);
                    },
                }
                let sum: usize = held.iter().map(|(_, bytes)| bytes).sum();
                highest = highest.max(sum);
                prop_assert!(sum <= 1000);
                prop_assert_eq!((budget.used(), budget.high_water()), (sum, highest));
                prop_assert!(held.iter().all(|(reserved, bytes)| reserved.bytes() == *bytes));
            }
            drop(held);
            prop_assert_eq!(budget.used(), 0);
        }
    }

    #[test]
    fn threads_together_never_have_more_than_there_is() {
        let budget = MemoryBudget::new(100);
        let in_use = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, in_use) = (&budget, &in_use);
                scope.spawn(move || {
                    for n in 0..5000 {
                        let Some(mut reserved) = budget.reserve(1 + (n + thread) % 30) else { continue };
                        let _ = reserved.grow(n % 7);
                        // Counted apart, while it is held.
                        let sum = in_use.fetch_add(reserved.bytes(), Ordering::SeqCst) + reserved.bytes();
                        assert!(sum <= 100, "{sum}");
                        in_use.fetch_sub(reserved.bytes(), Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
        assert!((1..=100).contains(&budget.high_water()));
    }
}
