//! Counts come from the journal, each record once, whatever ends the process.

use std::{fs, path::Path};

use tollbar_core::{
    EndpointId, Month, Outcomes, Timestamp,
    port::{
        AllowanceStore as _, JournalEvent, JournalRecord, MonthCount, PolicyStore as _, UsageJournal as _,
        UsageRow,
    },
};
use tollbar_store::Store;

use super::support::{
    LIVE, SANDBOX, at, charged, client, ended, folder, month, months, open, options, record, used, wait,
};

const NOON: &str = "2026-11-15T12:00:00Z";

fn append(store: &Store, records: &[JournalRecord]) {
    store.journal(0).unwrap().append(records).unwrap();
}

#[test]
fn counts_are_rebuilt_after_a_kill() {
    let folder = folder();
    let noon = at(NOON);
    let store = open(folder.path());
    append(&store, &[charged(1, noon), charged(1, noon), ended(200, 1, noon), ended(503, 1, noon)]);
    append(&store, &[charged(2, noon), record(JournalEvent::NotSent, 2, noon), charged(3, noon)]);
    drop(store);
    for _ in 0..3 {
        let store = open(folder.path());
        let month = Month::of(noon);
        assert_eq!([1, 2, 3].map(|number| used(&store, number, month)), [1, 0, 1]);
    }
}

#[test]
fn what_is_on_disk_while_the_store_runs_is_enough() {
    let (folder, copy) = (folder(), folder());
    let store = open(folder.path());
    let writer = store.journal(7).unwrap();
    writer.append(&[charged(1, at(NOON))]).unwrap();
    assert_eq!(used(&store, 1, month("2026-11")), 1);
    writer.append(&[charged(1, at(NOON))]).unwrap();
    copy_files(folder.path(), copy.path());
    assert_eq!(used(&open(copy.path()), 1, month("2026-11")), 2);
}

#[test]
fn an_outcome_gives_back_to_the_month_and_day_of_its_charge() {
    let folder = folder();
    let store = open(folder.path());
    let endpoint = ("/v1".to_owned(), "GET".to_owned(), "/orders/{id}".to_owned());
    assert_eq!(wait(store.number_endpoints(vec![endpoint])).unwrap(), [EndpointId(1)]);
    let (last, first) = (at("2026-11-30T23:59:59.999Z"), at("2026-12-01T00:00:00Z"));
    append(&store, &[charged(1, last), charged(1, last), charged(1, first), charged(2, first)]);
    append(&store, &[ended(500, 1, last), ended(404, 1, first)]);
    append(&store, &[JournalRecord { environment: SANDBOX, endpoint: EndpointId(9), ..charged(1, first) }]);

    let row = |environment, endpoint, name: &str, at: Timestamp, charged, given_back, outcomes| UsageRow {
        environment,
        endpoint: EndpointId(endpoint),
        endpoint_name: name.to_owned(),
        day: at.day(),
        charged,
        given_back,
        outcomes,
    };
    let open = Outcomes { open: 1, ..Outcomes::default() };
    let name = "GET /v1/orders/{id}";
    assert_eq!(
        wait(store.usage(client(1), month("2026-11"))).unwrap(),
        [row(LIVE, 1, name, last, 2, 1, Outcomes { server_error: 1, ..open })]
    );
    assert_eq!(
        wait(store.usage(client(1), month("2026-12"))).unwrap(),
        [
            row(LIVE, 1, name, first, 1, 0, Outcomes { client_error: 1, ..Outcomes::default() }),
            row(SANDBOX, 9, "endpoint 9", first, 1, 0, open)
        ]
    );
    assert_eq!(used(&store, 1, month("2026-11")), 1);
    assert_eq!(used(&store, 1, month("2026-12")), 1);
}

#[test]
fn counts_are_given_from_the_month_of_now_on() {
    let folder = folder();
    let store = open(folder.path());
    append(
        &store,
        &[charged(1, at("2026-10-31")), charged(1, at("2026-11-01")), charged(1, at("2026-12-01"))],
    );
    wait(store.lease(client(1), LIVE, month("2026-11"), 50)).unwrap();
    let count = |text, leased| MonthCount {
        client: client(1),
        environment: LIVE,
        month: month(text),
        used: 1,
        corrected: 0,
        leased,
    };
    assert_eq!(months(&store, at("2026-11-30")), [count("2026-11", 50), count("2026-12", 0)]);
}

#[test]
fn a_lease_is_never_lowered() {
    let folder = folder();
    let lease = |leased| wait(open(folder.path()).lease(client(1), LIVE, month("2026-11"), leased)).unwrap();
    for leased in [100, 300, 200] {
        lease(leased);
    }
    assert_eq!(months(&open(folder.path()), at(NOON))[0].leased, 300);
}

#[test]
fn the_last_61_seconds_of_the_rate_are_given() {
    let folder = folder();
    let store = open(folder.path());
    let now = at(NOON);
    let second = now.as_seconds();
    let rated = |number, second| record(JournalEvent::Rated, number, Timestamp::from_seconds(second));
    append(&store, &[rated(1, second - 62), rated(1, second - 61), rated(1, second - 61), rated(2, second)]);
    append(&store, &[charged(1, now), ended(500, 1, now)]);
    append(&store, &[rated(1, second + 2), rated(1, second + 3600)]);
    drop(store);
    let store = open(folder.path());
    let mut expected = vec![
        (client(1), LIVE, second - 61, 2),
        // The clock was set back a little: as of now.
        (client(1), LIVE, second, 1),
        (client(2), LIVE, second, 1),
    ];
    expected.sort();
    assert_eq!(wait(store.load_counts(now)).unwrap().recent, expected);
}

#[test]
fn what_is_written_late_hides_nobodys_rate() {
    let folder = folder();
    let store = open(folder.path());
    let now = at(NOON);
    let second = now.as_seconds();
    let rated = |number, second| record(JournalEvent::Rated, number, Timestamp::from_seconds(second));
    append(&store, &[rated(1, second - 5), rated(2, second - 92), rated(2, second - 4000)]);
    drop(store);
    let recent = wait(open(folder.path()).load_counts(now)).unwrap().recent;
    assert_eq!(recent, [(client(1), LIVE, second - 5, 1)]);
}

#[test]
fn the_last_61_seconds_are_those_that_went_by_whatever_the_wall_clock_was_set_to() {
    const HOUR: i64 = 3_600_000;
    for step in [-HOUR, -31 * 24 * HOUR, -1500, 0, 1500, HOUR, 31 * 24 * HOUR] {
        let folder = folder();
        let open = |offset: i64, boot: &str| {
            let mut options = options(boot);
            options.clock_offset_millis = Some(offset.cast_unsigned());
            Store::open_with(folder.path(), &options).unwrap()
        };
        let store = open(100 * 24 * HOUR, "boot");
        let began = at(NOON);
        append(&store, &[record(JournalEvent::Rated, 1, began); 3]);
        drop(store);
        // A start that fails before it counts is none.
        drop(open(7, "boot"));
        // Twenty seconds later by any clock that was not set.
        let now = began.plus_seconds(20);
        let now = Timestamp::from_millis(now.as_millis().saturating_add_signed(step));
        let store = open(100 * 24 * HOUR + step, "boot");
        let recent = wait(store.load_counts(now)).unwrap().recent;
        let [(_, _, second, 3)] = recent[..] else { panic!("{step}: {recent:?}") };
        let age = now.as_seconds() - second;
        assert!(age == 20 || (step % 1000 != 0 && age == 19), "{step}: {age}");
        drop(store);
        // On another start of the machine nobody knows how long it was off: the wall clock is believed.
        let store = open(100 * 24 * HOUR, "another");
        let recent = wait(store.load_counts(began.plus_seconds(3600))).unwrap().recent;
        assert_eq!(recent, [], "{step}");
    }
}

#[test]
fn a_torn_end_is_ignored_and_the_rest_counts() {
    let folder = folder();
    let store = open(folder.path());
    append(&store, &[charged(1, at(NOON)), charged(1, at(NOON))]);
    drop(store);
    let file = fs::read_dir(folder.path().join("journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() - 5);
    fs::write(&file, bytes).unwrap();
    for charges in 1..4 {
        let store = open(folder.path());
        assert_eq!(used(&store, 1, month("2026-11")), charges);
        append(&store, &[charged(1, at(NOON))]);
    }
}

#[test]
fn a_full_file_is_followed_by_another() {
    let folder = folder();
    let mut options = options("boot");
    options.journal_file_bytes = 100;
    let store = Store::open_with(folder.path(), &options).unwrap();
    let writer = store.journal(0).unwrap();
    for _ in 0..10 {
        writer.append(&[charged(1, at(NOON))]).unwrap();
    }
    // More than a file holds, still in one piece.
    writer.append(&[charged(1, at(NOON)); 20]).unwrap();
    writer.append(&[]).unwrap();
    store.journal(1).unwrap().append(&[charged(1, at(NOON)); 20]).unwrap();
    let mut sizes: Vec<_> = fs::read_dir(folder.path().join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [32, 96, 96, 96, 640, 640]);
    assert_eq!(used(&store, 1, month("2026-11")), 50);
}

#[test]
fn writers_of_many_threads_are_added_up() {
    let folder = folder();
    let store = open(folder.path());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let writer = store.journal(number).unwrap();
            scope.spawn(move || {
                for _ in 0..500 {
                    writer.append(&[charged(1, at(NOON)), charged(2, at(NOON))]).unwrap();
                }
            });
        }
        // The fold reads while they write.
        for _ in 0..5 {
            used(&store, 1, month("2026-11"));
        }
    });
    assert_eq!([1, 2].map(|number| used(&store, number, month("2026-11"))), [2000, 2000]);
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_files(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
