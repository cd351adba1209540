//! Stage 16: the monthly allowance.

use tollbar_contract::{Code, Environment, Stage};

use super::Valid;
use crate::{
    Client, Month, Overage, Rejection, Timestamp,
    allowance::{AllowanceState, Charge, NotCharged},
};

/// A request that passed every check and is paid for. Forwarding takes this, and nothing else makes it.
pub struct Admitted {
    /// The charge, to be kept or given back.
    pub charge: Charge,
}

/// Why stage 16 did not charge.
pub enum ChargeFault {
    /// The allowance is used up.
    Rejected(Rejection),
    /// Make a lease durable, note it in the meter, then ask again.
    NeedsLease {
        /// The month to lease in.
        month: Month,
        /// Up to where.
        upto: u64,
    },
}

/// Stage 16: charges one request to the allowance.
pub fn charge(
    client: &Client,
    environment: Environment,
    _valid: &Valid,
    now: Timestamp,
) -> Result<Admitted, ChargeFault> {
    let limit = client.record.allowance[environment.index()];
    match client.meter(environment).charge(limit, client.record.overage, now) {
        Ok(charge) => Ok(Admitted { charge }),
        Err(NotCharged::NeedsLease { month, upto }) => Err(ChargeFault::NeedsLease { month, upto }),
        Err(NotCharged::Exhausted(state)) => {
            Err(ChargeFault::Rejected(used_up(client, environment, state, now)))
        }
    }
}

/// Whether anything is left of the allowance; nothing is charged.
pub fn check_allowance(client: &Client, environment: Environment, now: Timestamp) -> Result<(), Rejection> {
    let limit = client.record.allowance[environment.index()];
    let state = client.meter(environment).peek_allowance(limit, now);
    match client.record.overage {
        Overage::Block if state.remaining() == 0 => Err(used_up(client, environment, state, now)),
        Overage::Block | Overage::Report => Ok(()),
    }
}

fn used_up(client: &Client, environment: Environment, state: AllowanceState, now: Timestamp) -> Rejection {
    let AllowanceState { limit, used, .. } = state;
    let month = Month::of(now);
    let cause = format!(
        "{used} of {limit} requests of {month} are used ({environment}); beyond them, requests are blocked"
    );
    let mut rejection = Rejection::new(Code::ApiUsageAllowanceExceeded, Stage::Allowance, cause)
        .because_of(client.record.changes.allowance);
    rejection.advice.should_not_retry = true;
    rejection
}
