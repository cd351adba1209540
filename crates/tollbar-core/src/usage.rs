//! How charged requests ended, in classes.

use serde::{Deserialize, Serialize};

/// The class of a charged request's outcome, where one was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeClass {
    /// 2xx; also 101, for what was asked was done.
    Success,
    /// 3xx.
    Redirect,
    /// 4xx.
    ClientError,
    /// 5xx: given back.
    ServerError,
    /// It was not sent after all: given back.
    NotSent,
}

impl OutcomeClass {
    /// The class of an answer's status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            ..300 => Self::Success,
            300..400 => Self::Redirect,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    /// Whether the charge is given back.
    pub const fn gives_back(self) -> bool {
        matches!(self, Self::ServerError | Self::NotSent)
    }

    /// Its place in a list of all.
    pub const fn index(self) -> usize {
        match self {
            Self::Success => 0,
            Self::Redirect => 1,
            Self::ClientError => 2,
            Self::ServerError => 3,
            Self::NotSent => 4,
        }
    }
}

/// Charged requests by outcome. All together are what was charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// The client got a 2xx (or a 101).
    #[serde(rename = "2xx")]
    pub success: u64,
    /// A 3xx.
    #[serde(rename = "3xx")]
    pub redirect: u64,
    /// A 4xx.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// A 5xx, which gave the charge back.
    #[serde(rename = "5xx")]
    pub server_error: u64,
    /// Not sent after all: given back.
    pub not_sent: u64,
    /// No outcome was seen: in flight, or at a kill, or the client left before its answer. Below zero only where
    /// records of charges were damaged on the disk and their outcomes were not.
    pub open: i64,
    /// Charged by a version that did not tell outcomes apart.
    pub unclassed: u64,
}

impl Outcomes {
    /// Of what was seen (in the order of [`OutcomeClass::index`]); the rest of `charged` is `unclassed`, up to as much as there
    /// may be of that, and then open.
    pub fn new(charged: u64, seen: [u64; 5], unclassed: u64) -> Self {
        let [success, redirect, client_error, server_error, not_sent] = seen;
        let known = seen.into_iter().fold(0_u64, u64::saturating_add);
        let unclassed = unclassed.min(charged.saturating_sub(known));
        let told = known.saturating_add(unclassed);
        let open = i64::try_from(i128::from(charged) - i128::from(told)).unwrap_or(i64::MAX);
        Self { success, redirect, client_error, server_error, not_sent, open, unclassed }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            success: self.success.saturating_add(other.success),
            redirect: self.redirect.saturating_add(other.redirect),
            client_error: self.client_error.saturating_add(other.client_error),
            server_error: self.server_error.saturating_add(other.server_error),
            not_sent: self.not_sent.saturating_add(other.not_sent),
            open: self.open.saturating_add(other.open),
            unclassed: self.unclassed.saturating_add(other.unclassed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_class_and_what_is_not_seen_is_open() {
        let class = |status| OutcomeClass::of_status(status).index();
        assert_eq!([101, 200, 299, 304, 400, 499, 500, 599].map(class), [0, 0, 0, 1, 2, 2, 3, 3]);
        let outcomes = Outcomes::new(10, [3, 0, 1, 2, 1], 0);
        assert_eq!((outcomes.open, outcomes.unclassed), (3, 0));
        // An outcome may be seen of a charge from before classes were told apart.
        let mixed = Outcomes::new(10, [3, 0, 1, 2, 1], 5);
        assert_eq!((mixed.open, mixed.unclassed), (0, 3));
        assert_eq!(Outcomes::new(1, [2, 0, 0, 0, 0], 0).open, -1, "a charge was damaged");
        assert_eq!(outcomes.plus(mixed).success, 6);
    }
}
