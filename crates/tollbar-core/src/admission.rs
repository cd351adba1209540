//! The stages of admission, in the order of the contract. Each takes what the earlier ones returned and gives
//! back evidence that only it can make; none writes a response, none calls another.

use std::{collections::BTreeSet, sync::Arc};

use http::HeaderMap;
use tollbar_contract::{Code, Environment, Stage};
use tollbar_openapi::{BodyGiven, BodyNeed, RequestParts};

use crate::{
    CallerAddress, ChangeId, Claims, Client, ClientId, Directory, KeyRecord, OauthRecord, Overage, Presented,
    Rejection, Snapshot, Tier, Timestamp,
    address::is_allowed,
    allowance::{AllowanceState, Charge, NotCharged},
    api_key::checksum_is_right,
    presented::{CHALLENGE, malformed},
    scope,
    window::{RateExceeded, RateState},
};

mod answers;
mod endpoint;
mod switches;
#[cfg(test)]
mod tests;

pub use endpoint::{Operation, allowed_methods, find_operation};
pub use switches::{check_platform, check_switches};

/// How many addresses or scopes of a client stand in a cause.
const SHOWN_MAX: usize = 20;

/// A credential that is known and in date.
#[derive(Clone)]
pub struct Authenticated {
    credential: Credential,
    client: ClientId,
}

#[derive(Clone)]
enum Credential {
    Key(Arc<KeyRecord>),
    Token(Arc<Claims>, Arc<OauthRecord>),
}

impl Authenticated {
    /// Its id, for the request log; never the credential itself.
    pub fn credential_id(&self) -> String {
        match &self.credential {
            Credential::Key(key) => key.id.to_string(),
            Credential::Token(claims, _) => token_name(claims),
        }
    }

    /// The same with what it is recognised by, and until when it lives.
    pub fn describe(&self) -> String {
        match &self.credential {
            Credential::Key(key) => {
                let until = key.grace_until.into_iter().chain(key.expires_at).min();
                let until = until.map_or("no end set".to_owned(), |until| format!("until {until}"));
                format!("{} ({}), {until}", key.id, key.hint)
            }
            Credential::Token(claims, _) => {
                let (from, until) = (claims.issued_at(), Timestamp::from_seconds(claims.exp));
                format!("{}, issued {from}, until {until}", token_name(claims))
            }
        }
    }

    /// How it was presented.
    pub const fn form(&self) -> &'static str {
        match &self.credential {
            Credential::Key(_) => "one credential: X-API-Key",
            Credential::Token(..) => "one credential: Authorization, a bearer token",
        }
    }

    /// Whose it is.
    pub const fn client_id(&self) -> ClientId {
        self.client
    }

    /// The environment it opens.
    pub fn environment(&self) -> Environment {
        match &self.credential {
            Credential::Key(key) => key.environment,
            Credential::Token(claims, _) => claims.env,
        }
    }

    /// The operator's change behind it; a token is the client's own doing.
    fn change(&self) -> Option<ChangeId> {
        match &self.credential {
            Credential::Key(key) => Some(key.change),
            Credential::Token(..) => None,
        }
    }

    /// Its own scopes, if it is limited to some.
    pub fn own_scopes(&self) -> Option<BTreeSet<String>> {
        match &self.credential {
            Credential::Key(key) => key.scopes.clone(),
            Credential::Token(claims, _) => Some(claims.scopes()),
        }
    }
}

fn not_a_token(bearer: &str) -> Rejection {
    if checksum_is_right(bearer.as_bytes()) {
        return malformed("the bearer value looks like an API key, which belongs into X-API-Key")
            .saying("The Authorization header carries an API key. Send it in the header X-API-Key.");
    }
    malformed("the bearer token was not signed by this platform")
}

fn token_name(claims: &Claims) -> String {
    format!("{} (token {})", claims.client_id, claims.jti)
}

/// Verifies a bearer token's signature. The data plane puts a cache before it.
pub type VerifyToken<'a> = &'a dyn Fn(&str) -> Option<Arc<Claims>>;

/// Stage 3: the credential is known and in date.
pub fn authenticate(
    directory: &Directory,
    presented: &Presented<'_>,
    verify: VerifyToken<'_>,
    now: Timestamp,
) -> Result<Authenticated, Rejection> {
    match presented {
        Presented::ApiKey(key) => authenticate_key(directory, key, now),
        Presented::Bearer(token) => authenticate_token(directory, token, verify, now),
    }
}

fn authenticate_key(directory: &Directory, key: &[u8], now: Timestamp) -> Result<Authenticated, Rejection> {
    let invalid =
        |cause: String| Rejection::new(Code::InvalidApiKey, Stage::Known, cause).challenging(CHALLENGE);
    if !checksum_is_right(key) {
        return Err(invalid(format!(
            "the key's checksum is wrong: it was mistyped or cut, or is not a key of this platform; it has {} characters",
            key.len()
        )));
    }
    // The digest is looked up, never compared with the key: there is nothing to be measured byte by byte.
    let record = directory.find_presented_key(key).ok_or_else(|| {
        invalid("no key has this digest, though its form is right: it is another platform's, or newer than a copy that was restored".to_owned())
    })?;
    // A tombstone stays one, also past the key's date: stage 4 answers.
    let is_tombstone = || {
        record.is_revoked(now)
            || directory.find_client(record.client).is_none_or(|client| client.record.deleted)
    };
    if record.expires_at.is_some_and(|at| at <= now) && !is_tombstone() {
        let cause =
            format!("key {} ({}) expired at {}", record.id, record.hint, record.expires_at.unwrap_or(now));
        return Err(Rejection::new(Code::InvalidApiKey, Stage::Known, cause)
            .challenging(CHALLENGE)
            .of(record.client, record.id.to_string())
            .because_of(record.change));
    }
    Ok(Authenticated { client: record.client, credential: Credential::Key(record) })
}

fn authenticate_token(
    directory: &Directory,
    token: &str,
    verify: VerifyToken<'_>,
    now: Timestamp,
) -> Result<Authenticated, Rejection> {
    let claims = verify(token).ok_or_else(|| not_a_token(token))?;
    let oauth = directory.find_oauth(claims.client_id);
    let expired = |cause: String| {
        let rejection = Rejection::new(Code::ExpiredToken, Stage::Known, cause)
            .challenging("Bearer realm=\"api\", error=\"invalid_token\"");
        match &oauth {
            Some(oauth) => rejection.of(oauth.client, token_name(&claims)),
            None => rejection,
        }
    };
    if claims.is_expired(now) {
        return Err(expired(format!(
            "token {} ended at {}",
            claims.jti,
            Timestamp::from_seconds(claims.exp)
        )));
    }
    let client = oauth.as_ref().and_then(|oauth| directory.find_client(oauth.client));
    match (&oauth, client) {
        (Some(oauth), Some(client)) if !client.record.deleted => {
            Ok(Authenticated { client: oauth.client, credential: Credential::Token(claims, oauth.clone()) })
        }
        _ => Err(expired(format!("the client of token {} no longer exists", claims.jti))),
    }
}

/// Stage 4: the credential is not revoked. Reads the records anew, so that it can be asked again.
pub fn check_not_revoked(
    directory: &Directory,
    authenticated: &Authenticated,
    now: Timestamp,
) -> Result<Arc<Client>, Rejection> {
    let client = directory.find_client(authenticated.client);
    let revoked = |code, cause: String, change: Option<ChangeId>| {
        let rejection = Rejection::new(code, Stage::Revoked, cause);
        Err(match change {
            Some(change) => rejection.because_of(change),
            None => rejection,
        })
    };
    match &authenticated.credential {
        Credential::Key(key) => {
            let key = directory.find_key(&key.digest).unwrap_or_else(|| key.clone());
            if key.is_revoked(now) {
                let since = key.revoked_from().unwrap_or(now);
                let how = if key.revoked_at.is_some() {
                    ""
                } else {
                    ", when its grace period after a rotation ended"
                };
                let cause = format!("key {} ({}) is revoked since {since}{how}", key.id, key.hint);
                return revoked(Code::RevokedApiKey, cause, Some(key.change));
            }
            match client {
                Some(client) if !client.record.deleted => Ok(client),
                Some(client) => {
                    let cause = format!("client {} is deleted", client.record.id);
                    revoked(Code::RevokedApiKey, cause, Some(client.record.changes.deletion))
                }
                None => revoked(Code::RevokedApiKey, format!("client {} is gone", key.client), None),
            }
        }
        Credential::Token(claims, oauth) => {
            let oauth = directory.find_oauth(oauth.id).unwrap_or_else(|| oauth.clone());
            if let Some(change) = directory.find_revoked_token(&claims.jti) {
                return revoked(Code::RevokedToken, format!("token {} is revoked", claims.jti), change);
            }
            if oauth.revoked_at.is_some() {
                let cause = format!("credential {} is revoked", oauth.id);
                return revoked(Code::RevokedToken, cause, Some(oauth.change));
            }
            let Some(client) = client.filter(|client| !client.record.deleted) else {
                return revoked(Code::RevokedToken, format!("client {} is gone", oauth.client), None);
            };
            if client.record.tokens_valid_from.is_some_and(|from| claims.issued_at() < from) {
                let (from, issued) = (client.record.tokens_valid_from.unwrap_or(now), claims.issued_at());
                let cause = format!(
                    "all tokens of {} issued before {from} are revoked; this one was issued {issued}",
                    client.record.id
                );
                return revoked(Code::RevokedToken, cause, Some(client.record.changes.tokens));
            }
            Ok(client)
        }
    }
}

/// Stage 5: the client is in good standing.
pub fn check_standing(client: &Client) -> Result<(), Rejection> {
    if client.record.suspended {
        let cause = format!("client {} ({}) is suspended", client.record.id, client.record.name);
        return Err(Rejection::new(Code::ClientSuspended, Stage::Standing, cause)
            .because_of(client.record.changes.standing));
    }
    Ok(())
}

/// Stage 6: the address is allowed.
pub fn check_address(client: &Client, caller: CallerAddress) -> Result<(), Rejection> {
    if is_allowed(caller.address, &client.record.allow_ips) {
        return Ok(());
    }
    let allowed: Vec<String> =
        client.record.allow_ips.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let more = client.record.allow_ips.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let cause = format!("{caller} ({}) is not in [{}]{more}", caller.source(), allowed.join(", "));
    Err(Rejection::new(Code::IpNotAllowed, Stage::Address, cause).because_of(client.record.changes.addresses))
}

/// Stage 7: the credential's environment is the one that is called.
pub fn check_environment(authenticated: &Authenticated, called: Environment) -> Result<(), Rejection> {
    let own = authenticated.environment();
    if own == called {
        return Ok(());
    }
    let cause = format!("a {own} credential was used on {called}");
    Err(Rejection::new(Code::CredentialEnvironmentMismatch, Stage::Environment, cause))
}

/// Stage 9: API access is enabled.
pub fn check_access(client: &Client) -> Result<(), Rejection> {
    if client.record.access_enabled {
        return Ok(());
    }
    let cause = format!("API access is not enabled for client {}", client.record.id);
    Err(Rejection::new(Code::ApiAccessDisabled, Stage::Access, cause)
        .because_of(client.record.changes.access))
}

/// Stage 10: the scopes that the endpoint requires are in force.
pub fn check_scope(
    operation: &Operation,
    authenticated: &Authenticated,
    client: &Client,
) -> Result<(), Rejection> {
    let own = authenticated.own_scopes();
    let required = &operation.endpoint().scopes;
    let Some(missing) = scope::find_missing(required, own.as_ref(), &client.record.scopes) else {
        return Ok(());
    };
    let in_force: Vec<_> = scope::in_force(own.as_ref(), &client.record.scopes).take(SHOWN_MAX).collect();
    // Where the client has the scope, it is the credential that has fewer.
    let is_the_credentials = client.record.scopes.contains(missing);
    let why = if is_the_credentials {
        format!("the client has it, and {} is limited to others", authenticated.credential_id())
    } else {
        "the client does not have it".to_owned()
    };
    let cause = format!("{missing} is required; in force: [{}]; {why}", in_force.join(" "));
    let message = format!(
        "The endpoint requires the scope {missing}, which your credential does not have. \
         Contact your account manager to discuss expanded access."
    );
    let change = if is_the_credentials { authenticated.change() } else { Some(client.record.changes.scopes) };
    Err(Rejection::new(Code::ScopeMissing, Stage::Scope, cause).because_of(change).saying(message))
}

/// Stage 11: write endpoints are for clients with write access.
pub fn check_write(operation: &Operation, client: &Client) -> Result<(), Rejection> {
    if !operation.endpoint().write || client.record.write_enabled {
        return Ok(());
    }
    let cause = format!("{} writes, and client {} has no write access", operation.name(), client.record.id);
    Err(Rejection::new(Code::ApiWriteScopeNotCommerciallyEnabled, Stage::Write, cause)
        .because_of(client.record.changes.write))
}

/// Stage 13: takes one from the rate. Behind a refusal: the tier's last change, or the client's into it, if that is later.
pub fn take_rate(
    snapshot: &Snapshot,
    client: &Client,
    environment: Environment,
    now: Timestamp,
) -> Result<RateState, Rejection> {
    let tier = find_tier(snapshot, client)?;
    let meter = client.meter(environment);
    meter.take_rate(tier.rate_per_minute, now).map_err(|RateExceeded { state, counted, retry_after_seconds }| {
        let cause = format!(
            "{counted} of {} requests in 60 s are used (tier {}, {environment}); one more at {}, all of them at {}",
            state.limit,
            tier.name,
            now.plus_seconds(retry_after_seconds.into()),
            Timestamp::from_seconds(state.reset_seconds)
        );
        Rejection::new(Code::RateLimitExceeded, Stage::Rate, cause)
            .because_of(tier.change.max(client.record.changes.tier))
            .retry_after(retry_after_seconds)
    })
}

/// The client's tier.
pub fn find_tier<'a>(snapshot: &'a Snapshot, client: &Client) -> Result<&'a Tier, Rejection> {
    snapshot.tiers.get(&client.record.tier).ok_or_else(|| {
        let cause =
            format!("client {} has the tier {}, which does not exist", client.record.id, client.record.tier);
        Rejection::new(Code::InternalError, Stage::Rate, cause).because_of(client.record.changes.tier)
    })
}

/// A request that is valid against the catalogue (stage 15).
pub struct Valid(());

/// Stage 15: the request's parameters are what the document says.
pub fn check_valid(
    operation: &Operation,
    query: Option<&str>,
    headers: &HeaderMap,
    body: BodyGiven<'_>,
) -> Result<Valid, Rejection> {
    let parts = RequestParts { path_parameters: &operation.path_parameters, query, headers };
    let checks = operation.api.checks();
    let is_passed_by = operation.endpoint().body_unchecked && !matches!(body, BodyGiven::None);
    let body = if is_passed_by { BodyGiven::Unchecked } else { body };
    match checks.check(operation.endpoint, &operation.endpoint().operation, &parts, body) {
        Ok(()) => Ok(Valid(())),
        Err(faults) => Err(Rejection::invalid(Stage::Validity, faults.to_string())),
    }
}

/// What stage 15 will need of a request's body.
pub fn body_need(operation: &Operation, headers: &HeaderMap) -> BodyNeed {
    if operation.endpoint().body_unchecked {
        return BodyNeed::Nothing;
    }
    operation.api.checks().body_need(operation.endpoint, headers)
}

/// A request that passed every check and is paid for. Forwarding takes this, and nothing else makes it.
pub struct Admitted {
    /// The charge, to be kept or given back.
    pub charge: Charge,
}

/// Why stage 16 did not charge.
pub enum ChargeFault {
    /// The allowance is used up.
    Rejected(Rejection),
    /// Make a lease durable, note it in the meter, then ask again.
    NeedsLease {
        /// The month to lease in.
        month: crate::Month,
        /// Up to where.
        upto: u64,
    },
}

/// Stage 16: charges one request to the allowance.
pub fn charge(
    client: &Client,
    environment: Environment,
    _valid: &Valid,
    now: Timestamp,
) -> Result<Admitted, ChargeFault> {
    let limit = client.record.allowance[environment.index()];
    match client.meter(environment).charge(limit, client.record.overage, now) {
        Ok(charge) => Ok(Admitted { charge }),
        Err(NotCharged::NeedsLease { month, upto }) => Err(ChargeFault::NeedsLease { month, upto }),
        Err(NotCharged::Exhausted(state)) => {
            Err(ChargeFault::Rejected(used_up(client, environment, state, now)))
        }
    }
}

/// Whether anything is left of the allowance; nothing is charged.
pub fn check_allowance(client: &Client, environment: Environment, now: Timestamp) -> Result<(), Rejection> {
    let limit = client.record.allowance[environment.index()];
    let state = client.meter(environment).peek_allowance(limit, now);
    match client.record.overage {
        Overage::Block if state.remaining() == 0 => Err(used_up(client, environment, state, now)),
        Overage::Block | Overage::Report => Ok(()),
    }
}

fn used_up(client: &Client, environment: Environment, state: AllowanceState, now: Timestamp) -> Rejection {
    let AllowanceState { limit, used, .. } = state;
    let month = crate::Month::of(now);
    let cause = format!(
        "{used} of {limit} requests of {month} are used ({environment}); beyond them, requests are blocked"
    );
    let mut rejection = Rejection::new(Code::ApiUsageAllowanceExceeded, Stage::Allowance, cause)
        .because_of(client.record.changes.allowance);
    rejection.advice.should_not_retry = true;
    rejection
}
