//! Does support see the same as the partner, and why? And no secret.

use serde_json::{Value, json};
use tollbar_contract::{Code, Stage};

use super::steps_of;
use crate::tour::attempt::{Attempt, Outcome};

/// What is wrong with the look-up of an attempt.
pub(super) fn judge(entry: &Value, code: Option<Code>, attempt: &Attempt) -> Vec<String> {
    let refused_at = match attempt.outcome {
        Outcome::Refused(stage) | Outcome::RefusedByOwnRoute(stage) => json!(stage),
        _ => Value::Null,
    };
    let expected = [
        ("status", json!(attempt.reply.status)),
        ("code", json!(code.map(Code::as_str))),
        ("client", json!(attempt.client)),
        ("refused_at", refused_at),
    ];
    let mut faults: Vec<String> = expected
        .into_iter()
        .filter(|(name, wanted)| entry[name] != *wanted)
        .map(|(name, wanted)| format!("the look-up has {name} {} and not {wanted}", entry[name]))
        .collect();
    let (found, text) = (steps_of(entry), entry.to_string());
    if !steps_are_right(&found, entry, attempt) {
        let numbers: Vec<_> =
            found.iter().map(|(stage, passed)| (stage.map(Stage::number), passed)).collect();
        faults.push(format!("the look-up's steps are {numbers:?}"));
    }
    if code.is_some_and(is_operators_doing) && !entry["change_detail"].is_object() {
        faults.push("the look-up does not name the operator's change behind it".to_owned());
    }
    if attempt.secrets.iter().any(|secret| text.contains(secret)) {
        faults.push("a credential stands in the look-up".to_owned());
    }
    faults
}

fn steps_are_right(found: &[(Option<Stage>, bool)], entry: &Value, attempt: &Attempt) -> bool {
    let is_known = attempt.client.is_some();
    match attempt.outcome {
        Outcome::Refused(stage) if is_known => found == upto(stage, Some(stage)) && has_cause(entry),
        // Of a stranger less is known; the stage that refused is.
        Outcome::Refused(stage) | Outcome::RefusedByOwnRoute(stage) => {
            found.last() == Some(&(Some(stage), false))
                && found.iter().rev().skip(1).all(|(_, passed)| *passed)
                && has_cause(entry)
        }
        Outcome::Replayed(_) => found == upto(Stage::Idempotency, None),
        Outcome::Answered(_) | Outcome::UpstreamFailed => found == upto(Stage::Upstream, None),
        Outcome::AnsweredByOwnRoute(_) => found.iter().all(|(_, passed)| *passed),
    }
}

/// Codes that only an operator's change can bring about.
fn is_operators_doing(code: Code) -> bool {
    match code {
        Code::ApiPlatformDisabled
        | Code::RevokedApiKey
        | Code::ClientSuspended
        | Code::IpNotAllowed
        | Code::ApiAccessDisabled
        | Code::ApiWriteScopeNotCommerciallyEnabled
        | Code::EndpointDisabled
        | Code::ApiUsageAllowanceExceeded => true,
        Code::MissingCredentials
        | Code::MalformedCredentials
        | Code::InvalidApiKey
        | Code::ExpiredToken
        | Code::RevokedToken
        | Code::CredentialEnvironmentMismatch
        | Code::ScopeMissing
        | Code::RateLimitExceeded
        | Code::IdempotencyConflict
        | Code::InvalidRequest
        | Code::InvalidGrant
        | Code::InvalidClient
        | Code::InvalidScope
        | Code::InternalError
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::RequestRejected => false,
    }
}

/// All stages up to one, all passed but for the one that refused.
fn upto(last: Stage, refused: Option<Stage>) -> Vec<(Option<Stage>, bool)> {
    let reached = Stage::ALL.iter().copied().filter(|stage| *stage <= last);
    reached.map(|stage| (Some(stage), Some(stage) != refused)).collect()
}

/// The values that were compared.
fn has_cause(entry: &Value) -> bool {
    let last = entry["steps"].as_array().and_then(|steps| steps.last());
    last.and_then(|step| step["detail"].as_str()).is_some_and(|detail| !detail.is_empty())
}
