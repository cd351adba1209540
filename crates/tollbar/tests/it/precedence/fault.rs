//! What can be wrong with a request, in the order of the stages.

use tollbar_contract::{Code, Stage};

macro_rules! faults {
    ($($fault:ident $stage:ident $code:ident $text:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Fault { $(#[doc = $text] $fault,)* }

        impl Fault {
            pub(super) const ALL: &[Self] = &[$(Self::$fault,)*];

            /// The stage that finds it.
            pub(super) const fn stage(self) -> Stage { match self { $(Self::$fault => Stage::$stage,)* } }

            /// What that stage answers.
            pub(super) const fn code(self) -> Code { match self { $(Self::$fault => Code::$code,)* } }
        }
    };
}

faults! {
    UnreadableHead Http InvalidRequest "A header line without a colon.";
    AmbiguousPath Http InvalidRequest "A path with an empty segment.";
    MethodOverride Http InvalidRequest "A header that asks the upstream for another method.";
    PlatformOff Platform ApiPlatformDisabled "The platform is switched off.";
    NoCredential Presented MissingCredentials "No credential header.";
    TwoCredentials Presented MalformedCredentials "A second credential header, of the other kind.";
    MistypedKey Known InvalidApiKey "The client's key with another last character.";
    KeyPastItsDate Known InvalidApiKey "The key's own date has passed.";
    TokenOfDeletedClient Known ExpiredToken "A token whose client no longer exists.";
    ThrottledAddress Known RateLimitExceeded "A mistyped key, from an address that had too many failures.";
    RevokedKey Revoked RevokedApiKey "The key is revoked.";
    DeletedClient Revoked RevokedApiKey "The key's client is deleted.";
    RevokedToken Revoked RevokedToken "A token whose credential is revoked.";
    Suspended Standing ClientSuspended "The client is suspended.";
    AddressNotAllowed Address IpNotAllowed "The client's addresses are others.";
    OtherEnvironment Environment CredentialEnvironmentMismatch "A sandbox credential on live.";
    UnknownPath Endpoint NotFound "A path that the API does not have.";
    OtherMethod Endpoint MethodNotAllowed "A method that the path does not have.";
    AccessDisabled Access ApiAccessDisabled "The client has no API access.";
    ScopeMissing Scope ScopeMissing "The client has no scope.";
    NoWriteAccess Write ApiWriteScopeNotCommerciallyEnabled "The client may not write, and the request does.";
    EndpointOff Switch EndpointDisabled "The endpoint is switched off.";
    CategoryOff Switch EndpointDisabled "The endpoint's category is switched off.";
    RateUsedUp Rate RateLimitExceeded "The client's rate is used up.";
    BrokenBody Idempotency InvalidRequest "A chunked body whose first chunk has no size.";
    BadIdempotencyKey Idempotency InvalidRequest "An Idempotency-Key of 256 characters.";
    KeyReused Idempotency IdempotencyConflict "An Idempotency-Key that another request has used.";
    InvalidParameter Validity InvalidRequest "A query parameter that is not a number.";
    AllowanceUsedUp Allowance ApiUsageAllowanceExceeded "Nothing is left of the allowance.";
    UpstreamGone Upstream InternalError "Nothing listens where the upstream should be.";
}
