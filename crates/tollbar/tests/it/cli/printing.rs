//! What commands print: JSON for programs, tables and sentences for people.

use super::{call, json, set_up, text, tollbar, tollbar_in};
use crate::support::request;

#[test]
fn programs_get_json_with_the_fields_that_were_promised() {
    let (platform, _upstream) = set_up();
    let key = json(&platform, "key create acme --env sandbox");
    assert!(text(&key, "key").starts_with("tb_sandbox_") && !text(&key, "id").is_empty());
    for n in 0..3 {
        assert_eq!(call(&platform, "GET", &format!("/sandbox/v1/orders/{n}"), text(&key, "key")).status, 200);
    }
    let usage = json(&platform, "usage acme");
    assert_eq!((&usage["live"]["used"], &usage["sandbox"]["used"]), (&0.into(), &3.into()));
    assert_eq!(json(&platform, "usage acme --month 2020-01")["sandbox"]["used"], 0);

    let oauth = json(&platform, "oauth create acme --env live");
    let (id, secret) = (text(&oauth, "client_id"), text(&oauth, "client_secret"));
    let token = |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        request(platform.gateway, "POST", "/v1/oauth/token", &headers, form.as_bytes())
    };
    assert_eq!(token(secret).status, 200);
    let rotated = json(&platform, &format!("oauth rotate {id}"));
    assert_eq!(rotated["client_id"], oauth["client_id"]);
    assert_eq!(token(secret).code(), "invalid_client");
    let held = token(text(&rotated, "client_secret")).json();
    let bearer = format!("Bearer {}", text(&held, "access_token"));
    let with_token = || request(platform.gateway, "GET", "/v1/orders", &[("Authorization", &bearer)], b"");
    assert_eq!(with_token().status, 200);
    // Through standard input, so that no token stands in a process list.
    let data = platform.data();
    let arguments = ["token", "revoke", "-", "--data", data.to_str().unwrap()];
    tollbar_in(platform.folder(), &arguments, &[], &format!("{}\n", text(&held, "access_token"))).ok();
    assert_eq!(with_token().code(), "revoked_token");
    let again = token(text(&rotated, "client_secret")).json();
    let bearer = format!("Bearer {}", text(&again, "access_token"));
    json(&platform, &format!("oauth revoke {id}"));
    assert_eq!(
        request(platform.gateway, "GET", "/v1/orders", &[("Authorization", &bearer)], b"").code(),
        "revoked_token"
    );

    for (line, pointer) in [
        ("client list", "/clients/0/id"),
        ("client show acme", "/id"),
        ("client create other --tier basic --allowance 5 --no-access", "/id"),
        ("tier list", "/tiers/0/rate_per_minute"),
        ("tier set gold --rate 5", "/rate_per_minute"),
        ("switch off category reports", "/id"),
        ("switch list", "/switches/0/target/name"),
        ("switch on category reports", "/removed/0/id"),
        ("oauth list acme", "/credentials/0/client_id"),
        ("token revoke --client acme", ""),
        ("api list", "/apis/0/base"),
        ("api endpoints", "/endpoints/0/scopes/0"),
        ("request list", "/requests/0/request_id"),
        ("audit --limit 3", "/entries/2/action"),
        ("status", "/gateway"),
        ("client delete other", "/id"),
        ("api remove /v1", "/base"),
    ] {
        let value = json(&platform, line);
        assert!(value.pointer(pointer).is_some_and(|found| !found.is_null()), "{line}: {value}");
    }
}

#[test]
fn people_read_what_matters() {
    let (platform, upstream) = set_up();
    let url = upstream.url();
    let id = text(&json(&platform, "client show acme"), "id").to_owned();
    let key = json(&platform, "key create acme --env live");
    let (key_id, key) = (text(&key, "id"), text(&key, "key"));
    call(&platform, "GET", "/v1/orders", key);
    call(&platform, "DELETE", "/v1/reports", key);
    let import = format!("import shop.yaml --upstream {url}");
    let example = format!("GET /v1/orders -> {url}{}", upstream.last().target);
    for (line, words) in [
        (
            import.as_str(),
            &[
                "Replaced",
                "Shop",
                "/v1",
                "8 endpoints",
                "orders",
                "payments:write",
                "live:",
                &example,
                "sandbox:  none",
            ][..],
        ),
        (
            "client create other --tier basic --allowance 1234567",
            &["other", "basic", "1,234,567", "not enabled"],
        ),
        (
            "client show acme",
            &["acme", &id, "active", "standard", "600", "1 of 1,000", "orders:write", "enabled"],
        ),
        ("client list", &["NAME", "acme", "other", "active", "1 of 1,000"]),
        ("client show acme", &["API keys", key_id, "OAuth2 credentials", "No OAuth2 credentials yet"]),
        ("client update acme --add-scope orders:raed", &["warning: ", "orders:raed"]),
        ("client update acme --remove-scope orders:raed", &["Updated"]),
        ("request list --limit 1", &["1 shown; --limit N for more"]),
        ("usage acme --month 2999-01", &["has not begun"]),
        ("client suspend other", &["other", "suspended"]),
        ("client resume other", &["other", "active"]),
        ("client update other --name 'Other Ltd' --tier standard", &["Other Ltd", "standard"]),
        ("client delete 'Other Ltd'", &["Other Ltd"]),
        ("key create acme --env sandbox", &["tb_sandbox_", "shown once", "X-API-Key", "never"]),
        ("key list acme", &[key_id, "live", "active"]),
        ("oauth create acme --env live", &["client_id", "client_secret", "shown once"]),
        ("oauth list acme", &["CLIENT_ID", "live", "active"]),
        ("tier list", &["basic", "60", "standard", "600", "enterprise", "6,000"]),
        ("tier set gold --rate 12000", &["gold", "12,000"]),
        ("switch list", &["Nothing"]),
        ("switch off category orders --message 'Stocktaking' --until 2h", &["orders", "off", "UTC"]),
        ("switch list", &["orders", "Stocktaking", "live and sandbox"]),
        ("switch on category orders", &["orders", "on again"]),
        ("switch on category orders", &["not off"]),
        ("usage acme", &["acme", "live", "sandbox", "1,000", "999"]),
        ("request list --client acme", &["method_not_allowed", "DELETE /v1/reports", "acme"]),
        ("audit", &["key.create", "operator", "platform.begin"]),
        ("api list", &["/v1", "Shop", &url]),
        ("api endpoints", &["GET /v1/orders/{id}", "payments:write", "required"]),
        ("status", &["http://127.0.0.1:", "Endpoints"]),
        (&format!("key revoke {key_id}"), &["Revoked", key_id]),
        ("secret rotate pepper --dry-run", &["Nothing was changed", "pepper 1", "no end"]),
        ("secret rotate sealing", &["sealing-2 is in use", "Stored answers"]),
        ("secret rotate signing-key --yes", &["in use from now on", "public half"]),
        ("secret rotate master --dry-run", &["Nothing was changed", "stopped", "backups"]),
        ("secret list", &["WHAT", "pepper-1", "sealing-2", "honoured", "request-ids", "signing-key"]),
        ("token revoke --client acme", &["Revoked", "acme"]),
        ("api remove /v1", &["/v1"]),
        ("api list", &["No API yet"]),
    ] {
        let printed = tollbar(&platform, line).ok();
        for word in words {
            assert!(printed.contains(word), "`{line}` does not say {word}:\n{printed}");
        }
        assert!(printed.ends_with('\n') && !printed.ends_with("\n\n"), "`{line}`: {printed:?}");
        assert!(!printed.contains("null"), "`{line}`: {printed}");
        if !line.contains("key create") {
            assert!(!printed.contains(key), "`{line}` shows a key:\n{printed}");
        }
    }
}

#[test]
fn people_are_told_what_a_change_means_from_now_on() {
    let (platform, _upstream) = set_up();
    let say = |line: &str| tollbar(&platform, line).ok();
    let created =
        say("client create typo --tier basic --allowance 100,000 --scope orders:raed --overage report");
    assert!(created.contains("warning: ") && created.contains("orders:raed"), "{created}");
    let id = text(&json(&platform, "key create acme --env live"), "id").to_owned();
    let rotated = say(&format!("key rotate {id} --grace 0"));
    assert!(rotated.contains(&format!("The old key {id} is refused from now on.")), "{rotated}");
    let revoked = say("token revoke 4fQ2bN8xKpL0a1b2c3d4e5");
    assert_eq!(revoked, "Requests with the token id 4fQ2bN8xKpL0a1b2c3d4e5 are refused from now on.\n");

    let key = json(&platform, "key create acme --env live");
    for _ in 0..3 {
        assert_eq!(call(&platform, "GET", "/v1/orders", text(&key, "key")).status, 200);
    }
    assert!(!say("usage acme").contains("BILLABLE"));
    say("client update acme --allowance 1");
    assert!(!say("usage acme").contains("BILLABLE"), "what is refused is not billed");
    say("client update acme --overage report");
    let usage = say("usage acme");
    let live = usage.lines().find(|line| line.starts_with("live")).unwrap();
    assert!(usage.contains("BILLABLE OVERAGE"), "{usage}");
    assert_eq!(
        live.split_whitespace().collect::<Vec<_>>(),
        ["live", "3", "0", "0", "3", "1", "0", "2"],
        "{usage}"
    );

    // A script is not asked whether it means it.
    assert!(say("client delete typo").starts_with("Deleted typo."));
    assert!(say("client delete acme --yes").starts_with("Deleted acme."));
    say("api remove /v1 --yes");
}
