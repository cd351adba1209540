//! The bodies that Tollbar makes itself.

use serde::Serialize;

use crate::{Code, RequestId};

#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    error: ErrorPart<'a>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct ErrorPart<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    data: T,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Meta<'a> {
    request_id: &'a str,
    version: &'a str,
}

/// The error envelope: exactly `success`, `error.code`, `error.message`, `meta.request_id`, `meta.version`.
pub fn error_body(code: Code, message: &str, request_id: &RequestId, version: &str) -> Vec<u8> {
    to_json(&Envelope {
        success: false,
        error: ErrorPart { code: code.as_str(), message },
        meta: Meta { request_id: request_id.as_str(), version },
    })
}

/// The envelope of the gateway's own successes (`account`).
pub fn success_body(data: impl Serialize, request_id: &RequestId, version: &str) -> Vec<u8> {
    to_json(&Success { success: true, data, meta: Meta { request_id: request_id.as_str(), version } })
}

/// `meta.version` for a base path: its last part of the form `v<digits>`, else `v1`.
pub fn version_of_base(base: &str) -> &str {
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    base.rsplit('/').find(is_version).unwrap_or("v1")
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Serialising strings and plain data into memory cannot fail; an empty body is the honest fallback.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_exactly_the_published_keys() {
        let body = error_body(
            Code::InvalidScope,
            "a \"quoted\"\nmessage",
            &RequestId::from_number(0xa1b2_c3d4_e5f6),
            "v1",
        );
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"success":false,"error":{"code":"invalid_scope","message":"a \"quoted\"\nmessage"},"meta":{"request_id":"a1b2c3d4e5f6","version":"v1"}}"#
        );
    }

    #[test]
    fn the_version_is_read_from_the_base() {
        for (base, version) in [
            ("/v1", "v1"),
            ("/v2", "v2"),
            ("/api/v3", "v3"),
            ("/v4/shop", "v4"),
            ("/", "v1"),
            ("/vault", "v1"),
            ("/v", "v1"),
        ] {
            assert_eq!(version_of_base(base), version, "{base}");
        }
    }
}
