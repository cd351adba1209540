use super::*;

#[test]
fn what_is_sealed_opens_only_in_its_place_and_under_its_secret() {
    let secrets = Secrets::derive(&[1; 32]);
    let sealed = secrets.seal(b"here", b"the answer");
    assert!(!sealed.windows(10).any(|w| w == b"the answer"));
    assert_eq!(secrets.open(b"here", &sealed), Ok(b"the answer".to_vec()));
    assert_eq!(secrets.open(b"there", &sealed), Err(CannotOpen));
    assert_eq!(Secrets::derive(&[2; 32]).open(b"here", &sealed), Err(CannotOpen));
    for length in 0..sealed.len() {
        assert_eq!(secrets.open(b"here", &sealed[..length]), Err(CannotOpen));
    }
}

#[test]
fn the_digest_depends_on_the_master_secret() {
    let digest = |master| Secrets::derive(&[master; 32]).credential_digest(b"key");
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
