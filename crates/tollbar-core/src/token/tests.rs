use super::*;
use crate::secret::keyring::SecretKind;

fn platform(master: u8) -> SigningKeys {
    let secrets = Secrets::derive(&[master; 32]);
    let mut keys = SigningKeys::default();
    keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1), 3600).unwrap(), &secrets).unwrap();
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
    let kid = &keys.keys[0].record.id;
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

/// The keys of a platform, and what is stored of them.
fn rotated(keys: &mut SigningKeys, secrets: &Secrets, now: Timestamp) -> Vec<SigningKeyRecord> {
    let mut changed = keys.retired(now);
    changed.push(new_signing_key(secrets, now, 60).unwrap());
    for record in &changed {
        keys.add(record, secrets).unwrap();
    }
    changed
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

fn listed(keys: &SigningKeys) -> Vec<String> {
    let all = keys.jwks();
    all["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_retired_key_verifies_for_ever_and_is_listed_while_a_token_under_it_can_live() {
    let secrets = Secrets::derive(&[1; 32]);
    let mut keys = SigningKeys::default();
    keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1), 3600).unwrap(), &secrets).unwrap();
    let before = keys.sign(&claims()).unwrap();
    let changed = rotated(&mut keys, &secrets, Timestamp::from_seconds(1_800_000_000));
    let after = keys.sign(&claims()).unwrap();
    assert_eq!((kid(&before), kid(&after)), (changed[0].id.clone(), changed[1].id.clone()));
    // Also from the store, in whatever order.
    for order in [[0, 1], [1, 0]] {
        let mut again = SigningKeys::default();
        for position in order {
            again.add(&changed[position], &secrets).unwrap();
        }
        assert_eq!(kid(&again.sign(&claims()).unwrap()), kid(&after));
        assert!(again.verify(&before).is_some() && again.verify(&after).is_some());
        assert!(!again.lists_an_ended(Timestamp::from_millis(1_800_003_600_999)));
        again.unlist_ended(Timestamp::from_millis(1_800_003_600_999));
        assert_eq!(listed(&again), [kid(&after), kid(&before)]);
        assert!(again.lists_an_ended(Timestamp::from_seconds(1_800_003_601)));
        again.unlist_ended(Timestamp::from_seconds(1_800_003_601));
        assert_eq!(listed(&again), [kid(&after)]);
        assert!(!again.lists_an_ended(Timestamp::from_seconds(1_800_003_601)), "once");
        assert!(again.verify(&before).is_some(), "an expired token is told that it has expired");
    }
}

#[test]
fn a_retired_key_that_somebody_has_got_hold_of_signs_nothing_new() {
    let secrets = Secrets::derive(&[1; 32]);
    let mut keys = SigningKeys::default();
    keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1), 3600).unwrap(), &secrets).unwrap();
    let retired_at = 1_800_000_000;
    let token = |iat: u32, exp: u64| keys.sign(&Claims { iat: f64::from(iat), exp, ..claims() }).unwrap();
    let real = token(1_800_000_060, 1_800_003_661);
    let forged = [token(1_800_000_061, 1_800_003_661), token(1_800_000_000, 1_800_003_662)];
    assert!(forged.iter().all(|token| keys.verify(token).is_some()));
    let mut after = keys.clone();
    rotated(&mut after, &secrets, Timestamp::from_seconds(retired_at));
    assert!(after.verify(&real).is_some());
    assert!(forged.iter().all(|token| after.verify(token).is_none()));
}

#[test]
fn of_a_retired_key_nothing_is_stored_that_could_sign() {
    let secrets = Secrets::derive(&[1; 32]);
    let mut keys = SigningKeys::default();
    let first = new_signing_key(&secrets, Timestamp::from_seconds(1), 60).unwrap();
    keys.add(&first, &secrets).unwrap();
    let changed = rotated(&mut keys, &secrets, Timestamp::from_seconds(2));
    assert!(changed[0].sealed.is_empty());
    // A clock that was set back does not bring the old one back.
    let changed = rotated(&mut keys, &secrets, Timestamp::from_seconds(1));
    assert_eq!(kid(&keys.sign(&claims()).unwrap()), changed[1].id);
    assert_eq!(keys.records().filter(|record| record.retired.is_none()).count(), 1);
    let mut alone = SigningKeys::default();
    alone.add(&changed[0], &secrets).unwrap();
    assert!(alone.sign(&claims()).is_none());
}

#[test]
fn a_signing_key_is_sealed_anew_and_signs_as_before() {
    let secrets = Secrets::derive(&[1; 32]);
    let mut keys = SigningKeys::default();
    keys.add(&new_signing_key(&secrets, Timestamp::from_seconds(1), 60).unwrap(), &secrets).unwrap();
    let token = keys.sign(&claims()).unwrap();
    let next = secrets.next(SecretKind::Sealing, Timestamp::from_seconds(2));
    let resealed = keys.sealed_under(&next, &secrets).unwrap();
    secrets.put(&next).unwrap();
    secrets.forget(SecretKind::Sealing, 1);
    let mut after = SigningKeys::default();
    after.add(&resealed[0], &secrets).unwrap();
    assert_eq!(kid(&after.sign(&claims()).unwrap()), kid(&token));
    assert!(after.verify(&token).is_some());
    assert!(after.add(&keys.keys[0].record, &secrets).is_err(), "the old seal is gone with its key");
}

#[test]
fn a_signing_key_of_an_older_store_may_have_signed_tokens_of_the_longest_life() {
    let old = r#"{"id":"kid-1","sealed":[1,2],"created_at":1000}"#;
    let read: SigningKeyRecord = serde_json::from_str(old).unwrap();
    assert_eq!((read.longest_life_seconds, read.retired), (86_400, None));
}
