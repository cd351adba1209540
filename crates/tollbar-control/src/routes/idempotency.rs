//! Keyed requests: what became of them, and settling what is not known.

use axum::{Json, extract::State};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::{Environment, RequestId};
use tollbar_core::{
    idempotency::{Slot, StoredAnswer},
    outcome::{
        KeyedRequest, Outcome, Settled, Settlement, SlotHold, UnknownFilter, UnknownPlace, WhyUnknown,
    },
};

use super::{Shared, list_limit};
use crate::{
    change::{Change, Note},
    control::Control,
    fault::Fault,
    input::{Body, Query, parse_time},
    view::time,
};

/// The longest body that an operator may give as the answer of an execution.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;
const REASON_CHARACTERS_MAX: usize = 500;
/// How long requests may look at a record before it is settled.
const LOOK_MAX: std::time::Duration = std::time::Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnknownQuery {
    client: Option<String>,
    environment: Option<Environment>,
    since: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// Which keyed request: by its id, or by its key and whose that is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    request_id: Option<String>,
    client: Option<String>,
    environment: Option<Environment>,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settle {
    request_id: Option<String>,
    client: Option<String>,
    environment: Option<Environment>,
    key: Option<String>,
    executed: bool,
    answer: Option<GivenAnswer>,
    reason: String,
}

/// What the API answered, as an operator found out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAnswer {
    status: u16,
    content_type: Option<String>,
    #[serde(default)]
    body: String,
}

/// `GET /idempotency`: requests of unknown outcome, newest first.
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<UnknownQuery>,
) -> Result<Json<Value>, Fault> {
    let filter = UnknownFilter {
        client: query.client.map(|client| control.find_client(&client)).transpose()?.map(|c| c.record.id),
        environment: query.environment,
        since: query.since.map(|text| parse_time("since", &text)).transpose()?,
        before: query.before.map(|text| parse_place(&text)).transpose()?,
        limit: list_limit(query.limit)?,
        now: control.now(),
    };
    let keyed = control.keyed()?;
    let page = keyed.store.list_unknown(filter, keyed.under_way.clone()).await?;
    let unknown: Vec<Value> = page.requests.iter().map(|request| shown(&control, request)).collect();
    Ok(Json(json!({
        "unknown": unknown,
        "next": page.next.map(|place| place.to_string()),
        "stopped_at": page.stopped_at.map(time),
    })))
}

/// `GET /idempotency/record`: whatever became of a keyed request.
pub(super) async fn show(State(control): Shared, Query(which): Query<Which>) -> Result<Json<Value>, Fault> {
    let request = find(&control, &which).await?;
    Ok(Json(shown(&control, &request)))
}

/// `POST /idempotency/settle`: says what became of a request of unknown outcome.
pub(super) async fn settle(State(control): Shared, Body(input): Body<Settle>) -> Result<Json<Value>, Fault> {
    let Settle { request_id, client, environment, key, executed, answer, reason } = input;
    let reason = check_reason(&reason)?;
    let answer = answer.map(check_answer).transpose()?;
    if answer.is_some() && !executed {
        return Err(Fault::bad("answer: what was not executed has no answer; leave it out, or set executed"));
    }
    let request = find(&control, &Which { request_id, client, environment, key }).await?;
    check_unknown(&request)?;
    let held = hold(&control, &request).await?;
    let work = async move |mut change: Change| {
        let (slot, first) = (request.slot.clone(), request.request_id);
        let note =
            Note::new("idempotency.settle", &first, detail(&request, executed, answer.as_ref(), &reason));
        let settlement = match answer {
            _ if !executed => Settlement::NotExecuted,
            answer => {
                let secrets = &change.control.directory.secrets;
                let seal = |(answer, body): (StoredAnswer, String)| {
                    secrets.seal(&slot.sealing_context(), &answer.encode(body.as_bytes()))
                };
                let until = change.now.plus_seconds(change.control.lifetimes.answer_seconds);
                Settlement::Executed { sealed: answer.map(seal), until }
            }
        };
        let entry = change.entry(note);
        let id = entry.id;
        let store = change.control.keyed()?.store.clone();
        let settled = store.settle(slot, first, settlement, entry).await?;
        drop(held);
        match settled {
            Settled::Done => {
                let settled = if executed { "executed" } else { "not_executed" };
                Ok(Json(json!({
                    "request_id": first.as_str(),
                    "client": request.slot.client,
                    "client_name": client_name(&change.control, &request),
                    "environment": request.slot.environment,
                    "key": request.slot.key,
                    "settled": settled,
                    "change": id,
                })))
            }
            Settled::NotUnknown(Some(found)) if found.request_id == first => {
                check_unknown(&found)?;
                Err(Fault::internal("it was not settled, and is unknown all the same; try again"))
            }
            Settled::NotUnknown(_) => Err(Fault::conflict(format!(
                "request {first} does not have its key any more: it has expired; nothing was changed"
            ))),
        }
    };
    control.change(work).await
}

fn parse_place(text: &str) -> Result<UnknownPlace, Fault> {
    UnknownPlace::parse(text).ok_or_else(|| {
        Fault::bad(format!(
            "before: `{}` is no place in this list; take it from `next` of a list, or leave it out to begin with the newest",
            text.escape_debug()
        ))
    })
}

async fn find(control: &Control, which: &Which) -> Result<KeyedRequest, Fault> {
    let store = &control.keyed()?.store;
    match which {
        Which { request_id: Some(id), client: None, environment: None, key: None } => {
            let id = RequestId::parse(id).ok_or_else(|| {
                Fault::bad(format!(
                    "request_id: `{}` is not a request id; they are 12 characters of 0-9 and a-f",
                    id.escape_debug()
                ))
            })?;
            store.find_unknown(id, control.now()).await?.ok_or_else(|| {
                Fault::not_found(format!(
                    "request {id} has no unknown outcome: it was answered, or refused before it was sent, or settled as not \
                     executed, or had no Idempotency-Key, or its key has expired; ask for client, environment and key to see \
                     what stands there, and `tollbar request show {id}` for the request"
                ))
            })
        }
        Which { request_id: None, client: Some(client), environment: Some(environment), key: Some(key) } => {
            let client = control.find_client(client)?;
            let slot = Slot { client: client.record.id, environment: *environment, key: key.clone() };
            store.find_keyed(slot, control.now()).await?.ok_or_else(|| {
                Fault::not_found(format!(
                    "nothing is recorded under the key `{}` of client {} in {environment}: no request with it was sent, or it \
                     was released, or has expired; a request with it executes",
                    key.escape_debug(),
                    client.record.name,
                ))
            })
        }
        _ => Err(Fault::bad(
            "name the request by its request_id alone, or by client, environment and key, all three",
        )),
    }
}

fn check_unknown(request: &KeyedRequest) -> Result<(), Fault> {
    let id = request.request_id;
    let why_not = match (&request.outcome, request.settled_by) {
        (Outcome::Unknown(_), _) => return Ok(()),
        (Outcome::Answered, None) => "was answered, and a repeat gets that answer".to_owned(),
        (Outcome::TooLarge, _) => {
            "was executed, and is not executed again; its answer was too large to keep".to_owned()
        }
        (Outcome::Answered | Outcome::Executed, change) => {
            let by = change.map_or_else(String::new, |change| format!(" by change {}", change.0));
            let with = if request.outcome == Outcome::Answered { "with" } else { "without" };
            format!("was settled{by} as executed, {with} an answer")
        }
    };
    Err(Fault::conflict(format!("request {id} {why_not}: there is nothing to settle")))
}

/// Takes the slot, so that no request reads or executes in it meanwhile.
async fn hold(control: &Control, request: &KeyedRequest) -> Result<SlotHold, Fault> {
    let holding = control.keyed()?.under_way.hold(request.slot.clone());
    let held = tokio::time::timeout(LOOK_MAX, holding).await;
    held.map_err(|_| {
        Fault::conflict("repeats of the request do not let go of its record; is the store slow? Try again")
    })?
    .ok_or_else(|| {
        Fault::conflict(format!(
            "request {} is under way: its outcome will be known when it ends; nothing was changed",
            request.request_id
        ))
    })
}

fn check_reason(reason: &str) -> Result<String, Fault> {
    let reason = reason.trim();
    let length = reason.chars().count();
    if length == 0 || length > REASON_CHARACTERS_MAX || reason.chars().any(char::is_control) {
        return Err(Fault::bad(format!(
            "reason: say in 1 to {REASON_CHARACTERS_MAX} characters, on one line, how the outcome was found out; it stands in \
             the audit trail"
        )));
    }
    Ok(reason.to_owned())
}

fn check_answer(given: GivenAnswer) -> Result<(StoredAnswer, String), Fault> {
    let GivenAnswer { status, content_type, body } = given;
    if !(200..400).contains(&status) || status == 304 {
        return Err(Fault::bad(format!(
            "answer.status: {status} is no answer to a write that took effect; it must be from 200 to 399, and not 304"
        )));
    }
    if status == 204 && !(body.is_empty() && content_type.is_none()) {
        return Err(Fault::bad("answer: a 204 has neither body nor content type"));
    }
    if body.len() > ANSWER_LIMIT_BYTES {
        return Err(Fault::bad(format!(
            "answer.body: it has {} bytes; at most {ANSWER_LIMIT_BYTES} are kept",
            body.len()
        )));
    }
    let default = || if body.is_empty() { None } else { Some("application/json".to_owned()) };
    let content_type = content_type.or_else(default);
    if let Some(wrong) = content_type.as_deref().filter(|text| !is_content_type(text)) {
        return Err(Fault::bad(format!(
            "answer.content_type: `{}` is not a content type; write it like application/json",
            wrong.escape_debug()
        )));
    }
    let headers = content_type.map(|value| ("content-type".to_owned(), value.into_bytes()));
    let answer =
        StoredAnswer { status, headers: headers.into_iter().collect(), code: None, body_bytes: body.len() };
    Ok((answer, body))
}

fn is_content_type(text: &str) -> bool {
    let kind = text.split(';').next().unwrap_or_default().trim_end();
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    HeaderValue::from_str(text).is_ok()
        && kind.split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b))
}

/// For the audit trail.
fn detail(
    request: &KeyedRequest,
    executed: bool,
    answer: Option<&(StoredAnswer, String)>,
    reason: &str,
) -> String {
    let how = match answer {
        _ if !executed => "not executed, the key is released".to_owned(),
        None => "executed, without an answer".to_owned(),
        Some((answer, body)) => format!("executed, answer {} of {} bytes given", answer.status, body.len()),
    };
    let Slot { client, environment, key } = &request.slot;
    format!("{how}; key `{key}` of {client} in {environment}: {reason}")
}

fn client_name(control: &Control, request: &KeyedRequest) -> Option<String> {
    control.directory.find_client(request.slot.client).map(|client| client.record.name.clone())
}

fn shown(control: &Control, request: &KeyedRequest) -> Value {
    let is_executing = || control.keyed().is_ok_and(|keyed| keyed.under_way.is_executing(&request.slot));
    let (state, why) = match &request.outcome {
        Outcome::Unknown(_) if is_executing() => ("under_way", None),
        Outcome::Unknown(why) => ("unknown", Some(why_unknown(why.as_ref()))),
        Outcome::Answered => ("answered", None),
        Outcome::TooLarge => ("too_large", None),
        Outcome::Executed => ("executed", None),
    };
    json!({
        "request_id": request.request_id.as_str(),
        "client": request.slot.client,
        "client_name": client_name(control, request),
        "environment": request.slot.environment,
        "key": request.slot.key,
        "endpoint": request.endpoint,
        "endpoint_name": request.endpoint_name,
        "state": state,
        "why": why,
        "started_at": time(request.started_at),
        "expires_at": time(request.expires_at),
        "settled_by": request.settled_by,
    })
}

fn why_unknown(why: Option<&WhyUnknown>) -> String {
    match why {
        None => "no answer is recorded: the server may have ended while it was under way".to_owned(),
        Some(WhyUnknown::NoAnswer { cause }) => format!("no complete answer came back: {cause}"),
        Some(WhyUnknown::NotStored { cause }) => {
            format!("its caller was sent an answer that could not be stored: {cause}")
        }
    }
}
