//! A provocation for each code. A code without one does not compile.

mod authentication;
mod authorization;
mod metering;
mod requests;
mod token_endpoint;

use anyhow::Result;
use tollbar_contract::Code;

use super::{attempt::Attempt, scene::Scene};

/// Makes the platform answer a code.
pub(super) fn provoke(scene: &Scene, code: Code) -> Result<Attempt> {
    match code {
        Code::ApiPlatformDisabled => authentication::platform_disabled(scene),
        Code::MissingCredentials => authentication::missing(scene),
        Code::MalformedCredentials => authentication::malformed(scene),
        Code::InvalidApiKey => authentication::invalid_key(scene),
        Code::ExpiredToken => authentication::expired_token(scene),
        Code::RevokedApiKey => authentication::revoked_key(scene),
        Code::RevokedToken => authentication::revoked_token(scene),
        Code::ClientSuspended => authentication::suspended(scene),
        Code::IpNotAllowed => authentication::address(scene),
        Code::CredentialEnvironmentMismatch => authentication::environment(scene),
        Code::ScopeMissing => authorization::scope(scene),
        Code::ApiAccessDisabled => authorization::access(scene),
        Code::ApiWriteScopeNotCommerciallyEnabled => authorization::write(scene),
        Code::RateLimitExceeded => metering::rate(scene),
        Code::ApiUsageAllowanceExceeded => metering::allowance(scene),
        Code::EndpointDisabled => requests::switched_off(scene),
        Code::IdempotencyConflict => requests::conflict(scene),
        Code::InvalidRequest => requests::invalid(scene),
        Code::InvalidGrant => token_endpoint::grant(scene),
        Code::InvalidClient => token_endpoint::client(scene),
        Code::InvalidScope => token_endpoint::scope(scene),
        Code::InternalError => requests::broken_upstream(scene),
        Code::NotFound => requests::not_found(scene),
        Code::MethodNotAllowed => requests::method(scene),
        Code::RequestRejected => requests::rejected(scene),
    }
}

/// Whether a code can only be provoked when time has passed.
pub(super) fn is_late(code: Code) -> bool {
    code == Code::ExpiredToken
}
