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

/// The document's own example, where there is one.
fn body_for(document: &Value, media_type: &str, content: &Value) -> Vec<u8> {
    if !media_type.ends_with("json") {
        return b"# plain\r\n\r\ntext".to_vec();
    }
    let named = content["examples"].as_object().and_then(|examples| examples.values().next());
    let example =
        named.map(|example| &resolved(document, example)["value"]).or_else(|| content.get("example"));
    example.cloned().unwrap_or_else(|| json!({})).to_string().into_bytes()
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
