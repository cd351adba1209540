//! Rules for values, beyond their type; each says what would be right.

use std::net::SocketAddr;

use tollbar_core::api_key::brand_is_valid;

use super::{
    table::Config,
    value::{ClientCertificates, Number},
};

/// Limits, both included.
pub(super) fn within(value: &impl Number, min: u64, max: u64, unit: &str) -> Result<(), String> {
    match value.number() {
        Some(number) if !(min..=max).contains(&number) => {
            Err(format!("{number} is out of range; {}", limits(min, max, unit)))
        }
        _ => Ok(()),
    }
}

/// For messages.
pub(super) fn limits(min: u64, max: u64, unit: &str) -> String {
    format!("it must be {min} to {max} {unit}").trim_end().to_owned()
}

pub(super) fn brand(brand: &str) -> Result<(), String> {
    if brand_is_valid(brand) {
        return Ok(());
    }
    Err(format!("`{brand}` cannot begin a key; it must be 1 to 16 lower-case letters and digits"))
}

pub(super) fn upgrades(protocols: &[String]) -> Result<(), String> {
    for protocol in protocols {
        let is_token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._+".contains(&b))
        };
        if !protocol.splitn(2, '/').all(is_token) {
            return Err(format!("`{protocol}` is not the name of a protocol; write it like websocket"));
        }
        // Requests behind such an upgrade would reach the upstream unseen.
        if protocol == "h2c" || protocol.starts_with("http") || protocol.starts_with("tls") {
            return Err(format!(
                "`{protocol}` would carry requests past the gateway, and cannot be passed on"
            ));
        }
    }
    Ok(())
}

pub(super) fn own_prefix(prefix: &str) -> Result<(), String> {
    if prefix.is_empty() || is_plain_path(prefix) {
        return Ok(());
    }
    Err(format!(
        "`{prefix}` is not a path; write it like /- or /platform (no slash at the end), or leave it empty"
    ))
}

pub(super) fn base(base: &str) -> Result<(), String> {
    if !base.is_empty() && !is_plain_path(base) {
        return Err(format!(
            "`{base}` is not a base path; write it like /v1 (no slash at the end), or \"\" for the root"
        ));
    }
    if base.starts_with(tollbar_core::SANDBOX_PREFIX) {
        return Err(format!("`{base}` begins with /sandbox, which is where sandbox lives"));
    }
    Ok(())
}

pub(super) fn host(host: &Option<String>) -> Result<(), String> {
    let Some(host) = host else { return Ok(()) };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if host.len() <= 253 && host.split('.').all(is_label) {
        return Ok(());
    }
    Err(format!(
        "`{host}` is not a host name; write it like api.example.com, in lower case, without scheme and port"
    ))
}

pub(super) fn health_path(path: &Option<String>) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if path.starts_with('/') && path.len() <= 1000 && path.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!("`{path}` is not a path; write it like /healthz, or leave it out to ask for none"))
}

pub(super) fn public_url(url: &Option<String>) -> Result<(), String> {
    let Some(url) = url else { return Ok(()) };
    let is_right = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.path_and_query().is_none_or(|path| path == "/")
    });
    if is_right && !url.ends_with('/') {
        return Ok(());
    }
    Err(format!(
        "`{url}` is not a base URL; write it like https://api.example.com, without a path or a slash at the end"
    ))
}

/// A fault that only shows when two settings are taken together.
pub(super) struct Clash {
    /// The setting to blame.
    pub(super) path: &'static str,
    /// The other one.
    pub(super) other: &'static str,
    pub(super) message: String,
}

/// What only shows when settings are taken together.
pub(super) fn check_together(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut clash = |path, other, message| clashes.push(Clash { path, other, message });
    let (live, sandbox) = ("hosts.live", "hosts.sandbox");
    let missing = |path: &str| format!("{path} is missing; set both hosts, or none");
    match (&config.hosts.live, &config.hosts.sandbox) {
        (Some(_), None) => clash(live, sandbox, missing(sandbox)),
        (None, Some(_)) => clash(sandbox, live, missing(live)),
        (Some(a), Some(b)) if a == b => {
            clash(sandbox, live, format!("`{b}` is the host of live too; they must differ"));
        }
        _ => {}
    }
    check_tls(config, &mut clash);
    if config.gateway.proxy_protocol && config.gateway.trusted_proxies.is_empty() {
        let (path, other) = ("gateway.proxy_protocol", "gateway.trusted_proxies");
        clash(path, other, format!("{other} is empty, and only they may send a PROXY header; list them"));
    }
    let listeners = [
        ("gateway.listen", config.gateway.listen),
        ("admin.listen", config.admin.listen),
        ("ops.listen", config.ops.listen),
    ];
    for (later, (path, address)) in listeners.iter().enumerate() {
        let taken = listeners.iter().take(later).find(|(_, taken)| collide(*taken, *address));
        if let Some((other, taken)) = taken {
            let message = format!("{address} is taken by {other} ({taken}); give each listener its own port");
            clash(path, other, message);
        }
    }
    clashes
}

/// Certificates, and what is refused without them.
fn check_tls(config: &Config, clash: &mut impl FnMut(&'static str, &'static str, String)) {
    let (tls, upstream) = (&config.tls, &config.upstream);
    let (certificates, keys) = ("tls.certificate_files", "tls.key_files");
    let (has, needs) = (tls.key_files.len(), tls.certificate_files.len());
    if has != needs {
        let message = format!(
            "there are {has} keys for {needs} certificates; name one key file for each certificate file, in the same order"
        );
        clash(keys, certificates, message);
    }
    let (asks, ca) = ("tls.client_certificates", "tls.client_ca_file");
    let is_off = tls.client_certificates == ClientCertificates::Off;
    if is_off && tls.client_ca_file.is_some() {
        clash(
            ca,
            asks,
            format!("nothing is checked against it while {asks} is off; make that optional or required"),
        );
    }
    if !is_off && tls.client_ca_file.is_none() {
        clash(
            asks,
            ca,
            format!("{ca} is missing; name the file with the authorities whose certificates are right"),
        );
    }
    if !is_off && needs == 0 {
        clash(asks, certificates, format!("clients bring certificates by TLS only; set {certificates}"));
    }
    let (shown, key) = ("upstream.certificate_file", "upstream.key_file");
    match (&upstream.certificate_file, &upstream.key_file) {
        (Some(_), None) => clash(shown, key, format!("{key} is missing; set both, or none")),
        (None, Some(_)) => clash(key, shown, format!("{shown} is missing; set both, or none")),
        _ => {}
    }
    if let Some(message) = plain_http_fault(config, config.gateway.listen) {
        clash("gateway.listen", "gateway.plain_http", message);
    }
}

/// Why plain HTTP is not spoken on this address of the gateway.
pub(crate) fn plain_http_fault(config: &Config, address: SocketAddr) -> Option<String> {
    let is_reached_by_others = !address.ip().to_canonical().is_loopback();
    (config.tls.certificate_files.is_empty() && is_reached_by_others && !config.gateway.plain_http).then(|| {
        format!(
            "{address} is not a loopback address, and without TLS whoever shares the network can read keys and tokens; \
             set tls.certificate_files and tls.key_files, or gateway.plain_http = true if a trusted proxy in front speaks TLS"
        )
    })
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_address = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_address
}

fn is_plain_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let segment_is_plain = |s: &str| !s.is_empty() && s != "." && s != ".." && s.chars().all(is_plain);
    path.len() <= 200 && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment_is_plain))
}
