//! A bill that adds up: charges, what was given back, and corrections; through kills and power losses, with charges and
//! leases under way while a correction is made.

use std::{fs, path::Path};

use proptest::prelude::*;
use tollbar_core::{
    ChangeId, Correction, CorrectionKind, Month, Overage, Timestamp,
    allowance::{Ledger, NotCharged, lease_block},
    port::{AllowanceStore as _, UsageJournal as _},
};
use tollbar_store::{JournalWriter, Store};

use super::support::{
    LIVE, SANDBOX, at, charged, client, correct, ended, folder, month, months, open, options, sum, used, wait,
};

const NOON: &str = "2026-11-15T12:00:00Z";

fn correction(number: u64, units: i64) -> Correction {
    Correction {
        client: client(number),
        environment: LIVE,
        month: month("2026-11"),
        units,
        kind: CorrectionKind::AccountManager,
        reason: "an import ran twice".to_owned(),
        at: Some(at(NOON)),
        change: Some(ChangeId(41)),
    }
}

#[test]
fn corrections_are_durable_with_their_reasons_and_count_in_their_month_alone() {
    let folder = folder();
    let store = open(folder.path());
    store.journal(0).unwrap().append(&[charged(1, at(NOON)); 5]).unwrap();
    store.journal(0).unwrap().append(&[ended(500, 1, at(NOON))]).unwrap();
    correct(&store, 41, correction(1, -3));
    correct(&store, 42, Correction { environment: SANDBOX, change: Some(ChangeId(42)), ..correction(1, 7) });
    correct(&store, 43, Correction { month: month("2026-10"), ..correction(1, 9) });
    correct(&store, 44, correction(2, 1));
    drop(store);

    let store = open(folder.path());
    let book = wait(store.books(month("2026-11"), vec![client(1), client(3)])).unwrap();
    assert_eq!(
        book[0].corrections,
        [
            correction(1, -3),
            Correction { environment: SANDBOX, change: Some(ChangeId(42)), ..correction(1, 7) }
        ]
    );
    let live = book[0].sum(LIVE);
    assert_eq!((live.charged, live.given_back, live.corrections, live.used()), (5, 1, -3, 1));
    assert_eq!((book[0].sum(SANDBOX).used(), &book[1].corrections), (7, &Vec::new()));
    let newest = wait(store.corrections(client(1), None, 2)).unwrap();
    assert_eq!(newest.iter().map(|c| c.units).collect::<Vec<_>>(), [9, 7]);
    let of_month = wait(store.corrections(client(1), Some(month("2026-11")), 9)).unwrap();
    assert_eq!(of_month.iter().map(|c| c.units).collect::<Vec<_>>(), [7, -3]);

    // What the rules begin with: the charges of a month, and its corrections beside them.
    let counts = months(&store, at(NOON));
    let of = |number, environment| {
        let found =
            counts.iter().find(|c| (c.client, c.environment) == (client(number), environment)).unwrap();
        (found.used, found.corrected)
    };
    assert_eq!([of(1, LIVE), of(1, SANDBOX), of(2, LIVE)], [(4, -3), (0, 7), (0, 1)]);
}

#[test]
fn a_power_loss_raises_what_was_charged_and_leaves_corrections_as_they_are() {
    let folder = folder();
    let store = Store::open_with(folder.path(), &options("first")).unwrap();
    wait(store.lease(client(1), LIVE, month("2026-11"), 256)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at(NOON)); 200]).unwrap();
    correct(&store, 41, correction(1, -150));
    drop(store);
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    for boot in ["second", "third"] {
        let store = Store::open_with(folder.path(), &options(boot)).unwrap();
        assert_eq!(used(&store, 1, month("2026-11")), 256);
        let sum = sum(&store, 1, month("2026-11"));
        assert_eq!(
            (sum.charged, sum.corrections, sum.used()),
            (0, 256 - 150, 106),
            "at most a block above 50"
        );
    }
}

/// The store, and what a process has in memory of one client.
struct Run {
    store: Store,
    writer: JournalWriter,
    ledger: Ledger,
    boot: u32,
}

/// What happened, whatever the machine remembers.
#[derive(Default)]
struct Truth {
    charged: i64,
    given_back: i64,
    corrected: i64,
}

impl Truth {
    fn used(&self) -> i64 {
        self.charged - self.given_back + self.corrected
    }
}

#[derive(Clone, Debug)]
enum Step {
    Charge(u8),
    GiveBack(u8),
    /// A lease that was asked for becomes durable, and later known.
    Lease,
    LeaseIsKnown,
    /// A correction becomes durable, and later known.
    Correct(i64),
    CorrectionIsKnown,
    Kill,
    /// Of what the journal's files hold, so many tenths reached the disk.
    PowerLoss(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..40_u8).prop_map(Step::Charge),
        2 => (1..20_u8).prop_map(Step::GiveBack),
        3 => Just(Step::Lease),
        3 => Just(Step::LeaseIsKnown),
        2 => (-80_i64..80).prop_map(Step::Correct),
        2 => Just(Step::CorrectionIsKnown),
        1 => Just(Step::Kill),
        1 => (0..11_u64).prop_map(Step::PowerLoss),
    ]
}

impl Run {
    fn open(folder: &Path, boot: u32) -> Self {
        let store = Store::open_with(folder, &options(&boot.to_string())).unwrap();
        let mut ledger = Ledger::default();
        for count in months(&store, at(NOON)) {
            ledger.restore(count.month, count.used, count.leased);
            ledger.correct(count.month, count.corrected);
        }
        let writer = store.journal(0).unwrap();
        Self { store, writer, ledger, boot }
    }

    fn used(&self, limit: u64) -> i64 {
        self.ledger.peek(limit, at(NOON)).used.cast_signed()
    }
}

fn cut(folder: &Path, tenths: u64) {
    for entry in fs::read_dir(folder.join("journal")).unwrap() {
        let file = fs::OpenOptions::new().write(true).open(entry.unwrap().path()).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length * tenths / 10).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_month_adds_up_whatever_crashes(
        limit in 1_u64..2000,
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (now, november): (Timestamp, Month) = (at(NOON), month("2026-11"));
        let block = lease_block(limit).cast_signed();
        let mut run = Run::open(folder.path(), 0);
        let mut truth = Truth::default();
        let (mut asked, mut durable_leases, mut durable_corrections) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = 0;
        for step in steps {
            match step {
                Step::Charge(times) => for _ in 0..times {
                    match run.ledger.charge(limit, Overage::Block, now) {
                        Ok(charge) => {
                            run.writer.append(&[charged(1, now)]).unwrap();
                            truth.charged += 1;
                            asked.extend(charge.lease_ahead);
                        }
                        Err(NotCharged::NeedsLease { upto, .. }) => {
                            asked.push(upto);
                            break;
                        }
                        Err(NotCharged::Exhausted(_)) => break,
                    }
                },
                Step::GiveBack(times) => for _ in 0..times {
                    if truth.charged > truth.given_back {
                        run.ledger.give_back(now);
                        run.writer.append(&[ended(500, 1, now)]).unwrap();
                        truth.given_back += 1;
                    }
                },
                Step::Lease => if let Some(upto) = asked.pop() {
                    wait(run.store.lease(client(1), LIVE, november, upto)).unwrap();
                    durable_leases.push(upto);
                },
                Step::LeaseIsKnown => if let Some(upto) = durable_leases.pop() {
                    run.ledger.leased(november, upto);
                },
                Step::Correct(units) => {
                    let units = units.max(-truth.used().max(0));
                    changes += 1;
                    correct(&run.store, changes, correction(1, units));
                    truth.corrected += units;
                    durable_corrections.push(units);
                }
                Step::CorrectionIsKnown => for units in durable_corrections.drain(..) {
                    run.ledger.correct(november, units);
                },
                Step::Kill | Step::PowerLoss(_) => {
                    let mut boot = run.boot;
                    drop(run);
                    if let Step::PowerLoss(tenths) = step {
                        cut(folder.path(), tenths);
                        boot += 1;
                    }
                    run = Run::open(folder.path(), boot);
                    // All that was under way has gone; what was durable is in force.
                    asked.clear();
                    durable_leases.clear();
                    durable_corrections.clear();
                    let counted = sum(&run.store, 1, november);
                    let counted = counted.charged.cast_signed() - counted.given_back.cast_signed() + counted.corrections;
                    let most = if boot == run.boot && matches!(step, Step::Kill) { truth.used() } else { truth.used() + truth.given_back + block };
                    prop_assert!((truth.used()..=most).contains(&counted), "{} is not in {}..={}", counted, truth.used(), most);
                    // From here on that is the truth: what was lost with the power is not known any more.
                    if !matches!(step, Step::Kill) {
                        truth.charged += counted - truth.used();
                    }
                }
            }
            let durable = sum(&run.store, 1, november);
            prop_assert_eq!(durable.used().cast_signed(), truth.used().max(0), "the books add up");
            let unknown: i64 = durable_corrections.iter().sum();
            if unknown == 0 {
                prop_assert_eq!(run.used(limit), truth.used().max(0), "and memory says the same");
            }
        }
    }
}
