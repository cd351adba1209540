//! httpbin behind a platform.

use serde_json::{Value, json};

use crate::support::{Platform, PlatformBuilder, RealServer, Response, request};

/// Method and path of what is imported; every path parameter is a text.
const ROUTES: [(&str, &str); 33] = [
    ("get", "/status/{codes}"),
    ("get", "/get"),
    ("post", "/post"),
    ("put", "/put"),
    ("patch", "/patch"),
    ("delete", "/delete"),
    ("get", "/anything"),
    ("post", "/anything"),
    ("get", "/delay/{delay}"),
    ("get", "/drip"),
    ("get", "/stream/{n}"),
    ("get", "/bytes/{n}"),
    ("get", "/stream-bytes/{n}"),
    ("get", "/range/{n}"),
    ("get", "/gzip"),
    ("get", "/deflate"),
    ("get", "/brotli"),
    ("get", "/redirect/{n}"),
    ("get", "/absolute-redirect/{n}"),
    ("get", "/redirect-to"),
    ("get", "/cookies/set"),
    ("get", "/response-headers"),
    ("get", "/etag/{etag}"),
    ("get", "/html"),
    ("get", "/xml"),
    ("get", "/json"),
    ("get", "/robots.txt"),
    ("get", "/encoding/utf8"),
    ("get", "/image/png"),
    ("get", "/image/svg"),
    ("get", "/base64/{value}"),
    ("get", "/links/{n}/{offset}"),
    ("get", "/hidden-basic-auth/{user}/{password}"),
];

/// The connection's, the moment's, or ours.
const NOT_COMPARED: [&str; 13] = [
    "connection",
    "transfer-encoding",
    "proxy-authenticate",
    "date",
    "via",
    "x-request-id",
    "x-error-source",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-allowance-limit",
    "x-allowance-remaining",
    "x-allowance-reset",
];

pub(super) struct Bin {
    pub(super) platform: Platform,
    pub(super) httpbin: RealServer,
    pub(super) key: String,
}

impl Bin {
    pub(super) fn open() -> Self {
        Self::open_with(Platform::with())
    }

    /// `/bin` with the upstream's errors in our envelope, `/raw` with them untouched.
    pub(super) fn open_with(builder: PlatformBuilder) -> Self {
        let (platform, httpbin) = (builder.start(), RealServer::httpbin());
        let mut scopes = Value::Null;
        for (base, errors) in [("/bin", "wrap"), ("/raw", "pass")] {
            let api = json!({
                "document": document(), "base": base, "upstream": httpbin.url(), "upstream_errors": errors,
            });
            let imported = platform.change("POST", "/apis", &api);
            assert_eq!(imported["endpoints"], ROUTES.len(), "{imported}");
            scopes = imported["scopes"].clone();
        }
        platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 100_000 }));
        let client = json!({
            "name": "acme", "tier": "bulk", "allowance": 100_000, "scopes": scopes, "write_enabled": true,
        });
        platform.change("POST", "/clients", &client);
        let key = platform.change("POST", "/clients/acme/keys", &json!({ "environment": "live" }));
        let key = key["key"].as_str().unwrap().to_owned();
        Self { platform, httpbin, key }
    }

    /// Calls Tollbar; `target` begins with a base.
    pub(super) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut all = vec![("X-API-Key", self.key.as_str())];
        all.extend_from_slice(headers);
        request(self.platform.gateway, method, target, &all, body)
    }

    /// The same call through Tollbar and to httpbin itself.
    pub(super) fn both(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> [Response; 2] {
        [
            self.call(method, &format!("/bin{target}"), headers, body),
            request(self.httpbin.address, method, target, headers, body),
        ]
    }
}

fn document() -> String {
    let mut paths = json!({});
    for (method, path) in ROUTES {
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let parameters = names.map(
            |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        );
        paths[path][method] = json!({
            "tags": ["bin"], "parameters": parameters.collect::<Vec<_>>(),
            "responses": { "default": { "description": "as it is" } },
        });
    }
    json!({ "openapi": "3.1.0", "info": { "title": "httpbin", "version": "0" }, "paths": paths }).to_string()
}

/// The header fields that an intermediary has to leave alone, sorted.
fn end_to_end(response: &Response) -> Vec<(String, String)> {
    let kept = response.headers.iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()));
    let mut kept: Vec<_> = kept.cloned().collect();
    kept.sort();
    kept
}

pub(super) fn assert_untouched(through: &Response, direct: &Response, what: &str) {
    assert_eq!(through.status, direct.status, "{what}: {through:?}");
    assert_eq!(end_to_end(through), end_to_end(direct), "{what}");
    assert!(through.body == direct.body, "{what}: the bodies differ");
    assert!(!through.truncated, "{what}");
    through.request_id();
}
