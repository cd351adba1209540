use serde_json::json;

use super::*;

#[test]
fn numbers_and_times_are_written_for_people() {
    for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(number(value), text);
    }
    let value = json!({"a": "2026-11-22T11:00:00.25+01:00", "b": null, "c": "soon", "d": ["x", "y"], "e": [], "f": ""});
    assert_eq!(time(&value, "/a"), "2026-11-22 10:00:00 UTC");
    assert_eq!(moment(&value, "/a"), "2026-11-22 10:00:00.250 UTC");
    assert_eq!(
        (time(&value, "/b"), time(&value, "/c"), time(&value, "/z")),
        ("-".into(), "soon".into(), "-".into())
    );
    assert_eq!(
        (list(&value, "/d"), list(&value, "/e"), list(&value, "/b")),
        (Some("x y".to_owned()), None, None)
    );
    assert_eq!((word(&value, "/f"), count(&value, "/c")), ("-".to_owned(), "soon".to_owned()));
}

#[test]
fn warnings_follow_whatever_was_answered() {
    let value = json!({"warnings": ["no endpoint requires\u{1b} it", "nor that"]});
    let expected = "\n\nwarning: no endpoint requires\\u{1b} it\nwarning: nor that";
    assert_eq!(warnings(&value, Style::default()), expected);
    assert_eq!(warnings(&json!({"warnings": []}), Style::default()), "");
    assert_eq!(warnings(&json!([]), Style::default()), "");
}

#[test]
fn control_characters_are_made_visible() {
    assert_eq!(safe("a\u{1b}[31mb\n\u{202e}c\u{9b}é"), "a\\u{1b}[31mb\\u{a}\\u{202e}c\\u{9b}é");
}

#[test]
fn a_table_has_two_spaces_between_columns_and_none_at_the_end_of_a_line() {
    let mut table = Table::new(["NAME", "N"]).right([1]);
    table.row(["a".into(), "1".into()]);
    table.row([Cell::new(Tone::Bad, "long name"), "1,000".into()]);
    assert_eq!(table.render(Style::default()), "NAME           N\na              1\nlong name  1,000");
    let coloured = table.render(Style { colour: true, terminal: false });
    assert!(
        coloured.contains("\u{1b}[38;5;1mlong name") || coloured.contains("\u{1b}[31mlong name"),
        "{coloured:?}"
    );
}

#[test]
fn a_reader_that_has_gone_is_told_from_other_failures() {
    let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert!(is_closed(&closed) && is_closed(&closed.context("printing")));
    assert!(!is_closed(&anyhow::Error::from(io::Error::from(io::ErrorKind::NotFound))));
    assert!(!is_closed(&anyhow::anyhow!("no server runs")));
}
