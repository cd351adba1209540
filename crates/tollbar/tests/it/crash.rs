//! The real binary, killed again and again under load, in front of an upstream that counts: nothing that was sent is
//! missing from the count, nothing is counted or executed twice, and no key is stuck.
//!
//! A run is made from a seed: who asks for what, and when each kill comes. `TOLLBAR_CRASH_SEED` runs that one again, and
//! `TOLLBAR_CRASH_KILLS` says how long. What threads do between is the machine's, so a rerun is alike, and not the same.

mod books;
mod caller;
mod dice;
mod run;
mod world;

use run::{Plan, run};

/// A few kills, in every run of the tests.
#[test]
fn kills_under_load_lose_double_and_stick_nothing() {
    let report = run(&Plan { seed: seed(1), kills: kills(6), requests_between: 160 });
    println!("{report}");
    report.assert_clean();
}

/// Without a kill the books agree to the unit, by endpoint and by outcome.
#[test]
fn without_a_kill_the_count_is_what_the_upstream_saw() {
    let report = run(&Plan { seed: seed(2), kills: 0, requests_between: 1500 });
    println!("{report}");
    report.assert_clean();
    assert_eq!((report.in_flight, report.unknown), (0, 0), "nothing is uncertain where nothing was killed");
}

#[cfg(feature = "soak")]
mod long {
    use super::*;

    /// Two hundred kills over a hundred thousand requests.
    #[test]
    fn two_hundred_kills_lose_double_and_stick_nothing() {
        let report = run(&Plan { seed: seed(3), kills: kills(200), requests_between: 700 });
        println!("{report}");
        report.assert_clean();
        assert!(report.requests >= report.kills * 500, "{report}");
    }
}

fn seed(default: u64) -> u64 {
    number("TOLLBAR_CRASH_SEED").unwrap_or(default)
}

fn kills(default: usize) -> usize {
    number("TOLLBAR_CRASH_KILLS").map_or(default, |kills| usize::try_from(kills).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a run is replayed by whoever types the seed")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}
