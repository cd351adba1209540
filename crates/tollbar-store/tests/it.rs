//! The ports, as those who call them see them: every test opens a store in a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod it {
    mod books;
    mod crash;
    mod idempotency;
    mod idempotency_expiry;
    mod inspecting;
    mod journal;
    mod keyring;
    mod model;
    mod opening;
    mod outcome;
    mod policy;
    mod power;
    mod request_ids;
    mod request_log;
    mod support;
}
