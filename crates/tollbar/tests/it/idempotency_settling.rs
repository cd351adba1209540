//! Unknown outcomes: an operator lists them and says what became of them; a key is never stuck.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use serde_json::{Value, json};

use crate::support::{
    BODY, Platform, Reply, Response, SHOP, Shop, begin, hold, is_replay, post, request, wait_until,
};

/// Makes the outcome of a key unknown, and returns the request's id.
fn lose(shop: &Shop, key: &str) -> String {
    shop.live.answer(|_| Reply::Close);
    let lost = post(shop, key);
    assert_eq!((lost.status, lost.header("x-should-retry")), (500, Some("false")), "{lost:?}");
    shop.live.answer(|_| Reply::json(201, r#"{"id":"new"}"#));
    lost.request_id()
}

fn settle(shop: &Shop, body: &Value) -> Response {
    shop.platform.admin("POST", "/idempotency/settle", Some(body))
}

fn refusal(response: &Response, status: u16) -> String {
    assert_eq!(response.status, status, "{response:?}");
    response.json()["error"]["message"].as_str().unwrap().to_owned()
}

fn unknown(shop: &Shop) -> Vec<String> {
    let listed = shop.platform.read("/idempotency");
    let listed = listed["unknown"].as_array().unwrap();
    listed.iter().map(|request| request["request_id"].as_str().unwrap().to_owned()).collect()
}

/// The newest entry of the audit trail.
fn audit(shop: &Shop) -> Value {
    shop.platform.read("/audit?limit=1")["entries"][0].clone()
}

fn run(shop: &Shop, arguments: &[&str]) -> (bool, String) {
    let output = shop.platform.run(arguments);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn an_operator_lists_shows_and_settles_from_the_command_line() {
    let shop = Shop::open();
    let (ok, shown) = run(&shop, &["idempotency", "list"]);
    assert!(ok && shown.contains("No request matches"), "{shown}");
    let [a, b, c] = ["order-1", "order-2", "order-3"].map(|key| lose(&shop, key));
    assert_eq!(unknown(&shop), [c.clone(), b.clone(), a.clone()]);
    let (ok, shown) =
        run(&shop, &["idempotency", "list", "--client", "acme", "--env", "live", "--since", "1h"]);
    assert!(ok, "{shown}");
    for part in ["order-1", &a, &b, &c, "POST /v1/orders", "no complete answer came back"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(run(&shop, &["idempotency", "list", "--env", "sandbox"]).1.contains("No request matches"));
    let (ok, shown) = run(&shop, &["idempotency", "show", &a]);
    assert!(ok && shown.contains("order-1") && shown.contains("tollbar idempotency settle"), "{shown}");
    let by_key = ["idempotency", "show", "order-1", "--client", "acme", "--env", "live"];
    assert_eq!(run(&shop, &by_key).1, shown);

    let not = ["idempotency", "settle", &a, "--not-executed", "--reason", "no such order"];
    let (ok, said) = run(&shop, &not);
    assert!(ok && said.contains("Its key is free"), "{said}");
    let entry = audit(&shop);
    assert_eq!(
        (entry["action"].as_str(), entry["subject"].as_str()),
        (Some("idempotency.settle"), Some(&*a))
    );
    let detail = entry["detail"].as_str().unwrap();
    assert!(
        detail.contains("not executed") && detail.contains("order-1") && detail.contains("no such order")
    );

    let by_key = ["idempotency", "settle", "order-2", "--client", "acme", "--env", "live"];
    let (ok, said) = run(&shop, &[&by_key[..], &["--executed", "--reason", "ticket 4711"]].concat());
    assert!(ok && said.contains("never executed again"), "{said}");

    let file = shop.platform.folder().join("order.txt");
    std::fs::write(&file, "order 3 \u{2713}").unwrap();
    let answer = ["--status", "201", "--body-file", file.to_str().unwrap(), "--content-type", "text/plain"];
    let given =
        [&["idempotency", "settle", &c, "--executed", "--reason", "it is there"], &answer[..]].concat();
    assert!(run(&shop, &given).0);
    assert_eq!(unknown(&shop), [""; 0]);
    let (ok, said) = run(&shop, &given);
    assert!(!ok && said.contains("was settled by change") && said.contains("with an answer"), "{said}");

    // What repeats get.
    let sent = shop.live.count();
    let executed = [0; 2].map(|_| post(&shop, "order-2"));
    for repeat in &executed {
        assert_eq!((repeat.status, repeat.code().as_str()), (500, "internal_error"));
        assert_eq!(repeat.header("x-should-retry"), Some("false"));
        assert!(repeat.message().contains("was executed") && repeat.message().contains(&b), "{repeat:?}");
        assert!(!is_replay(repeat) && repeat.header("retry-after").is_none());
    }
    let answered = post(&shop, "order-3");
    assert!(answered.status == 201 && is_replay(&answered), "{answered:?}");
    assert_eq!(
        (answered.text().as_str(), answered.header("content-type")),
        ("order 3 \u{2713}", Some("text/plain"))
    );
    assert_eq!(answered.header("x-original-request-id"), Some(c.as_str()));
    assert_eq!(shop.live.count(), sent, "nothing was sent");
    let conflict = shop.call("POST", "/v1/orders", &[("Idempotency-Key", "order-3")], b"{}");
    assert_eq!(conflict.code(), "idempotency_conflict");
    let fresh = post(&shop, "order-1");
    assert!(fresh.status == 201 && !is_replay(&fresh) && shop.live.count() == sent + 1, "{fresh:?}");
    // All of it survives.
    let shop = shop.kill_and_restart();
    assert_eq!(post(&shop, "order-3").text(), "order 3 \u{2713}");
    assert!(post(&shop, "order-2").message().contains("was executed"));
    assert!(is_replay(&post(&shop, "order-1")));
}

#[test]
fn what_cannot_be_settled_is_refused_with_what_it_is() {
    let shop = Shop::open();
    let lost = lose(&shop, "lost");
    let named = |key: &str| json!({"client": "acme", "environment": "live", "key": key, "executed": true, "reason": "r"});
    assert_eq!(post(&shop, "answered").status, 201);
    let message = refusal(&settle(&shop, &named("answered")), 409);
    assert!(message.contains("was answered, and a repeat gets that answer"), "{message}");
    let message = refusal(&settle(&shop, &named("never")), 404);
    assert!(message.contains("nothing is recorded under the key `never`"), "{message}");
    let by_id = json!({"request_id": "000000000000", "executed": true, "reason": "r"});
    assert!(refusal(&settle(&shop, &by_id), 404).contains("tollbar request show 000000000000"));
    // Under way: neither in the list, nor to be settled.
    let gate = hold(&shop, Reply::json(201, "{}"));
    let sent = shop.live.count();
    let mut first = begin(&shop, "busy");
    shop.live.wait_for(sent + 1);
    let message = refusal(&settle(&shop, &named("busy")), 409);
    assert!(message.contains("is under way"), "{message}");
    let record = shop.platform.read("/idempotency/record?client=acme&environment=live&key=busy");
    assert_eq!((record["state"].as_str(), &record["why"]), (Some("under_way"), &Value::Null));
    assert_eq!(unknown(&shop), [&*lost]);
    gate.open();
    assert_eq!(first.receive().status, 201);

    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"request_id": lost, "executed": true, "reason": "r"});
        change(&mut body);
        refusal(&settle(&shop, &body), 400)
    };
    for (message, said) in [
        (wrong(&|body| body["reason"] = " ".into()), "reason:"),
        (wrong(&|body| body["reason"] = "two\nlines".into()), "reason:"),
        (wrong(&|body| body["reason"] = "r".repeat(501).into()), "1 to 500 characters"),
        (wrong(&|body| body["client"] = "acme".into()), "by its request_id alone"),
        (wrong(&|body| body["request_id"] = "x".into()), "is not a request id"),
        (wrong(&|body| body["answer"] = json!({"status": 503})), "answer.status: 503"),
        (wrong(&|body| body["answer"] = json!({"status": 204, "body": "x"})), "a 204 has neither body"),
        (
            wrong(&|body| body["answer"] = json!({"status": 201, "content_type": "a\r\nb: c"})),
            "is not a content type",
        ),
        (
            wrong(&|body| body["answer"] = json!({"status": 201, "body": "x".repeat((1 << 20) + 1)})),
            "at most 1048576 are kept",
        ),
        (
            wrong(&|body| {
                body["executed"] = false.into();
                body["answer"] = json!({"status": 201});
            }),
            "what was not executed has no answer",
        ),
    ] {
        assert!(message.contains(said), "{said}: {message}");
    }
    let near =
        json!({"client": "acmee", "environment": "live", "key": "lost", "executed": true, "reason": "r"});
    assert!(refusal(&settle(&shop, &near), 404).contains("did you mean acme?"));
    assert_eq!(unknown(&shop), [lost], "nothing was changed");
    assert_ne!(audit(&shop)["action"], "idempotency.settle");
}

/// Duplicates that come all the time, until they are told to end.
struct Duplicates {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<Vec<Response>>>,
}

impl Duplicates {
    fn start(shop: &Shop, key: &str) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let threads = (0..4).map(|_| {
            let (stop, answered, gateway) = (stop.clone(), answered.clone(), shop.platform.gateway);
            let (api_key, key) = (shop.client.key.clone(), key.to_owned());
            thread::spawn(move || {
                let headers = [("X-API-Key", api_key.as_str()), ("Idempotency-Key", key.as_str())];
                let mut answers = Vec::new();
                while !stop.load(SeqCst) {
                    answers.push(request(gateway, "POST", "/v1/orders", &headers, BODY));
                    answered.fetch_add(1, SeqCst);
                }
                answers
            })
        });
        let threads = threads.collect();
        Self { stop, answered, threads }
    }

    /// Waits until so many more were answered.
    fn wait_for_more(&self, count: usize) {
        let before = self.answered.load(SeqCst);
        wait_until("duplicates are answered", || self.answered.load(SeqCst) >= before + count);
    }

    fn end(self) -> Vec<Response> {
        self.stop.store(true, SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

#[test]
fn a_settlement_and_duplicates_that_never_cease_cannot_both_win() {
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    for round in 0..6 {
        let executed = round % 2 == 0;
        let key = format!("k{round}");
        let lost = lose(&shop, &key);
        let sent = shop.live.count();
        let duplicates = Duplicates::start(&shop, &key);
        duplicates.wait_for_more(20);
        // It does not wait for a pause among them; and what is settled stays so.
        let body = |executed: bool| json!({"request_id": lost, "executed": executed, "reason": "r"});
        let first = settle(&shop, &body(executed));
        let second = settle(&shop, &body(!executed));
        duplicates.wait_for_more(20);
        let mut answers = duplicates.end();
        answers.push(post(&shop, &key));
        assert_eq!(first.status, 200, "{first:?}");
        assert!(matches!(second.status, 404 | 409), "{second:?}");
        assert_eq!(shop.live.count() - sent, usize::from(!executed), "{key}");
        let fresh = answers.iter().filter(|answer| answer.status == 201 && !is_replay(answer)).count();
        assert_eq!(fresh, usize::from(!executed), "{key}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            let message = answer.message();
            let is_settled = executed && message.contains("was executed");
            assert!(answer.status == 500 && (message.contains("unknown") || is_settled), "{answer:?}");
        }
        assert_eq!(answers.last().unwrap().status, if executed { 500 } else { 201 });
    }
}

#[test]
fn what_is_sent_again_is_under_way_and_cannot_be_settled() {
    let shop = Shop::open();
    let flag = "x-tollbar-idempotency-required: true";
    shop.import(&json!({ "document": SHOP.replace(flag, "x-tollbar-resend-unknown: true") }));
    let pay = |shop: &Shop| shop.call("POST", "/v1/payments", &[("Idempotency-Key", "k")], BODY);
    shop.live.answer(|_| Reply::Close);
    let lost = pay(&shop).request_id();
    assert_eq!(unknown(&shop), [&*lost]);
    let gate = hold(&shop, Reply::json(201, "{}"));
    thread::scope(|scope| {
        let again = scope.spawn(|| pay(&shop));
        shop.live.wait_for(2);
        assert_eq!(unknown(&shop), [""; 0]);
        let named =
            json!({"client": "acme", "environment": "live", "key": "k", "executed": false, "reason": "r"});
        assert!(refusal(&settle(&shop, &named), 409).contains("is under way"));
        let first = json!({"request_id": lost, "executed": false, "reason": "r"});
        assert!(refusal(&settle(&shop, &first), 404).contains("has no unknown outcome"));
        gate.open();
        assert_eq!(again.join().unwrap().status, 201);
    });
    assert!(is_replay(&pay(&shop)));
    assert_eq!(shop.live.count(), 2);
}

#[test]
fn two_operators_at_once_settle_once() {
    let shop = Shop::open();
    for round in 0..5 {
        let lost = lose(&shop, &format!("k{round}"));
        let (admin, token) = (shop.platform.admin, shop.platform.token.clone());
        let callers: Vec<_> = [true, false, true, false]
            .into_iter()
            .map(|executed| {
                let (token, lost) = (token.clone(), lost.clone());
                thread::spawn(move || {
                    let body = json!({"request_id": lost, "executed": executed, "reason": "r"}).to_string();
                    let bearer = format!("Bearer {token}");
                    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
                    let path = "/admin/v1/idempotency/settle";
                    request(admin, "POST", path, &headers, body.as_bytes()).status
                })
            })
            .collect();
        let statuses: Vec<u16> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 404 | 409)), "{statuses:?}");
        let entries = shop.platform.read("/audit?limit=1000");
        let of_it = entries["entries"].as_array().unwrap().iter().filter(|entry| entry["subject"] == *lost);
        assert_eq!(of_it.count(), 1);
    }
}

#[test]
fn another_request_that_looks_at_a_key_keeps_no_repeat_from_its_answer() {
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    assert_eq!(post(&shop, "k").status, 200);
    let (stop, looks) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (stop, gateway, api_key) = (stop.clone(), shop.platform.gateway, shop.client.key.clone());
            let looks = looks.clone();
            thread::spawn(move || {
                let headers = [("X-API-Key", api_key.as_str()), ("Idempotency-Key", "k")];
                while !stop.load(SeqCst) {
                    let other = request(gateway, "POST", "/v1/orders", &headers, b"{}");
                    assert_eq!(other.code(), "idempotency_conflict");
                    looks.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    wait_until("others look", || looks.load(SeqCst) > 20);
    let repeats: Vec<Response> = (0..300).map(|_| post(&shop, "k")).collect();
    stop.store(true, SeqCst);
    others.into_iter().for_each(|other| other.join().unwrap());
    for repeat in repeats {
        assert!(repeat.status == 200 && is_replay(&repeat), "{repeat:?}");
    }
}

#[test]
fn the_key_of_an_unknown_outcome_is_free_when_its_time_is_over() {
    let shop = Shop::open_with(Platform::with().set("idempotency.keep_seconds", "2"));
    let lost = lose(&shop, "k");
    assert_eq!(unknown(&shop), [&*lost]);
    let mut free = None;
    wait_until("the key is free", || {
        let repeat = post(&shop, "k");
        let is_free = repeat.status == 201;
        free = is_free.then_some(repeat);
        is_free
    });
    assert!(!is_replay(&free.unwrap()));
    assert_eq!(unknown(&shop), [""; 0]);
    let message =
        refusal(&settle(&shop, &json!({"request_id": lost, "executed": false, "reason": "r"})), 404);
    assert!(message.contains("its key has expired"), "{message}");
    assert_eq!(shop.live.count(), 2);
}

#[test]
fn what_waits_for_an_execution_that_breaks_hears_of_it_at_once() {
    let shop = Shop::open();
    let gate = hold(&shop, Reply::Close);
    let mut first = begin(&shop, "k");
    shop.live.wait_for(1);
    let mut waiting: Vec<_> = (0..10).map(|_| begin(&shop, "k")).collect();
    gate.open();
    assert_eq!(first.receive().status, 500);
    for repeat in &mut waiting {
        let answer = repeat.receive();
        assert!(answer.status == 500 && answer.message().contains("unknown"), "{answer:?}");
    }
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn what_was_settled_is_shown_as_such_and_keeps_its_time_anew() {
    let shop = Shop::open();
    let lost = lose(&shop, "k");
    let show = |shop: &Shop| shop.platform.read(&format!("/idempotency/record?request_id={lost}"));
    let before = show(&shop);
    let done = settle(
        &shop,
        &json!({"request_id": lost, "executed": true, "reason": "r", "answer": {"status": 204}}),
    );
    let done = done.json();
    assert_eq!((done["settled"].as_str(), done["key"].as_str()), (Some("executed"), Some("k")), "{done}");
    let after = show(&shop);
    assert_eq!((after["state"].as_str(), &after["settled_by"]), (Some("answered"), &done["change"]));
    assert!(after["expires_at"].as_str() > before["expires_at"].as_str(), "{before} {after}");
    assert_eq!(after["started_at"], before["started_at"]);
    let repeat = post(&shop, "k");
    assert!(repeat.status == 204 && repeat.body.is_empty() && is_replay(&repeat), "{repeat:?}");
}
