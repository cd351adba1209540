//! A process that plays a script is watched: what it does to files, in order, is read back here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::LazyLock,
};

use tempfile::TempDir;

use super::{
    action::Line,
    disk::{Tree, write_tree},
    script::Script,
};

/// Where the process reports what it does. Not a part of the disk.
pub(super) const LINES: &str = "/lines";
/// Where the store is; deep, so that folders are made on the way.
pub(super) const STORE: &str = "deep/data";

const SHIM: &str = include_str!("shim.c");
const HEAD_BYTES: usize = 17;

/// One call to the operating system, or one line of the report.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Open { handle: u32, path: String, is_new: bool, truncates: bool },
    Write { handle: u32, at: usize, bytes: Vec<u8> },
    Cut { handle: u32, length: usize },
    Sync { handle: u32 },
    Unlink { path: String },
    Rename { from: String, to: String },
    MakeFolder { path: String },
    Line(Line),
}

/// Where the process was, and what it did there.
pub(super) struct Run {
    pub(super) root: TempDir,
    pub(super) calls: Vec<Call>,
    pub(super) status: ExitStatus,
}

/// Plays a script in a process of its own, on a disk with this on it. `kill` as the shim takes it: `12:t`.
pub(super) fn play(tree: &Tree, script: &Script, kill: Option<&str>) -> Run {
    let root = quick_folder();
    write_tree(tree, root.path());
    let aside = quick_folder();
    let (log, file) = (aside.path().join("log"), aside.path().join("script"));
    fs::write(&file, serde_json::to_vec(script).unwrap()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["it::crash::child::play_a_script", "--exact", "--nocapture", "--test-threads=1"])
        .env("LD_PRELOAD", &*SHIM_LIBRARY)
        .env("SHIM_ROOT", root.path())
        .env("SHIM_LOG", &log)
        .env("CRASH_SCRIPT", &file)
        .env("CRASH_ROOT", root.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(kill) = kill {
        command.env("SHIM_KILL", kill);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(kill.is_some() || output.status.success(), "the script failed: {script:?}\n{said}");
    Run { root, calls: read_calls(&fs::read(&log).unwrap()), status: output.status }
}

/// In memory where the machine allows it: what syncing costs is not what is tested.
pub(super) fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Compiled once for each content, into the build's own folder for tests.
pub(super) static SHIM_LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let name = format!("crash-shim-{:08x}.so", crc32fast::hash(SHIM.as_bytes()));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !library.exists() {
        // Others may compile it at the same time: each its own, and the last one stays.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (source, made) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        fs::write(&source, SHIM).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o"]).args([&made, &source]);
        let compiled = compiler.arg("-lpthread").status();
        assert!(compiled.expect("a C compiler (cc) is needed, as for building").success());
        fs::rename(made, &library).unwrap();
    }
    library
});

fn read_calls(log: &[u8]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut lines_handle = None;
    let mut rest = log;
    while let Some((head, behind)) = rest.split_at_checked(HEAD_BYTES) {
        let handle = u32::from_ne_bytes(head[1..5].try_into().unwrap());
        let number = usize::from_ne_bytes(head[5..13].try_into().unwrap());
        let length = usize::try_from(u32::from_ne_bytes(head[13..17].try_into().unwrap())).unwrap();
        let (bytes, behind) = behind.split_at(length);
        rest = behind;
        let text = || String::from_utf8(bytes.to_vec()).unwrap();
        let is_line = lines_handle == Some(handle);
        calls.push(match head[0] {
            1 if text() == LINES => {
                lines_handle = Some(handle);
                continue;
            }
            2 if is_line => match serde_json::from_slice(bytes) {
                Ok(line) => Call::Line(line),
                // Torn: nobody could have read it.
                Err(_) => continue,
            },
            1 => Call::Open { handle, path: text(), is_new: number & 1 != 0, truncates: number & 2 != 0 },
            2 => Call::Write { handle, at: number, bytes: bytes.to_vec() },
            3 => Call::Cut { handle, length: number },
            4 => Call::Sync { handle },
            5 => Call::Unlink { path: text() },
            6 => {
                let (from, to) = text().split_once('\0').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
                Call::Rename { from, to }
            }
            7 => Call::MakeFolder { path: text() },
            other => panic!("the shim wrote an entry of kind {other}"),
        });
    }
    assert!(rest.is_empty(), "the shim's record is cut off");
    calls
}
