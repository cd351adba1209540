//! Black box: the real binary, set up through its admin API, called over real sockets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod first_request;
