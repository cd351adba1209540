//! A platform with an API of one's own, to see what of it comes through.

use serde_json::json;

use super::{Platform, PlatformBuilder, Response, Upstream, wire};

/// A platform, its upstream, and a key that may do everything.
pub(crate) struct Described {
    pub(crate) platform: Platform,
    pub(crate) upstream: Upstream,
    pub(crate) key: String,
    /// What the import had to say.
    pub(crate) warnings: Vec<String>,
}

impl Described {
    /// Imports these paths, in YAML: operations of the scopes `x:read` and `x:write`.
    pub(crate) fn open(paths: &str) -> Self {
        Self::open_with(Platform::with(), paths)
    }

    pub(crate) fn open_with(builder: PlatformBuilder, paths: &str) -> Self {
        let (platform, upstream) = (builder.start(), Upstream::start());
        let document = format!("openapi: 3.1.0\ninfo: {{ title: X, version: '1' }}\npaths:\n{paths}");
        let fields = json!({ "document": document, "base": "/v1", "upstream": upstream.url() });
        let imported = platform.change("POST", "/apis", &fields);
        let warnings = imported["warnings"].as_array().into_iter().flatten();
        let warnings = warnings.map(|line| line.as_str().unwrap().to_owned()).collect();
        let fields = json!({
            "name": "acme", "tier": "enterprise", "allowance": 100_000, "scopes": ["x:read", "x:write"],
            "write_enabled": true,
        });
        let id = platform.change("POST", "/clients", &fields)["id"].as_str().unwrap().to_owned();
        let key = platform.change("POST", &format!("/clients/{id}/keys"), &json!({ "environment": "live" }));
        Self { platform, upstream, key: key["key"].as_str().unwrap().to_owned(), warnings }
    }

    pub(crate) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut all = vec![("X-API-Key", self.key.as_str())];
        all.extend_from_slice(headers);
        wire::request(self.platform.gateway, method, target, &all, body)
    }

    /// The request is refused, the upstream sees nothing of it, and this is said.
    pub(crate) fn refuses(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> String {
        let seen = self.upstream.bytes_seen();
        let response = self.call(method, target, headers, body);
        let what = format!("{method} {target} {headers:?}");
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{what}");
        assert_eq!(self.upstream.bytes_seen(), seen, "{what}");
        response.message()
    }

    /// The request is passed on: target, headers and body, byte for byte.
    pub(crate) fn passes(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        let response = self.call(method, target, headers, body);
        assert_eq!(response.status, 200, "{method} {target} {headers:?}: {}", response.text());
        let received = self.upstream.last();
        let expected = target.strip_prefix("/v1").unwrap();
        assert_eq!((received.method.as_str(), received.target.as_str()), (method, expected));
        for (name, value) in headers {
            assert_eq!(received.header(&name.to_ascii_lowercase()), Some(*value), "{target}");
        }
        assert!(received.body == body, "{target}: {} of {} bytes", received.body.len(), body.len());
    }
}
