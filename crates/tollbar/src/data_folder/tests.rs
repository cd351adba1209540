use std::os::unix::fs::symlink;

use super::*;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn running() -> Running {
    Running {
        pid: 7,
        gateway: "http://a:1".into(),
        admin: "http://a:2".into(),
        ops: "http://a:3".into(),
        folder: None,
    }
}

#[test]
fn the_first_start_makes_secrets_for_the_owner_alone_and_the_next_one_keeps_them() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("deep/data");
    let data = DataFolder::create(&path, None).unwrap();
    assert_eq!(mode_of(&path), 0o700);
    assert_eq!(data.warnings(), Vec::<String>::new());
    let (secret, token) = (data.master_secret().unwrap().current, data.operator_token().unwrap());
    assert_eq!(mode_of(&path.join(MASTER_SECRET)), 0o600);
    assert_eq!(mode_of(&path.join(OPERATOR_TOKEN)), 0o600);
    assert!(token.starts_with("tbop_") && token.len() == 48, "{token}");
    let again = DataFolder::create(&path, None).unwrap();
    assert_eq!(again.master_secret().unwrap().current, secret);
    assert_eq!(again.operator_token().unwrap(), token);
    assert_eq!(DataFolder::at(&path).find_operator_token().unwrap(), Some(token));
    assert_ne!(secret, [0; 32]);
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::create(folder.path(), None).unwrap();
    for (name, read) in [
        (MASTER_SECRET, (|d: &DataFolder| d.master_secret().map(drop)) as fn(&DataFolder) -> Result<()>),
        (OPERATOR_TOKEN, |d| d.operator_token().map(drop)),
    ] {
        read(&data).unwrap();
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let p = path.display();
        let expected = format!("{p} is open to other users (mode 640); close it with: chmod 600 {p}");
        assert_eq!(read(&data).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_folder_that_is_open_to_others_is_used_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = DataFolder::create(folder.path(), None).unwrap();
    assert_eq!(mode_of(folder.path()), 0o755, "a folder that was there is left as it is");
    assert!(data.warnings()[0].contains("mode 755); close it with: chmod 700 "), "{:?}", data.warnings());
}

#[test]
fn the_master_secret_can_come_from_the_environment_and_must_agree_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let hex = "07".repeat(32);
    for text in [
        hex.as_str(),
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
    ] {
        let data = DataFolder::create(folder.path(), Some(text)).unwrap();
        assert_eq!(data.master_secret().unwrap().current, [7; 32]);
    }
    assert!(!folder.path().join(MASTER_SECRET).exists(), "it is not written down");
    for text in ["secret", &"07".repeat(31), &"0g".repeat(32), ""] {
        let fault = format!(
            "{:#}",
            DataFolder::create(folder.path(), Some(text)).unwrap().master_secret().unwrap_err()
        );
        assert!(fault.starts_with("TOLLBAR_MASTER_SECRET cannot be used: it must be 32 bytes"), "{fault}");
    }
    DataFolder::create(folder.path(), None).unwrap().master_secret().unwrap();
    let fault =
        DataFolder::create(folder.path(), Some(&hex)).unwrap().master_secret().unwrap_err().to_string();
    assert!(fault.starts_with("TOLLBAR_MASTER_SECRET is not the secret in "), "{fault}");
}

#[test]
fn a_lost_master_secret_is_not_made_anew_beside_its_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(STORE), "").unwrap();
    let fault = DataFolder::create(folder.path(), None).unwrap().master_secret().unwrap_err().to_string();
    assert!(fault.contains("put back the copy"), "{fault}");
    assert!(!folder.path().join(MASTER_SECRET).exists());
}

#[test]
fn a_master_secret_is_put_in_the_place_of_another() {
    let folder = folder_with_secret();
    let data = DataFolder::at(folder.path());
    let old = data.master_secret().unwrap().current;
    data.propose_master_secret(&[9; 32]).unwrap();
    assert_eq!(mode_of(&folder.path().join(NEW_MASTER_SECRET)), 0o600);
    assert!(data.propose_master_secret(&[8; 32]).is_err(), "one that is there is not written over");
    let found = data.master_secret().unwrap();
    assert_eq!((found.current, found.proposed), (old, Some([9; 32])));
    data.withdraw_master_secret().unwrap();
    data.withdraw_master_secret().unwrap();
    assert_eq!(data.master_secret().unwrap().proposed, None);
    data.propose_master_secret(&[8; 32]).unwrap();
    data.adopt_master_secret().unwrap();
    let found = data.master_secret().unwrap();
    assert_eq!((found.current, found.proposed), ([8; 32], None));
    assert_eq!(mode_of(&folder.path().join(MASTER_SECRET)), 0o600);
    assert!(data.adopt_master_secret().is_err());
    assert_eq!(format!("{found:?}"), "MasterSecret { .. }", "a secret is not shown");
}

fn folder_with_secret() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    DataFolder::create(folder.path(), None).unwrap().master_secret().unwrap();
    folder
}

#[test]
fn a_server_is_announced_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::create(folder.path(), None).unwrap();
    assert_eq!(data.find_running().unwrap(), None);
    let announcement = data.announce(running()).unwrap();
    assert_eq!(mode_of(&folder.path().join(RUNNING)), 0o600);
    assert_eq!(data.find_running().unwrap(), Some(running()));
    let later = data.announce(Running { pid: 8, ..running() }).unwrap();
    drop(announcement);
    assert_eq!(data.find_running().unwrap().unwrap().pid, 8, "another's announcement stays");
    drop(later);
    assert_eq!(data.find_running().unwrap(), None);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "no temporary file stays: {left:?}");
}

#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::create(folder.path(), None).unwrap();
    fs::write(folder.path().join(RUNNING), "{").unwrap();
    assert!(
        data.find_running().unwrap_err().to_string().ends_with("running.json is damaged; restart the server")
    );
    file::write(&folder.path().join(OPERATOR_TOKEN), "tbop_short").unwrap();
    assert!(data.operator_token().unwrap_err().to_string().contains("operator-token is damaged"));
    file::write(&folder.path().join(MASTER_SECRET), "short").unwrap();
    assert!(data.master_secret().unwrap_err().to_string().ends_with("master-secret is damaged"));
    symlink("nowhere", folder.path().join("link")).unwrap();
    assert!(DataFolder::create(folder.path().join("link"), None).is_err());
}
