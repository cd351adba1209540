//! WebSocket clients and servers, each with each.

use serde_json::{Value, json};

use crate::support::{RealServer, get, run_node, run_python};

use super::site::Site;

fn assert_talked(outcome: &Value, server: &RealServer, what: &str) {
    let expected = json!({
        "refused": { "status": 401, "code": "missing_credentials" },
        "protocol": "orders.v2",
        "deflate": "permessage-deflate",
        "text": "Grüße",
        "who": { "environment": "live", "key": null },
        "noise": true,
        "zeros": true,
        "ping": "p0",
        "pinged": "ponged p1",
        "server_closes": { "code": 4001, "reason": "as you wished" },
        "client_closes": 4002,
    });
    assert_eq!(outcome, &expected, "{what}");
    for (code, reason) in [(4001, "as you wished"), (4002, "enough")] {
        let closed = get(server.address, "/closed", &[]).json();
        assert_eq!(closed, json!({ "code": code, "reason": reason }), "{what}");
    }
}

#[test]
fn websocket_clients_talk_with_websocket_servers() {
    std::thread::scope(|scope| {
        for tls in [true, false] {
            scope.spawn(move || {
                let (site, other) = (Site::open(tls, false), RealServer::websockets());
                site.import("/other", &other);
                for (base, server, name) in [("/v1", &site.server, "ws"), ("/other", &other, "websockets")] {
                    let mut task = site.task();
                    task["url"] = json!(site.url("ws", base));
                    let outcome = run_node("websocket_client.mjs", &task);
                    assert_talked(&outcome, server, &format!("ws to {name}, {site}"));
                    let outcome = run_python("websocket_client.py", &task);
                    assert_talked(&outcome, server, &format!("websockets to {name}, {site}"));
                }
            });
        }
    });
}
