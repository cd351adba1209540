//! A bounded run: the inputs that are kept, changed here and there, the same way each time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::random::Random;

/// Longest input that is made.
const INPUT_BYTES_MAX: usize = 2048;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What it led to.
    pub message: String,
}

/// Tries one input.
pub fn try_input(run: fn(&[u8]), input: &[u8]) -> Result<(), Finding> {
    catch_unwind(AssertUnwindSafe(|| run(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Finding { input: input.to_vec(), message: text.unwrap_or("a panic without words").to_owned() }
    })
}

/// Tries so many changed inputs, and stops at the first finding.
pub fn run_bounded(
    run: fn(&[u8]),
    inputs: &[Vec<u8>],
    words: &[&[u8]],
    seed: u64,
    tries: u32,
) -> Result<(), Finding> {
    let mut random = Random::new(seed);
    for _ in 0..tries {
        let mut input = inputs.get(random.below(inputs.len())).cloned().unwrap_or_default();
        for _ in 0..1 + random.below(4) {
            change(&mut input, inputs, words, &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        try_input(run, &input)?;
    }
    Ok(())
}

/// One change.
fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(16) + 1);
    match random.below(8) {
        0 => input.insert(at, random.byte()),
        1 => drop(input.drain(at..end)),
        2 => {
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        3 => {
            let other = inputs.get(random.below(inputs.len())).map(Vec::as_slice).unwrap_or_default();
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        4 if at < input.len() => input[at] ^= 1 << random.below(8),
        5 if at < input.len() => input[at] = random.byte(),
        6 => drop(
            input.splice(at..end, words.get(random.below(words.len())).copied().unwrap_or_default().to_vec()),
        ),
        _ => {
            let word = words.get(random.below(words.len())).copied().unwrap_or_default();
            input.splice(at..at, word.iter().copied());
        }
    }
}
