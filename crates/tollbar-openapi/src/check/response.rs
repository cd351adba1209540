//! Which description an answer has, and what its head lacks.

use http::HeaderMap;

use super::fault::{Fault, Faults, quoted};
use crate::operation::Response;

/// The description of a status, and its place in the list: of the status itself, else of its hundred, else of all.
pub(super) fn find(responses: &[Response], status: u16) -> Option<(usize, &Response)> {
    let exact = status.to_string();
    let hundred = format!("{}XX", status / 100);
    [exact.as_str(), hundred.as_str(), "default"]
        .iter()
        .find_map(|name| responses.iter().enumerate().find(|(_, one)| one.status == *name))
}

pub(super) fn not_described(status: u16) -> Fault {
    Fault::of_request(&format!("status {status} is not described"))
}

pub(super) fn check_headers(described: &Response, headers: &HeaderMap, faults: &mut Faults) {
    for name in described.required_headers.iter().filter(|name| !headers.contains_key(name.as_str())) {
        faults.add(Fault::of_request(&format!("header {} is required", quoted(name))));
    }
}

#[cfg(test)]
mod tests;
