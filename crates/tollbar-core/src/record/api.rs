//! APIs and their endpoints, as stored.

use serde::{Deserialize, Serialize};
use tollbar_openapi::{Operation, SchemaSet};

use super::urls;
use crate::{ChangeId, EndpointId, Timestamp};

/// How API records are written today. An older one is read again from its document at the next start.
pub const API_FORMAT: u32 = 1;

/// Servers of one upstream, at most.
pub const UPSTREAM_URLS_MAX: usize = 16;

/// An imported API: everything that the data plane has to know of it, as the document says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiRecord {
    /// How it is written: [`API_FORMAT`], or an older number.
    #[serde(default)]
    pub format: u32,
    /// The base path, such as `/v1`; empty for the root.
    pub base: String,
    /// The document's title.
    pub title: String,
    /// The document's version.
    pub version: String,
    /// Where requests go: live, sandbox; several URLs are several servers of the same upstream. An API without a sandbox
    /// upstream has no sandbox endpoints.
    #[serde(with = "urls")]
    pub upstreams: [Vec<String>; 2],
    /// What becomes of the upstream's errors.
    pub upstream_errors: UpstreamErrors,
    /// Whether a keyed request's 5xx is stored and replayed, or releases its key.
    pub on_upstream_5xx: OnUpstream5xx,
    /// Whether the upstream's answers are held against the document, to count where they differ. What is needed for it is
    /// among endpoints and schemas only then.
    #[serde(default)]
    pub observe: bool,
    /// Its endpoints.
    pub endpoints: Vec<EndpointRecord>,
    /// The schemas that their requests, and answers where those are observed, are held against.
    #[serde(default)]
    pub schemas: SchemaSet,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// The change that made it what it is.
    pub change: ChangeId,
}

/// What becomes of the upstream's errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamErrors {
    /// They are put into the envelope, and 5xx hide their inside.
    #[default]
    Wrap,
    /// They pass untouched.
    Pass,
}

/// What a 5xx from the upstream does to an idempotency key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUpstream5xx {
    /// It is stored and replayed: the write may have happened.
    #[default]
    Store,
    /// It releases the key: the upstream promises that a 5xx did nothing.
    Release,
}

/// One endpoint of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Its durable number.
    pub id: EndpointId,
    /// The category, for switches and metrics.
    pub category: String,
    /// The scopes it requires, all of them.
    pub scopes: Vec<String>,
    /// Whether it writes.
    pub write: bool,
    /// Whether an `Idempotency-Key` is required.
    pub idempotency_required: bool,
    /// Whether an execution of unknown outcome may be sent again: the upstream de-duplicates.
    pub resend_unknown: bool,
    /// Whether bodies are passed on without being held against the document.
    #[serde(default)]
    pub body_unchecked: bool,
    /// Method, path, parameters and body.
    pub operation: Operation,
}

impl EndpointRecord {
    /// `GET /orders/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.operation.method, self.operation.path)
    }
}
