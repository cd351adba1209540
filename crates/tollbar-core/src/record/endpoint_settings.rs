//! What operators set for single endpoints: kept apart from what the document says.

use serde::{Deserialize, Serialize};

use crate::{ChangeId, EndpointId, EndpointRecord, Timestamp};

/// What an operator set for an endpoint by hand. It stands before what the document says, also before what the next
/// document says; it stays while the endpoint is gone, and holds again when it comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// The base that it is under.
    pub base: String,
    /// Its method.
    pub method: String,
    /// Its template, as it was written when this was set.
    pub path: String,
    /// The scopes that it requires. `None`, here and below: as the document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<bool>,
    /// Whether an `Idempotency-Key` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_required: Option<bool>,
    /// Whether an execution of unknown outcome may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend_unknown: Option<bool>,
    /// When it was set last.
    pub set_at: Timestamp,
    /// The change that set it.
    pub change: ChangeId,
}

impl EndpointSettings {
    /// `GET /v1/orders/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}{}", self.method, self.base, self.path)
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        let Self { scopes, category, write, idempotency_required, resend_unknown, .. } = self;
        scopes.is_none()
            && category.is_none()
            && write.is_none()
            && idempotency_required.is_none()
            && resend_unknown.is_none()
    }

    /// An endpoint as it is in force: what is set here over what the document says.
    pub fn over(&self, said: &EndpointRecord) -> EndpointRecord {
        let mut endpoint = said.clone();
        if let Some(scopes) = &self.scopes {
            endpoint.scopes.clone_from(scopes);
        }
        if let Some(category) = &self.category {
            endpoint.category.clone_from(category);
        }
        endpoint.write = self.write.unwrap_or(said.write);
        endpoint.idempotency_required = self.idempotency_required.unwrap_or(said.idempotency_required);
        endpoint.resend_unknown = self.resend_unknown.unwrap_or(said.resend_unknown);
        endpoint
    }
}
