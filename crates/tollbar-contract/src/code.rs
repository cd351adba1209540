//! The one table of error codes.

use std::fmt;

/// The part of the contract in which a code is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Who is calling, and may they call at all.
    Authentication,
    /// What the caller may do.
    Authorization,
    /// How much the caller may do.
    RateAndAllowance,
    /// What the operator has switched off, and idempotency.
    EndpointAndPlatform,
    /// What is wrong with the request itself.
    Request,
    /// What went wrong behind the gateway.
    Server,
}

impl Section {
    /// The heading, word for word as the published contract has it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication Errors",
            Self::Authorization => "Authorization Errors",
            Self::RateAndAllowance => "Rate Limit & Allowance Errors",
            Self::EndpointAndPlatform => "Endpoint & Platform Errors",
            Self::Request => "Request Errors",
            Self::Server => "Server Errors",
        }
    }
}

/// Whether, and after what, the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request itself has to change first.
    FixRequest,
    /// Yes, with a fresh token.
    AfterReauthentication,
    /// Never: the credential has to change.
    CredentialIssue,
    /// Never: the answer will not change by asking again.
    AccessDenied,
    /// Only with a new `Idempotency-Key`.
    ChangeKey,
    /// Yes, at the time in `X-RateLimit-Reset`.
    AfterReset,
    /// Never within this month.
    QuotaExhausted,
    /// Yes, once, with exponential backoff.
    WithBackoff,
    /// Yes, by polling.
    Later,
}

impl Retry {
    /// The row label of the published retry table.
    pub const fn row(self) -> &'static str {
        match self {
            Self::FixRequest => "400",
            Self::AfterReauthentication => "401 (expired)",
            Self::CredentialIssue => "401 (other)",
            Self::AccessDenied => "403",
            Self::ChangeKey => "409",
            Self::AfterReset => "429 (rate limit)",
            Self::QuotaExhausted => "429 (allowance)",
            Self::WithBackoff => "500",
            Self::Later => "503 (disabled)",
        }
    }

    /// The published answer to "safe to retry?".
    pub const fn answer(self) -> &'static str {
        match self {
            Self::FixRequest | Self::CredentialIssue | Self::AccessDenied | Self::QuotaExhausted => "No",
            Self::AfterReauthentication => "Yes, after re-auth",
            Self::ChangeKey => "No (change key)",
            Self::AfterReset => "Yes, after reset",
            Self::WithBackoff => "Yes, with backoff",
            Self::Later => "Yes, later",
        }
    }

    /// The published note.
    pub const fn note(self) -> &'static str {
        match self {
            Self::FixRequest => "Fix the request first.",
            Self::AfterReauthentication => "Re-request a token then retry.",
            Self::CredentialIssue => "Credential issue - contact support.",
            Self::AccessDenied => "Access denied - won't change on retry.",
            Self::ChangeKey => "Use a new Idempotency-Key.",
            Self::AfterReset => "Wait until X-RateLimit-Reset.",
            Self::QuotaExhausted => "Monthly quota exhausted.",
            Self::WithBackoff => {
                "Retry once with exponential backoff; if persistent, contact support with X-Request-Id."
            }
            Self::Later => "Poll for restoration; contact support if urgent.",
        }
    }

    /// Every kind of advice, in the order of the published table.
    pub const ALL: [Self; 9] = [
        Self::FixRequest,
        Self::AfterReauthentication,
        Self::CredentialIssue,
        Self::AccessDenied,
        Self::ChangeKey,
        Self::AfterReset,
        Self::QuotaExhausted,
        Self::WithBackoff,
        Self::Later,
    ];
}

macro_rules! codes {
    ($($variant:ident $wire:literal $status:literal $section:ident $retry:ident $origin:ident $text:literal;)*) => {
        /// A machine-readable error code. The set is closed: Tollbar answers no other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $text] $variant,)* }

        impl Code {
            /// Every code, in the order of the contract, the additive ones last.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name on the wire.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $wire,)* } }

            /// The HTTP status. [`Code::RequestRejected`] keeps the upstream's own 4xx instead.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status,)* } }

            /// Where the contract describes it.
            pub const fn section(self) -> Section { match self { $(Self::$variant => Section::$section,)* } }

            /// What a client program should do.
            pub const fn retry(self) -> Retry { match self { $(Self::$variant => Retry::$retry,)* } }

            /// The default message, and the description in the reference.
            pub const fn description(self) -> &'static str { match self { $(Self::$variant => $text,)* } }

            /// True for the codes that were added where the original contract is silent.
            pub const fn is_additive(self) -> bool { match self { $(Self::$variant => codes!(@additive $origin),)* } }
        }
    };
    (@additive seed) => { false };
    (@additive added) => { true };
}

codes! {
    ApiPlatformDisabled "api_platform_disabled" 503 Authentication Later seed
        "The API platform is currently disabled by the operator. Try again shortly or contact support.";
    MissingCredentials "missing_credentials" 401 Authentication CredentialIssue seed
        "No X-API-Key header or Authorization: Bearer header was provided.";
    MalformedCredentials "malformed_credentials" 401 Authentication CredentialIssue seed
        "A credential header was present but could not be parsed (e.g. a malformed Bearer header).";
    InvalidApiKey "invalid_api_key" 401 Authentication CredentialIssue seed
        "The API key does not match any active key in the system.";
    ExpiredToken "expired_token" 401 Authentication AfterReauthentication seed
        "The Bearer token has passed its expiry time. Request a new token via the token endpoint.";
    RevokedApiKey "revoked_api_key" 403 Authentication AccessDenied seed
        "The API key has been explicitly revoked. Obtain a new key from your account manager.";
    RevokedToken "revoked_token" 403 Authentication AccessDenied seed
        "The Bearer token has been explicitly revoked. Request a new token.";
    ClientSuspended "client_suspended" 403 Authentication AccessDenied seed
        "Your API client account has been suspended. Contact support.";
    IpNotAllowed "ip_not_allowed" 403 Authentication AccessDenied seed
        "The request originated from an IP address not in your allowlist. Contact your account manager to update the list.";
    CredentialEnvironmentMismatch "credential_environment_mismatch" 403 Authentication AccessDenied seed
        "A live credential was used against a sandbox endpoint, or vice versa. Use the correct key/token for the target environment.";
    ScopeMissing "scope_missing" 403 Authorization AccessDenied seed
        "The endpoint requires a scope that your credential does not have. Contact your account manager to discuss expanded access.";
    ApiAccessDisabled "api_access_disabled" 403 Authorization AccessDenied seed
        "API access has not been enabled for your account. Contact support.";
    ApiWriteScopeNotCommerciallyEnabled "api_write_scope_not_commercially_enabled" 403 Authorization AccessDenied seed
        "Write endpoints require enterprise access, which is not enabled for your account.";
    RateLimitExceeded "rate_limit_exceeded" 429 RateAndAllowance AfterReset seed
        "You have exceeded the per-minute request rate for your tier. Wait until the X-RateLimit-Reset timestamp and retry.";
    ApiUsageAllowanceExceeded "api_usage_allowance_exceeded" 429 RateAndAllowance QuotaExhausted seed
        "Your monthly request allowance has been exhausted. Contact your account manager to discuss overage options.";
    EndpointDisabled "endpoint_disabled" 503 EndpointAndPlatform Later seed
        "This specific endpoint (or its category) has been temporarily disabled. The error.message will contain any available detail. Retry later.";
    IdempotencyConflict "idempotency_conflict" 409 EndpointAndPlatform ChangeKey seed
        "An Idempotency-Key was reused with a different request body. Generate a new unique key for each distinct operation.";
    InvalidRequest "invalid_request" 400 Request FixRequest seed
        "A required parameter is missing or has an invalid value. See the error.message for which parameter.";
    InvalidGrant "invalid_grant" 400 Request FixRequest seed
        "Token endpoint: the grant_type is not client_credentials.";
    InvalidClient "invalid_client" 401 Request CredentialIssue seed
        "Token endpoint: the client_id/client_secret pair is invalid.";
    InvalidScope "invalid_scope" 400 Request FixRequest seed
        "Token endpoint: the requested scope is not a subset of your allowed scopes.";
    InternalError "internal_error" 500 Server WithBackoff seed
        "An unexpected server error occurred. Include the X-Request-Id when contacting support.";
    NotFound "not_found" 404 Request FixRequest added
        "No endpoint of this API has this path. Check the path and the base path against the documentation.";
    MethodNotAllowed "method_not_allowed" 405 Request FixRequest added
        "The path exists, but not with this method. The Allow header lists the methods it has.";
    RequestRejected "request_rejected" 422 Request FixRequest added
        "The API behind the gateway rejected the request. The status is its own; the error.message carries its detail where it gave one.";
}

impl Code {
    /// The code with this wire name.
    pub fn find(wire: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == wire)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
