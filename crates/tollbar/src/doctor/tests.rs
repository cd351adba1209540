use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::config::{self, Variables};

fn examined(folder: &std::path::Path, now: &str) -> Vec<Check> {
    let loaded = config::load(None, &Variables::default(), &[]).unwrap();
    let now = Timestamp::parse(now).unwrap();
    examine(&DataFolder::at(folder), &Ok(&loaded.config), now, true)
}

fn of<'a>(checks: &'a [Check], subject: &str) -> Vec<&'a Check> {
    checks.iter().filter(|check| check.subject == subject).collect()
}

#[test]
fn an_empty_folder_is_no_fault_and_a_missing_one_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let checks = examined(folder.path(), "2026-11-22");
    for check in &checks {
        let is_of_the_machine = ["disk", "limits"].contains(&check.subject);
        assert!(is_of_the_machine || check.level == Level::Ok, "{check:?}");
    }
    let checks = examined(&folder.path().join("nowhere"), "2026-11-22");
    assert_eq!(of(&checks, "data folder")[0].level, Level::Wrong, "{checks:?}");
}

#[test]
fn a_clock_of_another_age_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (now, level) in
        [("1970-01-02", Level::Wrong), ("2026-11-22", Level::Ok), ("2150-01-01", Level::Wrong)]
    {
        assert_eq!(of(&examined(folder.path(), now), "clock")[0].level, level, "{now}");
    }
}

#[test]
fn what_cannot_be_read_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let found = || {
        let checks = examined(folder.path(), "2026-11-22");
        let [check] = of(&checks, "tollbar.db")[..] else { panic!("{checks:?}") };
        (check.level, format!("{} {}", check.found, check.advice.as_deref().unwrap_or_default()))
    };
    let file = folder.path().join("tollbar.db");
    // The first start was killed before it had written anything.
    fs::write(&file, "").unwrap();
    let (level, text) = found();
    assert_eq!(level, Level::Ok, "{text}");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let (level, text) = found();
    assert_eq!(level, Level::Wrong);
    assert!(text.contains("cannot be read: "), "{text}");
    assert!(!text.contains("damaged:") && !text.contains("restore"), "{text}");
    // What is damaged is called so.
    fs::remove_dir(&file).unwrap();
    fs::write(&file, "no database, and long enough to be read".repeat(200)).unwrap();
    let (level, text) = found();
    assert_eq!(level, Level::Wrong);
    assert!(text.contains("damaged: ") && text.contains("tollbar restore"), "{text}");
}

#[test]
fn what_was_not_looked_at_is_not_said_to_be_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollbar.db");
    tollbar_store::Store::open(folder.path()).unwrap().close().unwrap();
    let secret = folder.path().join("master-secret");
    fs::write(&secret, "11".repeat(32)).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let assert_not_looked_at = |subjects: &[&str], why: &str| {
        let checks = examined(folder.path(), "2026-11-22");
        for subject in ["journal", "outcomes", "secrets"] {
            let [check] = of(&checks, subject)[..] else { panic!("{subject}: {checks:?}") };
            if subjects.contains(&subject) {
                assert_eq!(check.level, Level::Warning, "{check:?}");
                assert!(check.found.starts_with("not looked at: ") && check.found.contains(why), "{check:?}");
            } else {
                assert_eq!(check.level, Level::Ok, "{check:?}");
            }
        }
        assert_eq!(of(&checks, "clock")[0].found.contains(why), !subjects.is_empty(), "{checks:?}");
    };
    assert_not_looked_at(&[], "not");
    let whole = fs::read(&file).unwrap();
    // Where a database says its schema.
    let with_schema = |schema: u32| {
        let mut database = whole.clone();
        database[60..64].copy_from_slice(&schema.to_be_bytes());
        fs::write(&file, database).unwrap();
    };
    with_schema(1000);
    assert_not_looked_at(&["outcomes", "secrets"], "newer version");
    with_schema(1);
    assert_not_looked_at(&["outcomes"], "earlier version");
    let all = ["journal", "outcomes", "secrets"];
    fs::write(&file, "no database, and long enough to be read".repeat(200)).unwrap();
    assert_not_looked_at(&all, "damaged");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_not_looked_at(&all, "cannot be read");
    fs::remove_dir(&file).unwrap();
    fs::write(&file, &whole).unwrap();
    fs::create_dir(folder.path().join("restore-applying")).unwrap();
    assert_not_looked_at(&all, "half in place");
}
