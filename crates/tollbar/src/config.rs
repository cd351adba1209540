//! What an operator can set, and where each value came from.
//!
//! Defaults, then a TOML file, then `TOLLBAR__SECTION__KEY` variables, then flags: the later one wins. One table
//! ([`table`]) is the source of the struct, of reading and checking, and of the reference page.

mod check;
mod fault;
mod file;
mod load;
mod reference;
mod suggest;
pub(crate) mod table;
pub(crate) mod upstream_credential;
pub(crate) mod value;
mod variables;

pub(crate) use check::plain_http_fault;
pub(crate) use fault::Faults;
pub(crate) use load::{Flag, Loaded, load};
pub(crate) use reference::reference_page;
pub(crate) use suggest::did_you_mean;
pub(crate) use table::Config;
pub(crate) use variables::Variables;

#[cfg(test)]
mod tests;
