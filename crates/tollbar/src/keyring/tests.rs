use tollbar_core::{PolicyState, token::new_signing_key};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn master(current: u8, proposed: Option<u8>) -> MasterSecret {
    MasterSecret {
        current: [current; 32],
        proposed: proposed.map(|byte| [byte; 32]),
        is_given: false,
        is_in_file: true,
    }
}

fn unlocked(master: &MasterSecret, state: &PolicyState) -> Result<Unlocked> {
    let folder = tempfile::tempdir().unwrap();
    unlock(master, state, &DataFolder::at(folder.path()), NOW)
}

/// A store of the time when the secrets were derived from the master secret `[1; 32]`.
fn old_state() -> PolicyState {
    let key = new_signing_key(&Secrets::derive(&[1; 32]), NOW, 60).unwrap();
    PolicyState { signing_keys: vec![key], last_change: 7, ..PolicyState::default() }
}

#[test]
fn a_new_platform_gets_random_secrets_and_an_old_one_keeps_its_own() {
    let digest = |secrets: &Secrets| secrets.credential_digest(b"key");
    let derived = digest(&Secrets::derive(&[1; 32]));
    let new = unlocked(&master(1, None), &PolicyState::default()).unwrap();
    assert_ne!(digest(&new.secrets), derived);
    let old = unlocked(&master(1, None), &old_state()).unwrap();
    assert_eq!(digest(&old.secrets), derived);
    for unlocked_first in [new, old] {
        assert_eq!(unlocked_first.to_store.len(), 3);
        let stored = PolicyState { keyring: unlocked_first.to_store, ..PolicyState::default() };
        let again = unlocked(&master(1, None), &stored).unwrap();
        assert_eq!(digest(&again.secrets), digest(&unlocked_first.secrets));
        assert!(again.to_store.is_empty());
        let told = unlocked(&master(2, None), &stored).map(drop).unwrap_err().to_string();
        assert!(
            told.contains("does not open the secrets of this store") && told.contains("rotate master"),
            "{told}"
        );
    }
}

#[test]
fn an_old_store_is_not_carried_over_under_a_wrong_master_secret() {
    let told = unlocked(&master(2, None), &old_state()).map(drop).unwrap_err().to_string();
    assert!(told.contains("Nothing was changed"), "{told}");
}
