//! What others would try on it, with the tools that they would use: Debian's packages, which `cargo xtask test` installs.

use std::process::{Command, Output};

use serde_json::json;

use crate::{
    support::{Platform, PlatformBuilder, Shop},
    tls::certificates::Authority,
};

mod curl;
mod h2load;
#[cfg(feature = "soak")]
mod long;
mod slowhttptest;
mod sslscan;

/// A tool; panics if it is not there: a test that skips itself tests nothing.
fn tool(name: &str) -> Command {
    let found =
        std::env::split_paths("/usr/local/bin:/usr/bin:/bin").any(|folder| folder.join(name).exists());
    assert!(found, "{name} is missing: run `cargo xtask test`, which installs it");
    let mut command = Command::new(name);
    // A proxy, or a configuration, that happens to be set is not to stand between the tool and this machine.
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
    command
}

/// Runs it to its end; what it printed.
fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

/// A shop without TLS that also takes HTTP/2, and one that speaks TLS as `a.test`; neither limits requests in these
/// tests.
fn shops() -> (Authority, Shop, Shop) {
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    let plain = open(Platform::with().set("gateway.http2_prior_knowledge", "true"));
    let tls = open(authority.serving(&["a"]));
    (authority, plain, tls)
}

fn open(builder: PlatformBuilder) -> Shop {
    let shop = Shop::open_with(builder);
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    shop
}
