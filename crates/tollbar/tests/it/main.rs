//! Black box: the real binary, set up through its admin API, called over real sockets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod addresses;
mod admin;
mod allowance;
mod answers;
mod bodies;
mod cli;
mod client_lifecycle;
mod codes;
mod counting;
mod credential_environment;
mod credentials;
mod demo;
mod drain;
mod early_answers;
mod effects;
mod exchange;
mod first_request;
mod forwarding;
mod handover;
mod idempotency;
mod idempotency_outcomes;
mod idempotency_waiting;
mod in_force;
mod in_force_while_waiting;
mod key_lifecycle;
mod malformed;
mod malformed_answers;
mod own_routes;
mod paths;
mod precedence;
mod proxy_protocol;
mod real_clients;
mod real_document;
mod real_upstream;
mod secret_rotation;
mod secrets_kept;
mod slow_clients;
mod streaming;
mod switches;
mod throttle;
mod tls;
mod tls_live;
mod token_endpoint;
mod token_faults;
mod token_metadata;
mod token_precedence;
mod token_revocation;
mod token_use;
mod tour;
mod upgrade;
mod upstream_answers;
mod upstream_faults;
