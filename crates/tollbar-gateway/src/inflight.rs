//! Keyed requests under way in this process: the second of two waits for the first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;
use tollbar_core::idempotency::{Fingerprint, Slot};

/// The slots that are held.
#[derive(Clone, Default)]
pub(crate) struct Inflight {
    slots: Arc<Mutex<HashMap<Slot, Busy>>>,
}

/// The one holder of a slot. Dropping it lets the others go on.
pub(crate) struct Held {
    inflight: Inflight,
    slot: Slot,
    /// Its end is what the waiting ones see.
    _release: watch::Sender<()>,
}

/// Somebody else holds the slot.
#[derive(Clone)]
pub(crate) struct Busy {
    /// What they are executing.
    pub(crate) fingerprint: Fingerprint,
    released: watch::Receiver<()>,
}

impl Inflight {
    /// Takes a slot, or says who has it.
    pub(crate) fn hold(&self, slot: &Slot, fingerprint: Fingerprint) -> Result<Held, Busy> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(busy) = slots.get(slot) {
            return Err(busy.clone());
        }
        let (release, released) = watch::channel(());
        slots.insert(slot.clone(), Busy { fingerprint, released });
        Ok(Held { inflight: self.clone(), slot: slot.clone(), _release: release })
    }
}

impl Held {
    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inflight.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.slot);
    }
}

impl Busy {
    /// Waits until the slot is let go.
    pub(crate) async fn wait(mut self) {
        // Nothing is ever sent; the channel's end is the signal.
        while self.released.changed().await.is_ok() {}
    }
}
