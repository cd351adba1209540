//! Access tokens: a JWT shaped as RFC 9068, EdDSA only.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;

use crate::{
    OauthId, RetiredKey, SigningKeyRecord, Timestamp,
    id::base62,
    secret::{self, CannotOpen, Secrets, keyring::KeyringRecord},
};

const TYPE: &str = "at+jwt";
/// A key goes on signing while its retirement is made durable.
const RETIRING_SECONDS: u64 = 60;

/// The claims of a token (RFC 9068, section 2.2), and the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: the base URL of the API.
    pub iss: String,
    /// For whom: the same.
    pub aud: String,
    /// The client's id.
    pub sub: String,
    /// The OAuth2 credential that it was issued to.
    pub client_id: OauthId,
    /// Its id.
    pub jti: String,
    /// When it was issued, in seconds; it may have a fraction, so that a revocation is exact.
    pub iat: f64,
    /// When it ends, in seconds.
    pub exp: u64,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// The environment it opens.
    pub env: Environment,
}

impl Claims {
    /// Its scopes.
    pub fn scopes(&self) -> BTreeSet<String> {
        self.scope.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }

    /// Whether it has ended.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= Timestamp::from_seconds(self.exp)
    }

    /// When it was issued.
    pub fn issued_at(&self) -> Timestamp {
        // Claims are read only behind our own signature; a negative or huge value saturates.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
        Timestamp::from_millis((self.iat * 1000.0).round() as u64)
    }
}

/// A new token id.
pub fn new_token_id() -> String {
    let [a, b] = [secret::random_bytes(), secret::random_bytes()].map(u64::from_le_bytes);
    base62(a, 11) + &base62(b, 11)
}

/// A new signing key, sealed for the store.
pub fn new_signing_key(
    secrets: &Secrets,
    now: Timestamp,
    lifetime_seconds: u64,
) -> Result<SigningKeyRecord, SigningKeyFault> {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| SigningKeyFault::NotAKey)?;
    let id = base62(u64::from_le_bytes(secret::random_bytes()), 11);
    let sealed = secrets.seal(sealing_context(&id).as_bytes(), document.as_ref());
    Ok(SigningKeyRecord {
        id,
        sealed,
        created_at: now,
        longest_life_seconds: lifetime_seconds,
        retired: None,
    })
}

/// Why a signing key from the store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyFault {
    /// It does not open.
    #[error(transparent)]
    Sealed(#[from] CannotOpen),
    /// It is not an Ed25519 key.
    #[error("a stored signing key is not an Ed25519 key")]
    NotAKey,
}

/// The signing keys: the newest signs, all verify.
#[derive(Clone, Default)]
pub struct SigningKeys {
    keys: Vec<SigningKey>,
}

#[derive(Clone)]
struct SigningKey {
    record: SigningKeyRecord,
    /// The private half; a retired key has none any more.
    encoding: Option<EncodingKey>,
    decoding: DecodingKey,
    public: Vec<u8>,
    is_listed: bool,
}

impl SigningKeys {
    /// Adds a key from the store.
    pub fn add(&mut self, record: &SigningKeyRecord, secrets: &Secrets) -> Result<(), SigningKeyFault> {
        let (public, encoding) = match &record.retired {
            Some(retired) => (retired.public.clone(), None),
            None => {
                let document = secrets.open(sealing_context(&record.id).as_bytes(), &record.sealed)?;
                let pair = Ed25519KeyPair::from_pkcs8(&document).map_err(|_| SigningKeyFault::NotAKey)?;
                (pair.public_key().as_ref().to_vec(), Some(EncodingKey::from_ed_der(&document)))
            }
        };
        let decoding = DecodingKey::from_ed_der(&public);
        let key = SigningKey { record: record.clone(), encoding, decoding, public, is_listed: true };
        self.keys.retain(|other| other.record.id != record.id);
        self.keys.push(key);
        // One that can sign first, whatever a clock that was set back says.
        self.keys.sort_by_key(|key| (key.encoding.is_none(), std::cmp::Reverse(key.record.created_at)));
        Ok(())
    }

    /// What is stored of them, the one that signs first.
    pub fn records(&self) -> impl Iterator<Item = &SigningKeyRecord> {
        self.keys.iter().map(|key| &key.record)
    }

    /// What is to be stored of the keys that sign when another takes their place: the private half is erased, for
    /// verifying needs the public one alone.
    pub fn retired(&self, now: Timestamp) -> Vec<SigningKeyRecord> {
        let signing = self.keys.iter().filter(|key| key.encoding.is_some());
        signing
            .map(|key| {
                // A token's end is rounded up to the next second.
                let tokens_until = now.plus_seconds(key.record.longest_life_seconds.saturating_add(1));
                let retired = RetiredKey { at: now, tokens_until, public: key.public.clone() };
                SigningKeyRecord { sealed: Vec::new(), retired: Some(retired), ..key.record.clone() }
            })
            .collect()
    }

    /// What is to be stored of the keys that sign, sealed under another secret that is not in use yet.
    pub fn sealed_under(
        &self,
        next: &KeyringRecord,
        secrets: &Secrets,
    ) -> Result<Vec<SigningKeyRecord>, CannotOpen> {
        let signing = self.keys.iter().filter(|key| key.encoding.is_some());
        signing
            .map(|key| {
                let context = sealing_context(&key.record.id);
                let document = secrets.open(context.as_bytes(), &key.record.sealed)?;
                let sealed = secrets.seal_under(next, context.as_bytes(), &document)?;
                Ok(SigningKeyRecord { sealed, ..key.record.clone() })
            })
            .collect()
    }

    /// Whether one is listed whose last token has ended.
    pub fn lists_an_ended(&self, now: Timestamp) -> bool {
        self.keys.iter().any(|key| key.is_listed && has_ended(&key.record, now))
    }

    /// Takes those off the list. They still verify: an expired token is told that it is.
    pub fn unlist_ended(&mut self, now: Timestamp) {
        for key in &mut self.keys {
            key.is_listed &= !has_ended(&key.record, now);
        }
    }

    /// Signs claims with the newest key. `None` if there is no key.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        let key = self.keys.first()?;
        let encoding = key.encoding.as_ref()?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.record.id.clone());
        jsonwebtoken::encode(&header, claims, encoding).ok()
    }

    /// The claims of a token that this platform signed; `None` for every other. Says nothing about time.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::EdDSA || !header.typ?.eq_ignore_ascii_case(TYPE) {
            return None;
        }
        let kid = header.kid?;
        let key = self.keys.iter().find(|key| key.record.id == kid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation).ok()?.claims;
        key.may_have_signed(&claims).then_some(claims)
    }

    /// The public halves of those under which a token can live, as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key.is_listed)
            .map(|key| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": key.record.id, "x": URL_SAFE_NO_PAD.encode(&key.public),
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

impl SigningKey {
    /// What bears the signature of a retired key, and a later time than it can have signed at, was signed by somebody
    /// who has got hold of it.
    fn may_have_signed(&self, claims: &Claims) -> bool {
        self.record.retired.as_ref().is_none_or(|retired| {
            claims.issued_at() <= retired.at.plus_seconds(RETIRING_SECONDS)
                && Timestamp::from_seconds(claims.exp) <= retired.tokens_until.plus_seconds(RETIRING_SECONDS)
        })
    }
}

/// Whether no token under a key can live any more.
fn has_ended(key: &SigningKeyRecord, now: Timestamp) -> bool {
    key.retired.as_ref().is_some_and(|retired| retired.tokens_until <= now)
}

fn sealing_context(id: &str) -> String {
    format!("signing key {id}")
}

#[cfg(test)]
mod tests;
