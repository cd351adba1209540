//! The durable side of Tollbar: the ports of `tollbar-core` on SQLite, and the usage journal.
//!
//! One folder holds everything: `tollbar.db` (policy, idempotency, usage; every commit is synced),
//! `requests.db` (the request log; its newest entries may be lost with the power), `journal/` (what was charged, appended
//! before it is sent) and `lock`. This crate has the only SQL. It decides nothing: no rule of admission is here,
//! and no clock; the time is what callers say it is.

mod allowance;
mod backup;
mod books;
mod damage;
mod database;
mod fault;
mod files;
mod idempotency;
mod inspect;
mod journal;
mod keeper;
mod latest;
mod liveness;
mod lock;
mod outcome;
mod policy;
mod reader;
mod request_ids;
mod request_log;
mod restore;
mod schema;
mod store;
mod writer;

pub use backup::{back_up_stopped, manifest::verify_backup};
pub use fault::OpenError;
pub use inspect::{
    Ahead, DatabaseReport, Hindrance, Inspection, JournalReport, LookedAt, Unreadable, check_schemas,
    inspect, read_keyring,
};
pub use journal::JournalWriter;
pub use lock::is_in_use;
pub use restore::{RestoreNote, Restored, is_pending, read_manifest, restore};
pub use store::{Accept, Store, StoreOptions};
