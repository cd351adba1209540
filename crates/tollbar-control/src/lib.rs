//! Tollbar's control plane: the admin API, and the ops listener with `/livez`, `/readyz` and `/metrics`.
//!
//! ```text
//! request -> safety (Host, Origin, token, Content-Type) -> one route -> Change -> store -> directory -> answer
//! ```
//!
//! What it does not know: how policy is stored, how requests are admitted, where its settings come from. It
//! changes state only through [`tollbar_core::port::PolicyStore`], [`tollbar_core::outcome::OutcomeStore`] and
//! [`tollbar_core::Directory`].

mod change;
mod client_rules;
mod control;
mod credential;
mod fault;
mod input;
mod keeping;
mod near;
mod ops;
mod routes;
mod safety;
mod secrets;
mod sentence;
mod serve;
mod upstream;
mod view;

pub use control::{Control, ControlSettings, Keyed, Lifetimes};
pub use keeping::{LeftOut, RequestKeeping};
pub use ops::{Ops, serve_ops};
pub use serve::serve_admin;
