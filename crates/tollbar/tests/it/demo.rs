//! `tollbar demo`: what it prints works as printed.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running demo. Killed when dropped.
struct Demo {
    process: Child,
    /// What it printed.
    text: String,
    folder: TempDir,
    /// Kept open: a closed one would be no terminal that anybody has.
    _output: BufReader<ChildStdout>,
}

impl Demo {
    /// Starts it; what it printed is complete when a line has these words.
    fn start(folder: TempDir, arguments: &[&str], last_words: &'static str) -> Self {
        let gateway = "127.0.0.1:0".to_owned();
        Self::start_at(folder, arguments, last_words, &gateway)
    }

    fn start_at(folder: TempDir, arguments: &[&str], last_words: &'static str, gateway: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollbar"))
            .arg("demo")
            .args(arguments)
            .env_clear()
            .env("TMPDIR", folder.path())
            .env("TOLLBAR__GATEWAY__LISTEN", gateway)
            .env("TOLLBAR__ADMIN__LISTEN", "127.0.0.1:0")
            .env("TOLLBAR__OPS__LISTEN", "127.0.0.1:0")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            while !text.contains(last_words) && output.read_line(&mut text).is_ok_and(|count| count > 0) {}
            let _ = sender.send((text, output));
        });
        let Ok((text, output)) = lines.recv_timeout(PATIENCE) else {
            let _ = process.kill();
            panic!("the demo printed nothing in time");
        };
        if !text.contains(last_words) {
            let mut errors = String::new();
            process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("the demo ended:\n{text}\n{errors}");
        }
        Self { process, text, folder, _output: output }
    }

    fn printing(arguments: &[&str]) -> Self {
        Self::start(TempDir::new().unwrap(), arguments, "Stop with Ctrl-C")
    }

    fn json(arguments: &[&str]) -> (Self, Value) {
        let demo = Self::start(TempDir::new().unwrap(), arguments, "\n");
        let value = serde_json::from_str(&demo.text).unwrap();
        (demo, value)
    }

    /// SIGTERM; it must end by itself, and well. Gives the folder back.
    fn stop(mut self) -> TempDir {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut status = None;
        wait_until("the demo has ended", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}");
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    fn commands(&self) -> Vec<Printed> {
        printed(&self.text)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command as it stands on the page, with what the line above it promises.
#[derive(Debug)]
struct Printed {
    promise: String,
    command: String,
}

/// Every block that begins with a `#`, up to the next empty line; indentation is the page's, and goes.
fn printed(text: &str) -> Vec<Printed> {
    let mut found: Vec<Printed> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if let Some(promise) = line.strip_prefix("  # ") {
            found.push(Printed { promise: promise.to_owned(), command: String::new() });
            is_open = true;
        } else if line.is_empty() {
            is_open = false;
        } else if is_open {
            let command = &mut found.last_mut().unwrap().command;
            command.push_str(line.strip_prefix("  ").unwrap());
            command.push('\n');
        }
    }
    found
}

impl Printed {
    /// The statuses promised, and the code if there is one.
    fn expected(&self) -> (Vec<u16>, Option<&str>) {
        let words = self.promise.split(':').next().unwrap();
        let statuses: Vec<u16> = words.split(' ').map_while(|word| word.parse().ok()).collect();
        let code = words.split(' ').nth(statuses.len()).filter(|_| !statuses.is_empty());
        (statuses, code)
    }

    /// As somebody who pastes it.
    fn run(&self, folder: &Path) -> String {
        let output = Command::new("sh").arg("-c").arg(&self.command).current_dir(folder).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:#?}\n{text}\n{errors}");
        text
    }
}

/// The statuses in what curl printed: of heads, or one on each line.
fn statuses(text: &str) -> Vec<u16> {
    let heads: Vec<u16> = text
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .filter(|status| *status >= 200)
        .collect();
    if heads.is_empty() { text.lines().filter_map(|line| line.parse().ok()).collect() } else { heads }
}

fn require_curl() {
    let found = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok_and(|s| s.success()),
        "curl is not here; install it (on Debian: apt-get install curl)"
    );
}

/// The throw-away folder that the page names.
fn data_of(commands: &[Printed]) -> PathBuf {
    let command = commands.iter().find(|one| one.command.contains("--data ")).unwrap();
    command.command.split("--data ").nth(1).unwrap().split_whitespace().next().unwrap().into()
}

#[test]
fn every_command_of_the_page_works_as_printed_and_nothing_is_left_behind() {
    require_curl();
    let demo = Demo::printing(&[]);
    let commands = demo.commands();
    let curls = commands.iter().filter(|one| one.command.contains("curl ")).count();
    assert!(curls >= 12 && commands.len() >= curls + 3, "{}", demo.text);
    let elsewhere = TempDir::new().unwrap();
    let mut answers = Vec::new();
    for one in &commands {
        let text = one.run(elsewhere.path());
        let (expected, code) = one.expected();
        assert_eq!(statuses(&text), expected, "{one:#?}\n{text}");
        // A loop prints statuses alone.
        if let (Some(code), true) = (code, text.contains('{')) {
            assert!(text.contains(&format!(r#""code":"{code}""#)), "{one:#?}\n{text}");
        }
        answers.push(text);
    }
    let whole = answers.join("\n");
    for words in [
        "TEST-1001",
        r#""id":"LP-1004""#,
        "Idempotent-Replayed: true",
        "\"access_token\"",
        "reports:read",
        "\\\"limit\\\"",
        "\\\"status\\\"",
        "Back at noon.",
        "240000 g",
        "refused at stage 10 (scope)",
    ] {
        let found = whole.to_lowercase().contains(&words.to_lowercase());
        assert!(found, "no `{words}` in what was answered:\n{whole}");
    }
    assert_eq!(whole.matches(r#""id":"LP-1004""#).count(), 2, "booked once, answered twice");
    let data = data_of(&commands);
    assert!(data.join("running.json").exists());
    demo.stop();
    assert!(!data.exists(), "{} is still there", data.display());
}

#[test]
fn the_page_is_readable_and_without_colour_in_a_pipe() {
    let demo = Demo::printing(&[]);
    let long: Vec<&str> = demo
        .text
        .lines()
        // How long the way to the binary and to the folder is, is not the page's doing.
        .filter(|line| !line.contains(env!("CARGO_BIN_EXE_tollbar")) && !line.starts_with("  data "))
        .filter(|line| line.chars().count() > 100)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    assert!(!demo.text.contains('\u{1b}'), "{}", demo.text);
    demo.stop();
}

#[test]
fn a_second_start_with_the_same_folder_goes_on_with_new_keys() {
    require_curl();
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let arguments = ["--data", data.to_str().unwrap(), "--json"];
    let (first, before) = Demo::json(&arguments);
    first.stop();
    let (second, after) = Demo::json(&arguments);
    let key = |value: &Value| value["clients"][0]["keys"]["live"].as_str().unwrap().to_owned();
    assert_eq!(before["clients"][0]["id"], after["clients"][0]["id"], "the client is the same");
    assert_ne!(key(&before), key(&after));
    let gateway = after["gateway"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    for (key, status) in [(key(&before), 403), (key(&after), 200)] {
        let response = support::get(gateway, "/v1/shipments", &[("X-API-Key", &key)]);
        assert_eq!(response.status, status, "new keys take the place of old ones: {response:?}");
    }
    let secret = |value: &Value, name: &str| value["oauth"][name].as_str().unwrap().to_owned();
    assert_ne!(secret(&before, "client_id"), secret(&after, "client_id"));
    // What the second page prints works as well, though the first demo used something up.
    for one in after["try"].as_array().unwrap() {
        let printed =
            Printed { promise: String::new(), command: one["command"].as_str().unwrap().to_owned() };
        let text = printed.run(home.path());
        let expected: Vec<u16> = serde_json::from_value(one["statuses"].clone()).unwrap();
        assert_eq!(statuses(&text), expected, "{one:#}\n{text}");
    }
    second.stop();
    assert!(data.join("tollbar.db").exists(), "a folder that was named stays");
}

#[test]
fn json_names_everything_a_program_needs() {
    let (demo, value) = Demo::json(&["--json"]);
    for pointer in [
        "/gateway",
        "/admin",
        "/ops",
        "/data",
        "/clients/0/id",
        "/clients/0/keys/live",
        "/clients/1/keys/sandbox",
        "/oauth/client_id",
        "/oauth/client_secret",
        "/refused_request_id",
        "/try/0/command",
    ] {
        assert!(value.pointer(pointer).is_some_and(Value::is_string), "{pointer}: {value:#}");
    }
    let data = PathBuf::from(value["data"].as_str().unwrap());
    assert!(data.exists());
    let folder = demo.stop();
    assert!(!data.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_taken_port_is_said_and_avoided() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let demo = Demo::start_at(TempDir::new().unwrap(), &["--json"], "\n", &taken);
    let value: Value = serde_json::from_str(&demo.text).unwrap();
    let note = value["notes"][0].as_str().unwrap();
    assert!(note.starts_with(&format!("{taken} is taken")), "{note}");
    let gateway = value["gateway"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert_ne!(gateway, taken);
    assert_eq!(support::get(gateway.parse().unwrap(), "/v1/health", &[]).status, 200);
    demo.stop();
}
