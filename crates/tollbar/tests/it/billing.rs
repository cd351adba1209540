//! Usage against an upstream that counts, and corrections: what is billed adds up to the unit.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Connection, Gate, Platform, Reply, Shop, ShopClient, wait_until};

struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn tollbar(platform: &Platform, arguments: &[&str]) -> Ended {
    let output = platform.run(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn printed(platform: &Platform, arguments: &[&str]) -> String {
    let ended = tollbar(platform, arguments);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments:?}: {}", ended.out);
    ended.out
}

/// CSV without quoted fields, by its own header.
fn csv(platform: &Platform, arguments: &[&str]) -> Vec<BTreeMap<String, String>> {
    let text = printed(platform, arguments);
    let mut lines =
        text.strip_suffix("\r\n").unwrap().split("\r\n").map(|line| line.split(',').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    lines.map(|fields| header.iter().cloned().zip(fields).collect()).collect()
}

fn correct(shop: &Shop, client: &str, units: &str, reason: &str, more: &[&str]) -> Ended {
    let line = ["client", "correct", client, "--env", "live", "--units", units, "--reason", reason];
    tollbar(&shop.platform, &[&line, more].concat())
}

fn call(shop: &Shop, client: &ShopClient, target: &str) -> u16 {
    shop.call_as(&client.key, "GET", target, &[], b"").status
}

fn usage(shop: &Shop, client: &ShopClient) -> Value {
    shop.platform.read(&format!("/usage/{}", client.id))
}

#[test]
fn a_run_with_known_outcomes_reconciles_to_the_unit() {
    let shop = Shop::open();
    let client = shop.client("billed", &json!({ "allowance": 1000 }));
    shop.live.answer(|received| match received.target.as_str() {
        "/orders/missing" => Reply::json(404, "{}"),
        "/orders/moved" => Reply::json(302, "{}").with_header("Location", "/orders/1"),
        "/orders/fails" => Reply::json(500, "{}"),
        "/orders" if received.method == "POST" => Reply::json(201, "{}"),
        _ => Reply::json(200, "{}"),
    });
    shop.sandbox.stop();
    for (target, status, times) in [
        ("/v1/orders", 200, 5),
        ("/v1/orders/missing", 404, 2),
        ("/v1/orders/moved", 302, 1),
        ("/v1/orders/fails", 500, 3),
        // Refusals are free.
        ("/v1/nothing", 404, 2),
        ("/v1/orders?limit=0", 400, 2),
        ("/sandbox/v1/orders", 403, 1),
    ] {
        for _ in 0..times {
            assert_eq!(call(&shop, &client, target), status, "{target}");
        }
    }
    // A replay is free.
    for _ in 0..3 {
        let keyed = [("Idempotency-Key", "once")];
        assert_eq!(shop.call_as(&client.key, "POST", "/v1/orders", &keyed, b"{}").status, 201);
    }
    for _ in 0..2 {
        assert_eq!(shop.call_as(&client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"").status, 500);
    }

    let all = usage(&shop, &client);
    assert_eq!(shop.live.count(), 12);
    let outcomes = |counts: [u64; 5]| {
        let [success, redirect, client_error, server_error, open] = counts;
        json!({ "2xx": success, "3xx": redirect, "4xx": client_error, "5xx": server_error, "not_sent": 0, "open": open, "unclassed": 0 })
    };
    assert_eq!(
        all["live"],
        json!({
            "charged": 12, "given_back": 3, "corrections": 0, "used": 9, "allowance": 1000, "remaining": 991, "billable_overage": 0,
            "outcomes": outcomes([6, 1, 2, 3, 0]),
        })
    );
    assert_eq!((&all["sandbox"]["charged"], &all["sandbox"]["used"]), (&json!(2), &json!(0)));
    let charged: u64 =
        all["rows"].as_array().unwrap().iter().map(|row| row["charged"].as_u64().unwrap()).sum();
    assert_eq!(charged, 14);

    // The same in a table, and as CSV however it is summed.
    let table = printed(&shop.platform, &["usage", "billed"]);
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for expected in [
        vec!["live", "12", "3", "0", "9", "1,000", "991"],
        vec!["sandbox", "2", "2", "0", "0", "1,000", "1,000"],
        vec!["live", "GET", "/v1/orders", "5", "0", "5"],
        vec!["live", "GET", "/v1/orders/{id}", "6", "3", "3"],
        vec!["live", "POST", "/v1/orders", "1", "0", "1"],
    ] {
        assert!(words.contains(&expected), "{expected:?} in\n{table}");
    }
    for by in ["total", "endpoint", "day", "outcome"] {
        for who in [vec!["usage", "billed"], vec!["usage"]] {
            let lines = csv(&shop.platform, &[&who[..], &["--csv", "--env", "live", "--by", by]].concat());
            let own: Vec<_> = lines.iter().filter(|line| line["client"] == client.id).collect();
            assert!(own.iter().all(|line| line["environment"] == "live" && line["name"] == "billed"));
            let sum = |column: &str| own.iter().map(|line| line[column].parse::<i64>().unwrap()).sum::<i64>();
            assert_eq!((sum("charged"), sum("given_back")), (12, 3), "{who:?} by {by}");
            if by != "outcome" {
                assert_eq!(
                    ["2xx", "3xx", "4xx", "5xx", "not_sent", "open"].map(sum),
                    [6, 1, 2, 3, 0, 0],
                    "by {by}"
                );
            }
        }
    }
    let by_outcome = csv(&shop.platform, &["usage", "billed", "--csv", "--env", "live", "--by", "outcome"]);
    let told: Vec<_> =
        by_outcome.iter().map(|line| (line["outcome"].as_str(), line["net"].as_str())).collect();
    assert_eq!(told, [("2xx", "6"), ("3xx", "1"), ("4xx", "2"), ("5xx", "0")]);
    let day = &csv(&shop.platform, &["usage", "billed", "--csv", "--by", "day"])[0]["day"];
    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{day}");

    // It is the same after a kill, and one that was under way then stays open.
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", client.key));
    shop.live.wait_for(13);
    assert_eq!(usage(&shop, &client)["live"]["outcomes"], outcomes([6, 1, 2, 3, 1]), "it is in flight");
    let shop = shop.kill_and_restart();
    let killed = usage(&shop, &client);
    assert_eq!(
        (&killed["live"]["used"], &killed["live"]["outcomes"]),
        (&json!(10), &outcomes([6, 1, 2, 3, 1]))
    );
    gate.open();
    assert_eq!(call(&shop, &client, "/v1/orders"), 200);
    wait_until("the outcome is journaled", || {
        usage(&shop, &client)["live"]["outcomes"] == outcomes([7, 1, 2, 3, 1])
    });
}

#[test]
fn a_correction_is_in_force_for_the_next_request_and_after_a_kill() {
    let shop = Shop::open();
    let client = shop.client("billed", &json!({ "allowance": 5 }));
    assert_eq!([0; 6].map(|_| call(&shop, &client, "/v1/orders")), [200, 200, 200, 200, 200, 429]);
    let said = correct(&shop, "billed", "-2", "their import ran twice", &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.starts_with("Corrected billed, live in ")
            && said.out.ends_with(": -2.\nUsed now: 3 of 5.\n"),
        "{}",
        said.out
    );
    // Killed at once: what was acknowledged is there.
    let shop = shop.kill_and_restart();
    let first = shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    assert_eq!((first.status, first.number("x-allowance-remaining")), (200, 1));
    assert_eq!([0; 2].map(|_| call(&shop, &client, "/v1/orders")), [200, 429]);
    assert_eq!(correct(&shop, "billed", "-3", "goodwill", &[]).code, 0);
    assert_eq!(correct(&shop, "billed", "+1", "one by hand", &["--json"]).code, 0);
    assert_eq!([0; 3].map(|_| call(&shop, &client, "/v1/orders")), [200, 200, 429]);
    assert_eq!(shop.live.count(), 9);
    let live = &usage(&shop, &client)["live"];
    assert_eq!((&live["charged"], &live["corrections"], &live["used"]), (&json!(9), &json!(-4), &json!(5)));
    let shop = shop.stop_and_restart();
    assert_eq!((call(&shop, &client, "/v1/orders"), shop.used(&client.id)), (429, 5));

    // Each is a line with its reason, in the table and on the audit trail.
    let (table, audit) = (printed(&shop.platform, &["usage", "billed"]), printed(&shop.platform, &["audit"]));
    for (units, reason) in [("-2", "their import ran twice"), ("-3", "goodwill"), ("+1", "one by hand")] {
        let line = table.lines().find(|line| line.contains(reason)).unwrap_or_else(|| panic!("{table}"));
        assert!(line.contains(units) && line.contains("account manager"), "{line}");
        let entry = audit.lines().find(|line| line.contains(reason)).unwrap_or_else(|| panic!("{audit}"));
        assert!(
            entry.contains("client.correct") && entry.contains("operator") && entry.contains(units),
            "{entry}"
        );
    }
    // Still after the client is deleted, and in the report of all.
    let path = format!("/clients/{}/corrections", client.id);
    let reasons = |shop: &Shop| {
        let all = shop.platform.read(&path)["corrections"].as_array().unwrap().clone();
        all.iter().map(|c| c["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    shop.platform.change("DELETE", &format!("/clients/{}", client.id), &json!({}));
    assert_eq!(reasons(&shop), ["one by hand", "goodwill", "their import ran twice"]);
    let bill = csv(&shop.platform, &["usage", "--csv", "--env", "live"]);
    let line = bill.iter().find(|line| line["client"] == client.id).unwrap();
    let of = ["deleted", "charged", "given_back", "corrections", "used", "allowance", "remaining"]
        .map(|c| line[c].as_str());
    assert_eq!(of, ["true", "9", "0", "-4", "5", "5", "0"]);
}

#[test]
fn a_wrong_correction_is_refused_with_what_to_do() {
    let shop = Shop::open();
    let client = shop.client("billed", &json!({ "allowance": 5 }));
    assert_eq!(call(&shop, &client, "/v1/orders"), 200);
    for (units, reason, more, code, words) in [
        ("-2", "r", vec![], 1, "below zero; 1 are used"),
        ("0", "r", vec![], 1, "units: 0 corrects nothing"),
        ("1", "", vec![], 1, "reason: it is empty"),
        ("1", "a\nb", vec![], 1, "control characters"),
        ("1", "r", vec!["--month", "2999-01"], 1, "2999-01 has not begun"),
        ("-1", "r", vec!["--month", "2020-01"], 1, "0 are used"),
        ("1", "r", vec!["--month", "soon"], 2, "`soon` is not a month"),
        ("many", "r", vec![], 2, "`many` is not a whole number"),
    ] {
        let refused = correct(&shop, "billed", units, reason, &more);
        assert_eq!((refused.code, refused.out.as_str()), (code, ""), "{units} {reason}: {}", refused.err);
        assert!(refused.err.contains(words), "{units} {reason}: {}", refused.err);
    }
    assert!(correct(&shop, "biled", "1", "r", &[]).err.contains("did you mean billed?"));
    assert!(!printed(&shop.platform, &["audit"]).contains("client.correct"));
    assert_eq!(shop.used(&client.id), 1);
}

#[test]
fn overage_is_chosen_by_client_shown_and_billed() {
    let shop = Shop::open();
    let client = shop.client("over", &json!({ "allowance": 2 }));
    let say = |arguments: &[&str]| printed(&shop.platform, arguments);
    assert!(say(&["client", "show", "over"]).contains("is refused"));
    assert!(say(&["client", "update", "over", "--overage", "report"]).contains("goes on, and is reported"));
    assert_eq!([0; 5].map(|_| call(&shop, &client, "/v1/orders")), [200; 5]);
    let bill = csv(&shop.platform, &["usage", "--csv", "--env", "live"]);
    let line = bill.iter().find(|line| line["client"] == client.id).unwrap();
    assert_eq!(["used", "overage", "billable_overage"].map(|c| line[c].as_str()), ["5", "report", "3"]);
    // A correction lowers the bill too.
    assert_eq!(correct(&shop, "over", "-1", "goodwill", &[]).code, 0);
    let all = say(&["usage"]);
    let line = all.lines().find(|line| line.starts_with("over  ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["over", "live", "5", "0", "-1", "4", "2", "0", "2"],
        "{all}"
    );
}

#[test]
fn names_are_no_formulas_in_a_spreadsheet() {
    let shop = Shop::open();
    shop.client("=HYPERLINK(\"http://x\", 1)", &json!({}));
    let bill = printed(&shop.platform, &["usage", "--csv"]);
    assert!(bill.contains(",\"'=HYPERLINK(\"\"http://x\"\", 1)\",false,live,"), "{bill}");
    let ended = tollbar(&shop.platform, &["usage", "--csv", "--month", "november"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("`november` is not a month"), "{}", ended.err);
}
