use std::fs;

use tollbar_core::{
    PolicyState,
    token::{SigningKeys, new_signing_key},
};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// From the environment.
const GIVEN: [&str; 2] = [
    "0707070707070707070707070707070707070707070707070707070707070707",
    "0808080808080808080808080808080808080808080808080808080808080808",
];

/// A folder with a store in it, and what was issued there.
struct Platform {
    folder: tempfile::TempDir,
    digest: [u8; 32],
    sealed: Vec<u8>,
}

impl Platform {
    /// A new one; or one of the time before the keyring.
    fn new(is_old: bool, given: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(folder.path(), given).unwrap();
        let master = data.master_secret().unwrap();
        let (secrets, to_store) = match is_old {
            true => (Secrets::derive(&master.current), Vec::new()),
            false => Secrets::begin(&master.current, NOW),
        };
        let key = new_signing_key(&secrets, NOW, 60).unwrap();
        let changes = to_store.into_iter().map(PolicyChange::PutSecret);
        let changes = changes.chain([PolicyChange::PutSigningKey(key)]).collect();
        let store = Store::open(folder.path()).unwrap();
        wait(store.apply(changes, entry(1), None)).unwrap();
        store.close().unwrap();
        Self { digest: secrets.credential_digest(b"key"), sealed: secrets.seal(b"here", b"answer"), folder }
    }

    fn data(&self, given: Option<&str>) -> DataFolder {
        DataFolder::with_master_secret(self.folder.path(), given)
    }

    fn begin(&self) -> MasterRotation {
        MasterRotation::begin(self.data(None), None, NOW).unwrap()
    }

    fn master_file(&self) -> String {
        fs::read_to_string(self.folder.path().join("master-secret")).unwrap()
    }

    /// What a start finds: everything as it was issued.
    fn check(&self, given: Option<&str>) -> PolicyState {
        let store = Store::open(self.folder.path()).unwrap();
        let state = wait(store.load()).unwrap();
        let data = self.data(given);
        let secrets = keyring::unlock(&data.master_secret().unwrap(), &state, &data, NOW).unwrap().secrets;
        assert_eq!(secrets.credential_digest(b"key"), self.digest);
        assert_eq!(secrets.open(b"here", &self.sealed).unwrap(), b"answer");
        SigningKeys::default().add(&state.signing_keys[0], &secrets).unwrap();
        assert!(!self.folder.path().join("master-secret.new").exists(), "finished or undone");
        store.close().unwrap();
        state
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        id: ChangeId(number),
        at: NOW,
        actor: "tollbar".to_owned(),
        action: "platform.begin".to_owned(),
        subject: "platform".to_owned(),
        detail: String::new(),
    }
}

#[test]
fn wherever_a_rotation_breaks_off_the_next_start_finds_everything() {
    for is_old in [false, true] {
        for done in 0..=STEPS.len() {
            let platform = Platform::new(is_old, None);
            let old = platform.master_file();
            let rotation = platform.begin();
            for step in &STEPS[..done] {
                step(&rotation).unwrap();
            }
            // The process ends here, without a word to the store.
            drop(rotation);
            let state = platform.check(None);
            let is_rotated = done >= 2;
            assert_eq!(platform.master_file() != old, is_rotated, "after {done} steps");
            assert_eq!(state.last_change, if is_rotated { 2 } else { 1 });
            // A second start, and another rotation, go on from there.
            platform.check(None);
            platform.begin().run().unwrap();
            platform.check(None);
        }
    }
}

#[test]
fn a_rotation_takes_up_one_that_broke_off() {
    for done in 0..=STEPS.len() {
        let platform = Platform::new(false, None);
        let first = platform.begin();
        for step in &STEPS[..done] {
            step(&first).unwrap();
        }
        drop(first);
        platform.begin().run().unwrap();
        platform.check(None);
    }
}

#[test]
fn the_old_master_secret_opens_nothing_any_more() {
    let platform = Platform::new(false, None);
    let old = platform.master_file();
    let before = platform.check(None);
    platform.begin().run().unwrap();
    assert_ne!(platform.master_file(), old);
    let wrapped = serde_json::to_string(&before.keyring[0].wrapped).unwrap();
    for file in ["tollbar.db", "tollbar.db-wal"] {
        let bytes = fs::read(platform.folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(wrapped.len()).any(|part| part == wrapped.as_bytes()), "{file}");
    }
    fs::write(platform.folder.path().join("master-secret"), old).unwrap();
    let told = MasterRotation::begin(platform.data(None), None, NOW).map(drop).unwrap_err().to_string();
    assert!(told.contains("does not open the secrets of this store"), "{told}");
}

#[test]
fn one_from_the_environment_is_replaced_by_one_from_there() {
    let [old, new] = GIVEN.map(Some);
    for is_old in [false, true] {
        let platform = Platform::new(is_old, old);
        MasterRotation::begin(platform.data(old), new, NOW).unwrap().run().unwrap();
        platform.check(new);
        let names: Vec<_> = fs::read_dir(platform.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(!names.iter().any(|name| name.starts_with("master-secret")), "{names:?}");
    }
}

#[test]
fn what_cannot_be_rotated_is_told_with_what_to_do() {
    let told = |platform: &Platform, given: Option<&str>, new: Option<&str>| {
        let begun = MasterRotation::begin(platform.data(given), new, NOW);
        format!("{:#}", begun.map(drop).unwrap_err())
    };
    let [old, new] = GIVEN;
    let given = Platform::new(false, Some(old));
    assert!(told(&given, Some(old), None).contains("give the new one as TOLLBAR_NEW_MASTER_SECRET"));
    assert!(told(&given, Some(old), Some(old)).contains("make another"));
    assert!(told(&given, Some(old), Some("x")).starts_with("TOLLBAR_NEW_MASTER_SECRET cannot be used"));
    let both = Platform::new(false, None);
    let text = both.master_file().trim().to_owned();
    assert!(told(&both, Some(&text), Some(new)).contains("unset the variable"));
    let server = Store::open(both.folder.path()).unwrap();
    assert!(told(&both, None, None).starts_with("the server has to be stopped for this"));
    server.close().unwrap();
    let nowhere = Platform { folder: tempfile::tempdir().unwrap(), ..both };
    assert!(told(&nowhere, None, None).starts_with("there is no store in"));
}
