//! `servers`.

use serde_json::Value;

/// One server of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The URL, with its variables' defaults put in; may be relative.
    pub url: String,
    /// What the document says of it, else empty.
    pub description: String,
}

impl Server {
    /// The path of the URL, without a slash at its end. `None` when there is none, or only `/`.
    pub fn base_path(&self) -> Option<String> {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let path = match url.split_once("//") {
            // A relative URL can hold `//` too, but not before its first slash.
            Some((scheme, rest)) if !scheme.contains('/') => {
                rest.split_once('/').map_or("", |(_, path)| path)
            }
            _ => url,
        };
        let path = path.trim_matches('/');
        (!path.is_empty()).then(|| format!("/{path}"))
    }
}

pub(super) fn read(servers: Option<&Value>) -> Vec<Server> {
    let servers = servers.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |server: &Value, name| server.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = servers
        .iter()
        .map(|server| Server { url: substitute(server), description: text(server, "description") });
    read.filter(|server| !server.url.is_empty()).collect()
}

/// A variable without a default stays as it is: there is nothing better to put in.
fn substitute(server: &Value) -> String {
    let template = server.get("url").and_then(Value::as_str).unwrap_or_default();
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, name, after)) = rest
        .split_once('{')
        .and_then(|(before, rest)| rest.split_once('}').map(|(name, after)| (before, name, after)))
    {
        url.push_str(before);
        match server
            .get("variables")
            .and_then(|all| all.get(name))
            .and_then(|variable| variable.get("default"))
        {
            Some(default) => url.push_str(&super::scalar(default)),
            None => url.push_str(&format!("{{{name}}}")),
        }
        rest = after;
    }
    url + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_path_is_the_path_of_the_url() {
        for (url, expected) in [
            ("https://api.example.com", None),
            ("https://api.example.com/", None),
            ("https://api.example.com/v1", Some("/v1")),
            ("https://api.example.com/v1/", Some("/v1")),
            ("https://api.example.com/a/b?c=/d#e", Some("/a/b")),
            ("//api.example.com/v2", Some("/v2")),
            ("/v3", Some("/v3")),
            ("v4", Some("/v4")),
            ("/", None),
            ("/a//b", Some("/a//b")),
        ] {
            let server = Server { url: url.to_owned(), description: String::new() };
            assert_eq!(server.base_path().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn variables_take_their_defaults() {
        let servers = serde_json::json!([
            { "url": "https://{region}.example.com:{port}/{base}/{unknown}", "description": "live",
              "variables": { "region": { "default": "eu" }, "port": { "default": 8443 }, "base": { "default": "v2" } } },
            { "description": "no url" },
            { "url": "/open{" },
        ]);
        let urls: Vec<String> = read(Some(&servers)).into_iter().map(|server| server.url).collect();
        assert_eq!(urls, ["https://eu.example.com:8443/v2/{unknown}", "/open{"]);
    }
}
