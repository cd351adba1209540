//! Programs of others: servers as upstreams, Python and Node clients. `cargo xtask test` installs them.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A file or folder among what was installed; panics if it is not there: a test that skips itself tests nothing.
pub(crate) fn installed(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/real-clients");
    let path = folder.join(path);
    assert!(path.exists(), "{} is missing: run `cargo xtask test`, which installs it", path.display());
    path
}

/// A script of ours that uses what was installed.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(name)
}

fn python(name: &str) -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.arg(script(name));
    command
}

/// Runs a Python script: JSON in, JSON out.
pub(crate) fn run_python(name: &str, input: &Value) -> Value {
    run(python(name), input)
}

/// Runs a Node script: JSON in, JSON out. An authority that the task names as `ca` is trusted everywhere.
pub(crate) fn run_node(name: &str, input: &Value) -> Value {
    let mut command = node(name);
    if let Some(file) = input["ca"].as_str() {
        command.env("NODE_EXTRA_CA_CERTS", file);
    }
    run(command, input)
}

fn node(name: &str) -> Command {
    let folder = installed("node_modules").join("..");
    // Installed there only where the machine has none that is recent enough.
    let own = folder.join("venv/bin/node");
    let mut command = if own.exists() { Command::new(own) } else { Command::new("node") };
    command.arg(script(name)).arg(folder.canonicalize().unwrap());
    command
}

fn run(command: Command, input: &Value) -> Value {
    let output = feed(command, input.to_string().as_bytes());
    serde_json::from_slice(&output)
        .unwrap_or_else(|e| panic!("not JSON ({e}): {}", String::from_utf8_lossy(&output)))
}

/// What gzip, an implementation that is not ours, makes of these bytes.
pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut command = Command::new(installed("venv/bin/python"));
    command
        .args(["-c", "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))"]);
    feed(command, bytes)
}

/// A proxy that happens to be set is not to stand between the client and this machine.
fn without_proxies(command: &mut Command) -> &mut Command {
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    command
}

fn feed(mut command: Command, input: &[u8]) -> Vec<u8> {
    let mut process = without_proxies(&mut command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        process.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A server on a free port. Killed when dropped; ends by itself when the test's process does.
pub(crate) struct RealServer {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl RealServer {
    pub(crate) fn httpbin() -> Self {
        Self::start(python("httpbin_server.py"))
    }

    /// Node's HTTP server, with ws.
    pub(crate) fn node() -> Self {
        Self::start(node("node_server.mjs"))
    }

    /// The WebSocket server of a Python library.
    pub(crate) fn websockets() -> Self {
        Self::start(python("websocket_server.py"))
    }

    /// A mock server that makes answers of a document, and refuses what is not as the document says.
    pub(crate) fn prism(document: &Path) -> Self {
        let mut command = node("prism_server.mjs");
        command.arg(document);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap_or_else(|e| panic!("no port ({e}): {line:?}"));
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
