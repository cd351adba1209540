//! Stages 3 and 4: the credential is known and in date, and not revoked.

use std::{collections::BTreeSet, sync::Arc};

use tollbar_contract::{Code, Environment, Stage};

use crate::{
    ChangeId, Claims, Client, ClientId, Directory, KeyRecord, OauthRecord, Presented, Rejection, Timestamp,
    api_key::checksum_is_right,
    presented::{CHALLENGE, malformed},
};

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
    pub(super) fn change(&self) -> Option<ChangeId> {
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
