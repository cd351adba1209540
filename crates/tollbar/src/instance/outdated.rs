//! APIs that an older version stored: they are read again from their documents, once.

use anyhow::Result;
use tollbar_core::{
    API_FORMAT, ApiRecord, AuditEntry, ChangeId, PolicyChange, PolicyState, RouteSettings, Timestamp,
    import::read_again, port::PolicyStore,
};
use tollbar_store::Store;

/// Renews what is written as an older version wrote it, durably, before anything is served. An API whose document cannot
/// be read any more is served as it is stored.
pub(super) async fn read_outdated_again(
    store: &Store,
    state: &mut PolicyState,
    routes: &RouteSettings,
    now: Timestamp,
) -> Result<()> {
    let mut renewed = Vec::new();
    for api in state.apis.iter_mut().filter(|api| api.format < API_FORMAT) {
        let base = if api.base.is_empty() { "/" } else { &api.base }.to_owned();
        match renew(store, api, routes).await? {
            Ok(record) => {
                tracing::info!(
                    base,
                    endpoints = record.endpoints.len(),
                    "the API was stored by an older version: it was read again from its document"
                );
                *api = record;
                renewed.push((base, PolicyChange::PutApi(Box::new(api.clone()))));
            }
            Err(reason) => tracing::warn!(
                base,
                reason,
                "the API was stored by an older version, and its document cannot be read again: it is served as it was, and \
                 not everything that requests say is checked; import its document again with `tollbar import`"
            ),
        }
    }
    if renewed.is_empty() {
        return Ok(());
    }
    let (bases, changes): (Vec<String>, Vec<PolicyChange>) = renewed.into_iter().unzip();
    state.last_change += 1;
    let audit = AuditEntry {
        id: ChangeId(state.last_change),
        at: now,
        actor: "tollbar".to_owned(),
        action: "platform.upgrade".to_owned(),
        subject: bases.join(" "),
        detail: "read again from its document what an earlier version had stored".to_owned(),
    };
    Ok(store.apply(changes, audit, None).await?)
}

/// The API anew; or why that cannot be.
async fn renew(store: &Store, old: &ApiRecord, routes: &RouteSettings) -> Result<Result<ApiRecord, String>> {
    let Some(document) = store.find_document(old.base.clone()).await? else {
        return Ok(Err("it was not kept".to_owned()));
    };
    let mut record = match read_again(old, &document, routes) {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    let names = record.endpoints.iter().map(|endpoint| {
        let operation = &endpoint.operation;
        (record.base.clone(), operation.method.clone(), operation.path.clone())
    });
    let ids = store.number_endpoints(names.collect()).await?;
    record.endpoints.iter_mut().zip(ids).for_each(|(endpoint, id)| endpoint.id = id);
    Ok(Ok(record))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollbar_core::{Api, EndpointId, EndpointSettings};

    use super::*;

    const DOCUMENT: &str = r#"{ "openapi": "3.0.3", "info": { "title": "Shop", "version": "2" }, "paths": { "/orders": {
        "get": { "responses": {}, "parameters": [{ "name": "limit", "in": "query", "schema": { "type": "integer" } }] },
        "post": { "responses": {}, "requestBody": { "content": { "application/json": { "schema": { "type": "object" } } } } } } } }"#;

    /// As an earlier version wrote it: no format, and what it had to say of parameters and bodies.
    fn old_record() -> ApiRecord {
        let endpoint = |id: u32, method: &str, operation: Value| {
            let mut said = json!({ "method": method, "path": "/orders" });
            said.as_object_mut().unwrap().extend(operation.as_object().unwrap().clone());
            json!({ "id": id, "category": "orders", "scopes": ["orders:read"], "write": method == "POST",
                "idempotency_required": false, "resend_unknown": false, "operation": said })
        };
        let limit = json!({ "name": "limit", "location": "query", "style": "form", "explode": true,
            "schema": { "types": ["integer"] } });
        serde_json::from_value(json!({
            "base": "/v1", "title": "Shop", "version": "2", "upstreams": ["http://127.0.0.1:9000", null],
            "upstream_errors": "pass", "on_upstream_5xx": "release", "imported_at": 5000, "change": 1,
            "endpoints": [
                endpoint(1, "GET", json!({ "parameters": [limit] })),
                endpoint(2, "POST", json!({ "has_body": true, "body_required": false })),
            ],
        }))
        .unwrap()
    }

    fn audit(id: u64) -> AuditEntry {
        let words = || "x".to_owned();
        AuditEntry {
            id: ChangeId(id),
            at: Timestamp::default(),
            actor: words(),
            action: words(),
            subject: words(),
            detail: words(),
        }
    }

    fn settings() -> EndpointSettings {
        EndpointSettings {
            endpoint: EndpointId(2),
            base: "/v1".to_owned(),
            method: "POST".to_owned(),
            path: "/orders".to_owned(),
            scopes: Some(vec!["orders:new".to_owned()]),
            category: None,
            write: None,
            idempotency_required: None,
            resend_unknown: None,
            set_at: Timestamp::default(),
            change: ChangeId(1),
        }
    }

    /// A store with the old record and this document, renewed; and the state before.
    async fn renewed(document: Option<&str>) -> (tempfile::TempDir, Store, PolicyState, PolicyState) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let names = ["GET", "POST"].map(|method| ("/v1".to_owned(), method.to_owned(), "/orders".to_owned()));
        store.number_endpoints(names.to_vec()).await.unwrap();
        let changes =
            vec![PolicyChange::PutApi(Box::new(old_record())), PolicyChange::PutEndpointSettings(settings())];
        store.apply(changes, audit(1), document.map(|text| text.as_bytes().to_vec())).await.unwrap();
        let before = store.load().await.unwrap();
        let mut state = before.clone();
        let routes = RouteSettings::default();
        read_outdated_again(&store, &mut state, &routes, Timestamp::from_seconds(9)).await.unwrap();
        (folder, store, before, state)
    }

    #[tokio::test]
    async fn an_old_record_is_read_again_once_and_keeps_what_was_decided() {
        let (_folder, store, before, mut state) = renewed(Some(DOCUMENT)).await;
        assert_eq!(before.apis[0].format, 0);
        let (old, new) = (&before.apis[0], &state.apis[0]);
        assert_eq!(new.format, API_FORMAT);
        assert!(new.schemas.len() >= 2, "what requests are held against is there now");
        assert!(new.endpoints[0].operation.parameters[0].schema_id.is_some());
        assert!(new.endpoints[1].operation.body.is_some());
        let ids: Vec<EndpointId> = new.endpoints.iter().map(|endpoint| endpoint.id).collect();
        assert_eq!(ids, [EndpointId(1), EndpointId(2)]);
        assert_eq!(
            (&new.upstreams, new.upstream_errors, new.on_upstream_5xx, new.imported_at, new.change),
            (&old.upstreams, old.upstream_errors, old.on_upstream_5xx, old.imported_at, old.change)
        );
        assert_eq!(state.endpoint_settings, [settings()]);
        // It is durable, with its document, and told.
        assert_eq!(store.load().await.unwrap(), state);
        assert_eq!(store.find_document("/v1".to_owned()).await.unwrap().unwrap(), DOCUMENT.as_bytes());
        let entry = store.find_audit(ChangeId(2)).await.unwrap().unwrap();
        assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("platform.upgrade", "/v1"));
        // At the next start there is nothing to do.
        let routes = RouteSettings::default();
        read_outdated_again(&store, &mut state, &routes, Timestamp::default()).await.unwrap();
        assert_eq!(store.load().await.unwrap().last_change, 2);
    }

    #[tokio::test]
    async fn what_cannot_be_read_again_is_served_as_it_is_stored() {
        for document in [None, Some("swagger: '1.2'"), Some("{")] {
            let (_folder, store, before, state) = renewed(document).await;
            assert_eq!(state, before, "{document:?}");
            assert_eq!(store.load().await.unwrap(), before);
            assert!(Api::new(state.apis[0].clone()).is_ok(), "it can be served");
        }
    }
}
