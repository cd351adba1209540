//! Outcomes that the usage journal could not take: kept until it can, so that what was given back stays so over a restart.

use std::cell::{Cell, RefCell};

use tollbar_core::port::{JournalRecord, StoreFailure};

/// What one thread keeps. Without a journal nothing new is charged, so there are no more than were under way.
const KEPT_MAX: usize = 16_384;

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

    /// Appends what is owed, as far as that goes. One by one: of what a disk takes only in part, whole records could be
    /// counted before they are taken back, and again when they are paid once more.
    pub(crate) fn pay(&self, append: impl Fn(JournalRecord) -> Result<(), StoreFailure>) {
        let mut records = self.records.borrow_mut();
        let paid = records.iter().take_while(|record| append(**record).is_ok()).count();
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
        let taken = RefCell::new(Vec::new());
        let (room, takes) = (Cell::new(1), |record| {
            taken.borrow_mut().push(record);
            Ok(())
        });
        owed.pay(|record| {
            room.set(room.get() - 1);
            if room.get() < 0 { Err(StoreFailure::new("the disk is full")) } else { takes(record) }
        });
        owed.pay(takes);
        assert_eq!(*taken.borrow(), [record(500), record(502)], "each once, and in order");
        owed.pay(|_| panic!("nothing is owed"));
        (0..KEPT_MAX + 3).for_each(|_| owed.keep(record(500)));
        owed.pay(takes);
        assert_eq!((taken.borrow().len(), owed.count()), (2 + KEPT_MAX, 3), "what did not fit is lost");
    }
}
