//! The request as the upstream gets it.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
    },
};
use tollbar_contract::headers;
use tollbar_core::{ForwardingHeader, admission::Operation, scope};
use tollbar_http::RequestHead;

use crate::{exchange::Exchange, respond::put, upstream::Upstream, worker::Worker};

/// Header names that are ours, or are not passed on; compared with `_` read as `-`.
const OURS: &str = "x-tollbar-";

/// A request on its way out, independent of the client's connection.
pub(crate) struct Outgoing {
    pub(crate) operation: Operation,
    headers: HeaderMap,
    /// What the client offers to go on with, if it is among what is passed on.
    pub(crate) upgrade: Option<HeaderValue>,
    /// Whether the client takes trailers.
    pub(crate) accepts_trailers: bool,
    /// Path after the base, and query: byte for byte as they came.
    rest: String,
}

impl Outgoing {
    /// Takes what goes on from a request: everything but credentials and our own names. Hop-by-hop fields are gone
    /// already.
    pub(crate) fn new(
        worker: &Worker,
        exchange: &Exchange,
        operation: &Operation,
        head: &RequestHead,
        rest: &str,
    ) -> Self {
        let mut headers = head.headers.clone();
        for name in [
            HeaderName::from_static(headers::API_KEY),
            AUTHORIZATION,
            HOST,
            EXPECT,
            CONTENT_LENGTH,
            FORWARDED,
        ] {
            headers.remove(name);
        }
        let (base, environment) = (&operation.api().record.base, exchange.environment);
        let all = &worker.shared.settings.upstream_credentials;
        let put_in: Vec<_> = all
            .iter()
            .filter(|c| c.base == *base && c.environment.is_none_or(|e| e == environment))
            .collect();
        // `_` is `-` to many servers: what is put in must not come in under another spelling.
        let is_put_in = |name: &HeaderName| {
            let name = name.as_str().replace('_', "-");
            put_in.iter().any(|credential| credential.name.as_str().replace('_', "-") == name)
        };
        let not_theirs: Vec<HeaderName> =
            headers.keys().filter(|name| is_ours(name.as_str()) || is_put_in(name)).cloned().collect();
        for name in not_theirs {
            headers.remove(name);
        }
        put_own(&mut headers, exchange, head);
        for credential in put_in {
            headers.insert(credential.name.clone(), credential.value.clone());
        }
        let rest = match head.target.query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        };
        let allowed = &worker.shared.settings.upgrades;
        let is_allowed = |protocol: &HeaderValue| {
            allowed.iter().any(|name| protocol.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
        };
        let upgrade =
            head.upgrade.clone().filter(|protocol| head.method == Method::GET && is_allowed(protocol));
        Self { operation: operation.clone(), headers, upgrade, accepts_trailers: head.accepts_trailers, rest }
    }

    /// The same, without an offer to go on with another protocol.
    pub(crate) fn without_upgrade(self) -> Self {
        Self { upgrade: None, ..self }
    }

    pub(crate) fn headers(&self, authority: &HeaderValue) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(HOST, authority.clone());
        headers
    }

    pub(crate) fn target(&self, upstream: &Upstream) -> String {
        let target = format!("{}{}", upstream.path, self.rest);
        if target.starts_with('/') { target } else { format!("/{target}") }
    }
}

/// Takes out the fields of one connection, and those that `Connection` names (RFC 9110, section 7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    let always = [
        CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    for name in named.into_iter().chain(always) {
        headers.remove(name);
    }
}

/// Names that only we may set towards the upstream. `_` is `-` to many servers.
fn is_ours(name: &str) -> bool {
    let name = name.replace('_', "-");
    name.starts_with(OURS)
        || name == headers::REQUEST_ID
        || name == headers::API_KEY
        || name.starts_with("x-forwarded-")
        || name == "x-real-ip"
}

fn put_own(headers: &mut HeaderMap, exchange: &Exchange, head: &RequestHead) {
    put(headers, HeaderName::from_static(headers::REQUEST_ID), exchange.request_id.as_str());
    put(headers, HeaderName::from_static(headers::UPSTREAM_ENVIRONMENT), exchange.environment.as_str());
    put(headers, HeaderName::from_static("x-forwarded-for"), &exchange.caller.to_string());
    // What a trusted proxy says of the caller's side goes on; from anyone else it is not believed, and neither is it
    // from one that writes `Forwarded` and passes these on.
    let is_believed = matches!(exchange.caller.named_by, Some((ForwardingHeader::XForwardedFor, _)));
    let said = |name: &str| head.headers.get(name).filter(|_| is_believed).cloned();
    let scheme = if exchange.is_tls { "https" } else { "http" };
    let (proto, host) = ("x-forwarded-proto", "x-forwarded-host");
    headers.insert(HeaderName::from_static(proto), said(proto).unwrap_or(HeaderValue::from_static(scheme)));
    let sent = || head.host.as_ref().and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(value) = said(host).or_else(sent) {
        headers.insert(HeaderName::from_static(host), value);
    }
    if let (Some(client), Some(authenticated)) = (&exchange.client, &exchange.authenticated) {
        put(headers, HeaderName::from_static(headers::UPSTREAM_CLIENT), &client.record.id.to_string());
        let own = authenticated.own_scopes();
        let scopes: Vec<&str> = scope::in_force(own.as_ref(), &client.record.scopes).collect();
        put(headers, HeaderName::from_static(headers::UPSTREAM_SCOPES), &scopes.join(" "));
    }
    let version = match head.version {
        http::Version::HTTP_10 => "1.0 tollbar",
        http::Version::HTTP_2 => "2.0 tollbar",
        _ => "1.1 tollbar",
    };
    headers.append(VIA, HeaderValue::from_static(version));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_fields_go_and_so_do_those_that_connection_names() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Custom , not a name"),
            ("connection", "x-other"),
            ("x-custom", "1"),
            ("x-other", "1"),
            ("x-kept", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn our_names_are_ours_in_every_spelling() {
        for name in [
            "x-tollbar-client",
            "x_tollbar_client",
            "x-tollbar_scopes",
            "x_request_id",
            "x_api_key",
            "x-real-ip",
        ] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("x-toll"));
    }
}
