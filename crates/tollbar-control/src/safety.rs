//! Who may speak to the admin API at all. A browser on the operator's machine can reach a loopback listener, so that
//! what a web page could send is refused before anything else is looked at.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::HttpBody,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS},
};
use tollbar_core::secret::{digests_are_equal, sha256};

use crate::{control::Control, fault::Fault};

/// Stands before every route, unknown ones too.
pub(crate) async fn guard(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let mut response = match check(&control, &request) {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whatever has a body must say that it is JSON: no HTML form can.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Fault> {
    let value = sole(headers, CONTENT_TYPE).and_then(|value| value.split(';').next());
    if value.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let message = "send JSON, with Content-Type: application/json";
    Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

fn check(control: &Control, request: &Request) -> Result<(), Fault> {
    let headers = request.headers();
    let host = check_host(headers, request.uri(), &control.allowed_hosts)?;
    check_same_origin(headers, host)?;
    check_token(headers, &control.settings.operator_token)?;
    let is_mutation = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_mutation && (headers.contains_key(CONTENT_TYPE) || !request.body().is_end_stream()) {
        check_content_type(headers)?;
    }
    Ok(())
}

/// A page can make its own name point at this machine; it cannot make itself an address or `localhost`.
fn check_host<'a>(headers: &'a HeaderMap, uri: &Uri, allowed: &[String]) -> Result<&'a str, Fault> {
    let refused = |text: &str| {
        Fault::new(
            StatusCode::FORBIDDEN,
            format!(
                "{text}; call the admin API by its address, by `localhost`, or by a name that its configuration allows"
            ),
        )
    };
    let host = sole(headers, HOST).ok_or_else(|| refused("one Host header is needed"))?;
    let differs = |authority: &http::uri::Authority| !authority.as_str().eq_ignore_ascii_case(host);
    if uri.authority().is_some_and(differs) {
        return Err(refused("the Host header is not the host of the request's target"));
    }
    let name = without_port(host).ok_or_else(|| refused(&format!("Host `{host}` cannot be read")))?;
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4()),
    };
    let is_named =
        name.eq_ignore_ascii_case("localhost") || allowed.iter().any(|a| a.eq_ignore_ascii_case(name));
    if is_address || is_named { Ok(host) } else { Err(refused(&format!("Host `{host}` is not allowed"))) }
}

fn check_same_origin(headers: &HeaderMap, host: &str) -> Result<(), Fault> {
    let cross = || Fault::new(StatusCode::FORBIDDEN, "requests from web pages of other origins are refused");
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().map_err(|_| cross())?;
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            return Err(cross());
        }
    }
    // `same-site` is another port or a sibling name: not us either.
    let sites = headers.get_all("sec-fetch-site");
    if sites.iter().any(|site| site != "same-origin" && site != "none") { Err(cross()) } else { Ok(()) }
}

fn check_token(headers: &HeaderMap, expected: &[u8; 32]) -> Result<(), Fault> {
    let refused = |message: &str| Err(Fault::new(StatusCode::UNAUTHORIZED, message));
    let Some(value) = sole(headers, AUTHORIZATION) else {
        return refused("the operator token is needed: send Authorization: Bearer <operator token>");
    };
    let token = value.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    // Digests are compared, so that neither the length nor the beginning of the token can be measured.
    match token {
        Some((_, token)) if digests_are_equal(&sha256(&[token.as_bytes()]), expected) => Ok(()),
        _ => refused("this is not the operator token"),
    }
}

/// The value of a header that is there exactly once and readable.
fn sole(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => return Some(host),
    };
    port.bytes().all(|b| b.is_ascii_digit()).then_some(name)
}

#[cfg(test)]
mod tests;
