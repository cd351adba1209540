//! Bodies that are made to be read in two ways, or to cost much.

use super::*;

/// A body, the headers with it, and what is said.
type Row = (Vec<u8>, &'static [(&'static str, &'static str)], &'static str);

/// No refusal may take so long, on a machine that is busy with other tests too.
const QUICKLY: Duration = Duration::from_secs(3);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn what_readers_make_different_things_of_is_refused_quickly() {
    let described = Described::open(ORDERS);
    let bomb = gzip(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let nested = |open: &str, count: usize| open.repeat(count).into_bytes();
    let not_json = "the body is not JSON";
    let rows: Vec<Row> = vec![
        (nested("[", 10_000), &[JSON], "nested deeper than 64 levels"),
        (nested("{\"a\":", 10_000), &[JSON], "nested deeper than 64 levels"),
        ([nested("[", 10_000), nested("]", 10_000)].concat(), &[JSON], "nested deeper than 64 levels"),
        (nested("[", 1_000_000), &[JSON], "nested deeper than 64 levels"),
        (br#"{"a":1,"a":2}"#.to_vec(), &[JSON], "body field \"a\" is given twice"),
        (br#"{"a":{"b":[{"c":1,"\u0063":2}]}}"#.to_vec(), &[JSON], "body field \"a.b[0].c\" is given twice"),
        (b"[1e400]".to_vec(), &[JSON], "a number is too large"),
        (b"[-1e400]".to_vec(), &[JSON], "a number is too large"),
        (b"[NaN]".to_vec(), &[JSON], not_json),
        (b"[Infinity]".to_vec(), &[JSON], not_json),
        (b"[-Infinity]".to_vec(), &[JSON], not_json),
        (br#""\ud800""#.to_vec(), &[JSON], "half a character"),
        (br#"{"\udc00":1}"#.to_vec(), &[JSON], "half a character"),
        (b"\xef\xbb\xbf{}".to_vec(), &[JSON], "byte order mark"),
        (utf16("{}"), &[JSON], "must be UTF-8, not UTF-16"),
        (utf16("\u{feff}{}"), &[JSON], "must be UTF-8, not UTF-16"),
        (utf16("{}"), &[("Content-Type", "application/json; charset=utf-16le")], "must say charset utf-8"),
        (b"\"\xff\"".to_vec(), &[JSON], "is not valid UTF-8"),
        (b"{} {}".to_vec(), &[JSON], "more than one value"),
        (b"{}//".to_vec(), &[JSON], not_json),
        (b"{'a':1}".to_vec(), &[JSON], not_json),
        (bomb, &[JSON, ("Content-Encoding", "gzip")], "header \"Content-Encoding\" must be left out"),
        (
            b"{}".to_vec(),
            &[JSON, ("Content-Encoding", "identity"), ("Content-Encoding", "br")],
            "must be left out",
        ),
        (b"{}".to_vec(), &[TEXT], "header \"Content-Type\" must be application/json (got \"text/plain\")"),
        (b"{}".to_vec(), &[], "header \"Content-Type\" is required, and must be application/json"),
        (b"{}".to_vec(), &[("Content-Type", "json")], "header \"Content-Type\" must be a media type"),
        (b"{}".to_vec(), &[("Content-Type", "application/json, text/plain")], "must be a media type"),
        (b"{}".to_vec(), &[("Content-Type", "application/json;")], ""),
        (b"{}".to_vec(), &[("Content-Type", "application/jsonp")], "must be application/json"),
        (b"{}".to_vec(), &[JSON, TEXT], "header \"Content-Type\" is given more than once"),
        (b"{}".to_vec(), &[JSON, JSON], "header \"Content-Type\" is given more than once"),
    ];
    for (body, headers, expected) in rows {
        if expected.is_empty() {
            described.passes("POST", "/v1/x/anything", headers, &body);
            continue;
        }
        let began = Instant::now();
        let message = described.refuses("POST", "/v1/x/anything", headers, &body);
        let what = format!("{headers:?} {}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        assert!(message.contains(expected), "{what}: {message}");
        assert!(began.elapsed() < QUICKLY, "{what}: {:?}", began.elapsed());
        assert!(message.len() < 1_000, "{what}: {message}");
    }
}

#[test]
fn many_wrong_items_are_refused_quickly() {
    let described = Described::open(ORDERS);
    for item in ["0", "\"x\"", "{}", "[[]]", "1.5"] {
        let count = 1_048_576 / (item.len() + 1);
        let body = format!("[{}]", vec![item; count - 1].join(","));
        let began = Instant::now();
        let message = described.refuses("POST", "/v1/x/numbers", &[JSON], body.as_bytes());
        assert!(began.elapsed() < QUICKLY, "{item}: {:?}", began.elapsed());
        assert!(message.len() < 1_000, "{message}");
    }
    // The same, and all right.
    let body = format!("[{}]", vec!["7"; 200_000].join(","));
    described.passes("POST", "/v1/x/numbers", &[JSON], body.as_bytes());
}

#[test]
fn no_value_of_a_broken_body_is_told() {
    let described = Described::open(ORDERS);
    for body in ["{\"id\": hunter2}", "{\"id\": \"hunter2", "{\"id\": \"hunter2\" \"x\"}", "hunter2"] {
        let message = described.refuses("POST", "/v1/x/orders", &[JSON], body.as_bytes());
        assert!(!message.contains("hunter2"), "{message}");
    }
}
