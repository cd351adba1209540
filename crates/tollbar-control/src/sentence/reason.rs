//! Why, in words that a partner can act on.

use std::net::IpAddr;

use tollbar_contract::{Code, Environment, Stage};
use tollbar_core::{Month, port::RequestEntry};

use super::{one_line, trace};

const MESSAGE_CHARACTERS_MAX: usize = 300;

/// A clause without a full stop. Speaks of the time of the request: things may have changed since.
pub(super) fn reason(code: Code, entry: &RequestEntry) -> String {
    // What was answered, where it says more than the code alone.
    let message = entry.message.as_deref().filter(|message| *message != code.description());
    let said = message.map(clause).filter(|said| !said.is_empty());
    // Only what the API answered is kept for replaying, or what became of asking it.
    let by_upstream = entry.upstream_status.is_some() || trace::replayed(entry).is_some();
    match code {
        Code::ApiPlatformDisabled => with_notice("the API was switched off at that time", message),
        Code::MissingCredentials => "it carried neither an X-API-Key header nor an Authorization: Bearer header".into(),
        Code::MalformedCredentials if trace::is_key_as_token(entry) => {
            "its Authorization: Bearer header carried an API key, not a token; send the key as X-API-Key".into()
        }
        Code::MalformedCredentials => {
            "its credentials could not be read; send either one X-API-Key header or one Authorization: Bearer header".into()
        }
        Code::InvalidApiKey => {
            "its API key does not match any active key; check that the whole key was sent and that it has not expired".into()
        }
        Code::ExpiredToken => "its token had expired; request a new token and send the request again".into(),
        Code::RevokedApiKey => "its API key has been revoked; your account manager can give you a new one".into(),
        Code::RevokedToken => "its token has been revoked; request a new token".into(),
        Code::ClientSuspended => "your API client account was suspended at that time".into(),
        Code::IpNotAllowed => match entry.address.parse::<IpAddr>() {
            Ok(address) => format!("it came from the address {address}, which was not in your allowlist at that time"),
            Err(_) => "it came from an address that was not in your allowlist at that time".into(),
        },
        Code::CredentialEnvironmentMismatch => {
            let (used, called) = match entry.environment {
                Environment::Live => ("sandbox", "live"),
                Environment::Sandbox => ("live", "sandbox"),
            };
            format!("it used a {used} credential in the {called} environment")
        }
        Code::ScopeMissing => said.map_or_else(
            || "the endpoint requires a scope that your credential does not have".into(),
            |said| first_sentence(&said).to_owned(),
        ),
        Code::ApiAccessDisabled => "API access was not enabled for your account at that time".into(),
        Code::ApiWriteScopeNotCommerciallyEnabled => {
            "it is a write endpoint, and write access was not enabled for your account at that time".into()
        }
        // Before a client is known, it is failures that are counted, for each address.
        Code::RateLimitExceeded if entry.refused_at == Some(Stage::Known) => {
            "too many requests with invalid credentials had come from its address within a minute".into()
        }
        Code::RateLimitExceeded => {
            "the per-minute request rate of your tier was used up; wait until the time in X-RateLimit-Reset, then send it again".into()
        }
        Code::ApiUsageAllowanceExceeded => format!(
            "your {} request allowance for {} was used up; your account manager can discuss overage options",
            entry.environment,
            Month::of(entry.at)
        ),
        Code::EndpointDisabled => {
            let endpoint = entry.endpoint.as_deref().map(|endpoint| format!(" {}", one_line(endpoint, 200)));
            let what = format!("the endpoint{} was switched off at that time", endpoint.unwrap_or_default());
            with_notice(&what, message)
        }
        Code::IdempotencyConflict => {
            "its Idempotency-Key had been used before with a different request; use a new key for each operation".into()
        }
        Code::InvalidRequest if by_upstream => after("the API rejected it", said),
        Code::InvalidRequest => {
            said.unwrap_or_else(|| "a required parameter was missing or had an invalid value".into())
        }
        Code::InvalidGrant => "the grant_type of a token request must be client_credentials".into(),
        Code::InvalidClient => "the client_id and client_secret of the token request are not a valid pair".into(),
        Code::InvalidScope => {
            said.unwrap_or_else(|| "the token request asked for a scope that is not among your allowed scopes".into())
        }
        Code::InternalError if said.is_none() && trace::is_upstream_error(entry) => {
            "the API behind our gateway answered with an error of its own; if it happens again, please send us its request id".into()
        }
        Code::InternalError => said.unwrap_or_else(|| {
            "an unexpected error occurred on our side; if it happens again, please send us its request id".into()
        }),
        Code::NotFound if by_upstream => after("the API found nothing under this path", said),
        Code::NotFound if trace::has_no_upstream(entry) => {
            format!("the API has no {} environment here, so that none of its paths can be called there", entry.environment)
        }
        Code::NotFound => "no endpoint of the API has this path; check it against the documentation".into(),
        Code::MethodNotAllowed => {
            format!("this path exists, but not with the method {}", one_line(&entry.method, 32))
        }
        Code::RequestRejected => after(&format!("the API rejected it with status {}", entry.status), said),
    }
}

/// The operator's own words, marked as such.
fn with_notice(what: &str, notice: Option<&str>) -> String {
    match notice {
        Some(notice) => format!("{what}, with the notice \"{}\"", one_line(notice, MESSAGE_CHARACTERS_MAX)),
        None => format!("{what}; please try again later"),
    }
}

fn after(what: &str, said: Option<String>) -> String {
    said.map_or_else(|| what.to_owned(), |said| format!("{what}: {said}"))
}

/// A message to go on with after a colon: one line, no full stop at its end, a small letter first unless it begins
/// with a name such as `X-API-Key`.
fn clause(message: &str) -> String {
    let line = one_line(message, MESSAGE_CHARACTERS_MAX);
    let line = line.strip_suffix('.').filter(|rest| !rest.ends_with('.')).unwrap_or(&line);
    let mut characters = line.chars();
    let (first, second) = (characters.next(), characters.next());
    let is_word = second.is_some_and(|c| c.is_lowercase() || c == ' ');
    match first {
        Some(first) if is_word => first.to_lowercase().chain(line.chars().skip(1)).collect(),
        _ => line.to_owned(),
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}
