//! How the servers of an upstream are named: by URLs, and by names with several addresses.

use serde_json::json;

use super::{metrics, post, shop_of};
use crate::support::{Platform, SHOP, Shop, Upstream};

#[test]
fn a_name_with_several_addresses_is_as_many_servers() {
    // Whether a machine has ::1, and gives it for localhost, differs; one of the two answers in any case.
    let upstream = Upstream::start();
    let shop = shop_of(Platform::with(), &[format!("http://localhost:{}", upstream.address.port())]);
    for n in 0..20 {
        assert_eq!(post(&shop, n), 200);
    }
    assert_eq!(upstream.count(), 20);
    let series =
        format!("{{upstream=\"http://localhost:{0}\",address=\"127.0.0.1:{0}\"}} 1", upstream.address.port());
    assert!(metrics(&shop).contains(&series), "{}", metrics(&shop));
    assert_eq!(
        upstream.last().header("host"),
        Some(format!("localhost:{}", upstream.address.port()).as_str())
    );
    let nowhere = shop_of(Platform::with(), &["http://nowhere.invalid".to_owned(), upstream.url()]);
    for n in 0..5 {
        assert_eq!(post(&nowhere, n), 200, "a name without an address is left out");
    }
    nowhere.import(&json!({ "upstream": "http://nowhere.invalid" }));
    let refused = nowhere.get("/v1/orders");
    assert_eq!(refused.code(), "internal_error");
    let entry = nowhere.look_up(&refused.request_id()).to_string();
    assert!(entry.contains("the name nowhere.invalid does not resolve"), "{entry}");
}

#[test]
fn several_urls_are_kept_and_shown_and_the_address_of_a_request_is_known() {
    let upstreams = [Upstream::start(), Upstream::start()];
    let [a, b] = upstreams.each_ref().map(|upstream| format!("{}/api", upstream.url()));
    let shop = Shop::open_keeping_all();
    std::fs::write(shop.platform.folder().join("shop.yaml"), SHOP).unwrap();
    for arguments in [&["--upstream", &a, "--upstream", &b][..], &["--upstream", &format!("{a},{b}")]] {
        let output = shop.platform.run(&[&["import", "shop.yaml", "--base", "/v1"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(&format!("{a}/orders, {b}/orders")), "{text}");
    }
    let shop = shop.kill_and_restart();
    let both = format!("{a}, {b}");
    assert_eq!(shop.platform.read("/apis")["apis"][0]["upstream"], both);
    let listed = String::from_utf8(shop.platform.run(&["api", "list"]).stdout).unwrap();
    assert!(listed.contains(&both), "{listed}");
    for _ in 0..2 {
        let response = shop.get("/v1/orders");
        let entry = shop.look_up(&response.request_id());
        let address = entry["upstream_address"].as_str().unwrap();
        let upstream = upstreams.iter().find(|u| u.address.to_string() == address).unwrap();
        assert_eq!(upstream.last().header("x-request-id"), Some(response.request_id().as_str()));
        assert_eq!(upstream.last().target, "/api/orders");
        let shown = shop.platform.run(&["request", "show", &response.request_id()]);
        assert!(String::from_utf8(shown.stdout).unwrap().contains(&format!("({address})")));
    }
}

#[test]
fn servers_that_cannot_stand_for_one_another_are_refused() {
    let shop = Shop::open();
    let own = format!("http://{}", shop.platform.admin);
    let many: Vec<String> = (1..=17).map(|n| format!("http://192.0.2.{n}")).collect();
    for (upstream, words) in [
        (json!("http://192.0.2.1/a,http://192.0.2.2/b"), "the same path"),
        (json!(many), "17 URLs"),
        (json!([]), "0 URLs"),
        (json!(["http://192.0.2.1", own]), "Tollbar itself"),
        (json!(["http://192.0.2.1", "http://192.0.2.1/"]), "twice"),
        (json!({ "url": "http://192.0.2.1" }), "a URL or a list of URLs"),
    ] {
        let fields = json!({ "document": SHOP, "base": "/v1", "upstream": upstream });
        let refused = shop.platform.admin("POST", "/apis", Some(&fields));
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text().contains(words), "{words}: {}", refused.text());
    }
    assert_eq!(shop.get("/v1/orders").status, 200, "what was there is there");
}
