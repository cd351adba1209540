//! Tollbar's own routes under each base.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Method, StatusCode, header::RETRY_AFTER};
use serde_json::json;
use tollbar_contract::{Code, Stage};
use tollbar_core::{
    Client, Location, OwnRoute, Rejection, Snapshot,
    admission::{self, Authenticated},
    scope,
};
use tollbar_http::RequestHead;

use crate::{
    answer::{Answer, Refused},
    body::ClientBody,
    charge::TakenRate,
    exchange::Exchange,
    respond,
    worker::Worker,
};

mod oauth;

/// A health answer is this old at most: a flood of them does not reach the store.
const HEALTH_AGE: Duration = Duration::from_secs(1);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// Routes that authenticate themselves, or need no credential.
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    route: OwnRoute,
    location: &Location<'_>,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<Answer<'static>, Refused> {
    exchange.own_route = Some(name(route));
    if head.method == Method::OPTIONS {
        return Ok(respond::options(route.methods()));
    }
    check_method(route, &head.method)?;
    match route {
        OwnRoute::Token => oauth::token(worker, exchange, location, head, client).await,
        OwnRoute::Revoke => oauth::revoke(worker, exchange, head, client).await,
        OwnRoute::Introspect => oauth::introspect(worker, exchange, head, client).await,
        OwnRoute::Jwks => Ok(public_json(&worker.shared.directory.signing_keys().jwks())),
        OwnRoute::Metadata => Ok(public_json(&oauth::metadata(worker, location))),
        OwnRoute::Health | OwnRoute::Account => {
            Err(Rejection::new(Code::InternalError, Stage::Endpoint, "this route is served elsewhere").into())
        }
    }
}

/// `GET {base}/health`: for partners; never refused by a switch.
pub(crate) async fn health(
    worker: &Worker,
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    head: &RequestHead,
) -> Result<Answer<'static>, Rejection> {
    exchange.own_route = Some(name(OwnRoute::Health));
    if head.method == Method::OPTIONS {
        return Ok(respond::options(OwnRoute::Health.methods()));
    }
    check_method(OwnRoute::Health, &head.method)?;
    let database = database_is_well(worker).await;
    let switched_off = admission::check_platform(snapshot, exchange.environment, exchange.at).err();
    let is_well = database && switched_off.is_none();
    let body = json!({
        "status": if is_well { "ok" } else { "degraded" },
        "timestamp": worker.shared.clock.now().to_string(),
        "version": exchange.version,
        "checks": {
            "database": if database { "ok" } else { "error" },
            "platform": if switched_off.is_none() { "operational" } else { "disabled" },
        },
    });
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = respond::json(status, body.to_string().into_bytes());
    if !is_well {
        let seconds = switched_off.and_then(|rejection| rejection.advice.retry_after_seconds).unwrap_or(60);
        answer.headers.insert(RETRY_AFTER, seconds.into());
    }
    Ok(answer)
}

async fn database_is_well(worker: &Worker) -> bool {
    // One asks, the others wait for what it hears.
    let mut health = worker.health.lock().await;
    if let Some((at, is_well)) = *health
        && at.elapsed() < HEALTH_AGE
    {
        return is_well;
    }
    let checked = tokio::time::timeout(HEALTH_TIMEOUT, worker.shared.policy.check()).await;
    let is_well = matches!(checked, Ok(Ok(())));
    *health = Some((Instant::now(), is_well));
    is_well
}

/// `GET {base}/account`: what a client may know of itself. Takes from the rate, and is not charged.
pub(crate) fn account(
    worker: &Worker,
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    client: &Arc<Client>,
    authenticated: &Authenticated,
    head: &RequestHead,
) -> Result<Answer<'static>, Rejection> {
    exchange.own_route = Some(name(OwnRoute::Account));
    if head.method == Method::OPTIONS {
        return Ok(respond::options(OwnRoute::Account.methods()));
    }
    check_method(OwnRoute::Account, &head.method)?;
    let (environment, now) = (exchange.environment, exchange.at);
    let rate = admission::take_rate(snapshot, client, environment, now)?;
    exchange.rate = Some(rate);
    drop(TakenRate::new(worker, client, environment, now));
    let limit = client.record.allowance[environment.index()];
    let allowance = client.meter(environment).peek_allowance(limit, now);
    let own = authenticated.own_scopes();
    let scopes: Vec<&str> = scope::in_force(own.as_ref(), &client.record.scopes).collect();
    Ok(respond::success(
        exchange,
        json!({
            "client": { "id": client.record.id, "name": client.record.name },
            "environment": environment,
            "credential": authenticated.credential_id(),
            "scopes": scopes,
            "tier": client.record.tier,
            "access_enabled": client.record.access_enabled,
            "write_enabled": client.record.write_enabled,
            "rate": { "limit": rate.limit, "remaining": rate.remaining, "reset": rate.reset_seconds },
            "allowance": {
                "limit": allowance.limit,
                "used": allowance.used,
                "remaining": allowance.remaining(),
                "reset": allowance.reset_seconds,
                "overage": client.record.overage,
            },
        }),
    ))
}

fn check_method(route: OwnRoute, method: &Method) -> Result<(), Rejection> {
    let allow = route.methods();
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        return Ok(());
    }
    let mut rejection =
        Rejection::new(Code::MethodNotAllowed, Stage::Endpoint, format!("{method} is not among {allow}"));
    rejection.advice.allow = Some(allow.to_owned());
    Err(rejection)
}

const fn name(route: OwnRoute) -> &'static str {
    match route {
        OwnRoute::Health => "(health)",
        OwnRoute::Account => "(account)",
        OwnRoute::Token => "(token)",
        OwnRoute::Revoke => "(revoke)",
        OwnRoute::Introspect => "(introspect)",
        OwnRoute::Jwks => "(jwks)",
        OwnRoute::Metadata => "(metadata)",
    }
}

/// The URL of a base in an environment, as partners write it.
pub(crate) fn base_url(worker: &Worker, location: &Location<'_>) -> String {
    let shared = &worker.shared;
    let base = location.base.unwrap_or_default();
    shared.directory.routes.base_url(&shared.public_url, location.environment, base)
}

fn public_json(value: &serde_json::Value) -> Answer<'static> {
    let mut headers = HeaderMap::with_capacity(8);
    respond::put(&mut headers, http::header::CONTENT_TYPE, "application/json");
    respond::put(&mut headers, http::header::CACHE_CONTROL, "public, max-age=60");
    Answer::whole(StatusCode::OK, headers, value.to_string().into_bytes())
}
