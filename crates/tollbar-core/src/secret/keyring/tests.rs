use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Written down when everything was derived from the master secret `[1; 32]`, and sealed bytes had no name.
const OLD_DIGEST: &str = "f33c6f97fba6bfaa4eed9df3fb479783976ca5673420a79e464aa51f311fe489";
const OLD_IDS: &str = "ac7e13ed24945792ee301418756667cb44f25e1857c7f41003d5a07e2bd0265c\
                       ac1bfa635e4f7fe81325bbe2e8f4b1621a1fe63b652bc020c0820db015d3db7e";
const OLD_SEALED: &str = "996e478ad7128efb234b5a265a688f816685660a4082d91439b09f018bb04a62091c5b0b4bce";

#[test]
fn what_was_derived_before_there_was_a_keyring_is_its_number_one() {
    let (secrets, records) = Secrets::carry_over(&[1; 32], NOW);
    for secrets in [secrets, Secrets::unlock(&[1; 32], &records).unwrap()] {
        assert_eq!(secrets.stamp(b"key"), (from_hex(OLD_DIGEST).try_into().unwrap(), FIRST));
        assert_eq!(secrets.request_id_key().as_slice(), from_hex(OLD_IDS));
        assert_eq!(secrets.open(b"here", &from_hex(OLD_SEALED)), Ok(b"the answer".to_vec()));
        assert_eq!(secrets.open(b"there", &from_hex(OLD_SEALED)), Err(CannotOpen));
        // Also when it is not the newest any more.
        secrets.put(&secrets.next(SecretKind::Sealing, NOW)).unwrap();
        assert_eq!(secrets.open(b"here", &from_hex(OLD_SEALED)), Ok(b"the answer".to_vec()));
        secrets.forget(SecretKind::Sealing, FIRST);
        assert_eq!(secrets.open(b"here", &from_hex(OLD_SEALED)), Err(CannotOpen));
    }
}

#[test]
fn a_new_platform_has_secrets_that_nobody_can_derive() {
    let [(one, _), (other, records)] = [(); 2].map(|()| Secrets::begin(&[1; 32], NOW));
    let derived = Secrets::derive(&[1; 32]);
    assert_ne!(one.stamp(b"key"), other.stamp(b"key"));
    assert_ne!(one.stamp(b"key"), derived.stamp(b"key"));
    assert_ne!(one.request_id_key(), derived.request_id_key());
    assert_eq!(other.stamp(b"key"), Secrets::unlock(&[1; 32], &records).unwrap().stamp(b"key"));
}

#[test]
fn a_keyring_opens_under_its_master_secret_and_whole_or_not_at_all() {
    let (secrets, mut records) = Secrets::begin(&[1; 32], NOW);
    records.push(secrets.next(SecretKind::Pepper, NOW));
    let unlock = |records: &[KeyringRecord]| Secrets::unlock(&[1; 32], records).map(drop);
    assert_eq!(unlock(&records), Ok(()));
    assert_eq!(Secrets::unlock(&[2; 32], &records).map(drop), Err(KeyringFault::WrongMaster));
    for position in 0..records.len() {
        for byte in 0..records[position].wrapped.len() {
            let mut damaged = records.clone();
            damaged[position].wrapped[byte] ^= 1;
            assert_eq!(unlock(&damaged), Err(KeyringFault::WrongMaster));
        }
        let mut moved = records.clone();
        moved[position].id += 7;
        assert_eq!(unlock(&moved), Err(KeyringFault::WrongMaster), "a record is of its place");
    }
    for kind in [SecretKind::Pepper, SecretKind::Sealing, SecretKind::RequestIds] {
        let rest: Vec<_> = records.iter().filter(|record| record.kind != kind).cloned().collect();
        assert_eq!(unlock(&rest), Err(KeyringFault::Missing(kind)));
    }
}

#[test]
fn the_newest_is_used_and_the_older_ones_are_honoured_until_they_are_forgotten() {
    let (secrets, _) = Secrets::begin(&[1; 32], NOW);
    let (old, first) = secrets.stamp(b"key");
    let sealed = secrets.seal(b"here", b"1");
    let found = |digest: Digest| secrets.find_by_digest(b"key", |made| (*made == digest).then_some(()));
    for kind in [SecretKind::Pepper, SecretKind::Sealing] {
        let next = secrets.next(kind, NOW);
        assert_eq!((next.kind, next.id), (kind, 2));
        secrets.put(&next).unwrap();
    }
    let (new, second) = secrets.stamp(b"key");
    assert_eq!((first, second), (1, 2));
    assert_ne!(old, new);
    assert_eq!(secrets.digests(b"key"), [(2, new), (1, old)]);
    assert_eq!((found(old), found(new), found([0; 32])), (Some(()), Some(()), None));
    let again = secrets.seal(b"here", b"2");
    assert_eq!(
        (secrets.open(b"here", &sealed), secrets.open(b"here", &again)),
        (Ok(b"1".to_vec()), Ok(b"2".to_vec()))
    );
    for kind in [SecretKind::Pepper, SecretKind::Sealing] {
        secrets.forget(kind, 1);
        secrets.forget(kind, 2);
    }
    assert_eq!((found(old), found(new)), (None, Some(())));
    assert_eq!(secrets.open(b"here", &sealed), Err(CannotOpen));
    assert_eq!(secrets.next(SecretKind::Pepper, NOW).id, 3, "a number is not given twice");
    let kept: Vec<_> = secrets.records().iter().map(KeyringRecord::name).collect();
    assert_eq!(kept, ["pepper-2", "sealing-2", "request-ids-1"]);
}

#[test]
fn another_master_secret_changes_nothing_that_was_issued() {
    let (secrets, _) = Secrets::begin(&[1; 32], NOW);
    let until = Some(NOW.plus_seconds(60));
    let first = secrets.records().into_iter().find(|r| r.kind == SecretKind::Sealing).unwrap();
    secrets.put(&secrets.next(SecretKind::Sealing, NOW)).unwrap();
    secrets.put(&KeyringRecord { needed_until: until, ..first }).unwrap();
    let anew = secrets.wrapped_anew(&[2; 32]).unwrap();
    assert_eq!(Secrets::unlock(&[1; 32], &anew).map(drop), Err(KeyringFault::WrongMaster));
    let after = Secrets::unlock(&[2; 32], &anew).unwrap();
    assert_eq!(after.stamp(b"key"), secrets.stamp(b"key"));
    assert_eq!(after.request_id_key(), secrets.request_id_key());
    assert_eq!(after.open(b"here", &secrets.seal(b"here", b"x")), Ok(b"x".to_vec()));
    let without_wrapped = |secrets: &Secrets| {
        let plain = |record| KeyringRecord { wrapped: Vec::new(), ..record };
        secrets.records().into_iter().map(plain).collect::<Vec<_>>()
    };
    assert_eq!(without_wrapped(&after), without_wrapped(&secrets));
}

#[test]
fn what_is_stored_and_shown_of_a_secret_is_not_the_secret() {
    let values = [[7; 32], [8; 32]];
    let (_, records) = Secrets::of_values(&[1; 32], NOW, values[0], values[1], [9; 64]);
    for record in &records {
        for value in [7, 8, 9, 1] {
            assert!(!record.wrapped.windows(6).any(|part| part == [value; 6]), "{record:?}");
        }
        let stored = serde_json::to_string(record).unwrap();
        assert_eq!(serde_json::from_str::<KeyringRecord>(&stored).unwrap(), *record);
        assert!(!stored.contains("7,7,7,7,7") && !format!("{record:?}").contains("7, 7, 7, 7, 7"));
    }
}

#[test]
fn what_is_to_be_used_later_can_be_sealed_before() {
    let (secrets, _) = Secrets::begin(&[1; 32], NOW);
    let next = secrets.next(SecretKind::Sealing, NOW);
    let sealed = secrets.seal_under(&next, b"here", b"x").unwrap();
    assert_eq!(secrets.open(b"here", &sealed), Err(CannotOpen));
    secrets.put(&next).unwrap();
    assert_eq!(secrets.open(b"here", &sealed), Ok(b"x".to_vec()));
}
