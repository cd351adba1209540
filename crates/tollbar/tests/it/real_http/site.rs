//! A platform before Node's HTTP server, and one way of speaking to it.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    support::{Platform, RealServer, get},
    tls::certificates::{Authority, text},
};

/// Method and path of what is imported; every path parameter is a text.
const ROUTES: [(&str, &str); 15] = [
    ("get", "/echo"),
    ("get", "/cookie"),
    ("get", "/stream/{n}"),
    ("post", "/digest"),
    ("post", "/orders"),
    ("get", "/together/{n}"),
    ("get", "/fails"),
    ("get", "/endless/{name}"),
    ("get", "/aborted"),
    ("get", "/events"),
    ("post", "/emit"),
    ("post", "/hang-up"),
    ("get", "/socket"),
    ("get", "/gzip"),
    ("post", "/post"),
];

pub(super) struct Site {
    pub(super) platform: Platform,
    pub(super) server: RealServer,
    pub(super) key: String,
    /// Whether HTTP/2 is to be spoken; it is served as well as HTTP/1.1 in any case.
    pub(super) http2: bool,
    authority: Option<Authority>,
}

/// Tries something with TLS and without, in both versions of HTTP, each with a platform and a server of its own.
pub(super) fn in_each_way(test: impl Fn(&Site) + Sync) {
    std::thread::scope(|scope| {
        for (tls, http2) in [(true, true), (true, false), (false, true), (false, false)] {
            let test = &test;
            scope.spawn(move || test(&Site::open(tls, http2)));
        }
    });
}

impl Site {
    pub(super) fn open(tls: bool, http2: bool) -> Self {
        let authority = tls.then(Authority::new);
        let builder = match &authority {
            Some(authority) => {
                authority.issue("site", &["127.0.0.1"]);
                authority.serving(&["site"])
            }
            None => Platform::with().set("gateway.http2_prior_knowledge", "true"),
        };
        let (platform, server) = (builder.start(), RealServer::node());
        let scopes = import(&platform, "/v1", &server);
        platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 100_000 }));
        let client = json!({
            "name": "acme", "tier": "bulk", "allowance": 100_000, "scopes": scopes, "write_enabled": true,
        });
        platform.change("POST", "/clients", &client);
        let key = platform.change("POST", "/clients/acme/keys", &json!({ "environment": "live" }));
        let key = key["key"].as_str().unwrap().to_owned();
        Self { platform, server, key, http2, authority }
    }

    /// Puts another server behind it.
    pub(super) fn import(&self, base: &str, server: &RealServer) {
        import(&self.platform, base, server);
    }

    pub(super) const fn has_tls(&self) -> bool {
        self.authority.is_some()
    }

    /// Where it is called: `scheme` with an `s` if it has TLS.
    pub(super) fn url(&self, scheme: &str, base: &str) -> String {
        format!("{scheme}{}://{}{base}", if self.has_tls() { "s" } else { "" }, self.platform.gateway)
    }

    /// The file with the authority to be trusted.
    pub(super) fn ca(&self) -> Option<String> {
        self.authority.as_ref().map(|authority| text(&authority.path("ca.pem")))
    }

    /// What a client has to know.
    pub(super) fn task(&self) -> Value {
        json!({ "url": self.url("http", "/v1"), "ca": self.ca(), "key": self.key, "http2": self.http2 })
    }

    pub(super) fn metric(&self, name: &str) -> u64 {
        let metrics = get(self.platform.ops, "/metrics", &[]).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_total "));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
    }
}

impl fmt::Display for Site {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if self.http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(out, "{version} {} TLS", if self.has_tls() { "with" } else { "without" })
    }
}

/// Imports what any of the servers has; gives back the scopes.
fn import(platform: &Platform, base: &str, server: &RealServer) -> Value {
    let mut paths = json!({});
    for (method, path) in ROUTES {
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let parameters = names.map(
            |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        );
        paths[path][method] = json!({
            "tags": ["site"], "parameters": parameters.collect::<Vec<_>>(),
            "responses": { "default": { "description": "as it is" } },
        });
    }
    let document = json!({ "openapi": "3.1.0", "info": { "title": "site", "version": "0" }, "paths": paths });
    let api = json!({ "document": document.to_string(), "base": base, "upstream": server.url() });
    platform.change("POST", "/apis", &api)["scopes"].clone()
}
