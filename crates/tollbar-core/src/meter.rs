//! What is counted for one client in one environment, shared by all threads and all its credentials.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Month, Overage, Timestamp,
    allowance::{AllowanceState, Charge, Ledger, NotCharged},
    window::{RateExceeded, RateState, RateWindow},
};

/// Rate window and allowance ledger, each behind a short lock that is never held across an await.
#[derive(Debug, Default)]
pub struct Meter {
    window: Mutex<Option<Box<RateWindow>>>,
    ledger: Mutex<Ledger>,
}

impl Meter {
    /// Takes one from the rate.
    pub fn take_rate(&self, limit: u32, now: Timestamp) -> Result<RateState, RateExceeded> {
        lock(&self.window).get_or_insert_default().take(limit, now)
    }

    /// The rate's state.
    pub fn peek_rate(&self, limit: u32, now: Timestamp) -> RateState {
        match lock(&self.window).as_mut() {
            Some(window) => window.peek(limit, now),
            None => RateState { limit, remaining: limit, reset_seconds: now.as_seconds() },
        }
    }

    /// Puts back what the rate admitted before a restart, in the order of time.
    pub fn restore_rate(&self, second: u64, count: u32) {
        lock(&self.window).get_or_insert_default().restore(second, count);
    }

    /// Charges one request.
    pub fn charge(&self, limit: u64, overage: Overage, now: Timestamp) -> Result<Charge, NotCharged> {
        lock(&self.ledger).charge(limit, overage, now)
    }

    /// Notes a durable lease.
    pub fn leased(&self, month: Month, upto: u64) {
        lock(&self.ledger).leased(month, upto);
    }

    /// Gives a charge back.
    pub fn give_back(&self, charged_at: Timestamp) {
        lock(&self.ledger).give_back(charged_at);
    }

    /// Adds a durable correction to a month's count.
    pub fn correct(&self, month: Month, units: i64) {
        lock(&self.ledger).correct(month, units);
    }

    /// The allowance's state.
    pub fn peek_allowance(&self, limit: u64, now: Timestamp) -> AllowanceState {
        lock(&self.ledger).peek(limit, now)
    }

    /// Takes over a durable count at start.
    pub fn restore_allowance(&self, month: Month, used: u64, leased: u64) {
        lock(&self.ledger).restore(month, used, leased);
    }
}

/// A panic elsewhere leaves counts that are whole: each operation is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
