//! slowhttptest: four ways to be slow. It asks meanwhile, on a connection of its own, whether the service answers.

use std::path::Path;

use super::{open, run, tool};
use crate::support::{Platform, Reply, Shop};

/// For each way; together fewer than one address may have.
const CONNECTIONS: u64 = 200;
const SECONDS: u64 = 10;
/// The service must answer within so many seconds to count as available.
const PROBE_SECONDS: &str = "3";

/// Larger than what the system takes off our hands for a reader that takes little.
const LARGE: usize = 8 * 1024 * 1024;

/// A way to be slow.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) name: &'static str,
    arguments: &'static [&'static str],
    target: &'static str,
    /// Its connections are seen to be cut off by the tool itself: it has nothing more to read from them.
    is_seen_cut: bool,
}

pub(super) const MODES: [Mode; 4] = [
    Mode {
        name: "headers",
        arguments: &["-H", "-i", "1", "-x", "10"],
        target: "/v1/orders",
        is_seen_cut: true,
    },
    Mode {
        name: "body",
        arguments: &["-B", "-i", "1", "-x", "10", "-s", "8192", "-f", "application/json"],
        target: "/v1/orders",
        is_seen_cut: true,
    },
    Mode {
        name: "ranges",
        arguments: &["-R", "-a", "1", "-b", "3000"],
        target: "/v1/orders",
        is_seen_cut: true,
    },
    Mode {
        name: "reading",
        arguments: &["-X", "-w", "1", "-y", "64", "-n", "1", "-z", "16", "-k", "3"],
        target: "/v1/events",
        is_seen_cut: false,
    },
];

/// A shop for it. Time limits are for all kinds of waiting.
pub(super) fn shop(seconds: Option<u64>) -> Shop {
    // A proxy that is trusted may have more connections than another caller.
    let mut builder = Platform::with().set("gateway.trusted_proxies", "127.0.0.0/8");
    if let Some(seconds) = seconds {
        for limit in ["head", "idle", "body", "write"] {
            builder = builder.set(&format!("gateway.{limit}_timeout_seconds"), &seconds.to_string());
        }
    }
    let shop = open(builder);
    shop.live.answer(|received| match received.target.as_str() {
        "/events" => Reply::Zeros(LARGE),
        _ => Reply::json(200, r#"{"ok":true}"#),
    });
    shop
}

#[test]
fn the_service_is_available_throughout_however_slow_they_are() {
    // As it is delivered, and with limits that are reached within the test.
    let (usual, quick) = (shop(None), shop(Some(3)));
    std::thread::scope(|scope| {
        for mode in MODES {
            let (usual, quick) = (&usual, &quick);
            scope.spawn(move || try_mode(usual, mode, CONNECTIONS, SECONDS, false));
            scope.spawn(move || try_mode(quick, mode, CONNECTIONS, SECONDS, true));
        }
    });
    for shop in [usual, quick] {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
}

/// Runs it; panics if the service was not available, or (where limits are reached) connections were not cut off.
/// Gives back its table.
pub(super) fn try_mode(
    shop: &Shop,
    mode: Mode,
    connections: u64,
    seconds: u64,
    is_cut: bool,
) -> Vec<Vec<u64>> {
    let name = mode.name;
    let report = shop.platform.folder().join(name);
    let (count, seconds) = (connections.to_string(), seconds.to_string());
    let mut command = tool("slowhttptest");
    command.args(["-c", &count, "-r", &count, "-l", &seconds, "-p", PROBE_SECONDS]).args(mode.arguments);
    // It has no way to add a field of its own, and takes this one as it is.
    command.args(["-m", &format!("*/*\r\nX-API-Key: {}", shop.client.key)]);
    command.args(["-u", &format!("http://{}{}", shop.platform.gateway, mode.target), "-g", "-o"]);
    let (output, text) = run(command.arg(&report));
    assert!(output.status.success(), "{name}: {text}");
    let last = text.rfind("service available:").map(|at| plain(&text[at..]));
    assert!(last.is_some_and(|line| line.contains("YES")), "{name}: {text}");
    // Seconds, closed, pending, connected, and the number that was asked for while the service is available.
    let rows = rows(&report.with_extension("csv"));
    assert!(!rows.is_empty(), "{name}: {text}");
    assert!(rows.iter().all(|row| row[4] == connections), "{name}: {rows:?}");
    assert!(rows.iter().any(|row| row[1] + row[3] > connections / 2), "{name}: nothing was tried: {rows:?}");
    // It ends when none is left, perhaps a moment before it has counted the last.
    if is_cut && mode.is_seen_cut {
        assert!(text.contains("No open connections left"), "{name}: some were not cut off: {rows:?}");
    }
    rows
}

fn rows(file: &Path) -> Vec<Vec<u64>> {
    let text = std::fs::read_to_string(file).unwrap();
    let row = |line: &str| line.split(',').map(|number| number.trim().parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

/// A line without its colours.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split('\x1b').map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect()
}
