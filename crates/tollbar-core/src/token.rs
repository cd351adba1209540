//! Access tokens: a JWT shaped as RFC 9068, EdDSA only.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;

use crate::{OauthId, SigningKeyRecord, Timestamp, id::base62, secret, secret::Secrets};

const TYPE: &str = "at+jwt";

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
pub fn new_signing_key(secrets: &Secrets, now: Timestamp) -> Result<SigningKeyRecord, SigningKeyFault> {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| SigningKeyFault::NotAKey)?;
    let id = base62(u64::from_le_bytes(secret::random_bytes()), 11);
    let sealed = secrets.seal(sealing_context(&id).as_bytes(), document.as_ref());
    Ok(SigningKeyRecord { id, sealed, created_at: now })
}

/// Why a signing key from the store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyFault {
    /// It does not open.
    #[error(transparent)]
    Sealed(#[from] secret::CannotOpen),
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
    id: String,
    created_at: Timestamp,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Vec<u8>,
}

impl SigningKeys {
    /// Adds a key from the store.
    pub fn add(&mut self, record: &SigningKeyRecord, secrets: &Secrets) -> Result<(), SigningKeyFault> {
        let document = secrets.open(sealing_context(&record.id).as_bytes(), &record.sealed)?;
        let pair = Ed25519KeyPair::from_pkcs8(&document).map_err(|_| SigningKeyFault::NotAKey)?;
        let public = pair.public_key().as_ref().to_vec();
        let key = SigningKey {
            id: record.id.clone(),
            created_at: record.created_at,
            encoding: EncodingKey::from_ed_der(&document),
            decoding: DecodingKey::from_ed_der(&public),
            public,
        };
        self.keys.retain(|other| other.id != key.id);
        self.keys.push(key);
        self.keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(())
    }

    /// Signs claims with the newest key. `None` if there is no key.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        let key = self.keys.first()?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, claims, &key.encoding).ok()
    }

    /// The claims of a token that this platform signed; `None` for every other. Says nothing about time.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::EdDSA || !header.typ?.eq_ignore_ascii_case(TYPE) {
            return None;
        }
        let kid = header.kid?;
        let key = self.keys.iter().find(|key| key.id == kid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation).ok().map(|data| data.claims)
    }

    /// The public halves, as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": key.id, "x": URL_SAFE_NO_PAD.encode(&key.public),
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

fn sealing_context(id: &str) -> String {
    format!("signing key {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(master: u8) -> SigningKeys {
        let secrets = Secrets::derive(&[master; 32]);
        let mut keys = SigningKeys::default();
        keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1)).unwrap(), &secrets).unwrap();
        keys
    }

    fn claims() -> Claims {
        Claims {
            iss: "http://h/v1".into(),
            aud: "http://h/v1".into(),
            sub: "cl_1".into(),
            client_id: OauthId::from_number(5),
            jti: new_token_id(),
            iat: 1_800_000_000.123,
            exp: 1_800_003_600,
            scope: "a b".into(),
            env: Environment::Live,
        }
    }

    #[test]
    fn a_token_is_verified_by_the_platform_that_signed_it_and_no_other() {
        let (ours, theirs) = (platform(1), platform(2));
        let token = ours.sign(&claims()).unwrap();
        let read = ours.verify(&token).unwrap();
        assert_eq!(read.scopes(), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(read.issued_at(), Timestamp::from_millis(1_800_000_000_123));
        assert!(theirs.verify(&token).is_none());
        assert!(!read.is_expired(Timestamp::from_millis(1_800_003_599_999)));
        assert!(read.is_expired(Timestamp::from_millis(1_800_003_600_000)));
    }

    #[test]
    fn a_token_with_any_changed_byte_is_not_ours() {
        let keys = platform(1);
        let token = keys.sign(&claims()).unwrap();
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            // Another character of the alphabet; the last one of a part may only differ in unused bits.
            bytes[position] = if bytes[position] == b'A' { b'g' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if let Some(read) = keys.verify(&changed) {
                panic!("position {position} of {} changed nothing: {read:?}", token.len());
            }
        }
    }

    #[test]
    fn only_our_algorithm_and_type_are_read() {
        let keys = platform(1);
        let token = keys.sign(&claims()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let kid = &keys.keys[0].id;
        for header in [
            format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#),
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"other"}"#.to_owned(),
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#.to_owned(),
            "{".to_owned(),
        ] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(&header));
            assert!(keys.verify(&forged).is_none(), "{header}");
        }
        for text in ["", ".", "..", "a.b.c", &token[..token.len() - 1]] {
            assert!(keys.verify(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_retired_key_still_verifies() {
        let secrets = Secrets::derive(&[1; 32]);
        let old = new_signing_key(&secrets, Timestamp::from_seconds(1)).unwrap();
        let new = new_signing_key(&secrets, Timestamp::from_seconds(2)).unwrap();
        let mut keys = SigningKeys::default();
        keys.add(&old, &secrets).unwrap();
        let before = keys.sign(&claims()).unwrap();
        keys.add(&new, &secrets).unwrap();
        let after = keys.sign(&claims()).unwrap();
        assert!(keys.verify(&before).is_some() && keys.verify(&after).is_some());
        assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 2);
        assert_eq!(jsonwebtoken::decode_header(&after).unwrap().kid, Some(new.id));
    }
}
