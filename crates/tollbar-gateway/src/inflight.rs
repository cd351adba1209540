//! Keyed requests under way in this process: the second of two waits for the first.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{oneshot, watch};
use tollbar_contract::RequestId;
use tollbar_core::{
    idempotency::{Fingerprint, Slot},
    outcome::{SlotHold, UnderWay},
};

/// The slots that are held.
#[derive(Clone, Default)]
pub(crate) struct Inflight {
    slots: Arc<Mutex<HashMap<Slot, Holder>>>,
}

/// What is known of who has a slot.
struct Holder {
    /// Of the request; `None`: it is an operator.
    fingerprint: Option<Fingerprint>,
    /// It is not only looking at the record.
    executes: bool,
    released: watch::Receiver<Option<RequestId>>,
    /// Operators who get it before any request does.
    operators: VecDeque<oneshot::Sender<Held>>,
}

/// The one holder of a slot. Dropping it lets the others go on.
pub(crate) struct Held {
    inflight: Inflight,
    slot: Slot,
    /// Its end is what the waiting ones see; or, before that, what was found out for all of them.
    release: watch::Sender<Option<RequestId>>,
}

/// Somebody else holds the slot.
#[derive(Clone, Debug)]
pub(crate) struct Busy {
    /// What they are executing, or may be about to; `None`: an operator looks into it.
    pub(crate) fingerprint: Option<Fingerprint>,
    released: watch::Receiver<Option<RequestId>>,
}

impl Inflight {
    /// Takes a slot, or says who has it.
    pub(crate) fn hold(&self, slot: &Slot, fingerprint: Fingerprint) -> Result<Held, Busy> {
        let mut slots = self.lock();
        match slots.get(slot) {
            Some(holder) => Err(Busy { fingerprint: holder.fingerprint, released: holder.released.clone() }),
            None => Ok(self.insert(&mut slots, slot, Some(fingerprint), VecDeque::new())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Holder>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(
        &self,
        slots: &mut HashMap<Slot, Holder>,
        slot: &Slot,
        fingerprint: Option<Fingerprint>,
        operators: VecDeque<oneshot::Sender<Held>>,
    ) -> Held {
        let (release, released) = watch::channel(None);
        slots.insert(slot.clone(), Holder { fingerprint, executes: false, released, operators });
        Held { inflight: self.clone(), slot: slot.clone(), release }
    }
}

impl UnderWay for Inflight {
    fn is_executing(&self, slot: &Slot) -> bool {
        self.lock().get(slot).is_some_and(|holder| holder.executes)
    }

    fn hold(&self, slot: Slot) -> Pin<Box<dyn Future<Output = Option<SlotHold>> + Send + '_>> {
        Box::pin(async move {
            let (pass, passed) = oneshot::channel();
            let held = {
                let mut slots = self.lock();
                match slots.get_mut(&slot) {
                    None => Some(self.insert(&mut slots, &slot, None, VecDeque::new())),
                    Some(holder) if holder.executes => return None,
                    Some(holder) => {
                        holder.operators.push_back(pass);
                        None
                    }
                }
            };
            let held = match held {
                Some(held) => held,
                // It executes after all.
                None => passed.await.ok()?,
            };
            Some(Box::new(held) as SlotHold)
        })
    }
}

impl Held {
    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Nobody executes it, and the outcome of that request is unknown: whoever waits for this look at the record need not
    /// look for himself.
    pub(crate) fn tell_unknown(self, first: RequestId) {
        self.release.send_replace(Some(first));
    }

    /// From here on it is not only a look at the record.
    pub(crate) fn executes(self) -> Self {
        let turned_away = {
            let mut slots = self.inflight.lock();
            slots.get_mut(&self.slot).map(|holder| {
                holder.executes = true;
                std::mem::take(&mut holder.operators)
            })
        };
        drop(turned_away);
        self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut slots = self.inflight.lock();
        let Some(mut holder) = slots.remove(&self.slot) else { return };
        let next = holder
            .operators
            .pop_front()
            .map(|operator| (operator, self.inflight.insert(&mut slots, &self.slot, None, holder.operators)));
        drop(slots);
        if let Some((operator, held)) = next {
            // One who has gone gives it back by that, to the next one.
            drop(operator.send(held));
        }
    }
}

impl Busy {
    /// Waits until the slot is let go; or until it is found that the outcome of the request that had it is unknown.
    pub(crate) async fn wait(mut self) -> Option<RequestId> {
        let found = self.released.wait_for(Option::is_some).await;
        // An error is the channel's end: it was let go.
        found.ok().and_then(|first| *first)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::task::{Context, Poll, Waker};

    use tollbar_contract::Environment;
    use tollbar_core::ClientId;

    use super::*;

    fn slot() -> Slot {
        Slot { client: ClientId::from_number(1), environment: Environment::Live, key: "k".to_owned() }
    }

    fn request(inflight: &Inflight) -> Result<Held, Busy> {
        inflight.hold(&slot(), Fingerprint([1; 32]))
    }

    type Asked<'a> = Pin<Box<dyn Future<Output = Option<SlotHold>> + Send + 'a>>;

    fn poll(asked: &mut Asked<'_>) -> Poll<Option<SlotHold>> {
        asked.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_operator_comes_after_a_look_and_before_other_requests() {
        let inflight = Inflight::default();
        let looking = request(&inflight).unwrap();
        assert!(!inflight.is_executing(&slot()));
        let mut first = UnderWay::hold(&inflight, slot());
        let mut second = UnderWay::hold(&inflight, slot());
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        drop(looking);
        assert!(request(&inflight).is_err_and(|busy| busy.fingerprint.is_none()), "it has been passed on");
        let Poll::Ready(Some(held)) = poll(&mut first) else { panic!("it was not passed on") };
        assert!(poll(&mut second).is_pending());
        drop(held);
        assert!(poll(&mut second).is_ready());
        assert!(request(&inflight).is_ok(), "nobody wants it any more");
    }

    #[test]
    fn an_operator_who_has_gone_keeps_nothing() {
        let inflight = Inflight::default();
        let looking = request(&inflight).unwrap();
        let mut gone = UnderWay::hold(&inflight, slot());
        let mut waiting = UnderWay::hold(&inflight, slot());
        assert!(poll(&mut gone).is_pending() && poll(&mut waiting).is_pending());
        drop(gone);
        drop(looking);
        assert!(matches!(poll(&mut waiting), Poll::Ready(Some(_))));
        assert!(request(&inflight).is_ok());
    }

    #[test]
    fn what_one_look_finds_is_told_to_all_who_wait_for_it() {
        let inflight = Inflight::default();
        let looking = request(&inflight).unwrap();
        let waiting: Vec<Busy> = (0..3).map(|_| request(&inflight).err().unwrap()).collect();
        let first = RequestId::from_number(7);
        looking.tell_unknown(first);
        for busy in waiting {
            let mut told = Box::pin(busy.wait());
            assert_eq!(told.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(first)));
        }
        assert!(request(&inflight).is_ok(), "and it is let go");
    }

    #[test]
    fn an_execution_turns_operators_away() {
        let inflight = Inflight::default();
        let looking = request(&inflight).unwrap();
        let mut waiting = UnderWay::hold(&inflight, slot());
        assert!(poll(&mut waiting).is_pending());
        let executing = looking.executes();
        assert!(inflight.is_executing(&slot()));
        assert!(matches!(poll(&mut waiting), Poll::Ready(None)));
        assert!(matches!(poll(&mut UnderWay::hold(&inflight, slot())), Poll::Ready(None)));
        drop(executing);
        assert!(!inflight.is_executing(&slot()));
    }
}
