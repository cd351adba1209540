//! One sentence about one request, for support to copy and send to the partner.
//!
//! Made only of what the partner sent or was answered: method, path, time, address, code, message. The steps, the
//! compared values, the change behind a refusal and the upstream's status stay with the operator; where they tell one
//! case of a code from another, that alone is said ([`trace`]).

mod reason;
mod trace;

use tollbar_contract::{Code, Environment};
use tollbar_core::{Timestamp, port::RequestEntry};

const PATH_CHARACTERS_MAX: usize = 200;

/// Such as `Your request a1b2c3d4e5f6 (POST /v1/orders, 2026-11-22 09:16:10 UTC) was refused with scope_missing: ...`.
pub(crate) fn sentence(entry: &RequestEntry) -> String {
    format!(
        "Your request {} ({}) {}{}.",
        entry.request_id.0,
        occasion(entry),
        outcome(entry),
        repetition(entry)
    )
}

/// What was called, and when. A request that could not be read has no method or path.
fn occasion(entry: &RequestEntry) -> String {
    let called = one_line(&format!("{} {}", entry.method, entry.path), PATH_CHARACTERS_MAX);
    let environment = match entry.environment {
        Environment::Live => "",
        Environment::Sandbox => "sandbox",
    };
    let parts = [called, environment.to_owned(), readable(entry.at)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn outcome(entry: &RequestEntry) -> String {
    let status = entry.status;
    let Some(code) = entry.code.as_deref() else {
        return match status {
            ..400 => format!("was answered with {status}"),
            _ => format!("was answered with {status} by the API itself; the body of that answer says why"),
        };
    };
    match Code::find(code) {
        Some(known @ Code::InternalError) => format!("failed with {known}: {}", reason::reason(known, entry)),
        Some(known) => format!("was refused with {known}: {}", reason::reason(known, entry)),
        // Recorded by another version.
        None => format!("was answered with {status} ({})", one_line(code, 64)),
    }
}

/// Said of an answer that was not made for this request.
fn repetition(entry: &RequestEntry) -> String {
    trace::replayed(entry).map_or_else(String::new, |first| {
        format!(
            "; this repeats the answer to your request {first}, which had the same Idempotency-Key, and nothing was executed again"
        )
    })
}

/// `2026-11-22 09:16:10 UTC`
fn readable(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(..19).unwrap_or(&text).replace('T', " "))
}

/// Text from outside as a part of one line: no control characters, no runs of spaces, cut to a bound.
fn one_line(text: &str, characters_max: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= characters_max {
        return joined;
    }
    joined.chars().take(characters_max).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests;
