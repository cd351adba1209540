//! A disk that fails to sync: what it did not confirm is reported as failed, and must not be there after a crash.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

use tollbar_core::{
    AuditEntry, ChangeId, PolicyState,
    port::{PolicyStore as _, StoreFailure},
};
use tollbar_store::Store;

use super::{
    super::support::{at, open, options, wait},
    child::{START, changes},
    record::{SHIM_LIBRARY, quick_folder},
};

const FOLDER: &str = "UNCONFIRMED_FOLDER";
const FAIL: &str = "SHIM_FAIL";

fn change(store: &Store, number: u64) -> Result<(), StoreFailure> {
    let word = || "x".to_owned();
    let audit = AuditEntry {
        id: ChangeId(number),
        at: at(START),
        actor: word(),
        action: word(),
        subject: word(),
        detail: word(),
    };
    wait(store.apply(changes(number, 1, true), audit, None))
}

/// Changes of policy up to a kill: the second one is not confirmed.
fn play(folder: &Path, fail: &Path, how: &str) {
    let store = Store::open_with(folder, &options("boot")).unwrap();
    change(&store, 1).unwrap();
    let is_once = how == "once";
    fs::write(fail.join(if is_once { "once" } else { "always" }), "").unwrap();
    let failure = change(&store, 2).unwrap_err();
    assert_eq!(failure.is_in_doubt(), !is_once, "{failure}");
    assert_eq!(wait(store.load()).unwrap().last_change, 1, "it is not in force");
    if how == "always, and then a change" {
        fs::remove_file(fail.join("always")).unwrap();
        change(&store, 3).unwrap();
    }
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
}

/// What is there after the kill.
fn left(how: &str) -> PolicyState {
    let (folder, fail) = (quick_folder(), quick_folder());
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "it::crash::unconfirmed::what_was_not_confirmed_is_not_there_after_a_crash",
            "--exact",
            "--nocapture",
        ])
        .env("LD_PRELOAD", &*SHIM_LIBRARY)
        .env("SHIM_ROOT", folder.path())
        .env("SHIM_LOG", fail.path().join("log"))
        .env(FAIL, fail.path())
        .env(FOLDER, folder.path())
        .env("UNCONFIRMED_HOW", how)
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{how}: {said}");
    wait(open(folder.path()).load()).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the shim is told by the environment as well")]
fn what_was_not_confirmed_is_not_there_after_a_crash() {
    if let (Ok(folder), Ok(fail), Ok(how)) = (env::var(FOLDER), env::var(FAIL), env::var("UNCONFIRMED_HOW")) {
        return play(Path::new(&folder), Path::new(&fail), &how);
    }
    let once = left("once");
    assert_eq!((once.last_change, once.revoked_tokens.len()), (1, 1), "it was said that nothing was changed");
    let later = left("always, and then a change");
    assert_eq!((later.last_change, later.revoked_tokens.len()), (3, 2), "what was stored next took it back");
    // Nothing can be promised here, and nothing was.
    assert!([1, 2].contains(&left("always").last_change));
}
