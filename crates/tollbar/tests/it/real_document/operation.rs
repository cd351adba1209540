//! A request for each operation of a document, its parameters filled.

use serde_json::{Value, json};

/// Legal in a path segment, and all of it easy to spoil on the way: an encoded slash, both cases of hex digits,
/// encoded letters that need no encoding, every character that needs none.
const ODD_TEXT: &str = "a%2Fb%2fc%41:@!$&'()*+,;=~-._%C3%A9%20%25";

/// An operation and how it is called.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) template: String,
    /// Path and query as they are sent, without the base.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Operation {
    /// The bytes of a request.
    pub(super) fn request(&self, base: &str, key: &str) -> Vec<u8> {
        let mut head =
            format!("{} {base}{} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Every operation, in the document's order.
pub(super) fn all(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "head", "post", "put", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                operations.push(operation_of(document, template, method, item, operation));
            }
        }
    }
    operations
}

fn operation_of(
    document: &Value,
    template: &str,
    method: &str,
    item: &Value,
    operation: &Value,
) -> Operation {
    let (mut path, mut query, mut headers) = (template.to_owned(), String::new(), Vec::new());
    let parameters = [operation, item].into_iter().filter_map(|o| o["parameters"].as_array()).flatten();
    for parameter in parameters.map(|parameter| resolved(document, parameter)) {
        let name = parameter["name"].as_str().unwrap();
        let value = || value_for(document, &parameter["schema"]);
        match (parameter["in"].as_str().unwrap(), parameter["required"] == json!(true)) {
            ("path", _) => {
                // `a;...b` would be another endpoint to whoever cuts at `;`, and is refused for that.
                let text = if template.contains("}...{") { value().replace(';', "") } else { value() };
                path = path.replace(&format!("{{{name}}}"), &text);
            }
            ("query", true) => {
                query.push_str(if query.is_empty() { "?" } else { "&" });
                query.push_str(&format!("{name}={}", value()));
            }
            ("header", true) => headers.push((name.to_owned(), value())),
            _ => {}
        }
    }
    assert!(!path.contains('{'), "{template}: {path}");
    let mut body = Vec::new();
    if let Some(request_body) = operation.get("requestBody") {
        let content = resolved(document, request_body)["content"].as_object().unwrap();
        let (media_type, content) = content.iter().next().unwrap();
        headers.push(("Content-Type".to_owned(), media_type.clone()));
        body = body_for(document, media_type, content);
    }
    Operation {
        method: method.to_uppercase(),
        template: template.to_owned(),
        target: path + &query,
        headers,
        body,
    }
}

/// The least that the document allows.
fn body_for(document: &Value, media_type: &str, content: &Value) -> Vec<u8> {
    if !media_type.ends_with("json") {
        return b"# plain\r\n\r\ntext".to_vec();
    }
    least(document, &content["schema"]).to_string().into_bytes()
}

/// The least value that a schema allows: what is required, and the first of several ways.
fn least(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed[0].clone();
    }
    let first = |name: &str| schema[name].as_array().map(|ways| resolved(document, &ways[0]));
    let ways: Vec<&Value> = [Some(schema), first("oneOf"), first("anyOf")].into_iter().flatten().collect();
    let kind = ways.iter().find_map(|way| way["type"].as_str().or_else(|| way["type"][0].as_str()));
    let is_object = ways.iter().any(|way| way["properties"].is_object() || way["required"].is_array());
    match kind.unwrap_or(if is_object { "object" } else { "string" }) {
        "object" => {
            let required = ways.iter().filter_map(|way| way["required"].as_array()).flatten();
            let member = |name: &str| {
                let described = ways.iter().map(|way| &way["properties"][name]).find(|one| !one.is_null());
                described.map_or(json!("x"), |one| least(document, one))
            };
            // Of ways that exclude each other, the optional members tell which one is meant.
            let telling = first("oneOf").and_then(|way| way["properties"].as_object()).into_iter().flatten();
            let names =
                required.map(|name| name.as_str().unwrap()).chain(telling.map(|(name, _)| name.as_str()));
            names.map(|name| (name.to_owned(), member(name))).collect()
        }
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(0);
            let items = ways.iter().map(|way| &way["items"]).find(|items| !items.is_null());
            (0..count).map(|_| items.map_or(json!("x"), |items| least(document, items))).collect()
        }
        "integer" | "number" => ways[0].get("minimum").cloned().unwrap_or(json!(1)),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => json!(match (schema["pattern"].as_str(), schema["format"].as_str()) {
            (Some(_), _) => value_for(document, schema),
            (_, Some("date-time")) => "2026-01-01T00:00:00Z".to_owned(),
            (_, Some("date")) => "2026-01-01".to_owned(),
            (_, Some("uri")) => "https://a.example/".to_owned(),
            (_, Some("email")) => "a@a.example".to_owned(),
            _ => "1".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap()),
        }),
    }
}

fn value_for(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.last().unwrap().as_str().unwrap().to_owned();
    }
    match (schema["pattern"].as_str(), schema["format"].as_str(), schema["type"].as_str()) {
        (Some(r"^\d+\.\d+\.\d+$"), ..) => "1.20.300".to_owned(),
        (Some("^sha256:[a-f0-9]{64}$"), ..) => format!("sha256:{}", "0a".repeat(32)),
        (Some("^[a-zA-Z0-9._-]+$"), ..) => "a.b_c-1".to_owned(),
        (Some(r"^[A-Za-z0-9.\-_]+$"), ..) => "a.b-1".to_owned(),
        (Some("^([0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?)$"), ..) => "0a".repeat(20),
        (Some(refs), ..) if refs.starts_with("^refs/") => "refs/heads/a".to_owned(),
        (Some(ssh), ..) if ssh.starts_with("^ssh-") => "ssh-ed25519 AAAA".to_owned(),
        (Some(base64), ..) if base64.starts_with("^(?:[A-Za-z0-9+/]{4})*") => "YWJj".to_owned(),
        (Some("^https://"), ..) => "https://a.example/".to_owned(),
        (Some(other), ..) => panic!("a value for {other} is needed"),
        (_, Some("date"), _) => "2026-11-22".to_owned(),
        (_, Some("int64"), _) => i64::MAX.to_string(),
        (_, _, Some("integer")) => "42".to_owned(),
        (_, _, Some("string") | None) => ODD_TEXT.to_owned(),
        (_, _, Some(other)) => panic!("a value for type {other} is needed"),
    }
}

/// What a `$ref` stands for, else the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            resolved(document, document.pointer(reference.strip_prefix('#').unwrap()).unwrap())
        }
        None => value,
    }
}
