//! What a script does to a store, call by call, and how the process that does it reports it.

use serde::{Deserialize, Serialize};
use tollbar_core::{
    EndpointId, Month, Timestamp,
    idempotency::Answer,
    port::{JournalEvent, JournalRecord},
};

use super::super::support::{LIVE, client};

/// One call of a port, with everything that it depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Action {
    Open { boot: String },
    Close,
    Lease { client: u64, month: Month, upto: u64 },
    Append { writer: usize, records: Vec<Entry> },
    Fold { now: Timestamp },
    Start { slot: u8, request: u64, now: Timestamp, expires: Timestamp },
    Answer { slot: u8, request: u64, bytes: usize, expires: Timestamp },
    Release { slot: u8, request: u64 },
    Ids { count: u64 },
    Apply { change: u64, tier: u8, throw: bool },
    Number { path: u8 },
    Log { number: u64 },
}

/// A journal record, with clients by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) event: Event,
    pub(super) client: u64,
    pub(super) at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event {
    Rated,
    Charged,
    Ended(u16),
    NotSent,
}

/// What a call came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Done,
    Number(u64),
    Refused,
}

/// One line of the report: written in full before a call, and after it has returned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Line {
    Begin(u64, Action),
    End(u64, Outcome),
}

impl Entry {
    pub(super) fn record(&self) -> JournalRecord {
        let event = match self.event {
            Event::Rated => JournalEvent::Rated,
            Event::Charged => JournalEvent::Charged,
            Event::Ended(status) => JournalEvent::Ended { status },
            Event::NotSent => JournalEvent::NotSent,
        };
        let client = client(self.client);
        JournalRecord { event, client, environment: LIVE, endpoint: EndpointId(1), at: self.at }
    }

    pub(super) fn charges(&self) -> bool {
        self.event == Event::Charged
    }

    pub(super) fn gives_back(&self) -> bool {
        matches!(self.event, Event::NotSent | Event::Ended(500..))
    }
}

/// The answer of a request: another one for each, of so many bytes. None at all stands for one that was too large.
pub(super) fn answer(request: u64, bytes: usize) -> Answer {
    if bytes == 0 {
        return Answer::TooLarge;
    }
    let sealed = request.to_le_bytes().iter().copied().cycle().take(bytes).collect();
    Answer::Stored { sealed }
}
