//! What may follow what in an idempotency slot.

use tollbar_contract::RequestId;
use tollbar_core::{
    EndpointId, Timestamp,
    idempotency::{Answer, Fingerprint, Record, RecordState, Slot},
    outcome::WhyUnknown,
    port::{IdempotencyStore as _, StoreFailure},
};
use tollbar_store::Store;

use super::support::{LIVE, SANDBOX, client, folder, open, wait};

const EXPIRY: u64 = 2000;

fn slot() -> Slot {
    Slot { client: client(1), environment: LIVE, key: "order-1".to_owned() }
}

fn id(number: u64) -> RequestId {
    RequestId::from_number(number)
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn stored(text: &str) -> Answer {
    Answer::Stored { sealed: text.as_bytes().to_vec() }
}

fn start(store: &Store, number: u8, now: u64, expires_at: u64) -> Result<(), StoreFailure> {
    let fingerprint = Fingerprint([number; 32]);
    wait(store.start(slot(), fingerprint, id(number.into()), EndpointId(1), time(now), time(expires_at)))
}

fn find(store: &Store, now: u64) -> Option<Record> {
    wait(store.find(slot(), time(now))).unwrap()
}

fn expected(number: u8, state: RecordState) -> Option<Record> {
    Some(Record { fingerprint: Fingerprint([number; 32]), request_id: id(number.into()), state })
}

/// What stands in the slot before.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    Started,
    Answered,
    TooLarge,
}

fn prepare(store: &Store, before: Before) {
    let answer = match before {
        Before::Nothing => return,
        Before::Started => None,
        Before::Answered => Some(stored("first")),
        Before::TooLarge => Some(Answer::TooLarge),
    };
    start(store, 1, 1000, EXPIRY).unwrap();
    if let Some(answer) = answer {
        wait(store.answer(slot(), id(1), answer, time(EXPIRY))).unwrap();
    }
}

fn state(before: Before) -> Option<Record> {
    match before {
        Before::Nothing => None,
        Before::Started => expected(1, RecordState::Started),
        Before::Answered => expected(1, RecordState::Answered(stored("first"))),
        Before::TooLarge => expected(1, RecordState::Answered(Answer::TooLarge)),
    }
}

#[test]
fn the_table_of_states() {
    use Before::{Answered, Nothing, Started, TooLarge};
    // Before; whether a start at 1500 succeeds, a start after the expiry, an answer of request 1, one of request 2.
    let table = [
        (Nothing, true, true, false, false),
        (Started, true, true, true, false),
        (Answered, false, true, false, false),
        (TooLarge, false, true, false, false),
    ];
    let folder = folder();
    let store = open(folder.path());
    for (before, start_live, start_expired, answer_own, answer_other) in table {
        let check = |allowed: bool, result: Result<(), StoreFailure>, after: Option<Record>| {
            assert_eq!(result.is_ok(), allowed, "{before:?}: {result:?}");
            assert_eq!(find(&store, 1500), if allowed { after } else { state(before) }, "{before:?}");
            for number in [1, 2] {
                wait(store.release(slot(), id(number))).unwrap();
            }
            assert_eq!(find(&store, 1500), None);
            prepare(&store, before);
        };
        prepare(&store, before);
        assert_eq!(find(&store, 1500), state(before));
        assert_eq!(find(&store, EXPIRY), None, "{before:?}: it has expired");
        check(start_live, start(&store, 2, 1500, 9000), expected(2, RecordState::Started));
        check(start_expired, start(&store, 2, EXPIRY, 9000), expected(2, RecordState::Started));
        let answered = expected(1, RecordState::Answered(stored("new")));
        check(answer_own, wait(store.answer(slot(), id(1), stored("new"), time(EXPIRY))), answered.clone());
        check(answer_other, wait(store.answer(slot(), id(2), stored("new"), time(EXPIRY))), answered);
        wait(store.release(slot(), id(2))).unwrap();
        assert_eq!(find(&store, 1500), state(before), "another request releases nothing");
        wait(store.release(slot(), id(1))).unwrap();
        assert_eq!(find(&store, 1500), None);
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = folder();
    start(&open(folder.path()), 1, 1000, EXPIRY).unwrap();
    let store = open(folder.path());
    assert_eq!(find(&store, 1500), state(Before::Started));
    wait(store.answer(slot(), id(1), stored("first"), time(EXPIRY))).unwrap();
    drop(store);
    assert_eq!(find(&open(folder.path()), 1500), state(Before::Answered));
}

#[test]
fn a_record_is_kept_from_the_end_of_its_execution() {
    let folder = folder();
    let store = open(folder.path());
    let noted = || WhyUnknown::NoAnswer { cause: "it closed".to_owned() };
    for (ends, state) in [
        (RecordState::Answered(stored("first")), Before::Answered),
        (RecordState::Answered(Answer::TooLarge), Before::TooLarge),
        (RecordState::Started, Before::Started),
    ] {
        // Later than it would have expired, or earlier.
        for until in [EXPIRY + 1000, EXPIRY - 200] {
            start(&store, 1, 1000, EXPIRY).unwrap();
            match ends.clone() {
                RecordState::Answered(answer) => wait(store.answer(slot(), id(1), answer, time(until))),
                _ => wait(store.note_unknown(slot(), id(1), noted(), time(until))),
            }
            .unwrap();
            assert_eq!(find(&store, until - 1), self::state(state), "{state:?}");
            assert_eq!(find(&store, until), None, "{state:?}");
            wait(store.release(slot(), id(1))).unwrap();
        }
    }
}

#[test]
fn slots_do_not_mix() {
    let folder = folder();
    let store = open(folder.path());
    start(&store, 1, 1000, EXPIRY).unwrap();
    for other in [
        Slot { client: client(2), ..slot() },
        Slot { environment: SANDBOX, ..slot() },
        Slot { key: "Order-1".to_owned(), ..slot() },
    ] {
        assert_eq!(wait(store.find(other.clone(), time(1500))).unwrap(), None);
        wait(store.release(other, id(1))).unwrap();
    }
    assert_eq!(find(&store, 1500), state(Before::Started));
}

#[test]
fn many_at_once_share_commits_and_keep_their_own_answers() {
    let folder = folder();
    let store = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..25_u8 {
                    let slot = Slot { key: format!("{thread}-{number}"), ..slot() };
                    let answer = stored(&slot.key);
                    let fingerprint = Fingerprint([number; 32]);
                    wait(store.start(
                        slot.clone(),
                        fingerprint,
                        id(number.into()),
                        EndpointId(1),
                        time(1),
                        time(100),
                    ))
                    .unwrap();
                    wait(store.answer(slot.clone(), id(number.into()), answer.clone(), time(100))).unwrap();
                    let record = wait(store.find(slot, time(1))).unwrap().unwrap();
                    assert_eq!(record.state, RecordState::Answered(answer));
                }
            });
        }
    });
}
