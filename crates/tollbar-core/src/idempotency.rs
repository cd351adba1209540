//! `Idempotency-Key`: reading it, telling requests apart, and what a stored record means.

use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tollbar_contract::{Environment, RequestId, headers};

use crate::{ClientId, OnUpstream5xx, port::KeyedParts, secret};

/// Where a record stands: client, environment and key. Others cannot collide with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Whose.
    pub client: ClientId,
    /// Where.
    pub environment: Environment,
    /// The key, unquoted.
    pub key: String,
}

impl Slot {
    /// What a stored answer is sealed to.
    pub fn sealing_context(&self) -> Vec<u8> {
        format!("answer {} {} {}", self.client, self.environment, self.key).into_bytes()
    }
}

/// SHA-256 over method, path, sorted query and body: equal for the same request, and only for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub secret::Digest);

impl Fingerprint {
    /// The fingerprint of a request. Query pairs are sorted as bytes; nothing is decoded.
    pub fn of(method: &Method, path: &str, query: Option<&str>, body: &[u8]) -> Self {
        let mut pairs: Vec<&str> = query.unwrap_or_default().split('&').filter(|p| !p.is_empty()).collect();
        pairs.sort_unstable();
        // A line break can stand in none of the first three parts, so parts cannot run into each other.
        Self(secret::sha256(&[
            method.as_str().as_bytes(),
            b"\n",
            path.as_bytes(),
            b"\n",
            pairs.join("&").as_bytes(),
            b"\n",
            body,
        ]))
    }

    /// Short digests of what of a request is not in the request log, for telling what differs.
    pub fn parts_of(query: Option<&str>, body: &[u8]) -> KeyedParts {
        let mut pairs: Vec<&str> = query.unwrap_or_default().split('&').filter(|p| !p.is_empty()).collect();
        pairs.sort_unstable();
        KeyedParts { query: short_digest(pairs.join("&").as_bytes()), body: short_digest(body) }
    }
}

/// Four bytes of a digest: enough to see that two are not equal, too few to know what it was.
fn short_digest(bytes: &[u8]) -> String {
    secret::sha256(&[bytes]).iter().take(4).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What the store has in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of the request that was executed.
    pub fingerprint: Fingerprint,
    /// The id of the request that was executed.
    pub request_id: RequestId,
    /// How far it came.
    pub state: RecordState,
}

/// How far an execution came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// It was about to be sent, and no answer was stored: the outcome is unknown.
    Started,
    /// It was answered.
    Answered(Answer),
    /// It was executed, as an operator has established, and its answer is lost.
    Executed,
}

/// A final answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The stored answer, sealed; see [`StoredAnswer`].
    Stored {
        /// The sealed bytes.
        sealed: Vec<u8>,
    },
    /// It was executed, and the answer was too large to be kept.
    TooLarge,
}

/// What is sealed into [`Answer::Stored`]: the answer as the client got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The status.
    pub status: u16,
    /// Header fields in order; values are bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The error code, if it was an error of the envelope.
    pub code: Option<String>,
    /// The length of the body, which follows the JSON after a zero byte.
    pub body_bytes: usize,
}

impl StoredAnswer {
    /// Head and body as one sequence of bytes: JSON, a zero byte, the body.
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut out = serde_json::to_vec(self).unwrap_or_default();
        out.push(0);
        out.extend_from_slice(body);
        out
    }

    /// The inverse of [`StoredAnswer::encode`].
    pub fn decode(bytes: &[u8]) -> Option<(Self, Vec<u8>)> {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let head: Self = serde_json::from_slice(&bytes[..end]).ok()?;
        let body = bytes[end + 1..].to_vec();
        (body.len() == head.body_bytes).then_some((head, body))
    }
}

/// What a key in a header is, or what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// More than one field.
    #[error("header \"Idempotency-Key\" is given more than once")]
    Repeated,
    /// Nothing between the quotes, or nothing at all.
    #[error("header \"Idempotency-Key\" is empty; it must have 1 to 255 visible ASCII characters")]
    Empty,
    /// Beyond 255 characters.
    #[error("header \"Idempotency-Key\" is too long; it must have 1 to 255 visible ASCII characters")]
    TooLong,
    /// A blank, a control character, or one beyond ASCII.
    #[error("header \"Idempotency-Key\" may have only visible ASCII characters (1 to 255 of them)")]
    NotVisibleAscii,
    /// A quote that is not closed, or stands inside.
    #[error("header \"Idempotency-Key\" has an unbalanced quotation mark")]
    Unbalanced,
}

/// The key of a request, if it has one: quoted or bare, 1 to 255 visible ASCII characters.
pub fn parse_key(request: &HeaderMap) -> Result<Option<String>, KeyFault> {
    let mut values = request.get_all(headers::IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(KeyFault::Repeated);
    }
    let value = value.as_bytes();
    let key = match value {
        [b'"', inner @ .., b'"'] => inner,
        bare if bare.contains(&b'"') => return Err(KeyFault::Unbalanced),
        bare => bare,
    };
    if key.is_empty() {
        return Err(KeyFault::Empty);
    }
    if key.len() > 255 {
        return Err(KeyFault::TooLong);
    }
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(KeyFault::NotVisibleAscii);
    }
    if key.contains(&b'"') {
        return Err(KeyFault::Unbalanced);
    }
    Ok(Some(String::from_utf8_lossy(key).into_owned()))
}

/// Whether a final upstream status releases the key, so that the write may be tried again with it.
pub fn releases_key(status: StatusCode, on_upstream_5xx: OnUpstream5xx) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 503)
        || (status.is_server_error() && on_upstream_5xx == OnUpstream5xx::Release)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn request(values: &[&[u8]]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(headers::IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    #[test]
    fn keys_are_read_quoted_and_bare() {
        let long = "k".repeat(255);
        let too_long = "k".repeat(256);
        type Row<'a> = (&'a [&'a [u8]], Result<Option<&'a str>, KeyFault>);
        let table: &[Row<'_>] = &[
            (&[], Ok(None)),
            (&[b"abc-1"], Ok(Some("abc-1"))),
            (&[b"\"abc-1\""], Ok(Some("abc-1"))),
            (&[long.as_bytes()], Ok(Some(&long))),
            (&[too_long.as_bytes()], Err(KeyFault::TooLong)),
            (&[b""], Err(KeyFault::Empty)),
            (&[b"\"\""], Err(KeyFault::Empty)),
            (&[b"a b"], Err(KeyFault::NotVisibleAscii)),
            (&[b"a\tb"], Err(KeyFault::NotVisibleAscii)),
            (&[b"caf\xc3\xa9"], Err(KeyFault::NotVisibleAscii)),
            (&[b"\"abc"], Err(KeyFault::Unbalanced)),
            (&[b"\""], Err(KeyFault::Unbalanced)),
            (&[b"\"a\"b\""], Err(KeyFault::Unbalanced)),
            (&[b"a", b"a"], Err(KeyFault::Repeated)),
        ];
        for (values, expected) in table {
            assert_eq!(parse_key(&request(values)), expected.map(|k| k.map(str::to_owned)), "{values:?}");
        }
    }

    #[test]
    fn every_part_of_a_request_is_in_its_fingerprint() {
        let of =
            |method: Method, path, query, body: &str| Fingerprint::of(&method, path, query, body.as_bytes());
        let first = of(Method::POST, "/v1/orders", Some("a=1&b=2"), "{}");
        assert_eq!(first, of(Method::POST, "/v1/orders", Some("b=2&a=1"), "{}"), "the order of the query");
        for other in [
            of(Method::PUT, "/v1/orders", Some("a=1&b=2"), "{}"),
            of(Method::POST, "/v1/order", Some("a=1&b=2"), "{}"),
            of(Method::POST, "/v1/orders", Some("a=1&b=3"), "{}"),
            of(Method::POST, "/v1/orders", None, "{}"),
            of(Method::POST, "/v1/orders", Some("a=1&b=2"), "{ }"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn only_the_statuses_that_promise_nothing_happened_release_a_key() {
        for status in 200..600_u16 {
            let status_code = StatusCode::from_u16(status).unwrap();
            let by_itself = [408, 425, 429, 503].contains(&status);
            assert_eq!(releases_key(status_code, OnUpstream5xx::Store), by_itself, "{status}");
            assert_eq!(
                releases_key(status_code, OnUpstream5xx::Release),
                by_itself || status >= 500,
                "{status}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_stored_answer_is_read_back(status in 200_u16..600, body in prop::collection::vec(any::<u8>(), 0..200),
            value in prop::collection::vec(any::<u8>(), 0..20)) {
            let head = StoredAnswer {
                status, headers: vec![("content-type".into(), value)], code: None, body_bytes: body.len(),
            };
            prop_assert_eq!(StoredAnswer::decode(&head.encode(&body)), Some((head, body)));
        }
    }
}
