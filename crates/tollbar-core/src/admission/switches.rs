//! Stages 1 and 12: what an operator has switched off.

use tollbar_contract::{Code, Environment, Stage};

use super::Operation;
use crate::{Rejection, Snapshot, Switch, SwitchTarget, Timestamp};

/// Stage 1: the platform is switched on.
pub fn check_platform(
    snapshot: &Snapshot,
    environment: Environment,
    now: Timestamp,
) -> Result<(), Rejection> {
    let thrown = active_switches(snapshot, environment, now).find(|s| s.target == SwitchTarget::Platform);
    thrown.map_or(Ok(()), |switch| Err(switched_off(Code::ApiPlatformDisabled, Stage::Platform, switch, now)))
}

/// Stage 12: neither the endpoint nor its category is switched off.
pub fn check_switches(
    snapshot: &Snapshot,
    operation: &Operation,
    environment: Environment,
    now: Timestamp,
) -> Result<(), Rejection> {
    let endpoint = operation.endpoint();
    let hits = |target: &SwitchTarget| match target {
        SwitchTarget::Platform => false,
        SwitchTarget::Category { name } => *name == endpoint.category,
        SwitchTarget::Endpoint { .. } => {
            target.is_endpoint(&operation.api().record.base, &endpoint.operation)
        }
    };
    let thrown = active_switches(snapshot, environment, now).find(|switch| hits(&switch.target));
    thrown.map_or(Ok(()), |switch| Err(switched_off(Code::EndpointDisabled, Stage::Switch, switch, now)))
}

fn active_switches(
    snapshot: &Snapshot,
    environment: Environment,
    now: Timestamp,
) -> impl Iterator<Item = &Switch> {
    snapshot.switches.iter().filter(move |switch| {
        switch.environment.is_none_or(|e| e == environment) && switch.until.is_none_or(|until| now < until)
    })
}

/// Seconds to wait where a switch has no end.
const SWITCH_RETRY_SECONDS: u32 = 60;

fn switched_off(code: Code, stage: Stage, switch: &Switch, now: Timestamp) -> Rejection {
    let target = match &switch.target {
        SwitchTarget::Platform => "the platform".to_owned(),
        SwitchTarget::Category { name } => format!("category {name}"),
        SwitchTarget::Endpoint { method, path } => format!("endpoint {method} {path}"),
    };
    let place =
        switch.environment.map_or("both environments".to_owned(), |environment| environment.to_string());
    let until = switch.until.map_or("with no end set".to_owned(), |until| format!("until {until}"));
    let cause = format!("{target} was switched off at {} ({}) in {place}, {until}", switch.since, switch.id);
    let retry_after = switch.until.map_or(SWITCH_RETRY_SECONDS, |until| {
        u32::try_from(until.millis_since(now).div_ceil(1000)).unwrap_or(u32::MAX).max(1)
    });
    let rejection = Rejection::new(code, stage, cause).because_of(switch.change).retry_after(retry_after);
    match &switch.message {
        Some(message) => rejection.saying(message.clone()),
        None => rejection,
    }
}
