//! Unknown outcomes: found, explained, and settled once.

use std::{collections::HashSet, future::Future, pin::Pin, sync::Arc};

use tollbar_contract::RequestId;
use tollbar_core::{
    AuditEntry, ChangeId, EndpointId, Timestamp,
    idempotency::{Answer, Fingerprint, RecordState, Slot},
    outcome::{
        KeyedRequest, Outcome, OutcomeStore as _, Settled, Settlement, SlotHold, UnderWay, UnknownFilter,
        UnknownPage, WhyUnknown,
    },
    port::{AuditFilter, IdempotencyStore as _, PolicyStore as _, StoreFailure},
};
use tollbar_store::Store;

use super::support::{LIVE, SANDBOX, client, folder, open, wait};

const EXPIRY: u64 = 2000;

/// What is said to be under way.
#[derive(Default)]
pub(super) struct Busy {
    slots: HashSet<Slot>,
    /// Ended at the moment at which somebody asks whether it is under way.
    ending: Option<(Store, Slot, RequestId)>,
}

impl UnderWay for Busy {
    fn is_executing(&self, slot: &Slot) -> bool {
        if let Some((store, ending, id)) = self.ending.as_ref().filter(|(_, ending, _)| ending == slot) {
            wait(store.answer(ending.clone(), *id, Answer::TooLarge, time(EXPIRY))).unwrap();
        }
        self.slots.contains(slot)
    }

    fn hold(&self, _slot: Slot) -> Pin<Box<dyn Future<Output = Option<SlotHold>> + Send + '_>> {
        Box::pin(async { None })
    }
}

fn slot(key: &str) -> Slot {
    Slot { client: client(1), environment: LIVE, key: key.to_owned() }
}

fn id(number: u64) -> RequestId {
    RequestId::from_number(number)
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn start(store: &Store, slot: Slot, number: u64, now: u64) {
    let started = store.start(slot, Fingerprint([1; 32]), id(number), EndpointId(1), time(now), time(EXPIRY));
    wait(started).unwrap();
}

fn all(now: u64) -> UnknownFilter {
    UnknownFilter { client: None, environment: None, since: None, before: None, limit: 100, now: time(now) }
}

fn listed(store: &Store, filter: UnknownFilter) -> Vec<u64> {
    listed_beside(store, filter, Busy::default())
}

fn listed_beside(store: &Store, filter: UnknownFilter, busy: Busy) -> Vec<u64> {
    numbers(&wait(store.list_unknown(filter, Arc::new(busy))).unwrap())
}

fn numbers(page: &UnknownPage) -> Vec<u64> {
    let number = |request: &KeyedRequest| u64::from_str_radix(request.request_id.as_str(), 16).unwrap();
    page.requests.iter().map(number).collect()
}

fn audit(number: u64, now: u64) -> AuditEntry {
    AuditEntry {
        id: ChangeId(number),
        at: time(now),
        actor: "operator".to_owned(),
        action: "idempotency.settle".to_owned(),
        subject: "x".to_owned(),
        detail: "because".to_owned(),
    }
}

fn settle(store: &Store, key: &str, number: u64, settlement: Settlement, change: u64) -> Settled {
    wait(store.settle(slot(key), id(number), settlement, audit(change, 1500))).unwrap()
}

fn executed(sealed: Option<&[u8]>, until: u64) -> Settlement {
    Settlement::Executed { sealed: sealed.map(<[u8]>::to_vec), until: time(until) }
}

fn changes(store: &Store) -> Vec<u64> {
    wait(store.list_audit(AuditFilter { limit: 100, ..AuditFilter::default() }))
        .unwrap()
        .iter()
        .map(|entry| entry.id.0)
        .collect()
}

fn state(store: &Store, key: &str) -> Option<RecordState> {
    wait(store.find(slot(key), time(1500))).unwrap().map(|record| record.state)
}

fn keyed(store: &Store, key: &str) -> KeyedRequest {
    wait(store.find_keyed(slot(key), time(1500))).unwrap().unwrap()
}

#[test]
fn what_is_unknown_is_listed_newest_first_and_nothing_else() {
    let folder = folder();
    let store = open(folder.path());
    for (number, key) in [(1, "a"), (2, "b"), (3, "answered"), (4, "large"), (5, "released"), (6, "busy")] {
        start(&store, slot(key), number, 1000 + number);
    }
    wait(store.answer(slot("answered"), id(3), Answer::Stored { sealed: vec![1] }, time(EXPIRY))).unwrap();
    wait(store.answer(slot("large"), id(4), Answer::TooLarge, time(EXPIRY))).unwrap();
    wait(store.release(slot("released"), id(5))).unwrap();
    start(&store, Slot { client: client(2), ..slot("a") }, 7, 1007);
    start(&store, Slot { environment: SANDBOX, ..slot("a") }, 8, 1008);
    let busy = || Busy { slots: [slot("busy")].into(), ..Busy::default() };
    let list = |filter| listed_beside(&store, filter, busy());
    assert_eq!(list(all(1500)), [8, 7, 2, 1]);
    assert_eq!(listed(&store, all(1500)), [8, 7, 6, 2, 1]);
    assert_eq!(list(UnknownFilter { client: Some(client(1)), ..all(1500) }), [8, 2, 1]);
    assert_eq!(list(UnknownFilter { client: Some(client(3)), ..all(1500) }), [0; 0]);
    assert_eq!(list(UnknownFilter { environment: Some(LIVE), ..all(1500) }), [7, 2, 1]);
    assert_eq!(list(UnknownFilter { since: Some(time(1007)), ..all(1500) }), [8, 7]);
    // What is under way takes no place among those that are listed.
    assert_eq!(list(UnknownFilter { limit: 3, ..all(1500) }), [8, 7, 2]);
    assert_eq!(list(all(EXPIRY)), [0; 0], "they have expired");
}

/// All pages, one after the other; before each further one, something happens.
fn paged(store: &Store, filter: &UnknownFilter, mut meanwhile: impl FnMut(&UnknownPage)) -> Vec<u64> {
    let mut filter = filter.clone();
    let mut seen = Vec::new();
    loop {
        let page = wait(store.list_unknown(filter.clone(), Arc::new(Busy::default()))).unwrap();
        seen.extend(numbers(&page));
        let Some(next) = page.next else { return seen };
        filter.before = Some(next);
        meanwhile(&page);
    }
}

#[test]
fn pages_give_everything_once_also_what_was_started_at_one_moment() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=12 {
        let slot = Slot { client: client(number % 3), ..slot(&format!("k{number}")) };
        start(&store, slot, number, 1000 + number / 5);
    }
    let everything = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    for limit in [1, 2, 3, 5, 11, 12, 100] {
        assert_eq!(paged(&store, &UnknownFilter { limit, ..all(1500) }, |_| {}), everything, "{limit}");
        let one = UnknownFilter { client: Some(client(0)), limit, ..all(1500) };
        assert_eq!(paged(&store, &one, |_| {}), [12, 9, 6, 3], "{limit}");
    }
    // The last page says that it is the last.
    let last = wait(store.list_unknown(UnknownFilter { limit: 12, ..all(1500) }, Arc::new(Busy::default())));
    assert_eq!(last.unwrap().next, None);
    // A place stays one although what stood there has been settled.
    let settled = |page: &UnknownPage| {
        for request in &page.requests {
            wait(store.release(request.slot.clone(), request.request_id)).unwrap();
        }
    };
    assert_eq!(paged(&store, &UnknownFilter { limit: 5, ..all(1500) }, settled), everything);
    assert_eq!(listed(&store, all(1500)), [2, 1]);
}

#[test]
fn a_list_stops_at_its_bound_says_where_and_goes_on_from_there() {
    const OTHERS: u64 = 45_000;
    let folder = folder();
    let store = open(folder.path());
    start(&store, Slot { client: client(2), ..slot("rare") }, 1, 1000);
    let writing = async {
        let mut tasks = tokio::task::JoinSet::<Result<(), StoreFailure>>::new();
        for number in 2..OTHERS + 2 {
            if tasks.len() == 2000 {
                tasks.join_next().await.unwrap().unwrap().unwrap();
            }
            let (store, slot) = (store.clone(), slot(&number.to_string()));
            tasks.spawn(async move {
                let (print, now) = (Fingerprint([1; 32]), Timestamp::from_millis(1_000_000 + number));
                store.start(slot, print, id(number), EndpointId(1), now, time(EXPIRY)).await
            });
        }
        tasks.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    };
    wait(writing);
    let rare = UnknownFilter { client: Some(client(2)), ..all(1500) };
    let mut stops = Vec::new();
    let seen = paged(&store, &rare, |page| stops.push((page.requests.len(), page.stopped_at)));
    assert_eq!(seen, [1]);
    let looked_at = |count: u64| Some(Timestamp::from_millis(1_000_002 + OTHERS - count));
    assert_eq!(stops, [(0, looked_at(20_000)), (0, looked_at(40_000))]);
    // Of those that are in the way, none is left out either.
    let page = wait(store.list_unknown(all(1500), Arc::new(Busy::default()))).unwrap();
    assert_eq!((page.requests.len(), page.stopped_at, page.next.is_some()), (100, None, true));
}

#[test]
fn a_request_that_ends_while_the_list_is_made_is_not_on_it() {
    let folder = folder();
    let store = open(folder.path());
    start(&store, slot("a"), 1, 1000);
    start(&store, slot("ending"), 2, 1001);
    let busy = Busy { ending: Some((store.clone(), slot("ending"), id(2))), ..Busy::default() };
    assert_eq!(listed_beside(&store, all(1500), busy), [1]);
}

#[test]
fn why_it_is_unknown_is_kept_until_it_is_known() {
    let folder = folder();
    let store = open(folder.path());
    start(&store, slot("a"), 1, 1000);
    assert_eq!(keyed(&store, "a").outcome, Outcome::Unknown(None));
    let why = WhyUnknown::NoAnswer { cause: "it closed".to_owned() };
    wait(store.note_unknown(slot("a"), id(2), why.clone(), time(EXPIRY))).unwrap();
    assert_eq!(keyed(&store, "a").outcome, Outcome::Unknown(None), "that is another request");
    wait(store.note_unknown(slot("a"), id(1), why.clone(), time(EXPIRY))).unwrap();
    drop(store);
    let store = open(folder.path());
    let found = keyed(&store, "a");
    assert_eq!(found.outcome, Outcome::Unknown(Some(why.clone())));
    assert_eq!((found.request_id, found.endpoint), (id(1), Some(EndpointId(1))));
    assert_eq!((found.started_at, found.expires_at, found.settled_by), (time(1000), time(EXPIRY), None));
    // Sent again: what was true of the first is not of the second.
    start(&store, slot("a"), 2, 1100);
    assert_eq!(keyed(&store, "a").outcome, Outcome::Unknown(None));
    wait(store.answer(slot("a"), id(2), Answer::TooLarge, time(EXPIRY))).unwrap();
    wait(store.note_unknown(slot("a"), id(2), why, time(EXPIRY))).unwrap();
    assert_eq!(keyed(&store, "a").outcome, Outcome::TooLarge);
    let long = WhyUnknown::NotStored { cause: "\u{e9}".repeat(2000) };
    start(&store, slot("b"), 3, 1000);
    wait(store.note_unknown(slot("b"), id(3), long, time(EXPIRY))).unwrap();
    let Outcome::Unknown(Some(WhyUnknown::NotStored { cause })) = keyed(&store, "b").outcome else {
        panic!()
    };
    assert_eq!(cause.chars().count(), 500);
}

#[test]
fn what_is_settled_is_durable_with_its_audit_entry_and_settled_once() {
    let folder = folder();
    let store = open(folder.path());
    for (number, key) in [(1, "not"), (2, "executed"), (3, "answered")] {
        start(&store, slot(key), number, 1000);
    }
    assert_eq!(settle(&store, "not", 1, Settlement::NotExecuted, 1), Settled::Done);
    assert_eq!(settle(&store, "executed", 2, executed(None, 9000), 2), Settled::Done);
    assert_eq!(settle(&store, "answered", 3, executed(Some(b"seal"), 1600), 3), Settled::Done);
    drop(store);
    let store = open(folder.path());
    assert_eq!(changes(&store), [3, 2, 1]);
    assert_eq!(state(&store, "not"), None);
    assert_eq!(state(&store, "executed"), Some(RecordState::Executed));
    let stored = Answer::Stored { sealed: b"seal".to_vec() };
    assert_eq!(state(&store, "answered"), Some(RecordState::Answered(stored)));
    assert_eq!(listed(&store, all(1500)), [0; 0]);
    let found = keyed(&store, "executed");
    assert_eq!((found.settled_by, found.expires_at), (Some(ChangeId(2)), time(9000)));
    assert_eq!(keyed(&store, "answered").expires_at, time(EXPIRY), "never for less long than before");
    // By its id it is found although it is not unknown any more.
    let by_id = |number| wait(store.find_unknown(id(number), time(1500))).unwrap();
    assert_eq!(by_id(2), Some(found.clone()));
    assert_eq!((by_id(1), by_id(9)), (None, None));
    // Nothing of it is changed by a second settlement, a late answer, a release by another, or a start.
    let again = settle(&store, "executed", 2, Settlement::NotExecuted, 4);
    assert_eq!(again, Settled::NotUnknown(Some(Box::new(found.clone()))));
    assert_eq!(settle(&store, "not", 1, Settlement::NotExecuted, 4), Settled::NotUnknown(None));
    wait(store.answer(slot("executed"), id(2), Answer::TooLarge, time(EXPIRY))).unwrap_err();
    let restart =
        store.start(slot("executed"), Fingerprint([1; 32]), id(5), EndpointId(1), time(1500), time(9000));
    wait(restart).unwrap_err();
    assert_eq!(keyed(&store, "executed"), found);
    assert_eq!(changes(&store), [3, 2, 1], "what changed nothing is not in the audit trail");
}

#[test]
fn only_the_request_that_is_meant_is_settled() {
    let folder = folder();
    let store = open(folder.path());
    start(&store, slot("a"), 1, 1000);
    let other = settle(&store, "a", 2, Settlement::NotExecuted, 1);
    assert!(matches!(other, Settled::NotUnknown(Some(found)) if found.request_id == id(1)));
    let expired = wait(store.settle(slot("a"), id(1), Settlement::NotExecuted, audit(1, EXPIRY))).unwrap();
    assert_eq!(expired, Settled::NotUnknown(None));
    start(&store, slot("b"), 3, 1000);
    wait(store.answer(slot("b"), id(3), Answer::Stored { sealed: vec![1] }, time(EXPIRY))).unwrap();
    let answered = settle(&store, "b", 3, executed(Some(b"other"), 9000), 1);
    assert!(matches!(answered, Settled::NotUnknown(Some(found)) if found.outcome == Outcome::Answered));
    assert_eq!(changes(&store), [0; 0]);
    assert_eq!(state(&store, "a"), Some(RecordState::Started));
    let kept = Answer::Stored { sealed: vec![1] };
    assert_eq!(state(&store, "b"), Some(RecordState::Answered(kept)));
}

#[test]
fn a_settlement_whose_audit_entry_cannot_be_written_is_none() {
    let folder = folder();
    let store = open(folder.path());
    start(&store, slot("a"), 1, 1000);
    start(&store, slot("b"), 2, 1000);
    assert_eq!(settle(&store, "a", 1, Settlement::NotExecuted, 1), Settled::Done);
    // The number is taken.
    wait(store.settle(slot("b"), id(2), Settlement::NotExecuted, audit(1, 1500))).unwrap_err();
    assert_eq!(state(&store, "b"), Some(RecordState::Started));
}
