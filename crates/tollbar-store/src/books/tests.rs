use std::time::Duration;

use tollbar_contract::Environment;
use tollbar_core::port::{JournalEvent, JournalRecord};

use super::*;
use crate::{
    database::{Durability, open_writer},
    journal::Tally,
    schema,
};

const DAY: u32 = 20_000;

fn record(event: JournalEvent) -> JournalRecord {
    JournalRecord {
        event,
        client: ClientId::from_number(7),
        environment: Environment::Live,
        endpoint: EndpointId(1),
        at: Timestamp::from_seconds(u64::from(DAY) * 86_400),
    }
}

/// What a version wrote that knew neither outcomes nor corrections.
const BEFORE: &str = "
INSERT INTO usage (client, month, environment, day, endpoint, charged, given_back) VALUES
  (7, :month, 0, 20000, 1, 10, 3), (7, :month, 0, 19999, 1, 5, 0), (8, :month, 1, 20000, 1, 4, 4);
INSERT INTO month_counts (month, client, environment, used) VALUES
  (:month, 7, 0, 100), (:month, 8, 1, 0), (:month, 9, 0, 16);
";

#[test]
fn what_was_there_before_counts_as_before_and_has_no_classes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    let month = Month::of(record(JournalEvent::Charged).at);
    let open = |migrations| open_writer(&file, Durability::Deferred, Duration::ZERO, migrations).unwrap();
    let old = open(&schema::MAIN[..3]);
    old.execute_batch(&BEFORE.replace(":month", &month.number().to_string())).unwrap();
    drop(old);

    let connection = open(schema::MAIN);
    let read =
        |client| read_books(&connection, month, &[ClientId::from_number(client)]).unwrap().pop().unwrap();
    let book = read(7);
    assert_eq!(
        book.rows.iter().map(|row| (row.charged, row.given_back)).collect::<Vec<_>>(),
        [(5, 0), (10, 3)]
    );
    assert_eq!(book.rows[1].outcomes, Outcomes { unclassed: 10, ..Outcomes::default() });
    // An earlier power failure is told from the difference.
    assert_eq!(
        book.corrections.iter().map(|c| (c.kind, c.units)).collect::<Vec<_>>(),
        [(CorrectionKind::PowerFailure, 88)]
    );
    assert_eq!(book.sum(Environment::Live).used(), 100);
    assert_eq!((read(8).corrections, read(9).sum(Environment::Live).used()), (Vec::new(), 16));

    // New records on an old row: a new charge has an outcome, and so has one that was under way at the upgrade.
    let mut tally = Tally::default();
    for event in [JournalEvent::Charged, JournalEvent::Charged, JournalEvent::NotSent] {
        tally.add(&record(event));
    }
    for status in [200, 404, 500] {
        tally.add(&record(JournalEvent::Ended { status }));
    }
    tally.write(&connection).unwrap();
    let row = read(7).rows.remove(1);
    let seen = Outcomes { success: 1, client_error: 1, server_error: 1, not_sent: 1, ..Outcomes::default() };
    assert_eq!((row.charged, row.given_back), (12, 5));
    assert_eq!(row.outcomes, Outcomes { unclassed: 8, ..seen });
    assert_eq!(read(7).sum(Environment::Live).used(), 100);
}

#[test]
fn a_page_ends_where_it_is_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let connection =
        open_writer(&folder.path().join("db"), Durability::Deferred, Duration::ZERO, schema::MAIN).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 11999)
             INSERT INTO usage (client, month, environment, day, endpoint, charged, given_back)
             SELECT i / 6000 + 1, 24322, 0, i % 30, i % 6000 / 30, 1, 0 FROM n",
        )
        .unwrap();
    let read = |clients: &[u64]| {
        let clients: Vec<_> = clients.iter().map(|number| ClientId::from_number(*number)).collect();
        let books = read_books(&connection, Month::from_number(24_322), &clients).unwrap();
        books.iter().map(|book| (book.client.number(), book.rows.len())).collect::<Vec<_>>()
    };
    assert_eq!(read(&[1, 2, 3]), [(1, 6000), (2, 6000)], "the third is to be asked for again");
    assert_eq!(read(&[3, 4, 5]), [(3, 0), (4, 0), (5, 0)]);
    assert_eq!(read(&[]), []);
}
