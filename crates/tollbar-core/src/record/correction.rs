//! Corrections: what is added to a month's count, or taken off it, beside what was charged and given back.

use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;

use crate::{ChangeId, ClientId, Month, Timestamp};

/// A month's count, put right. It charges nothing and sends nothing; `used` is what was charged, less what was given
/// back, and all corrections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Whose.
    pub client: ClientId,
    /// Where.
    pub environment: Environment,
    /// Which month's count.
    pub month: Month,
    /// Added to it; below zero: given back.
    pub units: i64,
    /// Who corrected.
    pub kind: CorrectionKind,
    /// Why, in words.
    pub reason: String,
    /// When. `None`: before the clock could be asked.
    pub at: Option<Timestamp>,
    /// The change of policy, for one by an account manager.
    pub change: Option<ChangeId>,
}

/// Who corrected a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CorrectionKind {
    /// An account manager, with a reason.
    #[serde(rename = "account manager")]
    AccountManager,
    /// Tollbar, after a power loss: what a lease allowed and the journal does not prove.
    #[serde(rename = "power failure")]
    PowerFailure,
}
