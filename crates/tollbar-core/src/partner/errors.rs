//! Which of the contract's codes an operation can answer.

use tollbar_contract::Code;

use crate::{EndpointRecord, UpstreamErrors};

/// Whether a request that is meant for this endpoint can be answered with this code. A new code does not compile until
/// it is said here.
pub fn can_answer(code: Code, endpoint: &EndpointRecord, upstream_errors: UpstreamErrors) -> bool {
    match code {
        // Any request can meet these.
        Code::ApiPlatformDisabled
        | Code::MissingCredentials
        | Code::MalformedCredentials
        | Code::InvalidApiKey
        | Code::ExpiredToken
        | Code::RevokedApiKey
        | Code::RevokedToken
        | Code::ClientSuspended
        | Code::IpNotAllowed
        | Code::CredentialEnvironmentMismatch
        | Code::ApiAccessDisabled
        | Code::RateLimitExceeded
        | Code::ApiUsageAllowanceExceeded
        | Code::EndpointDisabled
        | Code::InvalidRequest
        | Code::InternalError => true,
        Code::ScopeMissing => !endpoint.scopes.is_empty(),
        Code::ApiWriteScopeNotCommerciallyEnabled | Code::IdempotencyConflict => endpoint.write,
        // The path is there, so that only the upstream can miss something, or reject it.
        Code::NotFound | Code::RequestRejected => upstream_errors == UpstreamErrors::Wrap,
        // The method is there as well; and these are the token endpoint's.
        Code::MethodNotAllowed | Code::InvalidGrant | Code::InvalidClient | Code::InvalidScope => false,
    }
}
