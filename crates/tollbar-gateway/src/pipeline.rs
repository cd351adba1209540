//! One request, top to bottom, in the order of the contract. The first check that fails answers.

use std::{rc::Rc, sync::Arc, time::Instant};

use http::Method;
use tollbar_contract::{Code, Stage};
use tollbar_core::{
    Client, Directory, Location, OwnRoute, Presented, Rejection, Snapshot, Timestamp,
    admission::{self, Authenticated, Operation},
    find_path_fault,
    idempotency::{Fingerprint, Slot, parse_key},
};
use tollbar_http::{Framing, RequestHead, TargetForm};

use crate::{
    answer::{Answer, Refused},
    body::{self, Body, ClientBody},
    charge::{self, TakenRate},
    exchange::Exchange,
    forward::{ForwardFailure, Outgoing, Place, forward, remove_hop_by_hop},
    keyed::{self, Claimed, Execution},
    own, respond,
    worker::Worker,
};

/// Answers a request whose head could be read.
pub(crate) async fn handle<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client: ClientBody<'r, '_>,
) -> Answer<'r> {
    match walk(worker, exchange, head, client).await {
        Ok(answer) => answer,
        Err(Refused { rejection, closes }) => {
            let mut answer = respond::rejection(exchange, rejection);
            answer.closes = closes;
            answer
        }
    }
}

async fn walk<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client_body: ClientBody<'r, '_>,
) -> Result<Answer<'r>, Refused> {
    let shared = &worker.shared;
    let directory = &shared.directory;
    let snapshot = directory.snapshot();
    let now = exchange.at;
    // Our own health answers before everything, so that a switch cannot hide it.
    let location = locate(directory, &snapshot, head);
    exchange.locate(&location);
    // 0 HTTP is sane
    check_http(head)?;
    if location.own == Some(OwnRoute::Health) {
        return Ok(own::health(worker, exchange, &snapshot, head).await?);
    }
    check_load(worker)?;
    // 1 the platform is switched on
    admission::check_platform(&snapshot, location.environment, now)?;
    if let Some(route) = location.own.filter(|route| *route != OwnRoute::Account) {
        return own::answer(worker, exchange, route, &location, head, client_body).await;
    }
    // 2 a credential is present and readable
    let presented = Presented::from_headers(&head.headers)?;
    // 3 it is known and in date
    let authenticated = authenticate(worker, exchange, &presented, now)?;
    // 4 to 7: the credential is not revoked; standing, address and environment are right
    let client = check_caller(directory, exchange, &authenticated, now)?;
    if location.own == Some(OwnRoute::Account) {
        return Ok(own::account(worker, exchange, &snapshot, &client, &authenticated, head)?);
    }
    if head.method == Method::OPTIONS {
        return Ok(respond::options(&admission::allowed_methods(&location)?));
    }
    // 8 to 12: path and method exist; access, scope and write entitlement are there; nothing is switched off
    let operation = check_operation(&snapshot, exchange, &location, head, &client, &authenticated, now)?;
    // 13 the per-minute rate
    exchange.rate = Some(admission::take_rate(&snapshot, &client, exchange.environment, now)?);
    let mut rate = TakenRate::new(worker, &client, exchange.environment, now);
    // What Connection names was for us alone: what is checked from here on is what the upstream gets.
    let mut head = head.clone();
    remove_hop_by_hop(&mut head.headers);
    let head = &head;
    // 14 the body is read; the idempotency key is new, or its answer is replayed
    let key = if operation.endpoint().write { parse_idempotency_key(head, &operation)? } else { None };
    let need = admission::body_need(&operation, &head.headers);
    if key.is_some() || !matches!(head.framing, Framing::None | Framing::Length(0)) {
        // What follows can take long.
        rate.journal();
    }
    let (body, claim) = match key {
        None => (body::read_needed(client_body, head, need, shared).await?, None),
        Some(key) => {
            let limit = shared.settings.keyed_body_limit_bytes(need);
            let body = body::read_whole(client_body, head, limit, shared, &shared.memory).await?;
            match take_slot(worker, exchange, &operation, &client, head, key, &body.bytes).await? {
                Claimed::Replay(answer) => return Ok(answer),
                Claimed::Fresh(claim) => (Body::Whole(body), Some(claim)),
            }
        }
    };
    // A request that waited is checked again: 1 and 4 to 12, as things are now.
    let (snapshot, now) = (directory.snapshot(), shared.clock.now());
    let location = locate(directory, &snapshot, head);
    admission::check_platform(&snapshot, location.environment, now)?;
    let client = check_caller(directory, exchange, &authenticated, now)?;
    let operation = check_operation(&snapshot, exchange, &location, head, &client, &authenticated, now)?;
    // 15 the request is valid against the catalogue
    let valid = admission::check_valid(&operation, head.target.query(), &head.headers, body.given())?;
    // A place at the upstream: what it cannot do in time is refused before it costs anything
    let place = match take_place(worker, exchange, &operation) {
        Ok(place) => place,
        Err(too_much) => {
            // An allowance that is used up is said first; what is left of it stays untouched.
            admission::check_allowance(&client, exchange.environment, now)?;
            return Err(too_much.into());
        }
    };
    // 16 the monthly allowance
    let endpoint = operation.endpoint().id;
    let (admitted, mut charged) =
        charge::charge(worker, &client, exchange.environment, endpoint, &valid, rate).await?;
    exchange.allowance = Some(admitted.charge.state);
    // 17 to the upstream
    let outgoing = Outgoing::new(worker, exchange, &operation, head, location.rest);
    if let Some(claim) = claim {
        // What is kept and replayed is an answer, not a connection.
        let outgoing = outgoing.without_upgrade();
        let body = if let Body::Whole(body) = body { Body::Whole(body) } else { Body::None };
        let facts = exchange.clone();
        let execution = Execution { claim, exchange: facts, outgoing, body, place, admitted, charged };
        return Ok(execute(worker, exchange, execution).await?);
    }
    match forward(worker, exchange, &outgoing, body, place, &admitted, &mut charged).await {
        Ok(answer) => {
            charged.settle(answer.status.as_u16());
            Ok(answer)
        }
        Err(ForwardFailure { rejection, closes, .. }) => {
            charged.settle(rejection.code.status());
            Err(Refused { rejection, closes })
        }
    }
}

/// Whether a request that was admitted would be now: stages 1 and 4 to 12.
pub(crate) fn is_still_admitted(worker: &Worker, exchange: &Exchange, head: &RequestHead) -> bool {
    let directory = &worker.shared.directory;
    let (snapshot, now) = (directory.snapshot(), worker.shared.clock.now());
    let location = locate(directory, &snapshot, head);
    let Some(authenticated) = exchange.authenticated.clone() else { return false };
    // What is found out here is not this request's record any more.
    let mut exchange = exchange.clone();
    let checked = admission::check_platform(&snapshot, location.environment, now)
        .and_then(|()| check_caller(directory, &mut exchange, &authenticated, now))
        .and_then(|client| {
            check_operation(&snapshot, &mut exchange, &location, head, &client, &authenticated, now)
        });
    checked.is_ok()
}

fn locate<'a>(directory: &'a Directory, snapshot: &'a Snapshot, head: &'a RequestHead) -> Location<'a> {
    snapshot.catalogue.locate(&directory.routes, head.host.as_deref().unwrap_or_default(), head.target.path())
}

/// What an HTTP message may be, and we do not serve.
fn check_http(head: &RequestHead) -> Result<(), Rejection> {
    if head.target.form() == TargetForm::Asterisk {
        return Err(Rejection::invalid(Stage::Http, "the request target `*` is not served; send a path"));
    }
    if let Some(fault) = find_path_fault(head.target.path()) {
        return Err(Rejection::invalid(Stage::Http, fault));
    }
    // An upstream that obeyed one of these would run another method than the one that was checked.
    let overrides = ["x-http-method-override", "x-http-method", "x-method-override"];
    if let Some(name) =
        head.headers.keys().find(|n| overrides.contains(&n.as_str().replace('_', "-").as_str()))
    {
        let message = format!("header \"{name}\" is not accepted; send the request with the method itself");
        return Err(Rejection::invalid(Stage::Http, message));
    }
    Ok(())
}

/// A thread that comes late to everything takes on nothing new.
fn check_load(worker: &Worker) -> Result<(), Rejection> {
    if !worker.is_overloaded() {
        return Ok(());
    }
    worker.shared.metrics.overloads.inc();
    let cause = "this thread comes late to everything; new requests are refused until it does not";
    Err(body::overloaded(Stage::Http, cause))
}

/// Stage 3. Failures are throttled by address; a valid credential never is.
pub(crate) fn authenticate(
    worker: &Worker,
    exchange: &mut Exchange,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<Authenticated, Rejection> {
    let verify = |token: &str| worker.verify_token(token);
    match admission::authenticate(&worker.shared.directory, presented, &verify, now) {
        Ok(authenticated) => {
            exchange.authenticated = Some(authenticated.clone());
            exchange.client = worker.shared.directory.find_client(authenticated.client_id());
            Ok(authenticated)
        }
        Err(rejection) => {
            if let Some(known) = &rejection.known {
                exchange.client = worker.shared.directory.find_client(known.client);
                exchange.own_credential = Some(known.credential.clone());
            }
            // An expired token is an honest client's everyday life.
            let is_everyday = rejection.code == Code::ExpiredToken;
            Err(if is_everyday { rejection } else { throttled(worker, exchange, rejection, now) })
        }
    }
}

/// Counts a failed authentication; beyond the limit the failure is answered by `rate_limit_exceeded`.
pub(crate) fn throttled(
    worker: &Worker,
    exchange: &Exchange,
    failure: Rejection,
    now: Timestamp,
) -> Rejection {
    let Some(seconds) = worker.shared.throttle.count(exchange.caller.address, now) else { return failure };
    let cause = format!(
        "more than {} failed authentications a minute from {}; this one: {}",
        worker.shared.settings.failures_per_minute,
        exchange.caller.address,
        failure.cause.for_support()
    );
    Rejection::new(Code::RateLimitExceeded, Stage::Known, cause)
        .saying(
            "Too many failed authentications from your address. Check the credential, and try again later.",
        )
        .retry_after(seconds)
}

/// Stages 4 to 7.
fn check_caller(
    directory: &Directory,
    exchange: &mut Exchange,
    authenticated: &Authenticated,
    now: Timestamp,
) -> Result<Arc<Client>, Rejection> {
    // 4 the credential is not revoked
    let client = admission::check_not_revoked(directory, authenticated, now)?;
    exchange.client = Some(client.clone());
    // 5 the client is in good standing
    admission::check_standing(&client)?;
    // 6 the address is allowed
    admission::check_address(&client, exchange.caller)?;
    // 7 the environment matches
    admission::check_environment(authenticated, exchange.environment)?;
    exchange.shows_meters = true;
    Ok(client)
}

/// Stages 8 to 12.
fn check_operation(
    snapshot: &Snapshot,
    exchange: &mut Exchange,
    location: &Location<'_>,
    head: &RequestHead,
    client: &Client,
    authenticated: &Authenticated,
    now: Timestamp,
) -> Result<Operation, Rejection> {
    // 8 path and method exist
    let operation = admission::find_operation(location, &head.method)?;
    exchange.operation = Some(operation.clone());
    // 9 API access is enabled
    admission::check_access(client)?;
    // 10 the scope is in force
    admission::check_scope(&operation, authenticated, client)?;
    // 11 writes are sold to this client
    admission::check_write(&operation, client)?;
    // 12 neither the endpoint nor its category is switched off
    admission::check_switches(snapshot, &operation, exchange.environment, now)?;
    Ok(operation)
}

fn parse_idempotency_key(head: &RequestHead, operation: &Operation) -> Result<Option<String>, Rejection> {
    match parse_key(&head.headers) {
        Ok(None) if operation.endpoint().idempotency_required => Err(Rejection::invalid(
            Stage::Idempotency,
            "header \"Idempotency-Key\" is required on this endpoint",
        )),
        Ok(key) => Ok(key),
        Err(fault) => Err(Rejection::invalid(Stage::Idempotency, fault.to_string())),
    }
}

async fn take_slot(
    worker: &Worker,
    exchange: &mut Exchange,
    operation: &Operation,
    client: &Client,
    head: &RequestHead,
    key: String,
    body: &[u8],
) -> Result<Claimed, Rejection> {
    exchange.idempotency_key = Some(key.clone());
    let fingerprint = Fingerprint::of(&head.method, head.target.path(), head.target.query(), body);
    exchange.keyed = Some(Fingerprint::parts_of(head.target.query(), body));
    let slot = Slot { client: client.record.id, environment: exchange.environment, key };
    keyed::claim(worker, exchange, operation, slot, fingerprint).await
}

fn take_place(worker: &Worker, exchange: &Exchange, operation: &Operation) -> Result<Place, Rejection> {
    let urls = &operation.api().record.upstreams[exchange.environment.index()];
    let upstream = worker.upstreams.find(worker, urls).ok_or_else(|| {
        Rejection::new(Code::InternalError, Stage::Upstream, "the upstream's URL cannot be used")
    })?;
    match upstream.limiter.try_enter(operation.endpoint().id, Instant::now()) {
        Some(entered) => Ok(Place { upstream, entered }),
        None => {
            worker.shared.metrics.overloads.inc();
            upstream.note_refusal();
            let limit = upstream.limiter.limit();
            let cause =
                format!("{limit} requests are under way to the upstream: as many as it answers in time");
            Err(body::overloaded(Stage::Upstream, cause))
        }
    }
}

async fn execute(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    execution: Execution,
) -> Result<Answer<'static>, Rejection> {
    let executed = keyed::execute(worker, execution).await.ok_or_else(|| {
        let cause = "the execution panicked; its outcome is unknown";
        keyed::lost_outcome(&Rejection::new(Code::InternalError, Stage::Upstream, cause))
    })?;
    exchange.upstream_status = executed.upstream_status;
    exchange.upstream_millis = executed.upstream_millis;
    exchange.upstream_connect_millis = executed.upstream_connect_millis;
    exchange.upstream_address = executed.upstream_address;
    executed.answer
}
