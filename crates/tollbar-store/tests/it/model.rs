//! Random runs against a plain model: whatever is appended, folded, cut short and opened again, every record
//! counts once.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use proptest::prelude::*;
use tollbar_contract::Environment;
use tollbar_core::{
    EndpointId, Month, Outcomes, Timestamp,
    port::{AllowanceStore as _, JournalEvent, JournalRecord, UsageJournal as _},
};
use tollbar_store::{JournalWriter, Store};

use super::support::{LIVE, SANDBOX, client, month, months, options, wait};

/// Two hours before a month's end; records fall on both sides.
const START: &str = "2026-11-30T22:00:00Z";
const CLIENTS: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Append { writer: usize, records: Vec<JournalRecord> },
    Fold,
    Kill { torn: Vec<u8> },
    Close,
}

fn any_record() -> impl Strategy<Value = JournalRecord> {
    let event = prop_oneof![
        2 => Just(JournalEvent::Rated),
        4 => Just(JournalEvent::Charged),
        2 => prop_oneof![Just(101), Just(200), Just(304), Just(499), Just(500), Just(599)].prop_map(|status| JournalEvent::Ended { status }),
        1 => Just(JournalEvent::NotSent),
    ];
    (event, 0..CLIENTS, any::<bool>(), 1..4_u32, 0..4 * 3600_u64).prop_map(
        |(event, number, live, endpoint, seconds)| JournalRecord {
            event,
            client: client(number),
            environment: if live { LIVE } else { SANDBOX },
            endpoint: EndpointId(endpoint),
            at: Timestamp::parse(START).unwrap().plus_seconds(seconds),
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2_usize, prop::collection::vec(any_record(), 1..8))
            .prop_map(|(writer, records)| Step::Append { writer, records }),
        2 => Just(Step::Fold),
        2 => prop::collection::vec(any::<u8>(), 0..70).prop_map(|torn| Step::Kill { torn }),
        1 => Just(Step::Close),
    ]
}

type Key = (u64, Month, Environment, u32, EndpointId);

/// What is counted of a key: charged and given back, and the outcomes that were seen, 2xx to 5xx and not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    charged: u64,
    given_back: u64,
    seen: [u64; 5],
}

#[derive(Default)]
struct Model(BTreeMap<Key, Counts>);

impl Model {
    fn add(&mut self, record: &JournalRecord) {
        let number = u64::MAX - record.client.number();
        let key = (number, Month::of(record.at), record.environment, record.at.day(), record.endpoint);
        if record.event == JournalEvent::Rated {
            return;
        }
        let counts = self.0.entry(key).or_default();
        let (seen, given_back) = match record.event {
            JournalEvent::Rated => return,
            JournalEvent::Charged => return counts.charged += 1,
            JournalEvent::Ended { status: 101 | 200 } => (0, 0),
            JournalEvent::Ended { status: 304 } => (1, 0),
            JournalEvent::Ended { status: 499 } => (2, 0),
            JournalEvent::Ended { status } => {
                assert!(status >= 500);
                (3, 1)
            }
            JournalEvent::NotSent => (4, 1),
        };
        counts.seen[seen] += 1;
        counts.given_back += given_back;
    }

    fn usage(&self, number: u64, month: Month) -> Vec<(Environment, u32, EndpointId, Counts)> {
        let of_client = self.0.iter().filter(|(key, _)| key.0 == number && key.1 == month);
        of_client.map(|(key, counts)| (key.2, key.3, key.4, *counts)).collect()
    }

    fn used(&self, number: u64, month: Month, environment: Environment) -> u64 {
        let of_month = self.0.iter().filter(|(key, _)| (key.0, key.1, key.2) == (number, month, environment));
        let (charged, given_back) = of_month
            .fold((0, 0), |sum: (u64, u64), (_, counts)| (sum.0 + counts.charged, sum.1 + counts.given_back));
        charged.saturating_sub(given_back)
    }
}

struct Run {
    store: Store,
    writers: Vec<JournalWriter>,
}

impl Run {
    fn open(folder: &Path) -> Self {
        let mut options = options("boot");
        // Three records a file, so that files end and begin all the time.
        options.journal_file_bytes = 100;
        let store = Store::open_with(folder, &options).unwrap();
        let writers = (0..2).map(|number| store.journal(number).unwrap()).collect();
        Self { store, writers }
    }

    fn check(&self, model: &Model) -> Result<(), TestCaseError> {
        for month in [month("2026-11"), month("2026-12")] {
            let counts = months(&self.store, month.start());
            for number in 0..CLIENTS {
                let book = wait(self.store.books(month, vec![client(number)])).unwrap().remove(0);
                let mut rows = Vec::new();
                for row in &book.rows {
                    let Outcomes { success, redirect, client_error, server_error, not_sent, open, unclassed } =
                        row.outcomes;
                    let seen = [success, redirect, client_error, server_error, not_sent];
                    let told = seen.iter().sum::<u64>().cast_signed() + open;
                    prop_assert_eq!(
                        (told, unclassed),
                        (row.charged.cast_signed(), 0),
                        "all outcomes are all charges"
                    );
                    prop_assert_eq!(row.given_back, server_error + not_sent);
                    let counts = Counts { charged: row.charged, given_back: row.given_back, seen };
                    rows.push((row.environment, row.day, row.endpoint, counts));
                }
                prop_assert_eq!(rows, model.usage(number, month));
                for environment in Environment::ALL {
                    let used = counts
                        .iter()
                        .find(|count| {
                            (count.client, count.environment, count.month)
                                == (client(number), environment, month)
                        })
                        .map_or(0, |count| count.used);
                    prop_assert_eq!(used, model.used(number, month, environment));
                    prop_assert_eq!(book.sum(environment).used(), used, "the books say the same");
                }
            }
        }
        Ok(())
    }
}

/// Leaves a torn write at the end of the newest file.
fn tear(folder: &Path, torn: &[u8]) {
    let files = fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    if let Some(newest) = files.max() {
        fs::OpenOptions::new().append(true).open(newest).unwrap().write_all(torn).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_counts_once(steps in prop::collection::vec(any_step(), 1..25)) {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut run = Run::open(folder.path());
        for step in steps {
            match step {
                Step::Append { writer, records } => {
                    run.writers[writer].append(&records).unwrap();
                    records.iter().for_each(|record| model.add(record));
                }
                Step::Fold => run.check(&model)?,
                Step::Kill { torn } => {
                    drop(run);
                    tear(folder.path(), &torn);
                    run = Run::open(folder.path());
                }
                Step::Close => {
                    drop(run.writers);
                    run.store.close().unwrap();
                    run = Run::open(folder.path());
                }
            }
        }
        run.check(&model)?;
    }
}
