//! The stages of admission, in the order of the contract. Each takes what the earlier ones returned and gives
//! back evidence that only it can make; none writes a response, none calls another.

use http::HeaderMap;
use tollbar_contract::{Code, Environment, Stage};
use tollbar_openapi::{BodyGiven, BodyNeed, RequestParts};

use crate::{
    CallerAddress, Client, Rejection, Snapshot, Tier, Timestamp,
    address::is_allowed,
    scope,
    window::{RateExceeded, RateState},
};

mod allowance;
mod answers;
mod credential;
mod endpoint;
mod switches;
#[cfg(test)]
mod tests;

pub use allowance::{Admitted, ChargeFault, charge, check_allowance};
pub use credential::{Authenticated, VerifyToken, authenticate, check_not_revoked};
pub use endpoint::{Operation, allowed_methods, find_operation};
pub use switches::{check_platform, check_switches};

/// How many addresses or scopes of a client stand in a cause.
const SHOWN_MAX: usize = 20;

/// Stage 5: the client is in good standing.
pub fn check_standing(client: &Client) -> Result<(), Rejection> {
    if client.record.suspended {
        let cause = format!("client {} ({}) is suspended", client.record.id, client.record.name);
        return Err(Rejection::new(Code::ClientSuspended, Stage::Standing, cause)
            .because_of(client.record.changes.standing));
    }
    Ok(())
}

/// Stage 6: the address is allowed.
pub fn check_address(client: &Client, caller: CallerAddress) -> Result<(), Rejection> {
    if is_allowed(caller.address, &client.record.allow_ips) {
        return Ok(());
    }
    let allowed: Vec<String> =
        client.record.allow_ips.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let more = client.record.allow_ips.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let cause = format!("{caller} ({}) is not in [{}]{more}", caller.source(), allowed.join(", "));
    Err(Rejection::new(Code::IpNotAllowed, Stage::Address, cause).because_of(client.record.changes.addresses))
}

/// Stage 7: the credential's environment is the one that is called.
pub fn check_environment(authenticated: &Authenticated, called: Environment) -> Result<(), Rejection> {
    let own = authenticated.environment();
    if own == called {
        return Ok(());
    }
    let cause = format!("a {own} credential was used on {called}");
    Err(Rejection::new(Code::CredentialEnvironmentMismatch, Stage::Environment, cause))
}

/// Stage 9: API access is enabled.
pub fn check_access(client: &Client) -> Result<(), Rejection> {
    if client.record.access_enabled {
        return Ok(());
    }
    let cause = format!("API access is not enabled for client {}", client.record.id);
    Err(Rejection::new(Code::ApiAccessDisabled, Stage::Access, cause)
        .because_of(client.record.changes.access))
}

/// Stage 10: the scopes that the endpoint requires are in force.
pub fn check_scope(
    operation: &Operation,
    authenticated: &Authenticated,
    client: &Client,
) -> Result<(), Rejection> {
    let own = authenticated.own_scopes();
    let required = &operation.endpoint().scopes;
    let Some(missing) = scope::find_missing(required, own.as_ref(), &client.record.scopes) else {
        return Ok(());
    };
    let in_force: Vec<_> = scope::in_force(own.as_ref(), &client.record.scopes).take(SHOWN_MAX).collect();
    // Where the client has the scope, it is the credential that has fewer.
    let is_the_credentials = client.record.scopes.contains(missing);
    let why = if is_the_credentials {
        format!("the client has it, and {} is limited to others", authenticated.credential_id())
    } else {
        "the client does not have it".to_owned()
    };
    let cause = format!("{missing} is required; in force: [{}]; {why}", in_force.join(" "));
    let message = format!(
        "The endpoint requires the scope {missing}, which your credential does not have. \
         Contact your account manager to discuss expanded access."
    );
    let change = if is_the_credentials { authenticated.change() } else { Some(client.record.changes.scopes) };
    Err(Rejection::new(Code::ScopeMissing, Stage::Scope, cause).because_of(change).saying(message))
}

/// Stage 11: write endpoints are for clients with write access.
pub fn check_write(operation: &Operation, client: &Client) -> Result<(), Rejection> {
    if !operation.endpoint().write || client.record.write_enabled {
        return Ok(());
    }
    let cause = format!("{} writes, and client {} has no write access", operation.name(), client.record.id);
    Err(Rejection::new(Code::ApiWriteScopeNotCommerciallyEnabled, Stage::Write, cause)
        .because_of(client.record.changes.write))
}

/// Stage 13: takes one from the rate. Behind a refusal: the tier's last change, or the client's into it, if that is later.
pub fn take_rate(
    snapshot: &Snapshot,
    client: &Client,
    environment: Environment,
    now: Timestamp,
) -> Result<RateState, Rejection> {
    let tier = find_tier(snapshot, client)?;
    let meter = client.meter(environment);
    meter.take_rate(tier.rate_per_minute, now).map_err(|RateExceeded { state, counted, retry_after_seconds }| {
        let cause = format!(
            "{counted} of {} requests in 60 s are used (tier {}, {environment}); one more at {}, all of them at {}",
            state.limit,
            tier.name,
            now.plus_seconds(retry_after_seconds.into()),
            Timestamp::from_seconds(state.reset_seconds)
        );
        Rejection::new(Code::RateLimitExceeded, Stage::Rate, cause)
            .because_of(tier.change.max(client.record.changes.tier))
            .retry_after(retry_after_seconds)
    })
}

/// The client's tier.
pub fn find_tier<'a>(snapshot: &'a Snapshot, client: &Client) -> Result<&'a Tier, Rejection> {
    snapshot.tiers.get(&client.record.tier).ok_or_else(|| {
        let cause =
            format!("client {} has the tier {}, which does not exist", client.record.id, client.record.tier);
        Rejection::new(Code::InternalError, Stage::Rate, cause).because_of(client.record.changes.tier)
    })
}

/// A request that is valid against the catalogue (stage 15).
pub struct Valid(());

/// Stage 15: the request's parameters are what the document says.
pub fn check_valid(
    operation: &Operation,
    query: Option<&str>,
    headers: &HeaderMap,
    body: BodyGiven<'_>,
) -> Result<Valid, Rejection> {
    let parts = RequestParts { path_parameters: &operation.path_parameters, query, headers };
    let checks = operation.api.checks();
    let is_passed_by = operation.endpoint().body_unchecked && !matches!(body, BodyGiven::None);
    let body = if is_passed_by { BodyGiven::Unchecked } else { body };
    match checks.check(operation.endpoint, &operation.endpoint().operation, &parts, body) {
        Ok(()) => Ok(Valid(())),
        Err(faults) => Err(Rejection::invalid(Stage::Validity, faults.to_string())),
    }
}

/// What stage 15 will need of a request's body.
pub fn body_need(operation: &Operation, headers: &HeaderMap) -> BodyNeed {
    if operation.endpoint().body_unchecked {
        return BodyNeed::Nothing;
    }
    operation.api.checks().body_need(operation.endpoint, headers)
}
