//! The usage journal: what was charged, in files that only grow, until it is folded into the tables.
//!
//! A record is in the page cache when `append` returns, so it survives the end of the process, however that comes. What a power
//! loss takes is covered by leases. Every record is counted once: the tables and the position up to which a file
//! has been folded change in the same transaction.

mod file;
mod fold;
mod recent;
mod record;
mod tally;
mod writer;

pub(crate) use file::JournalFolder;
pub(crate) use fold::{Damage, Fold};
pub(crate) use recent::read_recent;
pub(crate) use record::{RECORD_BYTES, parse_record};
#[cfg(test)]
pub(crate) use tally::Tally;
pub use writer::JournalWriter;
