//! Policy: records as JSON, one table for each kind.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Serialize, de::DeserializeOwned};
use tollbar_core::{
    AuditEntry, ChangeId, EndpointId, Month, PolicyChange, PolicyState, RevokedToken, Tier, Timestamp,
    is_same_template,
    port::{AuditFilter, PolicyStore, PortFuture},
    secret::keyring::name,
};

use crate::{
    Store, books,
    database::{column, from_column},
    fault::Fault,
};

/// Expired revocations that one transaction takes away.
const EXPIRY_BATCH: u32 = 1000;

impl PolicyStore for Store {
    fn load(&self) -> PortFuture<'_, PolicyState> {
        Box::pin(self.inner.reader.run(load))
    }

    /// The document belongs to the API among the changes; one that is put without a document keeps what it had.
    fn apply(
        &self,
        changes: Vec<PolicyChange>,
        audit: AuditEntry,
        document: Option<Vec<u8>>,
    ) -> PortFuture<'_, ()> {
        Box::pin(self.inner.writer.run(move |connection| {
            let has_api = changes.iter().any(|change| matches!(change, PolicyChange::PutApi(_)));
            if document.is_some() && !has_api {
                return Err("a document came without its API".into());
            }
            for change in &changes {
                if let PolicyChange::PutClient(client) = change {
                    books::keep_terms(connection, client, Month::of(audit.at))?;
                }
                apply_one(connection, change, document.as_deref())?;
            }
            insert_audit(connection, &audit)
        }))
    }

    fn revoke_token(&self, revoked: RevokedToken) -> PortFuture<'_, ()> {
        let change = PolicyChange::RevokeToken(revoked);
        Box::pin(self.inner.writer.run(move |connection| apply_one(connection, &change, None)))
    }

    fn find_document(&self, base: String) -> PortFuture<'_, Option<Vec<u8>>> {
        Box::pin(self.inner.reader.run(move |connection| {
            let document = connection
                .prepare_cached("SELECT document FROM apis WHERE id = ?1")?
                .query_row([base], |row| row.get(0))
                .optional()?;
            Ok(document.flatten())
        }))
    }

    fn number_endpoints(&self, endpoints: Vec<(String, String, String)>) -> PortFuture<'_, Vec<EndpointId>> {
        Box::pin(self.inner.writer.run(move |connection| {
            let mut find = connection
                .prepare_cached("SELECT id FROM endpoints WHERE base = ?1 AND method = ?2 AND path = ?3")?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO endpoints (base, method, path) VALUES (?1, ?2, ?3) RETURNING id",
            )?;
            let mut number = |endpoint: &(String, String, String)| -> Result<EndpointId, Fault> {
                let (base, method, path) = endpoint;
                let known = find.query_row([base, method, path], |row| row.get(0)).optional()?;
                let known = match known {
                    None if path.contains('{') => find_renamed(connection, endpoint)?,
                    known => known,
                };
                Ok(EndpointId(match known {
                    Some(id) => id,
                    None => insert.query_row([base, method, path], |row| row.get(0))?,
                }))
            };
            endpoints.iter().map(&mut number).collect()
        }))
    }

    fn find_audit(&self, id: ChangeId) -> PortFuture<'_, Option<AuditEntry>> {
        Box::pin(self.inner.reader.run(move |connection| {
            Ok(connection
                .prepare_cached("SELECT id, at, actor, action, subject, detail FROM audit WHERE id = ?1")?
                .query_row([column(id.0)], read_audit)
                .optional()?)
        }))
    }

    fn list_audit(&self, filter: AuditFilter) -> PortFuture<'_, Vec<AuditEntry>> {
        Box::pin(self.inner.reader.run(move |connection| list_audit(connection, &filter)))
    }

    fn last_answer_ends(&self) -> PortFuture<'_, Option<Timestamp>> {
        Box::pin(self.inner.reader.run(|connection| {
            let last: Option<i64> = connection
                .prepare_cached("SELECT max(expires_at) FROM idempotency")?
                .query_row([], |row| row.get(0))?;
            Ok(last.map(|at| Timestamp::from_millis(from_column(at))))
        }))
    }

    /// A read, within 4 seconds, and then a small write that is synced: a full disk answers reads. How long the write
    /// takes is for the caller to bound.
    fn check(&self) -> PortFuture<'_, ()> {
        Box::pin(async {
            self.inner.liveness.check().await?;
            let write = |connection: &Connection| {
                let statement = "INSERT OR REPLACE INTO meta (key, value) VALUES ('checked', random())";
                connection.prepare_cached(statement)?.execute([])?;
                Ok(())
            };
            self.inner.writer.run(write).await
        })
    }
}

/// Takes away some revocations of tokens that have expired anyway; how many.
pub(crate) fn remove_expired_tokens(connection: &Connection, now: Timestamp) -> Result<usize, Fault> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM revoked_tokens WHERE id IN
               (SELECT id FROM revoked_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        )?
        .execute(params![column(now.as_millis()), EXPIRY_BATCH])?)
}

fn apply_one(connection: &Connection, change: &PolicyChange, document: Option<&[u8]>) -> Result<(), Fault> {
    match change {
        PolicyChange::PutClient(client) => put(connection, "clients", &client.id.to_string(), client),
        PolicyChange::PutKey(key) => put(connection, "keys", &key.id.to_string(), key),
        PolicyChange::PutOauth(oauth) => put(connection, "oauth", &oauth.id.to_string(), oauth),
        PolicyChange::RevokeToken(token) => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO revoked_tokens (id, expires_at, body) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![
                    token.token_id,
                    column(token.expires_at.as_millis()),
                    serde_json::to_string(token)?
                ])?;
            Ok(())
        }
        PolicyChange::PutTier(tier) => put(connection, "tiers", &tier.name, tier),
        PolicyChange::PutSwitch(switch) => put(connection, "switches", &switch.id.to_string(), switch),
        PolicyChange::RemoveSwitch(id) => remove(connection, "switches", &id.to_string()),
        PolicyChange::PutApi(api) => {
            put(connection, "apis", &api.base, api)?;
            // Parameters may be called otherwise than when the endpoint was numbered.
            let mut rename = connection
                .prepare_cached("UPDATE OR IGNORE endpoints SET path = ?2 WHERE id = ?1 AND path <> ?2")?;
            for endpoint in &api.endpoints {
                rename.execute(params![endpoint.id.0, endpoint.operation.path])?;
            }
            if let Some(document) = document {
                connection
                    .prepare_cached("UPDATE apis SET document = ?2 WHERE id = ?1")?
                    .execute(params![api.base, document])?;
            }
            Ok(())
        }
        PolicyChange::RemoveApi { base } => remove(connection, "apis", base),
        PolicyChange::PutEndpointSettings(settings) => {
            put(connection, "endpoint_settings", &settings.endpoint.0.to_string(), settings)
        }
        PolicyChange::ResetEndpoint(id) => remove(connection, "endpoint_settings", &id.0.to_string()),
        PolicyChange::PutSigningKey(key) => put(connection, "signing_keys", &key.id, key),
        PolicyChange::PutSecret(secret) => put(connection, "keyring", &secret.name(), secret),
        PolicyChange::DropSecret { kind, id } => remove(connection, "keyring", &name(*kind, *id)),
        PolicyChange::Correct(correction) => books::insert_correction(connection, correction),
    }
}

/// The newest endpoint whose path differs only in what its parameters are called.
fn find_renamed(
    connection: &Connection,
    (base, method, path): &(String, String, String),
) -> Result<Option<u32>, Fault> {
    // What stands before the first parameter is a part of the index.
    let prefix = path.split('{').next().unwrap_or_default();
    let mut statement = connection.prepare_cached(
        "SELECT id, path FROM endpoints WHERE base = ?1 AND method = ?2 AND path >= ?3 || '{' AND path < ?3 || '|'
         ORDER BY id DESC",
    )?;
    let mut rows = statement.query([base.as_str(), method, prefix])?;
    while let Some(row) = rows.next()? {
        if is_same_template(row.get_ref(1)?.as_str().unwrap_or_default(), path) {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

fn put(connection: &Connection, table: &str, id: &str, record: &impl Serialize) -> Result<(), Fault> {
    let body = serde_json::to_string(record)?;
    connection
        .prepare_cached(&format!(
            "INSERT INTO {table} (id, body) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET body = excluded.body"
        ))?
        .execute([id, &body])?;
    Ok(())
}

fn remove(connection: &Connection, table: &str, id: &str) -> Result<(), Fault> {
    connection.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?.execute([id])?;
    Ok(())
}

/// One entry of the audit trail, in the transaction of what it tells of.
pub(crate) fn insert_audit(connection: &Connection, audit: &AuditEntry) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO audit (id, at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            column(audit.id.0),
            column(audit.at.as_millis()),
            audit.actor,
            audit.action,
            audit.subject,
            audit.detail
        ])?;
    Ok(())
}

/// Changes that one listing looks at.
const AUDIT_LOOKED_AT_MAX: u32 = 100_000;

/// By number, which is the order of time. There are as many entries as people made changes: they are looked at one by one.
fn list_audit(connection: &Connection, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let before = filter.before.map_or(i64::MAX, |id| column(id.0));
    let mut rows = statement.query(params![before, AUDIT_LOOKED_AT_MAX])?;
    let mut entries = Vec::new();
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    while entries.len() < limit
        && let Some(row) = rows.next()?
    {
        let entry = read_audit(row)?;
        if filter.since.is_some_and(|since| entry.at < since) {
            break;
        }
        let is_subject = filter.subjects.is_empty() || filter.subjects.contains(&entry.subject);
        let is_action = filter.action.as_ref().is_none_or(|asked| {
            entry
                .action
                .strip_prefix(asked.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if is_subject && is_action {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn read_audit(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: ChangeId(from_column(row.get(0)?)),
        at: Timestamp::from_millis(from_column(row.get(1)?)),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    })
}

fn load(connection: &Connection) -> Result<PolicyState, Fault> {
    // One transaction, so that all tables are of the same moment.
    read(&*connection.unchecked_transaction()?)
}

/// Everything, in a transaction that there is.
pub(crate) fn read(snapshot: &Connection) -> Result<PolicyState, Fault> {
    let tiers: Vec<Tier> = load_table(snapshot, "tiers")?;
    let last_change: Option<i64> = snapshot.query_row("SELECT max(id) FROM audit", [], |row| row.get(0))?;
    Ok(PolicyState {
        clients: load_table(snapshot, "clients")?,
        keys: load_table(snapshot, "keys")?,
        oauth: load_table(snapshot, "oauth")?,
        revoked_tokens: load_table(snapshot, "revoked_tokens")?,
        tiers: tiers.into_iter().map(|tier| (tier.name.clone(), tier)).collect(),
        switches: load_table(snapshot, "switches")?,
        apis: load_table(snapshot, "apis")?,
        endpoint_settings: load_table(snapshot, "endpoint_settings")?,
        signing_keys: load_table(snapshot, "signing_keys")?,
        keyring: load_table(snapshot, "keyring")?,
        last_change: from_column(last_change.unwrap_or(0)),
    })
}

fn load_table<T: DeserializeOwned>(connection: &Connection, table: &str) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare(&format!("SELECT id, body FROM {table} ORDER BY rowid"))?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let record = serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default());
        records.push(record.map_err(|error| {
            let id: String = row.get(0).unwrap_or_default();
            Fault(format!("the record {id} of the table {table} cannot be read: {error}"))
        })?);
    }
    Ok(records)
}
