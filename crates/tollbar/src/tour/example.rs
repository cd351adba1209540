//! One answer in full, as the partner got it, and what support sees of it.

use serde_json::Value;
use tollbar_contract::{Code, Stage};

use super::{report::Row, scene::Scene, wire::Reply};
use crate::output::{Cell, Style, Table, Tone, safe, word};

/// A refusal that says much: its message names the scope, and the look-up what was compared.
const CODE: Code = Code::ScopeMissing;

/// A request of the tour, from both sides.
pub(super) struct Example {
    did: String,
    reply: Reply,
    look_up: Value,
}

/// Taken while the platform still runs; without it the tour is as good.
pub(super) fn find(scene: &Scene, rows: &[Row]) -> Option<Example> {
    let row = rows.iter().find(|row| row.is_provocation && row.code == Some(CODE))?;
    let reply = row.reply.clone()?;
    let look_up = scene.look_up(reply.request_id()).ok()?;
    Some(Example { did: row.did.clone(), reply, look_up })
}

impl Example {
    pub(super) fn text(&self, style: Style) -> String {
        let title = |text: &str| style.paint(Tone::Strong, text);
        format!(
            "{} {}\n\n{}\n\n{}\n\n{}\n\n{}",
            title(&format!("One answer in full: {CODE}.")),
            safe(&self.did),
            self.answer(),
            title(&format!(
                "What support sees of it: tollbar request show {}",
                safe(self.reply.request_id())
            )),
            self.seen(style),
            "All ids here are of a throw-away platform that has ended: nothing finds them any more. `tollbar demo`\n\
            keeps one running, and prints such a call and the look-up of its answer, to paste.",
        )
    }

    /// Head and body, as they came.
    fn answer(&self) -> String {
        let mut lines = vec![self.reply.status_line.clone()];
        lines.extend(self.reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.extend([String::new(), self.reply.body.clone()]);
        let lines = lines
            .iter()
            .map(|line| if line.is_empty() { String::new() } else { format!("  {}", safe(line)) });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Each stage with what it compared, and the words for the partner.
    fn seen(&self, style: Style) -> String {
        let mut table = Table::new(["#", "STAGE", "RESULT", "COMPARED"]).right([0]);
        for step in self.look_up["steps"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let stage: Option<Stage> = serde_json::from_value(step["stage"].clone()).ok();
            let result = match step["passed"].as_bool() {
                Some(true) => Cell::new(Tone::Good, "passed"),
                _ => Cell::new(Tone::Bad, "REFUSED"),
            };
            table.row([
                stage.map_or_else(|| "-".to_owned(), |stage| stage.number().to_string()).into(),
                stage.map_or_else(|| word(step, "/stage"), |stage| stage.name().to_owned()).into(),
                result,
                word(step, "/detail").into(),
            ]);
        }
        let steps = table.render(style);
        match self.look_up["sentence"].as_str().filter(|sentence| !sentence.is_empty()) {
            Some(sentence) => format!("{steps}\n\nTo copy for the partner:\n{}", safe(sentence)),
            None => steps,
        }
    }
}
