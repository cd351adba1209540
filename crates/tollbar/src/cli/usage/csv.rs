//! Usage as CSV (RFC 4180): names of columns that stay, and texts that no spreadsheet takes for formulas.

use serde_json::Value;

use super::{
    By,
    groups::{Line, OUTCOMES, lines as lines_of, whole},
};

/// A header and a line for each group, with CRLF between them; the last line feed is whoever prints it.
pub(super) fn lines(month: &str, clients: &[Value], by: By) -> String {
    let mut text = row(&columns(by));
    for client in clients {
        for line in lines_of(client, by) {
            text += "\n";
            text += &row(&fields(month, client, &line, by));
        }
    }
    text
}

fn columns(by: By) -> Vec<String> {
    let mut columns = vec!["month", "client", "name", "deleted", "environment"];
    match by {
        By::Total => {}
        By::Endpoint => columns.push("endpoint"),
        By::Day => columns.push("day"),
        By::Outcome => columns.push("outcome"),
    }
    columns.extend(["charged", "given_back"]);
    if by == By::Total {
        let total = ["corrections", "used", "allowance", "remaining", "overage", "billable_overage"];
        columns.extend(total);
    } else {
        columns.push("net");
    }
    if by != By::Outcome {
        columns.extend(OUTCOMES.map(|(name, ..)| name));
    }
    columns.into_iter().map(str::to_owned).collect()
}

fn fields(month: &str, client: &Value, line: &Line, by: By) -> Vec<String> {
    let text = |field: &str| as_text(client[field].as_str().unwrap_or_default());
    let deleted = client["deleted"] == Value::Bool(true);
    let mut fields = vec![
        month.to_owned(),
        text("client"),
        text("name"),
        deleted.to_string(),
        line.environment.to_owned(),
    ];
    if by != By::Total {
        fields.push(as_text(&line.group));
    }
    let counts = &line.counts;
    fields.extend([counts.charged, counts.given_back].map(|n| n.to_string()));
    if by == By::Total {
        let side = &client[line.environment];
        let number = |field: &str| whole(&side[field]).to_string();
        fields.extend(["corrections", "used", "allowance", "remaining"].map(number));
        fields.extend([text("overage"), number("billable_overage")]);
    } else {
        fields.push(counts.net().to_string());
    }
    if by != By::Outcome {
        fields.extend(counts.outcomes.map(|n| n.to_string()));
    }
    fields
}

/// What a spreadsheet would take for a formula gets an apostrophe.
fn as_text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

/// A line up to its CR.
fn row(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    format!("{}\r", fields.join(","))
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n', ';', '\t']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_quoted_and_are_no_formulas() {
        for (text, expected) in [
            ("acme", "acme"),
            ("Acme, Inc.", "\"Acme, Inc.\""),
            ("the \"A\" team", "\"the \"\"A\"\" team\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1+1", "'-1+1"),
            ("@sum", "'@sum"),
            ("\tx", "\"'\tx\""),
            ("a=b", "a=b"),
            ("a\r\nb", "\"a\r\nb\""),
            ("", ""),
        ] {
            assert_eq!(quoted(&as_text(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn columns_stay_and_numbers_below_zero_are_numbers() {
        let client = json!({
            "client": "cl_1", "name": "-acme", "deleted": true, "overage": "report",
            "live": {
                "charged": 7, "given_back": 2, "corrections": -3, "used": 2, "allowance": 1, "remaining": 0, "billable_overage": 1,
                "outcomes": {"2xx": 5, "3xx": 0, "4xx": 0, "5xx": 1, "not_sent": 1, "open": 0, "unclassed": 0},
            },
            "rows": [{
                "environment": "live", "endpoint": 1, "endpoint_name": "GET /v1/x", "date": "2026-11-02", "charged": 7, "given_back": 2,
                "outcomes": {"2xx": 5, "3xx": 0, "4xx": 0, "5xx": 1, "not_sent": 1, "open": 0, "unclassed": 0},
            }],
        });
        let csv = |by| lines("2026-11", std::slice::from_ref(&client), by);
        assert_eq!(
            csv(By::Total),
            "month,client,name,deleted,environment,charged,given_back,corrections,used,allowance,remaining,overage,\
             billable_overage,2xx,3xx,4xx,5xx,not_sent,open,unclassed\r\n\
             2026-11,cl_1,'-acme,true,live,7,2,-3,2,1,0,report,1,5,0,0,1,1,0,0\r"
        );
        assert_eq!(
            csv(By::Endpoint),
            "month,client,name,deleted,environment,endpoint,charged,given_back,net,2xx,3xx,4xx,5xx,not_sent,open,unclassed\r\n\
             2026-11,cl_1,'-acme,true,live,GET /v1/x,7,2,5,5,0,0,1,1,0,0\r"
        );
        assert!(
            csv(By::Day).contains("environment,day,") && csv(By::Day).contains(",live,2026-11-02,7,2,5,")
        );
        assert_eq!(
            csv(By::Outcome),
            "month,client,name,deleted,environment,outcome,charged,given_back,net\r\n\
             2026-11,cl_1,'-acme,true,live,2xx,5,0,5\r\n\
             2026-11,cl_1,'-acme,true,live,5xx,1,1,0\r\n\
             2026-11,cl_1,'-acme,true,live,not sent,1,1,0\r"
        );
        assert_eq!(lines("2026-11", &[], By::Day).lines().count(), 1, "the header is always there");
    }
}
