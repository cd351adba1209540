//! Credentials in all their forms. The first byte of each line of an input says what it is: `k` an `X-API-Key`, `a` an
//! `Authorization`, `b` a form in the body.

use std::{collections::BTreeMap, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollbar_contract::Code;
use tollbar_core::{
    ClientId, KeyId, OauthId, Presented, Timestamp, api_key,
    grant::{ClientSecret, Form, check_grant, check_grant_type_is_given},
    presented::read_basic,
    secret::Secrets,
    token::{SigningKeys, new_signing_key},
};

/// Pieces that mean something.
pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"k",
    b"a",
    b"b",
    b"Bearer ",
    b"bearer ",
    b"Basic ",
    b"YTpi",
    b":",
    b"=",
    b"&",
    b"+",
    b"%20",
    b"%c3%a9",
    b"tb_live_",
    b"tb_sandbox_",
    b"tb_secret_",
    b"eyJ",
    b".",
    b"grant_type=client_credentials",
    b"client_id=oa_",
    b"client_secret=",
    b"scope=",
    b"cl_",
    b"00000000000",
    b" ",
    b"\t",
    b"\xff",
    b"tb_live_0123456789abcdefghijABCDEFGHIJ0101aVlgw",
    b"eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IngifQ.e30.AA",
];

/// One readable credential or a named fault; no byte of a key can change; no token is ours that we did not sign; what is
/// to be kept of a text has no credential left.
pub(super) fn credentials(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut body = Vec::new();
    for line in input.split(|&byte| byte == b'\n') {
        let name = match line.split_first() {
            Some((b'k', _)) => "x-api-key",
            Some((b'a', _)) => "authorization",
            Some((b'b', form)) => {
                body.extend_from_slice(form);
                continue;
            }
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(line[1..].trim_ascii()) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    check_presented(&headers);
    check_form(&headers, &body);
    for value in headers.values() {
        check_key(value.as_bytes());
        check_basic(value.as_bytes());
    }
    check_text(&String::from_utf8_lossy(input));
}

fn check_presented(headers: &HeaderMap) {
    let keys: Vec<&[u8]> = headers.get_all("x-api-key").iter().map(HeaderValue::as_bytes).collect();
    let authorizations: Vec<&[u8]> =
        headers.get_all("authorization").iter().map(HeaderValue::as_bytes).collect();
    match Presented::from_headers(headers) {
        Ok(Presented::ApiKey(key)) => {
            assert_eq!((&keys[..], authorizations.len()), (&[key][..], 0));
            assert!((8..=512).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic));
        }
        Ok(Presented::Bearer(token)) => {
            assert_eq!((keys.len(), authorizations.len()), (0, 1));
            let (scheme, rest) = authorizations[0].split_at(7);
            assert!(scheme.eq_ignore_ascii_case(b"bearer ") && rest == token.as_bytes() && !token.is_empty());
            assert!(platform().verify(token).is_none(), "a token that was never signed: {token}");
        }
        Err(rejection) => {
            let nothing = keys.is_empty() && authorizations.is_empty();
            let expected = if nothing { Code::MissingCredentials } else { Code::MalformedCredentials };
            assert_eq!(rejection.code, expected);
        }
    }
}

/// A platform whose signature nobody can know.
fn platform() -> &'static SigningKeys {
    static KEYS: OnceLock<SigningKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secrets = Secrets::derive(&[7; 32]);
        let mut keys = SigningKeys::default();
        keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1), 3600).unwrap(), &secrets).unwrap();
        keys
    })
}

fn check_form(headers: &HeaderMap, body: &[u8]) {
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, _) in form_urlencoded::parse(body) {
        *counts.entry(name.into_owned()).or_default() += 1;
    }
    let is_sound = counts.len() <= 32 && counts.values().all(|count| *count == 1);
    let form = match Form::parse(FORM, None, body) {
        Ok(form) => form,
        Err(rejection) => {
            assert_eq!((rejection.code, is_sound), (Code::InvalidRequest, false), "a sound form is refused");
            return;
        }
    };
    assert!(is_sound, "a form with a field given twice, or with too many");
    assert_eq!(check_grant_type_is_given(&form).is_ok(), form.field("grant_type").is_some());
    assert_eq!(check_grant(&form).is_ok(), form.field("grant_type") == Some("client_credentials"));
    let authorizations = headers.get_all("authorization").iter().count();
    if ClientSecret::read(headers, &form).is_ok() {
        let in_body = form.field("client_secret").is_some();
        assert!(authorizations <= 1 && in_body == (authorizations == 0), "two secrets, or none");
    }
    assert!(Form::parse(FORM, Some("a"), body).is_err(), "parameters in the query");
    assert!(Form::parse(Some("application/json"), None, body).is_err(), "a form that is none");
}

fn check_key(key: &[u8]) {
    if api_key::checksum_is_right(key) {
        for at in 0..key.len() {
            let mut other = key.to_vec();
            other[at] = other[at].wrapping_add(1);
            assert!(!api_key::checksum_is_right(&other), "another key has the same checksum");
        }
    }
}

fn check_basic(value: &[u8]) {
    if let Some((id, secret)) = read_basic(value) {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let again = STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
        assert_eq!(read_basic(format!("Basic {again}").as_bytes()), Some((id, secret)));
    }
}

fn check_text(text: &str) {
    let hidden = api_key::hide_credentials(text);
    assert!(hidden.len() <= text.len(), "what is hidden grows");
    assert_eq!(api_key::hide_credentials(&hidden), hidden, "a credential is left");
    for word in text.split(|c: char| c.is_whitespace() || c == '=' || c == '&') {
        // An id has one spelling.
        assert!(
            word.parse::<ClientId>().is_ok_and(|id| id.to_string() == word)
                || word.parse::<ClientId>().is_err()
        );
        assert!(
            word.parse::<OauthId>().is_ok_and(|id| id.to_string() == word)
                || word.parse::<OauthId>().is_err()
        );
        assert!(
            word.parse::<KeyId>().is_ok_and(|id| id.to_string() == word) || word.parse::<KeyId>().is_err()
        );
    }
}
