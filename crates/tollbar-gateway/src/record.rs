//! What is written down about a request: one entry for support, one count for the operator.

use tollbar_contract::Stage;
use tollbar_core::{
    Month,
    admission::Authenticated,
    allowance::AllowanceState,
    api_key::hide_credentials,
    port::{RequestEntry, RequestId12, TraceStep},
    scope,
    window::RateState,
};

use crate::{answer::Answer, exchange::Exchange, respond::status_of, worker::Worker};

/// What nginx made known for it.
const CALLER_LEFT: u16 = 499;
/// Behind what refused a request that had been let in that far before.
const SECOND_LOOK: &str = "; found when the request, which had passed before and taken from the rate, was checked again before it was sent";
const METHOD_CHARS_MAX: usize = 32;
const PATH_CHARS_MAX: usize = 512;

/// Counts and logs an answered request. Errors of identified clients always; others within their budgets.
pub(crate) fn record(worker: &Worker, exchange: &Exchange, answer: &Answer<'_>) {
    let code = answer.error.as_ref().map(|error| error.code);
    let environment = exchange.environment.as_str();
    let is_error = answer.status.as_u16() >= 400;
    // An error without a code was passed on as the upstream made it.
    let label = code.map_or(if is_error { "upstream_error" } else { "ok" }, |code| code.as_str());
    worker.shared.metrics.count_request(label, exchange.category(), environment);
    let errors = &worker.shared.error_budget;
    let is_logged = match &exchange.client {
        _ if !is_error => worker.success_budget.take(),
        Some(client) => errors.take_client(client.record.id),
        None => errors.take_anonymous(exchange.caller.address),
    };
    let metrics = &worker.shared.metrics;
    match (is_logged, is_error) {
        (true, _) => worker.shared.requests.record(entry(exchange, answer)),
        (false, true) => drop(metrics.log_left_out.inc()),
        (false, false) => drop(metrics.log_successes_left_out.inc()),
    }
}

/// A request whose caller left before its answer came: what was sent stands, and support can see that it was.
pub(crate) fn departed(worker: &Worker, exchange: &Exchange) {
    worker.shared.metrics.count_request("caller_left", exchange.category(), exchange.environment.as_str());
    let Some(client) = &exchange.client else { return };
    if !worker.shared.error_budget.take_client(client.record.id) {
        worker.shared.metrics.log_left_out.inc();
        return;
    }
    // No answer was given: the status is the one that others use for this, and no code is among ours.
    let answer = Answer::whole(status_of(CALLER_LEFT), http::HeaderMap::new(), Vec::new());
    let mut entry = entry(exchange, &answer);
    entry.message = Some("the caller left before the answer came".to_owned());
    worker.shared.requests.record(entry);
}

fn entry(exchange: &Exchange, answer: &Answer<'_>) -> RequestEntry {
    let error = answer.error.as_ref();
    let client = exchange.client.as_ref();
    let authenticated = exchange.authenticated.as_ref();
    RequestEntry {
        request_id: RequestId12(exchange.request_id),
        at: exchange.at,
        method: cut(exchange.method.as_str(), METHOD_CHARS_MAX),
        path: cut(&hide_credentials(&exchange.path), PATH_CHARS_MAX),
        environment: exchange.environment,
        status: answer.status.as_u16(),
        code: error.map(|e| e.code.as_str().to_owned()),
        message: error.map(|e| hide_credentials(&e.message).into_owned()),
        refused_at: error.and_then(|e| e.stage),
        client: client.map(|c| c.record.id),
        client_name: client.map(|c| c.record.name.clone()),
        credential: authenticated.map(|a| a.credential_id()).or_else(|| exchange.own_credential.clone()),
        address: exchange.caller.to_string(),
        address_source: exchange.caller.source(),
        endpoint: exchange
            .operation
            .as_ref()
            .map(|o| o.name())
            .or_else(|| exchange.own_route.map(str::to_owned)),
        steps: steps(exchange, answer),
        change: error.and_then(|e| e.change),
        upstream_status: exchange.upstream_status,
        duration_millis: u64::try_from(exchange.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        upstream_millis: exchange.upstream_millis,
        upstream_connect_millis: exchange.upstream_connect_millis,
        upstream_address: exchange.upstream_address.map(|address| address.to_string()),
        keyed: exchange.keyed.clone(),
    }
}

/// Each stage that was reached: those before the refusal passed, with the values that they compared.
fn steps(exchange: &Exchange, answer: &Answer<'_>) -> Vec<TraceStep> {
    let error = answer.error.as_ref();
    let refused_at = error.and_then(|e| e.stage);
    // It had come further, waited, and was held against things as they were then.
    let is_second_look = exchange.rate.is_some() && refused_at.is_some_and(|stage| stage < Stage::Rate);
    let reached = |stage: &Stage| refused_at.is_none_or(|refused| *stage <= refused);
    let step = |stage: Stage| {
        if refused_at == Some(stage) {
            let cause = error.and_then(|e| e.cause.as_ref()).map(|c| c.for_support().to_owned());
            let mut detail = cause.unwrap_or_default();
            if is_second_look {
                detail.push_str(SECOND_LOOK);
            }
            return Some(TraceStep { stage, passed: false, detail });
        }
        Some(TraceStep { stage, passed: true, detail: passed(stage, exchange)? })
    };
    let without_credentials =
        |step: TraceStep| TraceStep { detail: hide_credentials(&step.detail).into_owned(), ..step };
    Stage::ALL.iter().copied().filter(reached).filter_map(step).map(without_credentials).collect()
}

/// What a stage that let the request pass had compared, as it was then; `None` where it was not asked.
fn passed(stage: Stage, exchange: &Exchange) -> Option<String> {
    let authenticated = exchange.authenticated.as_ref();
    let client = exchange.client.as_ref().filter(|_| authenticated.is_some());
    let operation = exchange.operation.as_ref();
    match stage {
        Stage::Http => Some("readable".to_owned()),
        // Health answers whether it is on or off.
        Stage::Platform if exchange.own_route == Some("(health)") => None,
        Stage::Platform => Some(format!("on ({})", exchange.environment)),
        Stage::Presented => {
            let is_asked = authenticated.is_some() || exchange.own_route.is_none();
            is_asked.then(|| authenticated.map_or("one credential", Authenticated::form).to_owned())
        }
        Stage::Known => authenticated.map(|a| a.describe()),
        Stage::Revoked => client.map(|_| "not revoked".to_owned()),
        Stage::Standing => client.map(|c| format!("{} ({}) is in good standing", c.record.id, c.record.name)),
        Stage::Address => client.map(|c| {
            let allowed: Vec<String> = c.record.allow_ips.iter().map(ToString::to_string).collect();
            let list =
                if allowed.is_empty() { "any".to_owned() } else { format!("[{}]", allowed.join(", ")) };
            format!("{} ({}); allowed: {list}", exchange.caller, exchange.caller.source())
        }),
        Stage::Environment => {
            authenticated.map(|a| format!("{} credential on {}", a.environment(), exchange.environment))
        }
        Stage::Endpoint => operation.map(|o| o.name()).or_else(|| exchange.own_route.map(str::to_owned)),
        Stage::Access => operation.and(client).map(|_| "enabled".to_owned()),
        Stage::Scope => {
            let (operation, client, own) = (operation?, client?, authenticated?.own_scopes());
            let in_force: Vec<&str> = scope::in_force(own.as_ref(), &client.record.scopes).take(20).collect();
            Some(format!(
                "{} required; in force: {}",
                operation.endpoint().scopes.join(" "),
                in_force.join(" ")
            ))
        }
        Stage::Write => {
            operation.map(|o| if o.endpoint().write { "write enabled" } else { "not a write" }.to_owned())
        }
        Stage::Switch => {
            operation.map(|o| format!("the endpoint and its category {} are on", o.endpoint().category))
        }
        Stage::Rate => {
            let client = client?;
            let RateState { limit, remaining, .. } = exchange.rate?;
            let (used, tier) = (limit.saturating_sub(remaining), &client.record.tier);
            Some(format!("number {used} of {limit} in 60 s (tier {tier}, {})", exchange.environment))
        }
        Stage::Idempotency => operation.map(|_| match (&exchange.idempotency_key, exchange.replay_of) {
            (None, _) => "no key".to_owned(),
            (Some(key), None) => format!("key `{key}` is new"),
            (Some(key), Some(first)) => format!("key `{key}`: the answer of {first} is replayed"),
        }),
        Stage::Validity => operation.filter(|_| exchange.replay_of.is_none()).map(|_| "valid".to_owned()),
        Stage::Allowance => {
            let AllowanceState { limit, used, .. } = exchange.allowance?;
            let (month, environment) = (Month::of(exchange.at), exchange.environment);
            let beyond = if used > limit { "; what is beyond goes on, and is reported" } else { "" };
            Some(format!("charged as number {used} of {limit} of {month} ({environment}){beyond}"))
        }
        Stage::Upstream => exchange.upstream_status.map(|status| format!("answered {status}")),
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
