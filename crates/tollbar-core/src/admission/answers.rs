//! The answer to an operation, before its description. Nothing is enforced here.

use http::{HeaderMap, StatusCode};
use tollbar_openapi::{BodyGiven, ResponseNeed};

use super::Operation;

impl Operation {
    /// Whether its answers are to be held against the document.
    pub fn is_observed(&self) -> bool {
        self.api.record.observe
    }

    /// Whether the document says anything of its answers.
    pub fn describes_answers(&self) -> bool {
        !self.endpoint().operation.responses.is_empty()
    }

    /// What of an answer's body is needed to hold it against the document.
    pub fn response_need(&self, status: StatusCode, headers: &HeaderMap) -> ResponseNeed {
        let described = &self.endpoint().operation;
        self.api.checks().response_need(self.endpoint, described, status.as_u16(), headers)
    }

    /// How an answer differs from what the document says, each difference in words.
    pub fn differences(&self, status: StatusCode, headers: &HeaderMap, body: BodyGiven<'_>) -> Vec<String> {
        let (checks, described) = (self.api.checks(), &self.endpoint().operation);
        match checks.check_response(self.endpoint, described, status.as_u16(), headers, body) {
            Ok(()) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }
}
