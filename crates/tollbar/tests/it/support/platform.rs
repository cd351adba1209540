//! The real binary in a folder of its own.

use std::{
    fs::{DirBuilder, File},
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::wire::{self, Response};

/// How a platform is to be started.
#[derive(Default)]
pub(crate) struct PlatformBuilder {
    variables: Vec<(String, String)>,
    config: Option<String>,
}

/// A running platform. Killed when dropped.
pub(crate) struct Platform {
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) token: String,
    folder: TempDir,
    process: Child,
    builder: PlatformBuilder,
}

impl PlatformBuilder {
    /// Sets `TOLLBAR__SECTION__KEY`: `.set("tokens.lifetime_seconds", "2")`.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        let (section, key) = key.split_once('.').unwrap();
        self.variables
            .push((format!("TOLLBAR__{}__{}", section.to_uppercase(), key.to_uppercase()), value.to_owned()));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A configuration file with this text.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    pub(crate) fn start(self) -> Platform {
        let folder = TempDir::with_prefix("tollbar-test-").unwrap();
        Platform::start_in(folder, self)
    }

    /// How it is started in this folder.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log.txt")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbar"));
        command
            .args(["serve", "--gateway", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ops", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--ready-file")
            .arg(folder.join("ready.json"))
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(text) = &self.config {
            let path = folder.join("tollbar.toml");
            std::fs::write(&path, text).unwrap();
            command.arg("--config").arg(path);
        }
        command
    }

    /// On a data folder with these files, as a backup would be put there.
    pub(crate) fn start_on(self, files: &[(&str, &[u8])]) -> Platform {
        let folder = TempDir::with_prefix("tollbar-test-").unwrap();
        let data = folder.path().join("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        for (name, bytes) in files {
            let file = File::options().create_new(true).write(true).mode(0o600).open(data.join(name));
            file.unwrap().write_all(bytes).unwrap();
        }
        Platform::start_in(folder, self)
    }
}

impl Platform {
    pub(crate) fn start() -> Self {
        PlatformBuilder::default().start()
    }

    /// With settings.
    pub(crate) fn with() -> PlatformBuilder {
        PlatformBuilder::default()
    }

    fn start_in(folder: TempDir, builder: PlatformBuilder) -> Self {
        let _ = std::fs::remove_file(folder.path().join("ready.json"));
        let process = builder.command(folder.path()).spawn().unwrap();
        Self::wait_for_start(folder, builder, process)
    }

    /// One that has been started already, on an empty or stopped folder, by whatever means.
    pub(crate) fn wait_for_start(folder: TempDir, builder: PlatformBuilder, mut process: Child) -> Self {
        let ready = folder.path().join("ready.json");
        wait_until("the platform is ready", || {
            if let Some(status) = process.try_wait().unwrap() {
                let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap();
                panic!("the platform ended with {status}:\n{log}");
            }
            ready.exists()
        });
        let urls: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        let address = |name: &str| urls[name].as_str().unwrap().split_once("://").unwrap().1.parse().unwrap();
        let token = std::fs::read_to_string(folder.path().join("data/operator-token")).unwrap();
        Self {
            gateway: address("gateway"),
            admin: address("admin"),
            ops: address("ops"),
            token: token.trim().to_owned(),
            folder,
            process,
            builder,
        }
    }

    /// A new process on this platform's folder that must not come up; gives what it said. The platform must have ended.
    pub(crate) fn refused_start(&self) -> String {
        // One that was killed leaves it.
        let _ = std::fs::remove_file(self.folder.path().join("ready.json"));
        let mut command = self.builder.command(self.folder.path());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let ready = self.folder.path().join("ready.json");
        wait_until("the start is refused", || {
            if ready.exists() {
                process.kill().unwrap();
                panic!("it came up");
            }
            process.try_wait().unwrap().is_some()
        });
        let output = process.wait_with_output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A second process that is to take over, with other settings if wanted.
    pub(crate) fn start_successor(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Child {
        let mut builder = PlatformBuilder {
            variables: self.builder.variables.clone(),
            config: self.builder.config.clone(),
        };
        for (key, value) in settings {
            builder = builder.set(key, value);
        }
        builder.command(self.folder.path()).arg("--take-over").args(arguments).spawn().unwrap()
    }

    /// The pid that is announced in the data folder.
    pub(crate) fn announced(&self) -> Option<u32> {
        let text = std::fs::read(self.data().join("running.json")).ok()?;
        let running: Value = serde_json::from_slice(&text).ok()?;
        running["pid"].as_u64()?.try_into().ok()
    }

    /// Waits until the successor serves, and makes it this platform's process. Returns the old one.
    pub(crate) fn succeed(&mut self, mut successor: Child) -> Replaced {
        wait_until("the successor serves", || {
            if let Some(status) = successor.try_wait().unwrap() {
                panic!("the successor ended with {status}:\n{}", self.log());
            }
            self.announced() == Some(successor.id())
        });
        Replaced(std::mem::replace(&mut self.process, successor))
    }

    /// `tollbar serve --take-over`; returns when the old process has ended in good order.
    pub(crate) fn take_over(&mut self, settings: &[(&str, &str)]) {
        let successor = self.start_successor(settings, &[]);
        self.succeed(successor).wait_for_end();
    }

    /// kill -9, then a new process on the same folder.
    pub(crate) fn kill_and_restart(mut self) -> Self {
        self.kill();
        self.restart()
    }

    /// SIGTERM, then a new process on the same folder.
    pub(crate) fn stop_and_restart(mut self) -> Self {
        self.terminate();
        self.wait_for_end();
        self.restart()
    }

    /// A new process on the folder of one that has ended.
    pub(crate) fn restart(mut self) -> Self {
        let builder = std::mem::take(&mut self.builder);
        let empty = TempDir::new().unwrap();
        let folder = std::mem::replace(&mut self.folder, empty);
        drop(self);
        Self::start_in(folder, builder)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sets an environment variable for the next start.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.builder.variables.retain(|(known, _)| known != name);
        self.builder.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    /// Stops the process where it stands, until [`Platform::thaw`]. Connections wait in the system's queue.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the process has ended by itself, in good order.
    pub(crate) fn wait_for_end(&mut self) {
        let mut status = None;
        wait_until("the platform has ended", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}\n{}", self.log());
    }

    /// What it printed and logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Calls the admin API with the operator token.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let body = body.map(Value::to_string).unwrap_or_default();
        let path = format!("/admin/v1{path}");
        let mut headers = vec![("Authorization", bearer.as_str())];
        if !body.is_empty() || method != "GET" {
            headers.push(("Content-Type", "application/json"));
        }
        wire::request(self.admin, method, &path, &headers, body.as_bytes())
    }

    /// Calls the admin API; panics unless it succeeds.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.admin(method, path, Some(body));
        assert!((200..300).contains(&response.status), "{method} {path} {body}: {response:?}");
        response.json()
    }

    /// Reads from the admin API; panics unless it succeeds.
    pub(crate) fn read(&self, path: &str) -> Value {
        let response = self.admin("GET", path, None);
        assert_eq!(response.status, 200, "{path}: {response:?}");
        response.json()
    }

    /// Runs the binary against this platform.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.run_with(arguments, &[])
    }

    /// The same with environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_tollbar"))
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A platform's former process.
pub(crate) struct Replaced(Child);

impl Replaced {
    /// Waits until it has ended in good order.
    pub(crate) fn wait_for_end(&mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something that will be true; panics if it takes too long.
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < Duration::from_secs(40), "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
