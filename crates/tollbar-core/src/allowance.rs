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
    used: u64,
    /// Charges up to here are covered by what is durable.
    leased: u64,
}

/// What stands in the `X-Allowance-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowanceState {
    /// Requests per month.
    pub limit: u64,
    /// Requests charged this month.
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

impl Ledger {
    /// Takes over a durable count at start.
    pub fn restore(&mut self, month: Month, used: u64, leased: u64) {
        self.months.insert(month, Count { used, leased });
    }

    /// Charges one request to the month of `now`.
    pub fn charge(&mut self, limit: u64, overage: Overage, now: Timestamp) -> Result<Charge, NotCharged> {
        let month = Month::of(now);
        let count = self.months.entry(month).or_default();
        if count.used >= limit && overage == Overage::Block {
            return Err(NotCharged::Exhausted(state(limit, count.used, month)));
        }
        if count.used >= count.leased {
            let ahead = count.used.saturating_add(lease_block(limit));
            let upto = if overage == Overage::Block { ahead.min(limit) } else { ahead };
            return Err(NotCharged::NeedsLease { month, upto });
        }
        count.used += 1;
        let state = state(limit, count.used, month);
        // Older months are kept while answers that give back may still come in for them: one month is ample.
        self.months.retain(|m, _| m.number() + 1 >= month.number());
        Ok(Charge { at: now, state })
    }

    /// Notes that a lease is durable.
    pub fn leased(&mut self, month: Month, upto: u64) {
        let count = self.months.entry(month).or_default();
        count.leased = count.leased.max(upto);
    }

    /// Gives a charge back to the month it was charged to.
    pub fn give_back(&mut self, charged_at: Timestamp) {
        if let Some(count) = self.months.get_mut(&Month::of(charged_at)) {
            count.used = count.used.saturating_sub(1);
        }
    }

    /// The state without charging anything.
    pub fn peek(&self, limit: u64, now: Timestamp) -> AllowanceState {
        let month = Month::of(now);
        state(limit, self.months.get(&month).map_or(0, |count| count.used), month)
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

    proptest! {
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
