//! Small disks, in a mount namespace that ends with the test.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{Platform, PlatformBuilder};

const INSIDE: &str = "TOLLBAR_TEST_IN_OWN_NAMESPACE";
const UNSHARE: [&str; 2] = ["--mount", "--map-root-user"];

/// Runs a test in a mount namespace of its own, where it may mount what it wants: this program once more, with nothing but
/// this test. Where that is not possible the test fails, and says what is missing.
pub(crate) fn in_own_namespace(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let possible = Command::new("unshare").args(UNSHARE).arg("true").output();
    let reason = match &possible {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    assert!(
        reason.is_none(),
        "this test mounts a small disk, for which it needs `unshare --mount --map-root-user` (package util-linux; as root, or \
         where user namespaces are allowed: sysctl kernel.unprivileged_userns_clone=1, \
         kernel.apparmor_restrict_unprivileged_userns=0): {}",
        reason.unwrap_or_default()
    );
    let output = Command::new("unshare")
        .args(UNSHARE)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "`{test}` is not the test's name:\n{text}");
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).unwrap();
}

/// A disk of this size as a platform's data folder. Goes away when dropped.
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// A platform whose data folder is such a disk. Only in [`in_own_namespace`].
    pub(crate) fn start(builder: PlatformBuilder, megabytes: u32) -> (Platform, Self) {
        let folder = TempDir::with_prefix("tollbar-test-").unwrap();
        let data = folder.path().join("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=700"), "none"], &data);
        let process = builder.command(folder.path()).spawn().unwrap();
        (Platform::wait_for_start(folder, builder, process), Self { folder: data })
    }

    /// Nobody can write there any more. Nobody may have a file open for writing.
    pub(crate) fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], &self.folder);
    }

    pub(crate) fn make_writable(&self) {
        mount(&["-o", "remount,rw"], &self.folder);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) {
    let output = Command::new("mount").args(arguments).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
