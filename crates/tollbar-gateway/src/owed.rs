//! Outcomes that the usage journal could not take: kept until it can, so that what was given back stays so over a restart.

use std::cell::{Cell, RefCell};

use tollbar_core::port::{JournalRecord, StoreFailure};

/// What one thread keeps. Without a journal nothing new is charged, so there are no more than were under way.
const KEPT_MAX: usize = 16_384;
/// What is appended at once: of a disk that is nearly full, little is asked.
const PIECE: usize = 64;

/// The outcomes of one thread, oldest first.
#[derive(Default)]
pub(crate) struct Owed {
    records: RefCell<Vec<JournalRecord>>,
    lost: Cell<u64>,
}

impl Owed {
    /// Keeps an outcome for later.
    pub(crate) fn keep(&self, record: JournalRecord) {
        let mut records = self.records.borrow_mut();
        if records.len() < KEPT_MAX {
            records.push(record);
        } else if self.lost.replace(self.lost.get() + 1) == 0 {
            tracing::error!(
                "outcomes are lost: charges that were given back may count again after a restart"
            );
        }
    }

    /// Appends what is owed, as far as that goes.
    pub(crate) fn pay(&self, append: impl Fn(&[JournalRecord]) -> Result<(), StoreFailure>) {
        let mut records = self.records.borrow_mut();
        let paid: usize =
            records.chunks(PIECE).take_while(|piece| append(piece).is_ok()).map(<[_]>::len).sum();
        if paid > 0 {
            tracing::info!(outcomes = paid, "outcomes are in the usage journal after all");
            records.drain(..paid);
        }
    }

    /// What a restart will not know of.
    pub(crate) fn count(&self) -> u64 {
        self.lost.get().saturating_add(u64::try_from(self.records.borrow().len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use tollbar_contract::Environment;
    use tollbar_core::{ClientId, EndpointId, Timestamp, port::JournalEvent};

    use super::*;

    #[test]
    fn what_is_owed_is_paid_once_in_order_and_bounded() {
        let owed = Owed::default();
        let record = |status| JournalRecord {
            event: JournalEvent::Ended { status },
            client: ClientId::from_number(1),
            environment: Environment::Live,
            endpoint: EndpointId(1),
            at: Timestamp::default(),
        };
        owed.keep(record(500));
        owed.keep(record(502));
        owed.pay(|_| Err(StoreFailure::new("the disk is full")));
        assert_eq!(owed.count(), 2);
        owed.pay(|records| {
            assert_eq!(records, [record(500), record(502)]);
            Ok(())
        });
        owed.pay(|_| panic!("nothing is owed"));
        (0..KEPT_MAX + 3).for_each(|_| owed.keep(record(500)));
        let room = Cell::new(100_usize);
        let append = |records: &[JournalRecord]| {
            let left = room.get().checked_sub(records.len());
            room.set(left.ok_or_else(|| StoreFailure::new("the disk is full"))?);
            Ok(())
        };
        owed.pay(append);
        assert_eq!((room.get(), owed.count()), (36, u64::try_from(KEPT_MAX).unwrap() + 3 - 64));
        room.set(KEPT_MAX);
        owed.pay(append);
        assert_eq!((room.get(), owed.count()), (64, 3), "what did not fit is lost");
    }
}
