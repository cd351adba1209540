//! The only place that makes error bodies and the common headers.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, DATE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tollbar_contract::{Code, error_body, headers, success_body};
use tollbar_core::{Clock, Rejection, Snapshot, Timestamp, admission};

use crate::{
    answer::{Answer, AnsweredError},
    exchange::Exchange,
};

/// Whose error it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Gateway,
    Upstream,
}

/// The answer to a rejection.
pub(crate) fn rejection(exchange: &Exchange, rejection: Rejection) -> Answer<'static> {
    let status = status_of(rejection.code.status());
    let mut answer = error(exchange, status, rejection.code, &rejection.message, Source::Gateway);
    let headers = &mut answer.headers;
    if let Some(seconds) = rejection.advice.retry_after_seconds {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = rejection.advice.allow.as_deref() {
        put(headers, ALLOW, allow);
    }
    if let Some(challenge) = rejection.advice.challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if rejection.advice.should_not_retry {
        headers.insert(headers::SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(error) = &mut answer.error {
        error.stage = Some(rejection.stage);
        error.cause = Some(rejection.cause);
        error.change = rejection.change;
    }
    answer
}

/// An error in the envelope.
pub(crate) fn error(
    exchange: &Exchange,
    status: StatusCode,
    code: Code,
    message: &str,
    source: Source,
) -> Answer<'static> {
    let body = error_body(code, message, &exchange.request_id, &exchange.version);
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    mark_error(&mut headers, Some(code), source);
    let mut answer = Answer::whole(status, headers, body);
    answer.error =
        Some(AnsweredError { code, message: message.to_owned(), stage: None, cause: None, change: None });
    answer
}

/// `X-Error-Code` and `X-Error-Source`.
pub(crate) fn mark_error(headers: &mut HeaderMap, code: Option<Code>, source: Source) {
    if let Some(code) = code {
        headers.insert(headers::ERROR_CODE, HeaderValue::from_static(code.as_str()));
    }
    let source = if source == Source::Gateway { "gateway" } else { "upstream" };
    headers.insert(headers::ERROR_SOURCE, HeaderValue::from_static(source));
}

/// A success of our own, in its envelope.
pub(crate) fn success(exchange: &Exchange, data: impl serde::Serialize) -> Answer<'static> {
    json(StatusCode::OK, success_body(data, &exchange.request_id, &exchange.version))
}

/// JSON as it is.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Answer<'static> {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer::whole(status, headers, body)
}

/// The answer to `OPTIONS`.
pub(crate) fn options(allow: &str) -> Answer<'static> {
    let mut headers = HeaderMap::with_capacity(8);
    put(&mut headers, ALLOW, allow);
    Answer::whole(StatusCode::NO_CONTENT, headers, Vec::new())
}

/// The headers that stand on every answer, as things are at this moment.
pub(crate) fn put_common(
    headers: &mut HeaderMap,
    exchange: &Exchange,
    snapshot: &Snapshot,
    clock: &dyn Clock,
) {
    put(headers, HeaderName::from_static(headers::REQUEST_ID), exchange.request_id.as_str());
    let now = clock.now();
    if !headers.contains_key(DATE) {
        put(headers, DATE, &http_date(now));
    }
    let Some(client) = exchange.client.as_ref().filter(|_| exchange.shows_meters) else { return };
    let meter = client.meter(exchange.environment);
    if let Ok(tier) = admission::find_tier(snapshot, client) {
        let rate = meter.peek_rate(tier.rate_per_minute, now);
        headers.insert(headers::RATE_LIMIT, HeaderValue::from(rate.limit));
        headers.insert(headers::RATE_REMAINING, HeaderValue::from(rate.remaining));
        headers.insert(headers::RATE_RESET, HeaderValue::from(rate.reset_seconds));
    }
    let allowance = meter.peek_allowance(client.record.allowance[exchange.environment.index()], now);
    headers.insert(headers::ALLOWANCE_LIMIT, HeaderValue::from(allowance.limit));
    headers.insert(headers::ALLOWANCE_REMAINING, HeaderValue::from(allowance.remaining()));
    headers.insert(headers::ALLOWANCE_RESET, HeaderValue::from(allowance.reset_seconds));
}

/// Headers that are ours on an answer: an upstream cannot speak for us.
pub(crate) fn remove_ours(headers: &mut HeaderMap) {
    for name in [
        headers::REQUEST_ID,
        headers::ERROR_CODE,
        headers::ERROR_SOURCE,
        headers::SHOULD_RETRY,
        headers::RATE_LIMIT,
        headers::RATE_REMAINING,
        headers::RATE_RESET,
        headers::ALLOWANCE_LIMIT,
        headers::ALLOWANCE_REMAINING,
        headers::ALLOWANCE_RESET,
        headers::IDEMPOTENT_REPLAYED,
        headers::ORIGINAL_REQUEST_ID,
    ] {
        headers.remove(HeaderName::from_static(name));
    }
}

/// Puts a text that is ours into a header; one that cannot stand there is left out.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A status from our own tables.
pub(crate) fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// IMF-fixdate (RFC 9110, section 5.6.7).
fn http_date(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_seconds()).unwrap_or(i64::MAX);
    let instant = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_the_rfc_has_it() {
        assert_eq!(http_date(Timestamp::from_seconds(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
