//! One document, imported as the program does it, and each of its operations looked for.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollbar_core::{
    Api, ApiRecord, ChangeId, OnUpstream5xx, RouteSettings, Timestamp, UpstreamErrors, import::import,
};
use tollbar_openapi::{Document, Find};

/// Where every document is put: what its own first server says may be no base path, which an operator then gives.
const BASE: &str = "/v1";

/// The methods that an operation can have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What became of a document.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub struct Outcome {
    /// Why it was refused.
    pub refused: Option<String>,
    /// What the operator is told.
    pub warnings: Vec<String>,
    /// How many operations the document has, by a count that is not the program's.
    pub described: usize,
    /// How many became endpoints.
    pub endpoints: usize,
    /// How many are found by a path made of their template.
    pub routed: usize,
    /// Those where another is found that stands before it by the documented precedence.
    pub shadowed: Vec<String>,
    /// Those that are not found, or where a wrong one is.
    pub lost: Vec<String>,
    /// How many schemas were compiled.
    pub schemas: usize,
    /// How long reading the document took, in milliseconds; the rest is reading the file and counting.
    pub parse_ms: u128,
    /// How long compiling it took.
    pub compile_ms: u128,
    /// The most memory that the process had.
    pub memory_kib: u64,
}

/// Imports a document.
pub fn read(file: &Path) -> Result<Outcome> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut outcome = Outcome::default();
    if let Err(refusal) = take(&bytes, &mut outcome) {
        outcome.refused = Some(format!("{refusal:#}"));
    }
    outcome.memory_kib = memory_peak_kib();
    let raw: Value = serde_json::from_slice(&bytes)?;
    outcome.described = count(&raw);
    Ok(outcome)
}

fn take(bytes: &[u8], outcome: &mut Outcome) -> Result<()> {
    let began = Instant::now();
    let document = Document::parse(bytes)?;
    outcome.parse_ms = began.elapsed().as_millis();
    let imported = import(&document, Some(BASE), &RouteSettings::default())?;
    outcome.warnings = imported.warnings;
    outcome.endpoints = imported.endpoints.len();
    outcome.schemas = imported.schemas.len();
    let record = ApiRecord {
        format: tollbar_core::API_FORMAT,
        base: imported.base,
        title: document.title().to_owned(),
        version: document.version().to_owned(),
        upstreams: [vec!["http://127.0.0.1".to_owned()], Vec::new()],
        upstream_errors: UpstreamErrors::Wrap,
        on_upstream_5xx: OnUpstream5xx::Store,
        observe: false,
        endpoints: imported.endpoints,
        schemas: imported.schemas,
        imported_at: Timestamp::default(),
        change: ChangeId(0),
    };
    drop(document);
    let began = Instant::now();
    let api = Api::new(record)?;
    outcome.compile_ms = began.elapsed().as_millis();
    for (number, endpoint) in api.record.endpoints.iter().enumerate() {
        look_for(&api, number, &endpoint.operation.method, &endpoint.operation.path, outcome);
    }
    Ok(())
}

fn look_for(api: &Api, number: usize, method: &str, template: &str, outcome: &mut Outcome) {
    let path = path_of(template);
    let name = format!("{method} {template}");
    match api.find(method, &path) {
        Find::Matched(found) if found.id == number => outcome.routed += 1,
        Find::Matched(found) => {
            let other = api.endpoint(found.id).map(|endpoint| endpoint.operation.path.as_str());
            note(&name, other.unwrap_or_default(), template, outcome);
        }
        Find::MethodNotAllowed { .. } => outcome.lost.push(format!("{name}: another path has {path}")),
        Find::NotFound => outcome.lost.push(format!("{name}: nothing is found at {path}")),
    }
}

/// More fixed text in a segment stands before less; where that is why, all is as it should be.
fn note(name: &str, other: &str, template: &str, outcome: &mut Outcome) {
    let fixed = |text: &str| text.split('/').map(fixed_rank).collect::<Vec<_>>();
    let text = format!("{name}: {other} is found");
    if fixed(other) > fixed(template) { outcome.shadowed.push(text) } else { outcome.lost.push(text) }
}

/// 2 for literal text, 1 for text and parameters, 0 for a lone parameter.
fn fixed_rank(segment: &str) -> u8 {
    match segment.matches('{').count() {
        0 => 2,
        1 if segment.starts_with('{') && segment.ends_with('}') => 0,
        _ => 1,
    }
}

/// A path that a client could call: each parameter is a word that no document has, the rest is percent-encoded where
/// it has to be.
fn path_of(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        path.push_str(&encoded(literal));
        path.push_str("zq7");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    path + &encoded(rest)
}

fn encoded(literal: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    literal.bytes().map(one).collect()
}

/// How many operations stand in a document: methods in path items that begin with a slash.
fn count(document: &Value) -> usize {
    let Some(paths) = document["paths"].as_object() else { return 0 };
    let items = paths.iter().filter(|(path, _)| !path.starts_with("x-")).map(|(_, item)| item);
    items
        .map(|item| METHODS.iter().filter(|method| resolved(document, item).get(method).is_some()).count())
        .sum()
}

fn resolved<'d>(document: &'d Value, item: &'d Value) -> &'d Value {
    let reference = item.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(item)
}

/// What the kernel has counted, where it tells.
fn memory_peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}
