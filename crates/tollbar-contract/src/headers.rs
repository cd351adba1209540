//! Header names of the contract, in the spelling that the docs use. On the wire, case does not matter.

/// The API key of the caller.
pub const API_KEY: &str = "x-api-key";
/// Our id of this request, on every response and towards the upstream.
pub const REQUEST_ID: &str = "x-request-id";
/// The error code, beside the envelope.
pub const ERROR_CODE: &str = "x-error-code";
/// `gateway` or `upstream`: whose error it is.
pub const ERROR_SOURCE: &str = "x-error-source";
/// `false` where the status alone would make a client try again in vain.
pub const SHOULD_RETRY: &str = "x-should-retry";
/// The tier's requests per 60 seconds.
pub const RATE_LIMIT: &str = "x-ratelimit-limit";
/// What is left of them now.
pub const RATE_REMAINING: &str = "x-ratelimit-remaining";
/// Unix seconds at which, with nothing else sent, the whole limit is admitted.
pub const RATE_RESET: &str = "x-ratelimit-reset";
/// The month's allowance.
pub const ALLOWANCE_LIMIT: &str = "x-allowance-limit";
/// What is left of it.
pub const ALLOWANCE_REMAINING: &str = "x-allowance-remaining";
/// Unix seconds of the start of the next month, UTC.
pub const ALLOWANCE_RESET: &str = "x-allowance-reset";
/// The caller's key for a write that must happen once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` on a stored answer.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// On a replay: the id of the request that was executed.
pub const ORIGINAL_REQUEST_ID: &str = "x-original-request-id";
/// To the upstream: the client's id.
pub const UPSTREAM_CLIENT: &str = "x-tollbar-client";
/// To the upstream: `live` or `sandbox`.
pub const UPSTREAM_ENVIRONMENT: &str = "x-tollbar-environment";
/// To the upstream: the scopes in force, separated by spaces.
pub const UPSTREAM_SCOPES: &str = "x-tollbar-scopes";
