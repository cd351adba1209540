//! A refusal: what the caller is told, and, kept apart by type, why it happened.

use std::borrow::Cow;

use tollbar_contract::{Code, Stage};

use crate::{ChangeId, ClientId};

/// We refused. (When something broke, that is a failure; it reaches the caller as `internal_error`.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code.
    pub code: Code,
    /// The stage that refused.
    pub stage: Stage,
    /// What the caller reads.
    pub message: Cow<'static, str>,
    /// What support reads.
    pub cause: Cause,
    /// The change of policy behind it.
    pub change: Option<ChangeId>,
    /// Whose credential was refused, where that is known although it authenticates nobody: one that is past its date.
    pub known: Option<Box<KnownCredential>>,
    /// What goes into the response's head. Boxed: every stage returns this type by value.
    pub advice: Box<Advice>,
}

/// A credential that is known and no longer good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCredential {
    /// Whose it is.
    pub client: ClientId,
    /// Its id, for support.
    pub credential: String,
}

/// Why, with the values that were compared. It can be logged and looked up; there is no way to display it,
/// so it cannot end up in an answer by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(Cow<'static, str>);

impl Cause {
    /// For the request log and the operator's own tools.
    pub fn for_support(&self) -> &str {
        &self.0
    }
}

/// Header fields that a rejection asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u32>,
    /// `Allow`.
    pub allow: Option<String>,
    /// `X-Should-Retry: false`.
    pub should_not_retry: bool,
    /// `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
}

impl Rejection {
    /// A rejection with the code's own message.
    pub fn new(code: Code, stage: Stage, cause: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            stage,
            message: Cow::Borrowed(code.description()),
            cause: Cause(cause.into()),
            change: None,
            known: None,
            advice: Box::default(),
        }
    }

    /// With another message for the caller.
    #[must_use]
    pub fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Caused by this change of policy.
    #[must_use]
    pub fn because_of(mut self, change: impl Into<Option<ChangeId>>) -> Self {
        self.change = change.into();
        self
    }

    /// Of a credential that is known.
    #[must_use]
    pub fn of(mut self, client: ClientId, credential: String) -> Self {
        self.known = Some(Box::new(KnownCredential { client, credential }));
        self
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.advice.retry_after_seconds = Some(seconds);
        self
    }

    /// With `WWW-Authenticate`.
    #[must_use]
    pub fn challenging(mut self, challenge: &'static str) -> Self {
        self.advice.challenge = Some(challenge);
        self
    }

    /// `invalid_request` because the request itself is wrong, named.
    pub fn invalid(stage: Stage, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self::new(Code::InvalidRequest, stage, message.clone()).saying(message)
    }
}
