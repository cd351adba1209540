//! What went wrong, for the operator: the message names it and what to do.

use std::fmt::Display;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::json;
use tollbar_core::port::StoreFailure;

use crate::near::nearest;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 404 that names what is nearest to what was asked for.
    pub(crate) fn unknown<'a>(kind: &str, asked: impl Display, known: impl Iterator<Item = &'a str>) -> Self {
        let asked = asked.to_string();
        let near = nearest(&asked, known);
        let hint = if near.is_empty() { format!("there is no {kind} yet") } else { near };
        Self::not_found(format!("no {kind} is called `{asked}`: {hint}"))
    }
}

impl From<StoreFailure> for Fault {
    fn from(failure: StoreFailure) -> Self {
        tracing::error!(%failure, "the store failed");
        let outcome = if failure.is_in_doubt() { "" } else { ", nothing was changed" };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the store failed{outcome}: {failure}"))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, Json(json!({ "error": { "message": self.message } }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_changed_is_said_where_it_is_sure() {
        let full = StoreFailure::new("the disk is full");
        assert_eq!(
            Fault::from(full.clone()).message,
            "the store failed, nothing was changed: the disk is full"
        );
        let doubtful = Fault::from(full.into_doubt()).message;
        assert!(!doubtful.contains("nothing was changed"), "{doubtful}");
        assert!(
            doubtful.contains("not sure whether this is stored") && doubtful.contains("the disk is full")
        );
    }
}
