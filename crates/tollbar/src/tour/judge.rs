//! Is the answer what the contract says? Nothing here knows what was done: these are the rules for every answer.

use serde_json::{Value, json};
use tollbar_contract::{Code, Stage};

use super::{
    attempt::{Attempt, Outcome},
    scene::Scene,
    wire::Reply,
};

mod look_up;

/// Everything that is not as it should be; `arrived`: how many requests reached the sample API.
pub(super) fn judge(scene: &Scene, code: Option<Code>, attempt: &Attempt, arrived: u64) -> Vec<String> {
    let mut faults = attempt.faults.clone();
    let reply = &attempt.reply;
    let status = match (code, attempt.outcome) {
        (Some(code), _) => code.status(),
        (None, Outcome::Answered(status) | Outcome::Replayed(status)) => status,
        (None, Outcome::AnsweredByOwnRoute(status)) => status,
        // A refusal has a code.
        (None, _) => 0,
    };
    let mut expect = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    expect(reply.status == status, format!("the status is {} and not {status}", reply.status));
    expect(
        arrived == attempt.sent,
        format!("{arrived} requests reached the upstream, and not {}", attempt.sent),
    );
    expect(is_request_id(reply.request_id()), format!("X-Request-Id is `{}`", reply.request_id()));
    match code {
        Some(code) => {
            faults.extend(envelope(reply, code));
            faults.extend(headers(reply, code, attempt.outcome));
        }
        None => {
            let marked = reply.header("x-error-code");
            expect(marked.is_none(), format!("a success carries X-Error-Code {marked:?}"));
        }
    }
    faults.extend(meters(attempt));
    match scene.look_up(reply.request_id()) {
        Ok(entry) => faults.extend(look_up::judge(&entry, code, attempt)),
        Err(fault) => faults.push(format!("{fault:#}")),
    }
    faults
}

/// Exactly the published keys, and the headers that stand beside every error.
fn envelope(reply: &Reply, code: Code) -> Option<String> {
    let body = reply.json();
    let message = body["error"]["message"].as_str().unwrap_or_default();
    let whole = json!({
        "success": false,
        "error": { "code": code.as_str(), "message": message },
        "meta": { "request_id": reply.request_id(), "version": "v1" },
    });
    // Byte for byte: the keys, their order, and nothing beside them.
    let whole = whole.to_string();
    if message.is_empty() || reply.body != whole {
        return Some(format!(
            "the body is not the envelope of {code} {}: {}",
            reply.request_id(),
            reply.body
        ));
    }
    let wanted = [
        ("x-error-code", code.as_str()),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
    ];
    let wrong = wanted.into_iter().find(|(name, value)| reply.header(name) != Some(value))?;
    Some(format!("header {} is {:?} and not {}", wrong.0, reply.header(wrong.0), wrong.1))
}

/// The headers that a code asks for, and none of those that it does not.
fn headers(reply: &Reply, code: Code, outcome: Outcome) -> Vec<String> {
    let (mut retry_after, mut should_retry, mut challenge, mut allow) = (None, None, None, false);
    match code {
        Code::ApiPlatformDisabled | Code::EndpointDisabled => retry_after = Some(60..=60),
        Code::MissingCredentials | Code::MalformedCredentials | Code::InvalidApiKey | Code::ExpiredToken => {
            challenge = Some("Bearer realm=\"api\"")
        }
        Code::RateLimitExceeded => retry_after = Some(1..=61),
        Code::ApiUsageAllowanceExceeded | Code::IdempotencyConflict => should_retry = Some("false"),
        Code::MethodNotAllowed => allow = true,
        Code::RevokedApiKey
        | Code::RevokedToken
        | Code::ClientSuspended
        | Code::IpNotAllowed
        | Code::CredentialEnvironmentMismatch
        | Code::ScopeMissing
        | Code::ApiAccessDisabled
        | Code::ApiWriteScopeNotCommerciallyEnabled
        | Code::InvalidRequest
        | Code::InvalidGrant
        | Code::InvalidClient
        | Code::InvalidScope
        | Code::InternalError
        | Code::NotFound
        | Code::RequestRejected => {}
    }
    let source = if outcome == Outcome::UpstreamFailed { "upstream" } else { "gateway" };
    let given = |name: &str| reply.header(name).unwrap_or("nothing").to_owned();
    let seconds = reply.number("retry-after");
    [
        (
            match (&retry_after, seconds) {
                (None, None) => reply.header("retry-after").is_none(),
                (Some(range), Some(seconds)) => range.contains(&seconds),
                _ => false,
            },
            "retry-after",
            retry_after.map_or_else(|| "nothing".to_owned(), |range| format!("{range:?}")),
        ),
        (
            reply.header("x-should-retry") == should_retry,
            "x-should-retry",
            should_retry.unwrap_or("nothing").to_owned(),
        ),
        (
            match (challenge, reply.header("www-authenticate")) {
                (Some(wanted), Some(found)) => found.starts_with(wanted),
                (wanted, found) => wanted == found,
            },
            "www-authenticate",
            challenge.unwrap_or("nothing").to_owned(),
        ),
        (
            reply.header("allow").is_some() == allow,
            "allow",
            if allow { "a list" } else { "nothing" }.to_owned(),
        ),
        (reply.header("x-error-source") == Some(source), "x-error-source", source.to_owned()),
    ]
    .into_iter()
    .filter(|(holds, _, _)| !holds)
    .map(|(_, name, wanted)| format!("header {name} is {} and not {wanted}", given(name)))
    .collect()
}

/// The meters stand on every answer from stage 8 on, and on none before.
fn meters(attempt: &Attempt) -> Option<String> {
    let is_due = match attempt.outcome {
        Outcome::Refused(stage) => stage >= Stage::Endpoint || attempt.waited,
        Outcome::UpstreamFailed | Outcome::Answered(_) | Outcome::Replayed(_) => true,
        Outcome::RefusedByOwnRoute(_) => false,
        Outcome::AnsweredByOwnRoute(_) => attempt.client.is_some(),
    };
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    let more = ["x-allowance-limit", "x-allowance-remaining", "x-allowance-reset"];
    let wrong = names.into_iter().chain(more).find(|name| attempt.reply.number(name).is_some() != is_due)?;
    Some(format!("header {wrong} is {}", if is_due { "missing" } else { "there, too early" }))
}

fn is_request_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The steps that support sees, as stages, with whether each passed.
fn steps_of(entry: &Value) -> Vec<(Option<Stage>, bool)> {
    let steps = entry["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stage = |step: &Value| serde_json::from_value(step["stage"].clone()).ok();
    steps.iter().map(|step| (stage(step), step["passed"] == Value::Bool(true))).collect()
}
