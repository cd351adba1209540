//! Where an API's requests may be sent to.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use http::Uri;
use tollbar_core::find_path_fault;

use crate::fault::Fault;

mod urls;

pub(crate) use urls::{Urls, check_upstreams};

/// How long a name may take to resolve. One that does not resolve now is imported, and said to be so.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
const URL_BYTES_MAX: usize = 2048;

/// Checks an upstream's URL; gives it back without a slash at its end.
///
/// What points at one of our own listeners is refused: requests would go round for ever, or reach the admin API from
/// an address that it trusts.
async fn check_upstream(
    field: &str,
    url: &str,
    own: &[SocketAddr],
    authorities_are_known: bool,
    warnings: &mut Vec<String>,
) -> Result<String, Fault> {
    let Target { is_tls, host, port } =
        parse_upstream(url).map_err(|why| Fault::bad(format!("{field}: {why}")))?;
    // `localhost` may be unknown to a resolver, and is this machine all the same.
    let is_localhost = host.trim_end_matches('.').eq_ignore_ascii_case("localhost");
    let addresses = if is_localhost { vec![Ipv4Addr::LOCALHOST.into()] } else { resolve(&host, port).await };
    if addresses.is_empty() {
        warnings.push(format!("{field}: {host} does not resolve to an address now"));
    }
    if is_tls && !authorities_are_known {
        warnings.push(format!(
            "{field}: no certificate authority is known, so no certificate of {host} can be trusted, and every request to it \
             will fail; install the system's certificates (package ca-certificates) or set upstream.ca_file, then restart Tollbar"
        ));
    }
    if addresses.into_iter().any(|ip| is_own(ip, port, own)) {
        return Err(Fault::bad(format!(
            "{field}: `{url}` points at Tollbar itself; name the server that requests are to reach"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// What a URL says of where to go.
#[derive(Debug, PartialEq)]
struct Target {
    is_tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
}

fn parse_upstream(url: &str) -> Result<Target, String> {
    if url.len() > URL_BYTES_MAX || url.contains('#') {
        return Err(format!("a URL of at most {URL_BYTES_MAX} bytes without `#` is needed"));
    }
    let uri: Uri = url
        .parse()
        .map_err(|_| format!("`{url}` is not a URL; write it like http://orders.internal:8080"))?;
    let is_tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(format!("`{url}` does not begin with http:// or https://")),
    };
    let authority = uri.authority().ok_or("the URL has no host")?;
    if authority.as_str().contains('@') {
        // It is not repeated: there may be a password in it.
        return Err("a user name or password cannot stand in the URL".to_owned());
    }
    if uri.query().is_some() {
        return Err(format!("`{url}` has a query; requests bring their own"));
    }
    if let Some(fault) = find_path_fault(uri.path()) {
        return Err(format!("`{url}`: {fault}"));
    }
    let host = uri.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let has_port = authority.as_str().len() > uri.host().map_or(0, str::len);
    match uri.port_u16() {
        _ if host.is_empty() => Err(format!("`{url}` has no host")),
        Some(0) => Err(format!("`{url}` has the port 0")),
        Some(port) => Ok(Target { is_tls, host: host.to_owned(), port }),
        None if has_port => Err(format!("`{url}` has a port that is not a number up to 65535")),
        None => Ok(Target { is_tls, host: host.to_owned(), port: if is_tls { 443 } else { 80 } }),
    }
}

async fn resolve(host: &str, port: u16) -> Vec<IpAddr> {
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let Ok(Ok(found)) = found else { return Vec::new() };
    found.map(|address| address.ip().to_canonical()).collect()
}

fn is_own(ip: IpAddr, port: u16, own: &[SocketAddr]) -> bool {
    own.iter().filter(|address| address.port() == port).any(|address| {
        let bound = address.ip().to_canonical();
        ip.is_loopback()
            || ip.is_unspecified()
            || ip == bound
            || (bound.is_unspecified() && is_of_this_machine(ip))
    })
}

/// Only an address of this machine can be bound. Nothing is sent.
fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests;
