//! Reading the credential that a request presents (stage 2).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use tollbar_contract::{Code, Stage, headers};

use crate::{
    Rejection,
    api_key::{KEY_BYTES_MAX, KEY_BYTES_MIN},
};

/// The challenge on every 401 of an API route (RFC 6750, section 3).
pub const CHALLENGE: &str = "Bearer realm=\"api\"";

/// A credential that is present and readable. Nothing is known of it yet.
pub enum Presented<'a> {
    /// The value of `X-API-Key`.
    ApiKey(&'a [u8]),
    /// What stands after `Bearer`.
    Bearer(&'a str),
}

impl<'a> Presented<'a> {
    /// Reads the one credential of a request.
    pub fn from_headers(request: &'a HeaderMap) -> Result<Self, Rejection> {
        let mut keys = request.get_all(headers::API_KEY).iter();
        let mut authorizations = request.get_all(AUTHORIZATION).iter();
        let presented = match (keys.next(), authorizations.next()) {
            (None, None) => {
                return Err(Rejection::new(
                    Code::MissingCredentials,
                    Stage::Presented,
                    "neither X-API-Key nor Authorization is present",
                )
                .challenging(CHALLENGE));
            }
            (Some(_), Some(_)) => return Err(malformed("both X-API-Key and Authorization are present")),
            (Some(key), None) => Self::ApiKey(key.as_bytes()),
            (None, Some(authorization)) => Self::Bearer(read_bearer(authorization.as_bytes())?),
        };
        if keys.next().is_some() || authorizations.next().is_some() {
            return Err(malformed("the credential header is present more than once"));
        }
        if let Self::ApiKey(key) = presented {
            if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) {
                return Err(malformed("X-API-Key has a length that no key has"));
            }
            if !key.iter().all(u8::is_ascii_graphic) {
                return Err(malformed("X-API-Key has characters that no key has"));
            }
        }
        Ok(presented)
    }
}

/// A presented credential that cannot be read.
pub(crate) fn malformed(cause: &'static str) -> Rejection {
    Rejection::new(Code::MalformedCredentials, Stage::Presented, cause).challenging(CHALLENGE)
}

/// `Bearer` in any case, one space, and a `b64token` (RFC 6750, section 2.1).
fn read_bearer(value: &[u8]) -> Result<&str, Rejection> {
    let (scheme, token) =
        value.split_at_checked(7).ok_or_else(|| malformed("Authorization is not `Bearer <token>`"))?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(malformed("Authorization is not `Bearer <token>`"));
    }
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    if token.is_empty() || !token.iter().all(is_token) {
        return Err(malformed("what follows Bearer is not a token"));
    }
    std::str::from_utf8(token).map_err(|_| malformed("what follows Bearer is not a token"))
}

/// The pair in an `Authorization: Basic` header (RFC 6749, section 2.3.1): form-encoded, then base64.
/// `None` when it is not that.
pub fn read_basic(value: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let form_decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
    };
    Some((form_decode(id)?, form_decode(secret)?))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn read(fields: &[(&str, &[u8])]) -> Result<String, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        match Presented::from_headers(&map) {
            Ok(Presented::ApiKey(key)) => Ok(format!("key {}", String::from_utf8_lossy(key))),
            Ok(Presented::Bearer(token)) => Ok(format!("bearer {token}")),
            Err(rejection) => Err(rejection.code),
        }
    }

    #[test]
    fn one_readable_credential_or_a_named_fault() {
        let long = vec![b'k'; 600];
        let bad = Err(Code::MalformedCredentials);
        type Row<'a> = (&'a [(&'a str, &'a [u8])], Result<&'a str, Code>);
        let table: &[Row<'_>] = &[
            (&[], Err(Code::MissingCredentials)),
            (&[("cookie", b"x-api-key=12345678")], Err(Code::MissingCredentials)),
            (&[("x-api-key", b"12345678")], Ok("key 12345678")),
            (&[("x-api-key", b"")], bad),
            (&[("x-api-key", b"k")], bad),
            (&[("x-api-key", &long)], bad),
            (&[("x-api-key", b"1234 5678")], bad),
            (&[("x-api-key", b"12345678\xff")], bad),
            (&[("x-api-key", b"12345678"), ("x-api-key", b"12345678")], bad),
            (&[("x-api-key", b"12345678"), ("authorization", b"Bearer a.b.c")], bad),
            (&[("authorization", b"Bearer a.b.c")], Ok("bearer a.b.c")),
            (&[("authorization", b"bEARER a.b.c")], Ok("bearer a.b.c")),
            (&[("authorization", b"Bearer a.b.c"), ("authorization", b"Bearer a.b.c")], bad),
            (&[("authorization", b"Bearer")], bad),
            (&[("authorization", b"Bearer ")], bad),
            (&[("authorization", b"Bearer  x")], bad),
            (&[("authorization", b"bearer\tx")], bad),
            (&[("authorization", b"Bearer a b")], bad),
            (&[("authorization", b"Bearer \xc3\xa9")], bad),
            (&[("authorization", b"Basic YTpi")], bad),
            (&[("authorization", b"a.b.c")], bad),
            (&[("authorization", b"")], bad),
        ];
        for (fields, expected) in table {
            assert_eq!(read(fields), expected.map(str::to_owned), "{fields:?}");
        }
    }

    #[test]
    fn basic_is_form_encoded_inside() {
        let basic = |pair: &str| read_basic(format!("Basic {}", STANDARD.encode(pair)).as_bytes());
        assert_eq!(basic("id:secret"), Some(("id".into(), "secret".into())));
        assert_eq!(basic("a%3Ab:c%2Bd+e"), Some(("a:b".into(), "c+d e".into())));
        assert_eq!(basic("no colon"), None);
        assert_eq!(read_basic(b"Basic ???"), None);
        assert_eq!(read_basic(b"Bearer YTpi"), None);
    }
}
