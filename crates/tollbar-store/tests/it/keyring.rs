//! The secrets, as they rest in the store.

use std::{fs, path::Path};

use rusqlite::Connection;
use tollbar_contract::RequestId;
use tollbar_core::{
    AuditEntry, ChangeId, EndpointId, PolicyChange, SigningKeyRecord, Timestamp,
    idempotency::{Answer, Fingerprint, Slot},
    port::{IdempotencyStore as _, PolicyStore as _},
    secret::keyring::{KeyringRecord, SecretKind},
};
use tollbar_store::Store;

use super::support::{LIVE, at, client, folder, open, wait};

fn secret(kind: SecretKind, id: u32, byte: u8) -> KeyringRecord {
    KeyringRecord { kind, id, created_at: at("2026-11-01"), needed_until: None, wrapped: vec![byte; 60] }
}

fn apply(store: &Store, number: u64, changes: Vec<PolicyChange>) {
    let audit = AuditEntry {
        id: ChangeId(number),
        at: at("2026-11-01"),
        actor: "operator".to_owned(),
        action: "secret.rotate".to_owned(),
        subject: "pepper".to_owned(),
        detail: String::new(),
    };
    wait(store.apply(changes, audit, None)).unwrap();
}

#[test]
fn a_store_of_the_time_before_the_keyring_is_brought_up_to_date() {
    let folder = folder();
    let key = SigningKeyRecord {
        id: "kid-1".to_owned(),
        sealed: vec![1, 2, 3],
        created_at: at("2026-11-01"),
        longest_life_seconds: 86_400,
        retired: None,
    };
    let store = open(folder.path());
    apply(&store, 1, vec![PolicyChange::PutSigningKey(key.clone())]);
    store.close().unwrap();
    let database = Connection::open(folder.path().join("tollbar.db")).unwrap();
    let old_body = r#"{"id":"kid-1","sealed":[1,2,3],"created_at":1793491200000}"#;
    database
        .execute_batch(&format!(
            "DROP TABLE keyring; DROP TABLE endpoint_settings; DROP TABLE corrections; DROP TABLE past_terms;
             ALTER TABLE usage DROP COLUMN ended_2xx; ALTER TABLE usage DROP COLUMN ended_3xx;
             ALTER TABLE usage DROP COLUMN ended_4xx; ALTER TABLE usage DROP COLUMN ended_5xx;
             ALTER TABLE usage DROP COLUMN not_sent; ALTER TABLE usage DROP COLUMN unclassed;
             DROP INDEX idempotency_unknown; DROP INDEX idempotency_by_request;
             ALTER TABLE idempotency DROP COLUMN endpoint; ALTER TABLE idempotency DROP COLUMN why;
             ALTER TABLE idempotency DROP COLUMN cause; ALTER TABLE idempotency DROP COLUMN settled_by;
             UPDATE signing_keys SET body = '{old_body}'; PRAGMA user_version = 1"
        ))
        .unwrap();
    drop(database);
    let store = open(folder.path());
    let state = wait(store.load()).unwrap();
    assert_eq!((state.keyring, state.signing_keys, state.last_change), (Vec::new(), vec![key], 1));
    let first = secret(SecretKind::Pepper, 1, 7);
    apply(&store, 2, vec![PolicyChange::PutSecret(first.clone())]);
    drop(store);
    assert_eq!(wait(open(folder.path()).load()).unwrap().keyring, [first]);
}

#[test]
fn each_secret_has_its_place_and_what_is_replaced_leaves_nothing_behind() {
    let folder = folder();
    let store = open(folder.path());
    let all = [
        secret(SecretKind::Pepper, 1, 201),
        secret(SecretKind::Pepper, 2, 202),
        secret(SecretKind::Sealing, 1, 203),
    ];
    apply(&store, 1, all.iter().cloned().map(PolicyChange::PutSecret).collect());
    assert_eq!(wait(store.load()).unwrap().keyring, all);
    let anew = KeyringRecord { needed_until: Some(at("2026-12-01")), ..secret(SecretKind::Pepper, 2, 204) };
    let gone = PolicyChange::DropSecret { kind: SecretKind::Pepper, id: 1 };
    apply(&store, 2, vec![PolicyChange::PutSecret(anew.clone()), gone]);
    assert_eq!(wait(store.load()).unwrap().keyring, [anew, all[2].clone()]);
    store.close().unwrap();
    let found = [201, 202, 203, 204].map(|byte| is_in(folder.path(), &format!("{byte},").repeat(20)));
    assert_eq!(found, [false, false, true, true]);
}

fn is_in(folder: &Path, text: &str) -> bool {
    let bytes = fs::read(folder.join("tollbar.db")).unwrap();
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn the_last_answer_ends_when_its_record_does() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(wait(store.last_answer_ends()).unwrap(), None);
    let time = Timestamp::from_seconds;
    for (number, ends) in [(1, 50), (2, 90), (3, 70)] {
        let slot = Slot { client: client(number), environment: LIVE, key: "k".to_owned() };
        let id = RequestId::from_number(number);
        wait(store.start(slot.clone(), Fingerprint([0; 32]), id, EndpointId(1), time(10), time(ends)))
            .unwrap();
        wait(store.answer(slot, id, Answer::Stored { sealed: vec![1] }, time(ends))).unwrap();
    }
    assert_eq!(wait(store.last_answer_ends()).unwrap(), Some(time(90)));
}
