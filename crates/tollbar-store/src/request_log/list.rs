//! Listing: what an index gives is looked at one by one, newest first, up to a bound.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Deserialize;
use tollbar_contract::{Environment, RequestId};
use tollbar_core::{
    Timestamp,
    port::{RequestFilter, RequestId12, RequestPage},
};

use super::table::read_entry;
use crate::{
    database::{column, from_column},
    fault::Fault,
};

/// What one listing gives at most.
const LIST_LIMIT: u32 = 1000;
/// What one listing looks at, at most: a fraction of a second.
const SCAN_LIMIT: usize = 50_000;

/// By client, by code and by time there are indexes, each kept at a cost for every request; what else is asked for is
/// found by looking.
pub(super) fn list(connection: &Connection, filter: &RequestFilter) -> Result<RequestPage, Fault> {
    let behind = match filter.before {
        None => (i64::MAX, i64::MAX),
        Some(id) => match place(connection, id)? {
            Some(place) => place,
            None => return Ok(RequestPage { is_before_unknown: true, ..RequestPage::default() }),
        },
    };
    let (index, condition) = match filter {
        RequestFilter { client: Some(_), .. } => {
            ("requests_by_client", "client = :client AND :code IS :code")
        }
        RequestFilter { code: Some(_), .. } => ("requests_by_code", "code = :code AND :client IS NULL"),
        _ => ("requests_by_time", ":client IS NULL AND :code IS NULL"),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, at, code, body FROM requests INDEXED BY {index}
         WHERE {condition} AND at >= :since AND at < :until AND (at, seq) < (:behind_at, :behind_seq)
         ORDER BY at DESC, seq DESC"
    ))?;
    let mut rows = statement.query(named_params! {
        ":client": filter.client.map(|client| client.to_string()),
        ":code": filter.code,
        ":since": column(filter.since.map_or(0, Timestamp::as_millis)),
        ":until": column(filter.until.map_or(u64::MAX, Timestamp::as_millis)),
        ":behind_at": behind.0,
        ":behind_seq": behind.1,
    })?;
    let limit = usize::try_from(filter.limit.min(LIST_LIMIT)).unwrap_or(usize::MAX);
    let mut page = RequestPage::default();
    let (mut looked_at, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if page.entries.len() == limit || looked_at == SCAN_LIMIT {
            // There is at least this one more.
            let (id, at) = last.unzip();
            page.next = id;
            page.stopped_at = at.filter(|_| page.entries.len() < limit);
            break;
        }
        looked_at += 1;
        if matches(row, filter)? {
            page.entries.push(read_entry(row, 3)?);
        }
        last = Some((id_of(row)?, Timestamp::from_millis(from_column(row.get(1)?))));
    }
    Ok(page)
}

/// What of an entry can be asked for, beside what has an index.
#[derive(Deserialize)]
struct Looked<'e> {
    status: u16,
    environment: Environment,
    #[serde(borrow)]
    endpoint: Option<Cow<'e, str>>,
    #[serde(borrow)]
    credential: Option<Cow<'e, str>>,
    #[serde(borrow)]
    address: Cow<'e, str>,
}

fn matches(row: &Row<'_>, filter: &RequestFilter) -> Result<bool, Fault> {
    if let Some(code) = &filter.code
        && row.get_ref(2)?.as_str_or_null().ok().flatten() != Some(code.as_str())
    {
        return Ok(false);
    }
    let RequestFilter { status, environment, endpoint, credential, address, .. } = filter;
    if status.is_none()
        && environment.is_none()
        && endpoint.is_none()
        && credential.is_none()
        && address.is_none()
    {
        return Ok(true);
    }
    let looked: Looked<'_> = serde_json::from_str(row.get_ref(3)?.as_str().unwrap_or_default())?;
    // A token's name stands behind its credential's id, in the same text.
    let is_credential = |asked: &str| {
        let name = looked.credential.as_deref().unwrap_or_default();
        name.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            || name.strip_suffix(')').is_some_and(|rest| rest.ends_with(&format!("(token {asked}")))
    };
    Ok(status.as_ref().is_none_or(|asked| asked.contains(&looked.status))
        && environment.is_none_or(|asked| asked == looked.environment)
        && endpoint.as_deref().is_none_or(|asked| looked.endpoint.as_deref() == Some(asked))
        && credential.as_deref().is_none_or(is_credential)
        && address.as_deref().is_none_or(|asked| looked.address == asked))
}

/// Where an entry stands in the order of the list.
fn place(connection: &Connection, id: RequestId) -> Result<Option<(i64, i64)>, Fault> {
    Ok(connection
        .prepare_cached("SELECT at, seq FROM requests WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn id_of(row: &Row<'_>) -> Result<RequestId12, Fault> {
    let id = RequestId::parse(row.get_ref(0)?.as_str().unwrap_or_default());
    id.map(RequestId12).ok_or_else(|| "a row has an unreadable request id".into())
}
