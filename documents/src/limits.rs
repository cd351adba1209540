//! A document in a process of its own, with limits: what a stranger's document may cost.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::one::Outcome;

/// Processor time for one document. Not the time of day, which on a busy machine says little.
pub const CPU_SECONDS_MAX: u64 = 20;
/// Address space for one document.
pub const MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// What waits, and computes nothing, ends too.
const WALL: Duration = Duration::from_secs(300);
/// What is kept of what a dying process says.
const LAST_WORDS: usize = 300;

/// How a document's process ended.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It told what became of the document.
    Told(Box<Outcome>),
    /// It died.
    Crashed(String),
    /// It took too much processor time, or hung.
    TooLong,
    /// It wanted more memory than there was for it.
    TooLarge,
}

/// Limits this process, before it reads what others wrote.
pub fn limit_this_process() -> Result<()> {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, limit(0)).context("core files cannot be switched off")?;
    setrlimit(Resource::Cpu, limit(CPU_SECONDS_MAX)).context("processor time cannot be limited")?;
    setrlimit(Resource::As, limit(MEMORY_BYTES_MAX)).context("memory cannot be limited")
}

/// Has a document read by `program one FILE`, which limits itself.
pub fn run(program: &Path, file: &Path) -> Result<Fate> {
    let mut process = Command::new(program)
        .arg("one")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let Some((told, last_words)) = outputs(&mut process) else {
        let _ = process.kill();
        let _ = process.wait();
        return Ok(Fate::TooLong);
    };
    let status = process.wait()?;
    if status.success() {
        let outcome = serde_json::from_slice(&told).context("what became of a document cannot be read")?;
        return Ok(Fate::Told(Box::new(outcome)));
    }
    let last_words = String::from_utf8_lossy(&last_words).trim().to_owned();
    // SIGXCPU, as a shell and the kernel name it.
    if status.to_string().contains("SIGXCPU") {
        return Ok(Fate::TooLong);
    }
    if last_words.contains("memory allocation of") {
        return Ok(Fate::TooLarge);
    }
    let last_words: String = last_words.chars().take(LAST_WORDS).collect();
    Ok(Fate::Crashed(format!("{status}: {last_words}")))
}

/// What a process wrote until it ended; `None` if it does not end.
fn outputs(process: &mut Child) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut stdout, mut stderr) = (process.stdout.take()?, process.stderr.take()?);
    let (sender, receiver) = mpsc::channel();
    let words = thread::spawn(move || {
        let mut words = Vec::new();
        let _ = stderr.read_to_end(&mut words);
        words
    });
    thread::spawn(move || {
        let mut told = Vec::new();
        let _ = stdout.read_to_end(&mut told);
        let _ = sender.send((told, words.join().unwrap_or_default()));
    });
    receiver.recv_timeout(WALL).ok()
}
