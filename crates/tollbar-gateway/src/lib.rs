//! Tollbar's data plane: listeners, the admission pipeline, upstreams, answers, token endpoint, drain.
//!
//! Begin with `pipeline.rs`: one request, one function, in the order of the contract.

mod answer;
mod body;
mod charge;
mod concurrency;
mod connection;
mod door;
mod exchange;
mod forward;
mod inflight;
mod keyed;
mod listen;
mod log_budget;
mod loop_lag;
mod memory_budget;
mod metrics;
mod observe;
mod owed;
mod own;
mod panics;
mod per_address;
mod pipeline;
mod record;
mod request_ids;
mod respond;
mod settings;
mod shared;
mod transport;
mod upstream;
mod worker;

pub use listen::{Adopting, Queued, Relaying, Running, bind, start};
pub use metrics::Metrics;
pub use request_ids::RequestIds;
pub use settings::{GatewaySettings, IdempotencySettings, UpstreamCredential, UpstreamSettings};
pub use shared::{Parts, Shared};
