//! Black box tests under development.

#![allow(missing_docs, dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "it"]
mod it {
    pub(crate) mod support;

    mod addresses;
    mod allowance;
    mod bodies;
    mod counting;
    mod drain;
    mod exchange;
    mod forwarding;
    mod idempotency;
    mod idempotency_outcomes;
    mod idempotency_waiting;
    mod paths;
    mod streaming;
    mod upstream_faults;
}

pub(crate) use it::support;
