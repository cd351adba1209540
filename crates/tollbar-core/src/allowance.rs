//! The monthly allowance: charged before a request is sent, never above the limit, right after a restart.

use std::collections::BTreeMap;

use crate::{Month, Overage, Timestamp};

/// The counts of one client in one environment.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    months: BTreeMap<Month, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    /// Charged and not given back.
    charged: u64,
    /// Charges up to here are covered by what is durable.
    leased: u64,
    /// The lease that was asked for ahead; under way, or failed, where it is beyond what is leased.
    asked: u64,
    /// All corrections together. They charge nothing, so no lease has to cover them.
    corrected: i64,
}

impl Count {
    /// What the client sees and is billed.
    const fn used(&self) -> u64 {
        self.charged.saturating_add_signed(self.corrected)
    }

    /// How far `charged` may go: to where `used` is at the limit.
    const fn chargeable(&self, limit: u64) -> u64 {
        if self.corrected < 0 {
            limit.saturating_add(self.corrected.unsigned_abs())
        } else {
            limit.saturating_sub(self.corrected.unsigned_abs())
        }
    }
}

/// What stands in the `X-Allowance-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowanceState {
    /// Requests per month.
    pub limit: u64,
    /// Requests charged this month and not given back, with the month's corrections.
    pub used: u64,
    /// Unix seconds of the start of the next month.
    pub reset_seconds: u64,
}

impl AllowanceState {
    /// What is left.
    pub const fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// A charge was made. Whoever holds it must see to it that it is kept or given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Charge {
    /// When; its month is the one it was charged to.
    pub at: Timestamp,
    /// What it was held against, with itself counted.
    pub state: AllowanceState,
    /// What is leased is nearly used up: a lease up to here is wanted soon, so that no request has to wait for it. Said
    /// once for each lease; where it is not made, a later request needs one before it is charged.
    pub lease_ahead: Option<u64>,
}

/// Why there was no charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCharged {
    /// The allowance is used up.
    Exhausted(AllowanceState),
    /// A lease up to this many must be made durable first; then ask again.
    NeedsLease {
        /// The month to lease in.
        month: Month,
        /// Up to where.
        upto: u64,
    },
}

/// How many charges one durable lease covers: one in a hundred of the allowance, within bounds. After a power
/// loss the count may be too high by at most this.
pub fn lease_block(limit: u64) -> u64 {
    (limit / 100).clamp(16, 256)
}

/// The next lease is wanted when this part of a block is left.
const AHEAD_PART: u64 = 4;

impl Ledger {
    /// Takes over a durable count at start; its corrections come after it, by [`Ledger::correct`].
    pub fn restore(&mut self, month: Month, charged: u64, leased: u64) {
        self.months.insert(month, Count { charged, leased, ..Count::default() });
    }

    /// Charges one request to the month of `now`.
    pub fn charge(&mut self, limit: u64, overage: Overage, now: Timestamp) -> Result<Charge, NotCharged> {
        let month = Month::of(now);
        let count = self.months.entry(month).or_default();
        let chargeable = count.chargeable(limit);
        if count.charged >= chargeable && overage == Overage::Block {
            return Err(NotCharged::Exhausted(state(limit, count.used(), month)));
        }
        let lease = |charged: u64| {
            let ahead = charged.saturating_add(lease_block(limit));
            if overage == Overage::Block { ahead.min(chargeable) } else { ahead }
        };
        if count.charged >= count.leased {
            return Err(NotCharged::NeedsLease { month, upto: lease(count.charged) });
        }
        count.charged += 1;
        let state = state(limit, count.used(), month);
        let upto = lease(count.charged);
        let is_nearly_used = count.leased - count.charged <= lease_block(limit) / AHEAD_PART;
        let lease_ahead =
            (is_nearly_used && count.asked <= count.leased && upto > count.leased).then_some(upto);
        count.asked = lease_ahead.unwrap_or(count.asked);
        // Older months are kept while answers that give back may still come in for them: one month is ample.
        self.months.retain(|m, _| m.number() + 1 >= month.number());
        Ok(Charge { at: now, state, lease_ahead })
    }

    /// Notes that a lease is durable.
    pub fn leased(&mut self, month: Month, upto: u64) {
        let count = self.months.entry(month).or_default();
        count.leased = count.leased.max(upto);
    }

    /// Gives a charge back to the month it was charged to.
    pub fn give_back(&mut self, charged_at: Timestamp) {
        if let Some(count) = self.months.get_mut(&Month::of(charged_at)) {
            count.charged = count.charged.saturating_sub(1);
        }
    }

    /// Adds a durable correction. Leases bound what is charged, and a correction charges nothing: it meets no lease or
    /// charge that is under way, and what a power loss may add stays the same.
    pub fn correct(&mut self, month: Month, units: i64) {
        if units != 0 {
            let count = self.months.entry(month).or_default();
            count.corrected = count.corrected.saturating_add(units);
        }
    }

    /// The state without charging anything.
    pub fn peek(&self, limit: u64, now: Timestamp) -> AllowanceState {
        let month = Month::of(now);
        state(limit, self.months.get(&month).map_or(0, Count::used), month)
    }
}

fn state(limit: u64, used: u64, month: Month) -> AllowanceState {
    AllowanceState { limit, used, reset_seconds: month.next().start().as_seconds() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn charge(ledger: &mut Ledger, limit: u64, now: Timestamp) -> Result<Charge, NotCharged> {
        match ledger.charge(limit, Overage::Block, now) {
            Err(NotCharged::NeedsLease { month, upto }) => {
                ledger.leased(month, upto);
                ledger.charge(limit, Overage::Block, now)
            }
            other => other,
        }
    }

    #[test]
    fn the_last_unit_is_charged_once_and_a_charge_given_back_is_charged_again() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let mut ledger = Ledger::default();
        charge(&mut ledger, 2, now).unwrap();
        let second = charge(&mut ledger, 2, now).unwrap();
        assert!(matches!(charge(&mut ledger, 2, now), Err(NotCharged::Exhausted(s)) if s.used == 2));
        ledger.give_back(second.at);
        charge(&mut ledger, 2, now).unwrap();
        assert_eq!(ledger.peek(2, now).remaining(), 0);
        assert_eq!(ledger.peek(2, now).reset_seconds, Timestamp::parse("2026-12-01").unwrap().as_seconds());
    }

    #[test]
    fn a_month_ends_in_utc_and_gives_back_to_itself() {
        let before = Timestamp::parse("2026-11-30T23:59:59.999Z").unwrap();
        let after = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        let mut ledger = Ledger::default();
        let old = charge(&mut ledger, 1, before).unwrap();
        charge(&mut ledger, 1, after).unwrap();
        ledger.give_back(old.at);
        assert_eq!(ledger.peek(1, after).used, 1, "the new month keeps its count");
        assert_eq!(ledger.peek(1, before).used, 0, "the old one got it back");
    }

    #[test]
    fn a_clock_set_back_over_a_restart_finds_the_months_count_again() {
        let november = Timestamp::parse("2026-11-30T23:00:00Z").unwrap();
        let mut ledger = Ledger::default();
        ledger.restore(Month::of(november), 5, 5);
        ledger.restore(Month::of(november).next(), 3, 19);
        assert!(matches!(charge(&mut ledger, 5, november), Err(NotCharged::Exhausted(_))));
        assert_eq!(ledger.peek(5, november.plus_seconds(7200)).used, 3);
    }

    #[test]
    fn overage_goes_on_and_is_counted() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let mut ledger = Ledger::default();
        ledger.leased(Month::of(now), 100);
        for _ in 0..3 {
            ledger.charge(1, Overage::Report, now).unwrap();
        }
        assert_eq!(ledger.peek(1, now).used, 3);
    }

    #[test]
    fn the_next_lease_is_asked_for_once_before_this_one_is_used_up() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let (month, limit) = (Month::of(now), 100_000);
        let block = lease_block(limit);
        let mut ledger = Ledger::default();
        ledger.leased(month, block);
        let mut take = |count: u64, leased: Option<u64>| -> Vec<(u64, u64)> {
            leased.into_iter().for_each(|upto| ledger.leased(month, upto));
            let charges = (0..count).map(|_| ledger.charge(limit, Overage::Block, now).unwrap());
            charges.filter_map(|charge| Some((charge.state.used, charge.lease_ahead?))).collect()
        };
        let nearly = block - block / AHEAD_PART;
        // The one that was asked for does not come before all is used.
        assert_eq!(take(block, None), [(nearly, nearly + block)]);
        // It came, and the next is asked for in its turn: nobody waits as long as leases are made in time.
        assert_eq!(take(block / 2, Some(nearly + block)), [(2 * nearly, 2 * nearly + block)]);
        assert_eq!(take(block, Some(2 * nearly + block)).len(), 1);
    }

    #[test]
    fn no_lease_ahead_goes_beyond_what_is_sold() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let mut ledger = Ledger::default();
        let asked: Vec<u64> =
            (0..40).filter_map(|_| charge(&mut ledger, 20, now).ok()?.lease_ahead).collect();
        assert_eq!(asked, [20], "16 are leased first, and the last four ahead");
    }

    #[test]
    fn a_correction_is_used_and_charges_nothing() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let month = Month::of(now);
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            charge(&mut ledger, 5, now).unwrap();
        }
        ledger.correct(month, 2);
        assert!(matches!(charge(&mut ledger, 5, now), Err(NotCharged::Exhausted(s)) if s.used == 5));
        ledger.correct(month, -4);
        assert_eq!(ledger.peek(5, now).used, 1);
        // Five are sold: three were charged, and two of those do not count any more.
        assert_eq!((0..9).filter(|_| charge(&mut ledger, 5, now).is_ok()).count(), 4);
        ledger.correct(month, -100);
        assert_eq!(ledger.peek(5, now).used, 0, "what is below zero is shown as nothing");
        ledger.correct(month, i64::MAX);
        assert!(matches!(charge(&mut ledger, 5, now), Err(NotCharged::Exhausted(_))));
    }

    #[test]
    fn a_correction_of_another_month_changes_nothing_in_this_one() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let mut ledger = Ledger::default();
        charge(&mut ledger, 2, now).unwrap();
        ledger.correct(Month::parse("2026-09").unwrap(), 2);
        ledger.correct(Month::parse("2026-10").unwrap(), 2);
        charge(&mut ledger, 2, now).unwrap();
        assert_eq!(ledger.peek(2, now).used, 2);
        assert_eq!(ledger.months.len(), 2, "only the month before is kept: {:?}", ledger.months);
    }

    /// What can happen to a month's count; a lease may become durable long after it was asked for.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Ask,
        LeaseIsDurable,
        GiveBack,
        Correct(i64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => Just(Step::Ask),
            3 => Just(Step::LeaseIsDurable),
            2 => Just(Step::GiveBack),
            1 => (-60_i64..60).prop_map(Step::Correct),
        ]
    }

    proptest! {
        /// `used` is what was charged, less what was given back, and the corrections; never above the limit by a charge;
        /// and a power loss at any moment, which takes the durable lease for what was charged, never counts too little,
        /// and too much by no more than a block and what was given back.
        #[test]
        fn corrections_add_up_and_meet_no_lease(limit in 0_u64..300, steps in prop::collection::vec(any_step(), 1..600)) {
            let now = Timestamp::parse("2026-11-22").unwrap();
            let month = Month::of(now);
            let mut ledger = Ledger::default();
            let (mut charged, mut back, mut corrected) = (0_i64, 0_i64, 0_i64);
            // Asked for, and not durable yet; what is durable.
            let (mut asked, mut durable) = (Vec::new(), 0_u64);
            for step in steps {
                match step {
                    Step::Ask => match ledger.charge(limit, Overage::Block, now) {
                        Ok(charge) => {
                            charged += 1;
                            asked.extend(charge.lease_ahead);
                            prop_assert!(charged - back + corrected <= i64::try_from(limit).unwrap());
                        }
                        Err(NotCharged::NeedsLease { upto, .. }) => asked.push(upto),
                        Err(NotCharged::Exhausted(state)) => {
                            prop_assert!(charged - back + corrected >= i64::try_from(limit).unwrap());
                            prop_assert!(state.used >= limit);
                        }
                    },
                    Step::LeaseIsDurable => {
                        if let Some(upto) = asked.pop() {
                            durable = durable.max(upto);
                            ledger.leased(month, upto);
                        }
                    }
                    Step::GiveBack if charged > back => {
                        ledger.give_back(now);
                        back += 1;
                    }
                    Step::GiveBack => {}
                    Step::Correct(units) => {
                        let units = units.max(-(charged - back + corrected).max(0));
                        ledger.correct(month, units);
                        corrected += units;
                    }
                }
                let truth = charged - back + corrected;
                prop_assert_eq!(ledger.peek(limit, now).used, u64::try_from(truth).unwrap_or(0));
                let (after_loss, least) = (i64::try_from(durable).unwrap() + corrected, truth);
                let most = truth + back + i64::try_from(lease_block(limit)).unwrap();
                prop_assert!((least..=most).contains(&after_loss), "{} is not in {}..={}", after_loss, least, most);
            }
        }

        #[test]
        fn never_above_the_limit_and_never_above_the_lease(limit in 0_u64..600, events in prop::collection::vec(any::<bool>(), 1..1000)) {
            let now = Timestamp::parse("2026-11-22").unwrap();
            let (mut ledger, mut model, mut leased) = (Ledger::default(), 0_u64, 0_u64);
            for take in events {
                if !take {
                    if model > 0 { ledger.give_back(now); model -= 1; }
                    continue;
                }
                let result = match ledger.charge(limit, Overage::Block, now) {
                    Err(NotCharged::NeedsLease { month, upto }) => {
                        prop_assert!(upto > leased && upto <= limit && upto - model <= lease_block(limit));
                        leased = upto;
                        ledger.leased(month, upto);
                        ledger.charge(limit, Overage::Block, now)
                    }
                    other => other,
                };
                match result {
                    Ok(_) => model += 1,
                    Err(why) => prop_assert!(matches!(why, NotCharged::Exhausted(_)) && model == limit),
                }
                prop_assert!(model <= limit && model <= leased);
                prop_assert_eq!(ledger.peek(limit, now).used, model);
            }
        }
    }
}
