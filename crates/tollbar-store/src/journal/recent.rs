//! Who took from the per-minute rate just now, read from the ends of the files.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt as _};

use tollbar_contract::Environment;
use tollbar_core::{ClientId, Timestamp, port::JournalEvent};

use super::{
    file::JournalFolder,
    record::{RECORD_BYTES, parse_record},
};

/// What a rate window may still hold, rounded up to whole seconds.
const WINDOW_SECONDS: u64 = 61;
/// Records are nearly in the order of time; by this much they may not be.
const DISORDER_SECONDS: u64 = 30;
/// What is read at once, backwards. A multiple of a record.
const BLOCK_RECORDS: u64 = 32_768;

/// Client, environment, second, how many: of the 61 seconds up to now. The records were written by a clock that was
/// `step_millis` behind this one. What is then up to 61 s in the future counts as of now.
pub(crate) fn read_recent(
    folder: &JournalFolder,
    now: Timestamp,
    step_millis: i64,
) -> io::Result<Vec<(ClientId, Environment, u64, u32)>> {
    let then = Timestamp::from_millis(now.as_millis().saturating_add_signed(step_millis.saturating_neg()));
    let mut counts = BTreeMap::new();
    for name in folder.names()? {
        match File::open(folder.file(&name)) {
            Ok(file) => read_backwards(&file, then.as_seconds(), &mut counts)?,
            // Deleted meanwhile, so it was too old.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    // Where the step is no whole number of seconds, a record may belong to the next second of this clock: later is safe.
    let rounding = u64::from(step_millis % 1000 != 0);
    let moved = |second: u64| {
        let age = then.as_seconds().saturating_sub(second).saturating_sub(rounding);
        now.as_seconds().saturating_sub(age)
    };
    Ok(counts
        .into_iter()
        .map(|((client, environment, second), count)| (client, environment, moved(second), count))
        .collect())
}

fn read_backwards(
    file: &File,
    now: u64,
    counts: &mut BTreeMap<(ClientId, Environment, u64), u32>,
) -> io::Result<()> {
    const RECORD: u64 = RECORD_BYTES as u64;
    let mut end = file.metadata()?.len() / RECORD;
    let mut block = Vec::new();
    // Till a whole block has none that is young enough: one old record may stand behind young ones.
    let mut is_over = false;
    while end > 0 && !is_over {
        let start = end.saturating_sub(BLOCK_RECORDS);
        block.resize(usize::try_from((end - start) * RECORD).unwrap_or(0), 0);
        file.read_exact_at(&mut block, start * RECORD)?;
        let (mut old, mut young) = (0, 0);
        for bytes in block.as_chunks::<RECORD_BYTES>().0.iter().rev() {
            let Some(record) = parse_record(bytes) else { continue };
            if record.event != JournalEvent::Rated {
                continue;
            }
            let second = record.at.as_seconds();
            if second + WINDOW_SECONDS + DISORDER_SECONDS < now {
                old += 1;
                continue;
            }
            young += 1;
            if second + WINDOW_SECONDS >= now && second <= now + WINDOW_SECONDS {
                let count = counts.entry((record.client, record.environment, second.min(now))).or_default();
                *count = count.saturating_add(1);
            }
        }
        is_over = old > 0 && young == 0;
        end = start;
    }
    Ok(())
}
