//! Time tells nothing about keys; what a `;` in a path means.

use std::time::{Duration, Instant};

use tollbar_contract::{Code, Environment};

use super::{authenticate, check_not_revoked};
use crate::{
    ChangeId, ClientChanges, ClientId, ClientRecord, Directory, KeyId, KeyRecord, Overage, PolicyChange,
    Presented, RouteSettings, Timestamp,
    api_key::{generate_key, key_hint},
    secret::Secrets,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Far below what can be seen through a network, far above what a map, a digest and a refusal's text cost; a look-up
/// in a store or a slow hash, for one of the kinds only, is beyond it.
const NOTICEABLE: Duration = Duration::from_micros(50);
const ROUNDS: usize = 2_000;

fn directory() -> Directory {
    Directory::new(RouteSettings::default(), Secrets::derive(&[7; 32]))
}

fn put_client(directory: &Directory) -> ClientId {
    let id = ClientId::random();
    let client = ClientRecord {
        id,
        name: "acme".into(),
        tier: "basic".into(),
        scopes: ["orders:read".to_owned()].into(),
        allowance: [1, 1],
        overage: Overage::Block,
        write_enabled: false,
        access_enabled: true,
        suspended: false,
        allow_ips: Vec::new(),
        tokens_valid_from: None,
        deleted: false,
        created_at: NOW,
        change: ChangeId(1),
        changes: ClientChanges::all(ChangeId(1)),
    };
    directory.apply(PolicyChange::PutClient(client)).unwrap();
    id
}

fn put_key(directory: &Directory, client: ClientId, revoked_at: Option<Timestamp>) -> String {
    let key = generate_key("tb", Environment::Live);
    let (digest, pepper_id) = directory.secrets.stamp(key.as_bytes());
    let record = KeyRecord {
        id: KeyId::random(),
        client,
        environment: Environment::Live,
        digest,
        pepper_id,
        hint: key_hint(&key),
        scopes: None,
        expires_at: None,
        revoked_at,
        grace_until: None,
        created_at: NOW,
        change: ChangeId(1),
    };
    directory.apply(PolicyChange::PutKey(record)).unwrap();
    key
}

/// What becomes of a key, and how long that takes.
fn ask(directory: &Directory, key: &str) -> (Option<Code>, Duration) {
    let presented = Presented::ApiKey(key.as_bytes());
    let began = Instant::now();
    let outcome = authenticate(directory, &presented, &|_| None, NOW)
        .and_then(|authenticated| check_not_revoked(directory, &authenticated, NOW));
    (outcome.err().map(|rejection| rejection.code), began.elapsed())
}

#[test]
fn known_revoked_and_unknown_keys_take_the_same_time() {
    let directory = directory();
    let client = put_client(&directory);
    for _ in 0..1000 {
        put_key(&directory, client, None);
    }
    let kinds = [
        (put_key(&directory, client, None), None),
        (put_key(&directory, client, Some(NOW)), Some(Code::RevokedApiKey)),
        (generate_key("tb", Environment::Live), Some(Code::InvalidApiKey)),
    ];
    let mut times = [const { Vec::new() }; 3];
    // In turns, so that a busy machine is busy for all of them.
    for _ in 0..ROUNDS {
        for ((key, expected), times) in kinds.iter().zip(&mut times) {
            let (code, time) = ask(&directory, key);
            assert_eq!(code, *expected);
            times.push(time);
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    let (slowest, fastest) = (medians.iter().max().unwrap(), medians.iter().min().unwrap());
    assert!(*slowest - *fastest < NOTICEABLE, "known, revoked, unknown: {medians:?}");
}
