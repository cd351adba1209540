//! `tollbar tour`: provokes every code of the contract on a throw-away platform, over real HTTP, and checks each
//! answer. It sets things up as an operator does, through the admin API, and calls as a partner does, over sockets.

mod attempt;
mod beyond;
mod example;
mod judge;
mod provoke;
mod report;
mod scene;
pub(crate) mod wire;

use std::{collections::HashSet, process::ExitCode};

use anyhow::{Context, Result};
use tollbar_contract::Code;

use crate::output::Output;
use attempt::Attempt;
use beyond::EXTRAS;
use report::Row;
use scene::Scene;

/// Walks the whole contract; 0 only if everything holds.
pub(crate) fn run(output: &Output) -> Result<ExitCode> {
    let scene = Scene::set().context("the tour's platform cannot be set up")?;
    let rows = walk(&scene);
    let example = example::find(&scene, &rows);
    scene.strike().context("the tour's platform did not end in good order")?;
    output.either(&report::json(&rows), |style| report::text(&rows, example.as_ref(), style))?;
    let holds = rows.iter().all(|row| row.faults.is_empty());
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What takes time comes last, and stands in its place all the same.
fn walk(scene: &Scene) -> Vec<Row> {
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for late in [false, true] {
        for (place, code) in Code::ALL.iter().copied().enumerate() {
            if provoke::is_late(code) == late {
                let row = row(scene, Some(code), true, |scene| provoke::provoke(scene, code));
                rows.push((place, row));
            }
        }
        for (place, extra) in EXTRAS.iter().enumerate() {
            if extra.is_late == late {
                rows.push((Code::ALL.len() + place, row(scene, extra.code, false, extra.act)));
            }
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    let mut ids = HashSet::new();
    for row in &mut rows {
        let id = row.request_id().to_owned();
        if !ids.insert(id.clone()) {
            row.faults.push(format!("the request id {id} was given twice"));
        }
    }
    rows
}

fn row(
    scene: &Scene,
    code: Option<Code>,
    is_provocation: bool,
    act: impl FnOnce(&Scene) -> Result<Attempt>,
) -> Row {
    let before = scene.sample.count();
    match act(scene) {
        Ok(attempt) => Row {
            code,
            is_provocation,
            outcome: Some(attempt.outcome),
            faults: judge::judge(scene, code, &attempt, scene.sample.count() - before),
            did: attempt.did.to_owned(),
            reply: Some(attempt.reply),
        },
        Err(fault) => Row {
            code,
            is_provocation,
            outcome: None,
            faults: vec![format!("{fault:#}")],
            did: "It could not be provoked.".to_owned(),
            reply: None,
        },
    }
}
