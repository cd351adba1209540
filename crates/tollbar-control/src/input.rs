//! Reading what was sent, with messages that name what is wrong.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    response::IntoResponse,
};
use http::{StatusCode, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};
use tollbar_core::{Month, Timestamp};

use crate::{fault::Fault, safety::check_content_type};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A body that must be JSON.
pub(crate) struct Body<T>(pub(crate) T);

/// A body that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

/// The body of a request that needs none: nothing, or `{}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

/// The variable parts of the path, percent-decoded.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        check_content_type(request.headers())?;
        let bytes = read_body(request, state).await?;
        if bytes.is_empty() {
            return Err(Fault::bad("the body is empty; send a JSON object"));
        }
        parse_json(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let bytes = read_body(request, state).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse_json(&bytes).map(Self) }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|rejection| Fault::bad(rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| Fault::not_found(rejection.body_text()))
    }
}

/// Reads a time, naming the field.
pub(crate) fn parse_time(field: &str, text: &str) -> Result<Timestamp, Fault> {
    Timestamp::parse(text).ok_or_else(|| {
        Fault::bad(format!(
            "{field}: `{text}` is not a time; write it like 2026-12-01T00:00:00Z, or 2026-12-01 for its first moment in UTC"
        ))
    })
}

/// The same for a time that must not have passed.
pub(crate) fn parse_future_time(field: &str, text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let at = parse_time(field, text)?;
    if at <= now {
        return Err(Fault::bad(format!("{field}: {at} has passed; it is {now} now")));
    }
    Ok(at)
}

/// Reads a calendar month; this one, if none is given.
pub(crate) fn parse_month(text: Option<&str>, now: Timestamp) -> Result<Month, Fault> {
    let Some(text) = text else { return Ok(Month::of(now)) };
    Month::parse(text).ok_or_else(|| {
        Fault::bad(format!(
            "month: `{}` is not a month; write it like {}",
            text.escape_debug(),
            Month::of(now)
        ))
    })
}

async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Fault> {
    let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
    let body =
        body.map_err(|_| Fault::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"))?;
    body.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than this route takes")
        }
        _ => Fault::bad("the body did not arrive whole"),
    })
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::bad(format!("the body: {error}")))
}
