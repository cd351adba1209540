//! The upstream's answer, made fit for the client.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, RETRY_AFTER, VIA},
};
use tollbar_contract::Code;
use tollbar_core::UpstreamErrors;
use tollbar_http::{ReadError, ResponseHead};

use super::request::{Outgoing, remove_hop_by_hop};
use crate::{
    answer::{Answer, AnswerBody, Tunnel, Upload, UpstreamBody},
    body::Pace,
    exchange::Exchange,
    observe::Watch,
    respond::{self, Source},
    settings::ERROR_BODY_BYTES,
    upstream::Connection,
    worker::Worker,
};

/// The longest message that is taken over from an upstream.
const MESSAGE_CHARS_MAX: usize = 500;
/// How long the rest of an answer's first piece may take before its head goes on alone.
const FIRST_PIECE: Duration = Duration::from_secs(1);

/// The answer's body is broken before anything of it could be passed on.
pub(super) struct Broken(pub(super) String);

pub(super) async fn answer<'r>(
    worker: &Worker,
    exchange: &Exchange,
    outgoing: &Outgoing,
    mut head: ResponseHead,
    mut connection: Connection,
    upload: Option<Upload<'r>>,
) -> Result<Answer<'r>, Broken> {
    // Before anything of it is changed.
    let mut watch = Watch::begin(worker, exchange, &outgoing.operation, &head);
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let agreed = |switched: &HeaderValue| {
            let offered = outgoing.upgrade.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
            switched.as_bytes().eq_ignore_ascii_case(offered)
        };
        let Some(protocol) = head.upgrade.take().filter(agreed) else {
            // Nobody asked for this.
            return Ok(wrapped(exchange, StatusCode::BAD_GATEWAY, None, &HeaderMap::new()));
        };
        let headers = for_client(head.headers);
        let tunnel = AnswerBody::Tunnel(Box::new(Tunnel { connection, protocol }));
        return Ok(Answer {
            status: head.status,
            headers,
            body: tunnel,
            error: None,
            held: None,
            watch,
            closes: true,
        });
    }
    let is_error = head.status.as_u16() >= 400;
    if is_error && outgoing.operation.api().record.upstream_errors == UpstreamErrors::Wrap {
        let body = if is_explained(head.status) { read_error(worker, connection).await } else { None };
        if let (Some(watch), Some(body)) = (&mut watch, &body) {
            watch.have(body);
        }
        let message = body.and_then(|body| find_message(&serde_json::from_slice(&body).ok()?));
        let mut answer = wrapped(exchange, head.status, message.as_deref(), &head.headers);
        answer.watch = watch;
        // What was left of the request body is not sent any more.
        answer.closes = upload.is_some();
        return Ok(answer);
    }
    let mut headers = for_client(head.headers);
    if is_error {
        respond::mark_error(&mut headers, None, Source::Upstream);
    }
    let first = first_piece(&mut connection).await.map_err(|error| Broken(error.to_string()))?;
    let body = UpstreamBody {
        connection,
        first,
        framing: head.framing,
        declared_length: head.declared_length,
        accepts_trailers: outgoing.accepts_trailers,
        upload,
        watch,
    };
    Ok(Answer {
        status: head.status,
        headers,
        body: AnswerBody::Upstream(Box::new(body)),
        error: None,
        held: None,
        watch: None,
        closes: false,
    })
}

/// What of the body came with the head: while nothing has gone to the client, what is wrong with it can still be said.
/// Waited for only where a part of it is there.
async fn first_piece(connection: &mut Connection) -> Result<Option<Bytes>, ReadError> {
    if !connection.reader.has_started() {
        return Ok(None);
    }
    tokio::time::timeout(FIRST_PIECE, connection.reader.body_chunk()).await.unwrap_or(Ok(None))
}

/// An answer's fields as they go on.
fn for_client(mut headers: HeaderMap) -> HeaderMap {
    remove_hop_by_hop(&mut headers);
    headers.remove(CONTENT_LENGTH);
    respond::remove_ours(&mut headers);
    headers.append(VIA, HeaderValue::from_static("1.1 tollbar"));
    headers
}

/// Statuses whose inside the client may see.
fn is_explained(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::UNAUTHORIZED
}

/// An upstream's error in the envelope.
fn wrapped(
    exchange: &Exchange,
    status: StatusCode,
    message: Option<&str>,
    upstream: &HeaderMap,
) -> Answer<'static> {
    let (status, code) = match status.as_u16() {
        400 => (status, Code::InvalidRequest),
        404 => (status, Code::NotFound),
        401 | 500.. => (StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError),
        _ => (status, Code::RequestRejected),
    };
    let default = match code {
        Code::InvalidRequest | Code::RequestRejected => {
            "The API rejected the request and gave no further detail."
        }
        Code::NotFound => "The API has nothing at this path.",
        _ => code.description(),
    };
    let mut answer = respond::error(exchange, status, code, message.unwrap_or(default), Source::Upstream);
    if code == Code::RequestRejected {
        for name in [RETRY_AFTER, http::header::ALLOW] {
            if let Some(value) = upstream.get(&name) {
                answer.headers.insert(name, value.clone());
            }
        }
    }
    answer
}

/// Reads an error's body, for a message that can be recognised.
async fn read_error(worker: &Worker, mut connection: Connection) -> Option<Bytes> {
    let mut pace = Pace::new(worker.shared.settings.upstream.response_timeout);
    let mut body = Vec::new();
    while let Some(piece) = pace.next(connection.reader.body_chunk()).await.ok()? {
        body.extend_from_slice(&piece);
        if body.len() > ERROR_BODY_BYTES {
            return None;
        }
    }
    connection.give_back();
    Some(body.into())
}

/// `detail` or `title` of problem+json (RFC 9457), or what others call it.
fn find_message(body: &serde_json::Value) -> Option<String> {
    let texts = ["detail", "message", "error_description", "title", "error"];
    let found = texts.iter().find_map(|name| body.get(name)?.as_str());
    let nested = || body.get("error")?.get("message")?.as_str();
    let text = found.or_else(nested)?.trim();
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let text: String = printable.take(MESSAGE_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognised_in_the_usual_places() {
        for (body, message) in [
            (r#"{"title":"Bad","detail":"The date is past."}"#, Some("The date is past.")),
            (r#"{"message":"No such order"}"#, Some("No such order")),
            (r#"{"error":{"code":7,"message":"Too small"}}"#, Some("Too small")),
            (r#"{"error":"broken"}"#, Some("broken")),
            (r#"{"detail":"a\r\nb"}"#, Some("a  b")),
            (r#"{"detail":"  "}"#, None),
            (r#"{"code":7}"#, None),
            ("[]", None),
        ] {
            let body = serde_json::from_str(body).unwrap();
            assert_eq!(find_message(&body).as_deref(), message, "{body}");
        }
        let long = serde_json::json!({ "detail": "x".repeat(2000) });
        assert_eq!(find_message(&long).unwrap().len(), MESSAGE_CHARS_MAX);
    }
}
