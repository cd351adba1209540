use super::{Change::*, Failure::*, *};

/// A point in time, without chance in it: a back-off that begins then is three quarters long.
const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn next_try(record: &Record) -> Option<u64> {
    record.next_try().map(|time| u64::try_from(time.as_millis()).unwrap())
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_forgives() {
    let mut record = Record::default();
    for n in 0..4 {
        assert_eq!(record.fail(Exchange, at(n), at(n), 5), None);
    }
    assert_eq!(record.succeed(at(4), at(4)), None);
    assert!(record.is_clean());
    for n in 10..14 {
        assert_eq!(record.fail(Exchange, at(n), at(n), 5), None);
    }
    assert_eq!(record.fail(Exchange, at(14), at(14), 5), Some(Ejected));
    assert_eq!(next_try(&record), Some(14 + 750));
}

#[test]
fn a_connection_that_fails_ejects_at_once() {
    let mut record = Record::default();
    assert_eq!(record.fail(Connect, at(0), at(1000), 5), Some(Ejected));
    assert_eq!(next_try(&record), Some(1750));
    assert_eq!(record.fail(Connect, at(0), at(1001), 5), None, "it is out already");
    assert_eq!(next_try(&record), Some(1750), "and no longer for that");
}

#[test]
fn one_try_in_each_back_off_and_a_failed_one_doubles_it() {
    let mut record = Record::default();
    record.fail(Connect, at(0), at(0), 5);
    let mut due = 750;
    for back_off in [2000, 4000, 8000, 16_000, 30_000, 30_000] {
        assert!(!record.claim_try(at(due - 1)));
        assert!(record.claim_try(at(due)));
        assert!(!record.claim_try(at(due)), "one");
        assert_eq!(record.fail(Connect, at(due), at(due), 5), None);
        due += back_off * 3 / 4;
        assert_eq!(next_try(&record), Some(due));
    }
    // A try of which nothing is ever heard does not keep it out.
    assert!(record.claim_try(at(due)) && !record.claim_try(at(due + 29_999)));
    assert!(record.claim_try(at(due + 30_000)));
    assert_eq!(record.succeed(at(due), at(due + 30_001)), Some(Returned));
    assert_eq!(record.succeed(at(due), at(due + 30_002)), None, "once");
    assert_eq!(next_try(&record), None);
}

#[test]
fn what_began_before_an_ejection_says_nothing_of_what_is_since() {
    let mut record = Record::default();
    record.fail(Connect, at(0), at(1000), 5);
    assert_eq!(record.succeed(at(999), at(1500)), None);
    assert_eq!(next_try(&record), Some(1750));
    // One that had to be tried before its time, since there was no other, and answered.
    assert_eq!(record.succeed(at(1001), at(1500)), Some(Returned));
    assert_eq!(record.fail(Connect, at(1400), at(1600), 5), None, "it began before the return");
    // One that fails before its time does not stay out for longer.
    record.fail(Connect, at(9000), at(9000), 5);
    let due = next_try(&record).unwrap();
    record.fail(Exchange, at(due - 1), at(due + 5000), 5);
    assert_eq!(next_try(&record), Some(due));
}

#[test]
fn a_relapse_stays_out_for_longer_and_a_recovery_is_remembered() {
    let mut record = Record::default();
    record.fail(Connect, at(0), at(0), 5);
    record.succeed(at(750), at(750));
    assert_eq!(record.fail(Connect, at(2749), at(2749), 5), Some(Ejected));
    assert_eq!(next_try(&record), Some(2749 + 1500));
    record.succeed(at(5000), at(5000));
    assert_eq!(record.fail(Connect, at(9000), at(9000), 5), Some(Ejected));
    assert_eq!(next_try(&record), Some(9750), "it was well for long enough");
}

#[test]
fn checks_eject_and_only_checks_bring_back() {
    let mut record = Record::default();
    let mut seen = Vec::new();
    for (n, passed) in (0..).zip([true, false, true, false, false, false, true, false, true, true, true]) {
        if let Some(change) = record.check(passed, at(n)) {
            seen.push((n, change));
        }
        if n == 5 {
            assert!(!record.claim_try(at(1_000_000)));
            assert_eq!(record.succeed(at(5), at(5)), None);
            assert_eq!(record.next_try(), Some(Duration::MAX));
        }
    }
    assert_eq!(seen, [(4, Ejected), (9, Returned)]);
    // Checks that pass end an ejection, but not before its time.
    record.fail(Connect, at(1000), at(1000), 5);
    assert_eq!(
        [at(1100), at(1749), at(1750)].map(|now| record.check(true, now)),
        [None, None, Some(Returned)]
    );
    // Both at once: each must be over.
    record.fail(Connect, at(10_000), at(10_000), 5);
    assert_eq!([1, 2].map(|_| record.check(false, at(10_001))), [None, None], "it is out already");
    assert_eq!([1, 2].map(|_| record.check(true, at(10_002))), [None, None]);
    assert_eq!(next_try(&record), Some(10_750));
}

#[test]
fn chance_moves_a_back_off_by_a_quarter_at_most() {
    for (nanos, millis) in [(0, 750), (500_000, 1000), (999_000, 1249), (1_000_000, 750), (999_500_000, 1000)]
    {
        let jittered = jittered(Duration::from_secs(1), Duration::new(7, nanos));
        assert_eq!(jittered.as_millis(), millis, "{nanos}");
    }
}
