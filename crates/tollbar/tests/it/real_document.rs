//! The document of a large public API, unchanged, imported whole: each of its operations is called and arrives.

use std::{collections::HashMap, io::Write, path::PathBuf, sync::Mutex, time::Instant};

use serde_json::Value;

use crate::support::{Connection, Platform, RealServer, Response, Upstream, installed};

mod octokit;
mod operation;

use operation::Operation;

/// The document says so itself: this is how many it has.
const OPERATIONS: usize = 1223;
const CONNECTIONS: usize = 4;

fn document() -> PathBuf {
    installed("node_modules/@octokit/openapi/generated/api.github.com.json")
}

/// The API behind Tollbar on `/gh`: live is httpbin, which echoes; sandbox records every byte.
struct GitHub {
    platform: Platform,
    httpbin: RealServer,
    recorder: Upstream,
    /// Live, sandbox.
    keys: [String; 2],
    operations: Vec<Operation>,
}

impl GitHub {
    fn open() -> Self {
        // The look-up is to have every success: it tells which endpoint was matched.
        let platform = Platform::with().set("requests.successes_per_second", "100000").start();
        let (httpbin, recorder) = (RealServer::httpbin(), Upstream::start());
        let upstream = format!("{}/anything", httpbin.url());
        let file = document();
        let began = Instant::now();
        let imported = run_json(
            &platform,
            &[
                "import",
                file.to_str().unwrap(),
                "--base",
                "/gh",
                "--upstream",
                &upstream,
                "--sandbox-upstream",
                &recorder.url(),
            ],
        );
        let _ = writeln!(std::io::stderr(), "imported in {:?}", began.elapsed());
        assert_eq!(imported["endpoints"], OPERATIONS, "{imported}");
        assert_eq!(imported["base"], "/gh");
        // One upload goes to a host of its own, which one upstream cannot be.
        let warnings = imported["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].as_str().unwrap().contains("servers of a single operation"), "{warnings:?}");
        let scopes: Vec<&str> =
            imported["scopes"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        run_json(&platform, &["tier", "set", "bulk", "--rate", "100000"]);
        let create =
            ["client", "create", "acme", "--tier", "bulk", "--allowance", "100000", "--write-enabled"];
        run_json(&platform, &[&create[..], &["--scope", &scopes.join(",")]].concat());
        let keys = ["live", "sandbox"].map(|environment| {
            let made = run_json(&platform, &["key", "create", "acme", "--env", environment]);
            made["key"].as_str().unwrap().to_owned()
        });
        let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let operations = operation::all(&document);
        assert_eq!(operations.len(), OPERATIONS);
        Self { platform, httpbin, recorder, keys, operations }
    }

    /// Calls every operation over a few kept connections; gives each answer, in the document's order.
    fn call_all(&self, base: &str, key: &str) -> Vec<Response> {
        let answers: Mutex<HashMap<usize, Response>> = Mutex::default();
        std::thread::scope(|scope| {
            for lane in 0..CONNECTIONS {
                let answers = &answers;
                scope.spawn(move || {
                    let mut connection = Connection::open(self.platform.gateway);
                    for (number, operation) in
                        self.operations.iter().enumerate().skip(lane).step_by(CONNECTIONS)
                    {
                        connection.send(operation.request(base, key));
                        let answer = connection.receive_to(&operation.method);
                        answers.lock().unwrap().insert(number, answer);
                    }
                });
            }
        });
        let mut answers = answers.into_inner().unwrap();
        (0..self.operations.len()).map(|number| answers.remove(&number).unwrap()).collect()
    }

    fn refused(&self, method: &str, target: &str) -> Response {
        let mut connection = Connection::open(self.platform.gateway);
        let key = &self.keys[0];
        connection.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"));
        connection.receive_to(method)
    }
}

fn run_json(platform: &Platform, arguments: &[&str]) -> Value {
    let output = platform.run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_of_its_1223_operations_arrives_at_httpbin_with_the_path_that_was_sent() {
    let github = GitHub::open();
    let answers = github.call_all("/gh", &github.keys[0]);
    let host = github.httpbin.address.to_string();
    for (operation, answer) in github.operations.iter().zip(&answers) {
        let what = format!("{} {}: {}", operation.method, operation.target, answer.text());
        assert_eq!(answer.status, 200, "{what}");
        let echo = answer.json();
        assert_eq!(echo["method"], operation.method.as_str(), "{what}");
        let headers = &echo["headers"];
        assert_eq!(headers["X-Target-As-Sent"], format!("/anything{}", operation.target), "{what}");
        assert_eq!(headers["Host"], host.as_str(), "{what}");
        assert_eq!(headers["X-Tollbar-Environment"], "live", "{what}");
        assert!(headers.get("X-Api-Key").is_none(), "{what}");
        assert_eq!(echo["data"].as_str().unwrap().as_bytes(), operation.body, "{what}");
    }
    assert_eq!(github.platform.read("/usage/acme")["live"]["used"], OPERATIONS);
    // The right one of all the endpoints was matched, and is what is counted and looked up.
    for (operation, answer) in github.operations.iter().zip(&answers) {
        let entry = github.platform.read(&format!("/requests/{}", answer.request_id()));
        assert_eq!(entry["endpoint"], format!("{} /gh{}", operation.method, operation.template));
    }
}

#[test]
fn each_of_its_1223_operations_arrives_byte_for_byte() {
    let github = GitHub::open();
    let answers = github.call_all("/sandbox/gh", &github.keys[1]);
    let mut received: HashMap<String, _> = HashMap::new();
    for request in github.recorder.requests() {
        received.insert(request.header("x-request-id").unwrap().to_owned(), request);
    }
    for (operation, answer) in github.operations.iter().zip(&answers) {
        assert_eq!(answer.status, 200, "{}: {}", operation.target, answer.text());
        let arrived = received.remove(&answer.request_id()).unwrap();
        assert_eq!((&arrived.method, &arrived.target), (&operation.method, &operation.target));
        assert_eq!(arrived.body, operation.body);
        assert!(arrived.complete);
        assert_eq!(arrived.header("x-tollbar-environment"), Some("sandbox"));
    }
    assert!(received.is_empty(), "the upstream got more than was sent: {received:?}");
}

#[test]
fn wrong_and_missing_parameters_are_refused_by_name_and_reach_nobody() {
    let github = GitHub::open();
    for (method, target, words) in [
        ("GET", "/gh/search/users", &["\"q\"", "required"][..]),
        ("GET", "/gh/search/labels?q=x&repository_id=one", &["\"repository_id\"", "integer"]),
        ("GET", "/gh/search/labels", &["\"q\"", "\"repository_id\""]),
        ("GET", "/gh/users/x/packages?package_type=cobol", &["\"package_type\"", "npm"]),
        ("GET", "/gh/orgs/x/repos?per_page=many", &["\"per_page\"", "integer"]),
        ("GET", "/gh/repos/x/y/issues/first", &["\"issue_number\"", "integer"]),
        ("DELETE", "/gh/users/x/packages/cobol/y", &["\"package_type\""]),
    ] {
        let refused = github.refused(method, target);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "invalid_request"),
            "{target}: {refused:?}"
        );
        let message = refused.message();
        assert!(words.iter().all(|word| message.contains(word)), "{target}: {message}");
    }
    for (method, target, code) in [
        ("GET", "/gh/no/such/thing", "not_found"),
        ("GET", "/gh/repos/x/y/compare", "not_found"),
        ("PUT", "/gh/search/users", "method_not_allowed"),
    ] {
        assert_eq!(github.refused(method, target).code(), code, "{target}");
    }
    assert_eq!(github.platform.read("/usage/acme")["live"]["used"], 0);
}
