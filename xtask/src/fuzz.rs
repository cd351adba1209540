//! Fuzzing guided by coverage: libFuzzer on the stable toolchain, by LLVM's own pass. No sanitizer: there is no `unsafe`
//! to sanitize, and what is looked for panics.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    run::{Step, cargo, say},
    tools::{self, root},
};

/// How long each target is run where nothing else is said.
pub(crate) const SECONDS: u64 = 3600;

/// What makes each edge and each comparison visible to libFuzzer.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Longer inputs find nothing more, and later.
const INPUT_BYTES_MAX: u64 = 2048;
/// More than any target needs; one that does has found something.
const MEMORY_MIB_MAX: u64 = 1024;
const ALLOCATION_MIB_MAX: u64 = 64;
/// They share the machine: one that hangs takes longer than this, too.
const INPUT_SECONDS_MAX: u64 = 60;

/// Runs all targets for so long, side by side. What one finds is written into its corpus, where the tests replay it until
/// it is mended.
pub(crate) fn fuzz(seconds: u64) -> Result<()> {
    let program = build()?;
    let mut runs = Vec::new();
    for target in targets()? {
        let before = files(&corpus(&target))?;
        let (grown, log) = (grown_corpus(&target), root().join(format!("target/fuzz/{target}.log")));
        fs::create_dir_all(&grown)?;
        let mut run = Command::new(&program);
        run.arg(&grown).arg(corpus(&target));
        run.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        run.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
        run.arg(format!("-malloc_limit_mb={ALLOCATION_MIB_MAX}"));
        run.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        run.arg(format!("-artifact_prefix={}/", corpus(&target).display()));
        run.args(["-verbosity=0", "-print_final_stats=1"]).current_dir(root());
        let output = fs::File::create(&log)?;
        run.stdout(output.try_clone()?).stderr(output);
        say(&format!("== fuzzing {target} for {seconds} s; its log is {}", log.display()));
        let run = run.spawn().with_context(|| format!("{} cannot be run", program.display()))?;
        runs.push((target, before, log, run));
    }
    let mut found = Vec::new();
    for (target, before, log, mut run) in runs {
        let status = run.wait()?;
        let new: Vec<PathBuf> = files(&corpus(&target))?.difference(&before).cloned().collect();
        if !status.success() && new.is_empty() {
            found.push(format!("{target}: it ended with {status}, and left no input; see {}", log.display()));
        }
        found.extend(new.iter().map(|file| format!("{target}: {}", file.display())));
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let tried = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        say(&format!("== {target}: {} inputs, {}", tried.unwrap_or(" ?").trim(), found_text(new.len())));
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "fuzzing found something; `cargo test -p tollbar-fuzz` says what, each time, until it is mended:\n  {}",
        found.join("\n  ")
    )
}

fn found_text(count: usize) -> String {
    if count == 0 { "nothing found".to_owned() } else { format!("{count} findings") }
}

/// Takes what the runs have found to cover more into the corpus that is kept: as few inputs, and as small ones, as cover
/// the same. Those that have a name of their own stay: near misses cover nothing new, and catch what becomes lenient.
pub(crate) fn keep() -> Result<()> {
    let program = build()?;
    for target in targets()? {
        let merged = root().join("target/fuzz/merged").join(&target);
        let _ = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        fs::create_dir_all(grown_corpus(&target))?;
        let mut merge = Command::new(&program);
        // Which edges are met, not how often: the difference is thousands of files.
        merge.args(["-merge=1", "-use_counters=0", "-verbosity=0"]);
        merge.arg(format!("-max_len={INPUT_BYTES_MAX}"));
        merge.arg(&merged).arg(corpus(&target)).arg(grown_corpus(&target)).current_dir(root());
        Step("the smallest corpus that covers as much").run(&mut merge)?;
        let (named, old): (Vec<_>, Vec<_>) =
            files(&corpus(&target))?.into_iter().partition(|file| !is_digest(file));
        for file in old {
            fs::remove_file(file)?;
        }
        let named: BTreeSet<Vec<u8>> = named.iter().map(fs::read).collect::<Result<_, _>>()?;
        let mut count = 0;
        for file in files(&merged)? {
            if !named.contains(&fs::read(&file)?) {
                fs::copy(&file, corpus(&target).join(file.file_name().unwrap_or_default()))?;
                count += 1;
            }
        }
        say(&format!("{target}: {} with a name, and {count} more", named.len()));
    }
    Ok(())
}

/// Gives the program; its first folder names the target.
fn build() -> Result<PathBuf> {
    if !tools::succeeds(Command::new("c++").arg("--version")) {
        say("libFuzzer is C++, and there is no C++ compiler here");
        tools::apt(&["g++"])?;
    }
    // With a target named, the flags are for what is tried, and not for build scripts and macros.
    let host = host()?;
    let mut build = cargo(&["build", "--quiet", "--profile", "fuzz", "--package", "tollbar-fuzz"]);
    build.args(["--features", "libfuzzer", "--target", &host]);
    build.env("RUSTFLAGS", FLAGS.join(" ")).env("CARGO_TARGET_DIR", root().join("target/fuzz"));
    Step("the fuzzing targets, with every edge counted").run(&mut build)?;
    Ok(root().join("target/fuzz").join(host).join("fuzz/tollbar-fuzz"))
}

fn host() -> Result<String> {
    let version = Command::new("rustc").arg("-vV").current_dir(root()).output()?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}

/// Each has a folder of its name; a test sees to it.
fn targets() -> Result<Vec<String>> {
    let folders = files(&root().join("fuzz/corpus"))?;
    Ok(folders.iter().filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned)).collect())
}

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// What the runs on this machine have added.
fn grown_corpus(target: &str) -> PathBuf {
    root().join("target/fuzz/corpus").join(target)
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

/// What libFuzzer calls an input that it keeps: its SHA-1.
fn is_digest(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
