//! What strangers send, tried out.
//!
//! [`TARGETS`] are plain functions of bytes that panic if something does not hold. They are run in two ways: bounded
//! and the same each time, by the tests of this crate ([`bounded`]); and guided by coverage for as long as is wanted, by
//! `cargo xtask soak --fuzz-seconds N`, which needs the feature `libfuzzer`. What either finds belongs into
//! `fuzz/corpus/<target>`, which the tests replay.
//!
//! [`strict`] holds second readers, written from the grammars and from nothing else: where they and ours disagree
//! about an accepted message, one of the two is wrong.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a target says that it has found something"
)]

pub mod bounded;
pub mod corpus;
mod feed;
mod random;
pub mod strict;
mod targets;

pub use targets::{TARGETS, Target, find_target};
