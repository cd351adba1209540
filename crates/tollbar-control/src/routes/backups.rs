//! Backups, made while everything goes on.

use std::path::PathBuf;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::port::BackupOrder;

use super::Shared;
use crate::{
    change::{Change, Note},
    fault::Fault,
    input::Body,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    folder: PathBuf,
    #[serde(default)]
    with_requests: bool,
}

/// `POST /backups`
///
/// Nothing of it depends on the disk of the store: where that is full, a backup to another one is what is needed.
pub(super) async fn make(
    State(control): Shared,
    Body(Order { folder, with_requests }): Body<Order>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let upkeep =
        control.upkeep.clone().ok_or_else(|| Fault::conflict("there is no store to back up here"))?;
    let order = BackupOrder {
        folder: folder.clone(),
        with_requests,
        made_at: control.now(),
        version: control.settings.version.to_owned(),
    };
    let manifest = upkeep.back_up(order).await.map_err(|failure| Fault::conflict(failure.to_string()))?;
    let detail = if with_requests { "with the request log" } else { "without the request log" };
    let note = Note::new("backup.make", &folder.display(), detail);
    let noted = control.change(async move |mut change: Change| change.commit(Vec::new(), note).await).await;
    let warnings: Vec<String> = noted
        .err()
        .map(|fault| {
            format!("the backup is whole, and could not be noted on the audit trail: {}", fault.message)
        })
        .into_iter()
        .collect();
    let answer = json!({ "folder": folder, "serving": true, "manifest": manifest, "warnings": warnings });
    Ok((StatusCode::CREATED, Json(answer)))
}
