use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use super::{connect::connect, *};
use crate::{
    config::Variables,
    data_folder::{DataFolder, Running},
};

/// Answers requests one after the other with these statuses and bodies; gives back what it was asked.
fn serve(answers: Vec<(u16, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        answers
            .into_iter()
            .map(|(status, body)| {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut head).unwrap(), 0);
                }
                let length = head
                    .to_lowercase()
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut sent = vec![0; length.unwrap_or(0)];
                reader.read_exact(&mut sent).unwrap();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
                head + &String::from_utf8(sent).unwrap()
            })
            .collect()
    });
    (url, asked)
}

/// A folder that a process has.
fn folder_of(url: &str) -> ((tempfile::TempDir, File), DataFolder) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::create(folder.path(), None).unwrap();
    let running = Running {
        pid: 7,
        gateway: "http://g".into(),
        admin: url.into(),
        ops: "http://o".into(),
        folder: None,
    };
    let lock = File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(folder.path().join("running.json"), serde_json::to_string(&running).unwrap()).unwrap();
    std::fs::write(folder.path().join("operator-token"), "tbop_x\n").unwrap();
    ((folder, lock), data)
}

fn variables(token: &str) -> Variables {
    [("TOLLBAR_TOKEN", token)].into_iter().collect()
}

fn message<T>(result: anyhow::Result<T>) -> String {
    format!("{:#}", result.err().unwrap())
}

#[test]
fn a_call_carries_token_and_body_and_its_answer_comes_back_as_it_came() {
    let (url, asked) = serve(vec![(201, "{\"id\": \"cl_1\",\n\"n\":1}"), (200, "{}")]);
    let client = AdminClient::new(&format!("{url}/"), "tbop_x");
    let answer = client.post(&path(["clients", "a b/c?", "keys"]), &json!({"environment": "live"})).unwrap();
    assert_eq!(answer.text, "{\"id\": \"cl_1\",\n\"n\":1}");
    assert_eq!(answer.value["id"], "cl_1");
    client.delete(&with_query("/apis", [("base", Some("/v1".to_owned())), ("none", None)])).unwrap();
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("POST /admin/v1/clients/a%20b%2Fc%3F/keys HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].to_lowercase().contains("\r\nauthorization: bearer tbop_x\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with("\r\n\r\n{\"environment\":\"live\"}"), "{}", asked[0]);
    assert!(asked[1].starts_with("DELETE /admin/v1/apis?base=%2Fv1 HTTP/1.1\r\n"), "{}", asked[1]);
}

#[test]
fn a_refusal_is_told_in_the_servers_words_but_cannot_drive_the_terminal() {
    let (url, asked) =
        serve(vec![(404, r#"{"error":{"message":"no client `a\u001b[2J`: did you mean acme?"}}"#)]);
    let fault = AdminClient::new(&url, "t").get(&path(["clients", "a"])).unwrap_err();
    let message = "no client `a\\u{1b}[2J`: did you mean acme?".to_owned();
    assert_eq!(fault, AdminFault::Refused { status: 404, message });
    asked.join().unwrap();
}

#[test]
fn what_is_not_the_admin_api_is_told_apart() {
    let (url, asked) = serve(vec![(200, "<html>"), (502, "<html>")]);
    let client = AdminClient::new(&url, "t");
    let expected = |status| {
        format!("{url} answered {status} and not as Tollbar's admin API does; is it the admin address?")
    };
    assert_eq!(client.get("/tiers").unwrap_err().to_string(), expected(200));
    assert_eq!(client.get("/tiers").unwrap_err().to_string(), expected(502));
    asked.join().unwrap();
}

#[test]
fn without_a_server_the_folder_and_the_way_out_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let m = missing.display();
    assert_eq!(
        message(connect(&DataFolder::at(&missing), None, &Variables::default())),
        format!(
            "there is no folder {m}, so no server runs from it; start one with `tollbar serve --data {m}`, \
             or name another folder (--data) or server (--admin)"
        )
    );
    let f = folder.path().display();
    let fault = message(connect(&DataFolder::at(folder.path()), None, &Variables::default()));
    assert!(fault.starts_with(&format!("no server runs from the folder {f}; start")), "{fault}");

    let (gone, _) = serve(Vec::new());
    let (_folder, data) = folder_of(&gone);
    let fault = connect(&data, None, &Variables::default()).unwrap().get("/status").unwrap_err().to_string();
    let d = data.path().display();
    assert!(
        fault.starts_with(&format!(
            "no server answers at {gone}, where process 7 ran from the folder {d}; it has probably ended: \
             start one with `tollbar serve --data {d}`"
        )),
        "{fault}"
    );
}

#[test]
fn a_refused_token_says_where_it_came_from() {
    let refusal = (401, r#"{"error":{"message":"wrong operator token"}}"#);
    let (url, asked) = serve(vec![refusal, refusal, refusal]);
    let (_folder, data) = folder_of(&url);
    let d = data.path().display();
    let fault = |admin: Option<&str>, variables: Variables| {
        connect(&data, admin, &variables).unwrap().get("/tiers").unwrap_err().to_string()
    };
    assert_eq!(
        fault(None, variables("other")),
        format!(
            "wrong operator token; the token came from {d}/operator-token; does another server listen at {url}?"
        ),
        "the folder's own token is the right one for its server"
    );
    assert_eq!(
        fault(Some(&url), variables("tbop_y")),
        format!("wrong operator token; the token came from TOLLBAR_TOKEN; is it the one of {url}?")
    );
    assert!(
        fault(Some(url.trim_start_matches("http://")), Variables::default())
            .contains(&format!("{d}/operator-token"))
    );
    let asked = asked.join().unwrap();
    let sent: Vec<bool> = asked.iter().map(|head| head.contains("Bearer tbop_x")).collect();
    assert_eq!(sent, [true, false, true]);
}

#[test]
fn the_folders_token_is_not_sent_to_another_machine() {
    let (_folder, data) = folder_of("http://127.0.0.1:1");
    for (admin, expected) in [
        (
            "http://192.0.2.1:8081",
            "set TOLLBAR_TOKEN to the operator token of http://192.0.2.1:8081; it stands in the file operator-token of its data folder",
        ),
        (
            "http://127.0.0.1.example.com:1",
            "set TOLLBAR_TOKEN to the operator token of http://127.0.0.1.example.com:1; it stands in the file operator-token of its data folder",
        ),
        (
            "https://h",
            "the admin API speaks plain HTTP, so `https://h` cannot be reached; use http://, through a tunnel if it is remote",
        ),
        ("ftp://h", "`ftp://h` is not an admin URL; write it like http://127.0.0.1:8081"),
        ("", "`` is not an admin URL; write it like http://127.0.0.1:8081"),
    ] {
        assert_eq!(message(connect(&data, Some(admin), &Variables::default())), expected);
    }
    assert!(connect(&data, Some("http://[::1]:8081"), &Variables::default()).is_ok());
}
