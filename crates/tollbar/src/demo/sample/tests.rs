use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::*;

fn ask(sample: &Sample, request: &str) -> String {
    let mut stream = TcpStream::connect(sample.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(sample: &Sample, target: &str) -> String {
    ask(sample, &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
}

#[test]
fn the_carrier_answers_by_environment_and_notes_what_came() {
    let sample = Sample::start().unwrap();
    let live = get(&sample, "/live/shipments?limit=1");
    assert!(
        live.starts_with("HTTP/1.1 200") && live.contains("LP-1003") && !live.contains("LP-1002"),
        "{live}"
    );
    assert!(get(&sample, "/sandbox/shipments").contains("TEST-1001"));
    assert!(get(&sample, "/live/tracking/LP-1").starts_with("HTTP/1.1 404"));
    assert!(get(&sample, "/live/reports/customs").starts_with("HTTP/1.1 500"));
    assert_eq!(get(&sample, "/live/reports/archive"), "HTTP/1.1 200 OK\r\nContent-");
    let heavy = r#"{"to":"a","weight_grams":40000}"#;
    let heavy = ask(
        &sample,
        &format!(
            "POST /live/shipments HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{heavy}",
            heavy.len()
        ),
    );
    assert!(heavy.starts_with("HTTP/1.1 422") && heavy.contains("31500 g"), "{heavy}");
    assert_eq!(sample.count(), 6);
    assert_eq!(sample.last().unwrap().target, "/live/shipments");
    sample.stop().unwrap();
}

#[test]
fn events_come_one_after_the_other() {
    let sample = Sample::start().unwrap();
    let events = get(&sample, "/live/tracking/LP-1002/events");
    assert_eq!(events.matches("data: ").count(), 4, "{events}");
    sample.stop().unwrap();
}
