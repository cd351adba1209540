//! The rules of admission, pure: no IO, no clock of their own, no async runtime.
//!
//! Credentials, addresses, scopes, rate windows, allowance, idempotency, grants, the catalogue, and the ports
//! ([`port`]) that a store implements. Knows `http`'s request head, and nothing of what carries the bytes.

mod address;
pub mod admission;
pub mod allowance;
pub mod api_key;
mod catalogue;
pub mod difference;
mod directory;
pub mod grant;
mod id;
pub mod idempotency;
pub mod import;
mod meter;
pub mod observation;
pub mod outcome;
pub mod partner;
pub mod port;
pub mod presented;
mod record;
mod rejection;
pub mod scope;
pub mod secret;
mod target;
mod throttle;
mod time;
pub mod token;
mod usage;
pub mod window;

pub use address::{CallerAddress, ForwardingHeader, Peer, parse_network, resolve_address};
pub use catalogue::{Api, ApiFault, Catalogue, Location, OwnRoute, RouteSettings, SANDBOX_PREFIX};
pub use directory::{ApplyFault, Client, Directory, Hold, Snapshot, UnderPepper};
pub use id::{ChangeId, ClientId, EndpointId, KeyId, NotAnId, OauthId, RequestIdPermutation, SwitchId};
pub use meter::Meter;
pub use presented::Presented;
pub use record::*;
pub use rejection::{Advice, Cause, KnownCredential, Rejection};
pub use target::find_path_fault;
pub use throttle::FailureThrottle;
pub use time::{Clock, Month, Timestamp};
pub use token::Claims;
pub use tollbar_openapi::is_same_template;
pub use usage::{OutcomeClass, Outcomes};
