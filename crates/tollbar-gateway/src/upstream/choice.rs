//! Which address a request goes to.

use super::health::Standing;

/// What the choice looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) standing: Standing,
    /// Requests under way there, of this thread.
    pub(super) in_flight: usize,
}

/// The address to use: one that is due for its try; else the one with the fewest requests among those that are well;
/// else, since a refusal without a try would be our own fault, the one whose time comes first. Of equals the turn decides.
pub(super) fn choose(candidates: &[Candidate], turn: usize) -> Option<usize> {
    let rank = |candidate: &Candidate| match candidate.standing {
        Standing::Due => (0, 0, 0),
        Standing::Well => (1, 0, candidate.in_flight),
        Standing::Out(until) => (2, until, candidate.in_flight),
    };
    let count = candidates.len().max(1);
    let from_turn = |index: usize| (index + count - turn % count) % count;
    let ranked = candidates.iter().enumerate();
    let best = ranked.min_by_key(|(index, candidate)| (rank(candidate), from_turn(*index)))?;
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    #[test]
    fn the_choice() {
        let of = |standings: &[(Standing, usize)], turn| {
            let candidates: Vec<Candidate> =
                standings.iter().map(|&(standing, in_flight)| Candidate { standing, in_flight }).collect();
            choose(&candidates, turn)
        };
        for (standings, turn, chosen) in [
            (&[][..], 3, None),
            (&[(Well, 9)], 3, Some(0)),
            // The fewest requests.
            (&[(Well, 2), (Well, 1), (Well, 3)], 0, Some(1)),
            // Of equals the one whose turn it is.
            (&[(Well, 0), (Well, 0), (Well, 0)], 0, Some(0)),
            (&[(Well, 0), (Well, 0), (Well, 0)], 1, Some(1)),
            (&[(Well, 0), (Well, 0), (Well, 0)], 5, Some(2)),
            (&[(Well, 1), (Well, 0), (Well, 1)], 2, Some(1)),
            (&[(Well, 0), (Well, 1), (Well, 0)], 1, Some(2)),
            // What is ejected is left out, with however few requests, until it is due.
            (&[(Well, 7), (Out(5), 0)], 1, Some(0)),
            (&[(Well, 0), (Due, 4)], 0, Some(1)),
            (&[(Due, 0), (Due, 0)], 1, Some(1)),
            // None is well: the one whose time comes first.
            (&[(Out(9), 0), (Out(5), 3), (Out(u64::MAX), 0)], 0, Some(1)),
            (&[(Out(u64::MAX), 2), (Out(u64::MAX), 1)], 0, Some(1)),
        ] {
            assert_eq!(of(standings, turn), chosen, "{standings:?} {turn}");
        }
    }
}
