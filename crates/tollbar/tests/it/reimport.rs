//! A document comes again: what it changes is told before and after, and what was decided by hand stays.

use serde_json::{Value, json};

use crate::support::{SHOP, Shop};

/// The shop's next version: a parameter is called otherwise, an endpoint is gone, one is new, another asks for less.
fn next() -> String {
    SHOP.replace("/orders/{id}:", "/orders/{orderId}:")
        .replace("{ name: id, in: path", "{ name: orderId, in: path")
        .replace("maximum: 100", "maximum: 50")
        .replace("  /events:", "  /news:")
}

fn lines(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(shop: &Shop, name: &str, text: &str) -> String {
    let path = shop.platform.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_difference_ends_as_diff_does_and_changes_nothing() {
    let shop = Shop::open();
    let (same, other) = (write(&shop, "same.yaml", SHOP), write(&shop, "next.yaml", &next()));
    let before = shop.platform.read("/apis/endpoints");
    let output = shop.platform.run(&["diff", &same, "--base", "/v1"]);
    assert_eq!(
        (output.status.code(), lines(&output)),
        (Some(0), "Shop 1 would change nothing on /v1 (Shop 1).\n".to_owned())
    );
    let output = shop.platform.run(&["diff", &other, "--base", "/v1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = lines(&output);
    for line in [
        "- GET /v1/events  (gone: breaking)",
        "+ GET /v1/news",
        "~ GET /v1/orders/{orderId}  (was GET /v1/orders/{id})",
        "    breaking: query parameter \"limit\" must be at most 50 now (before: at most 100)",
        "1 new, 1 gone, 3 changed; 2 breaking.",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let json: Value = serde_json::from_slice(&shop.platform.run(&["diff", &other, "--json"]).stdout).unwrap();
    assert_eq!((&json["same"], &json["differences"]["breaking"]), (&json!(false), &json!(2)));
    let wrong = write(&shop, "wrong.yaml", "swagger: '2.0'");
    for arguments in [
        &["diff", wrong.as_str()][..],
        &["diff", "nowhere.yaml"],
        &["diff"],
        &["diff", &same, "--base", "v1/"],
    ] {
        let output = shop.platform.run(arguments);
        assert_eq!(
            (output.status.code(), lines(&output).is_empty()),
            (Some(2), true),
            "{arguments:?} {output:?}"
        );
    }
    assert_eq!(shop.platform.read("/apis/endpoints"), before);
}

#[test]
fn what_was_decided_by_hand_outlives_the_next_document_and_a_restart() {
    let shop = Shop::open_keeping_all();
    assert_eq!(shop.get("/v1/orders/7").status, 200);
    let set = ["endpoint", "set", "GET /v1/orders/{id}", "--scope", "orders:see", "--category", "Desk"];
    let output = shop.platform.run(&set);
    assert!(lines(&output).starts_with("GET /v1/orders/{id} is set by hand"), "{output:?}");
    let refused = shop.get("/v1/orders/7");
    assert_eq!((refused.status, refused.json()["error"]["code"].clone()), (403, json!("scope_missing")));
    assert!(refused.text().contains("orders:see"), "{refused:?}");
    assert!(
        shop.platform.run(&["endpoint", "set", "DELETE /v1/orders/{id}", "--write", "no"]).status.success()
    );
    assert!(shop.platform.run(&["switch", "off", "endpoint", "GET /v1/orders/latest"]).status.success());

    let file = write(&shop, "next.yaml", &next());
    let import = ["import", &file, "--base", "/v1", "--upstream", &shop.live.url()];
    let output = shop.platform.run(&import);
    let told = lines(&output);
    for line in [
        "Set by hand, and kept:",
        "  GET /v1/orders/{orderId}",
        "  DELETE /v1/orders/{orderId}",
        "2 breaking.",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let shop = shop.stop_and_restart();
    assert_eq!(shop.get("/v1/orders/7").json()["error"]["code"], "scope_missing");
    assert_eq!(shop.get("/v1/orders/latest").json()["error"]["code"], "endpoint_disabled");
    let client = format!("/clients/{}", shop.client.id);
    shop.platform.change("PATCH", &client, &json!({ "write_enabled": false, "add_scopes": ["orders:see"] }));
    assert_eq!(shop.call("DELETE", "/v1/orders/7", &[], b"").status, 200, "it is no write endpoint any more");
    assert_eq!(shop.get("/v1/orders/7").status, 200);
    // A category that was given by hand can be switched off.
    assert!(shop.platform.run(&["switch", "off", "category", "Desk"]).status.success());
    assert_eq!(shop.get("/v1/orders/7").json()["error"]["code"], "endpoint_disabled");
    assert_eq!(shop.get("/v1/orders").status, 200);

    // The history goes on under one endpoint, whatever its parameter is called.
    let usage = shop.platform.read(&format!("/usage/{}", shop.client.id)).to_string();
    assert!(usage.contains("/v1/orders/{orderId}") && !usage.contains("/v1/orders/{id}"), "{usage}");
    let reset = ["endpoint", "set", "GET /v1/orders/{orderId}", "--reset"];
    assert!(
        lines(&shop.platform.run(&reset)).starts_with("GET /v1/orders/{orderId} is as the document says.")
    );
    assert_eq!(shop.get("/v1/orders/7").status, 200);
    let audit = shop.platform.read("/audit").to_string();
    assert!(audit.contains("endpoint.set") && audit.contains("endpoint.reset"), "{audit}");
}
