//! Event streams: each event is asked for when the one before has been heard, so none of them can be held back.

use serde_json::json;

use crate::support::{run_node, run_python};

use super::site::in_each_way;

const EVENTS: [[&str; 2]; 4] = [["1", "one"], ["2", "two"], ["3", "three"], ["4", "missed"]];

#[test]
fn eventsource_hears_each_event_and_reconnects_where_it_was() {
    in_each_way(|site| {
        let outcome = run_node("events_client.mjs", &site.task());
        let expected = json!({ "opened": [null, "3"], "events": EVENTS, "refused": 401 });
        assert_eq!(outcome, expected, "{site}");
    });
}

#[test]
fn httpx_sse_hears_each_event_and_reconnects_where_it_was() {
    in_each_way(|site| {
        let outcome = run_python("events_client.py", &site.task());
        let expected = json!({ "opened": [null, "3"], "events": EVENTS, "ended": true, "refused": 401 });
        assert_eq!(outcome, expected, "{site}");
    });
}
