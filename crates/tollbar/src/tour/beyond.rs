//! What the codes alone do not show: every stage from its other side, and what happens to a request that is right.

mod credentials;
mod idempotency;
mod requests;
mod successes;
mod waiting;

use anyhow::Result;
use tollbar_contract::Code;

use super::{attempt::Attempt, scene::Scene};

/// A row of its own.
pub(super) struct Extra {
    /// What is to be answered; `None`: a success.
    pub(super) code: Option<Code>,
    pub(super) act: fn(&Scene) -> Result<Attempt>,
    /// Whether time must have passed. The throttle comes last of all: it makes other failures look like itself.
    pub(super) is_late: bool,
}

/// All of them, in the order of the stages.
pub(super) const EXTRAS: &[Extra] = &[
    refusal(Code::InvalidRequest, requests::garbled),
    refusal(Code::InvalidRequest, requests::method_override),
    success(successes::health_while_off),
    refusal(Code::MalformedCredentials, credentials::two_at_once),
    refusal(Code::MalformedCredentials, credentials::foreign_token),
    late(Code::InvalidApiKey, credentials::expired_key),
    late(Code::RateLimitExceeded, credentials::guessing),
    refusal(Code::RevokedApiKey, credentials::deleted_client),
    refusal(Code::RevokedToken, credentials::revoked_credential),
    refusal(Code::RevokedToken, credentials::all_tokens_revoked),
    refusal(Code::RevokedApiKey, waiting::revoked_meanwhile),
    refusal(Code::ApiPlatformDisabled, waiting::platform_off_meanwhile),
    refusal(Code::EndpointDisabled, waiting::endpoint_off_meanwhile),
    refusal(Code::CredentialEnvironmentMismatch, credentials::sandbox_key_on_live),
    refusal(Code::CredentialEnvironmentMismatch, credentials::live_token_on_sandbox),
    success(successes::options),
    refusal(Code::ScopeMissing, credentials::narrow_key),
    refusal(Code::ScopeMissing, credentials::withdrawn_scope),
    refusal(Code::EndpointDisabled, requests::endpoint_off),
    success(successes::windows_apart),
    success(successes::account),
    success(idempotency::replay),
    success(idempotency::four_at_once),
    refusal(Code::InvalidRequest, idempotency::unusable_key),
    refusal(Code::InvalidRequest, idempotency::key_required),
    refusal(Code::InvalidRequest, requests::body_required),
    refusal(Code::InternalError, requests::hidden_inside),
    refusal(Code::NotFound, requests::unknown_shipment),
    success(successes::by_key),
    success(successes::by_token),
    success(successes::sandbox),
];

const fn refusal(code: Code, act: fn(&Scene) -> Result<Attempt>) -> Extra {
    Extra { code: Some(code), act, is_late: false }
}

const fn late(code: Code, act: fn(&Scene) -> Result<Attempt>) -> Extra {
    Extra { code: Some(code), act, is_late: true }
}

const fn success(act: fn(&Scene) -> Result<Attempt>) -> Extra {
    Extra { code: None, act, is_late: false }
}
