//! Where upstreams' answers differ from their document: counted by endpoint, in memory, and never enforced.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tollbar_contract::RequestId;

use crate::{ChangeId, EndpointId, Timestamp};

/// So many different sentences are kept of one endpoint.
pub const SENTENCES_PER_ENDPOINT_MAX: usize = 20;
/// So many are kept in all: some megabytes.
pub const SENTENCES_MAX: usize = 20_000;
/// So many endpoints have counts.
pub const OBSERVED_ENDPOINTS_MAX: usize = 50_000;
/// The longest sentence.
const SENTENCE_CHARACTERS_MAX: usize = 300;
/// Endpoints are spread over so many locks, each held for one answer.
const SHARDS: usize = 16;

/// Counts since the start of the process. Data-plane threads write, the control plane reads.
#[derive(Default)]
pub struct Observations {
    shards: [Mutex<HashMap<EndpointId, Entry>>; SHARDS],
    endpoints: AtomicUsize,
    sentences: AtomicUsize,
}

/// Which answer it was.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Of which endpoint.
    pub endpoint: EndpointId,
    /// The import whose document it was held against.
    pub import: ChangeId,
    /// To which request.
    pub request: RequestId,
    /// When that came.
    pub at: Timestamp,
}

/// What is known of one endpoint's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Answers that were held against the document in everything that it says of them.
    pub looked_at: u64,
    /// Answers that were not, or only their status and headers.
    pub not_looked_at: u64,
    /// Answers that differ, of both.
    pub differing: u64,
    /// How they differ, as it was met first.
    pub sentences: Vec<Sentence>,
    /// How often something was different for which there was no room among the sentences.
    pub untold: u64,
}

/// One way to differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// In words, without any value.
    pub text: String,
    /// How many answers.
    pub count: u64,
    /// The last request whose answer it was.
    pub last_request: RequestId,
    /// When that came.
    pub last_at: Timestamp,
}

struct Entry {
    import: ChangeId,
    observed: Observed,
}

impl Observations {
    /// Counts an answer, and how it differs. `whole`: everything was looked at that the document speaks of.
    ///
    /// Counts belong to one document: another import begins them anew, and an answer that was held against an earlier
    /// one is not counted any more.
    pub fn note(&self, answered: Answered, whole: bool, differences: &[String]) {
        let mut shard = self.shard(answered.endpoint);
        let known = shard.contains_key(&answered.endpoint);
        if !known && !take(&self.endpoints, OBSERVED_ENDPOINTS_MAX) {
            return;
        }
        let entry = shard
            .entry(answered.endpoint)
            .or_insert_with(|| Entry { import: answered.import, observed: Observed::default() });
        if entry.import > answered.import {
            return;
        }
        if entry.import < answered.import {
            self.sentences.fetch_sub(entry.observed.sentences.len(), Relaxed);
            *entry = Entry { import: answered.import, observed: Observed::default() };
        }
        let observed = &mut entry.observed;
        if whole {
            observed.looked_at += 1;
        } else {
            observed.not_looked_at += 1;
        }
        if !differences.is_empty() {
            observed.differing += 1;
        }
        for text in differences {
            self.note_sentence(observed, answered, text);
        }
    }

    /// What is known of an endpoint since an import; `None` before its first answer.
    pub fn find(&self, endpoint: EndpointId, import: ChangeId) -> Option<Observed> {
        let shard = self.shard(endpoint);
        shard.get(&endpoint).filter(|entry| entry.import == import).map(|entry| entry.observed.clone())
    }

    /// Forgets the endpoints that are not among these.
    pub fn retain(&self, is_kept: impl Fn(EndpointId) -> bool) {
        for shard in &self.shards {
            lock(shard).retain(|id, entry| {
                let stays = is_kept(*id);
                if !stays {
                    self.endpoints.fetch_sub(1, Relaxed);
                    self.sentences.fetch_sub(entry.observed.sentences.len(), Relaxed);
                }
                stays
            });
        }
    }

    fn note_sentence(&self, observed: &mut Observed, answered: Answered, text: &str) {
        let (last_request, last_at) = (answered.request, answered.at);
        let text: String = text.chars().take(SENTENCE_CHARACTERS_MAX).collect();
        if let Some(known) = observed.sentences.iter_mut().find(|known| known.text == text) {
            known.count += 1;
            (known.last_request, known.last_at) = (last_request, last_at);
            return;
        }
        let has_room = observed.sentences.len() < SENTENCES_PER_ENDPOINT_MAX;
        if has_room && take(&self.sentences, SENTENCES_MAX) {
            observed.sentences.push(Sentence { text, count: 1, last_request, last_at });
        } else {
            observed.untold += 1;
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below the length")]
    fn shard(&self, endpoint: EndpointId) -> MutexGuard<'_, HashMap<EndpointId, Entry>> {
        lock(&self.shards[usize::try_from(endpoint.0).unwrap_or(0) % SHARDS])
    }
}

/// Takes one of so many; false when none is left.
fn take(count: &AtomicUsize, limit: usize) -> bool {
    count.fetch_update(Relaxed, Relaxed, |count| (count < limit).then_some(count + 1)).is_ok()
}

/// A panic elsewhere leaves counts that are whole enough to be read.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(endpoint: u32, import: u64, request: u64) -> Answered {
        Answered {
            endpoint: EndpointId(endpoint),
            import: ChangeId(import),
            request: RequestId::from_number(request),
            at: Timestamp::from_seconds(request),
        }
    }

    fn said(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn answers_are_counted_with_the_last_request_of_each_difference() {
        let all = Observations::default();
        all.note(answered(1, 5, 1), true, &[]);
        all.note(answered(1, 5, 2), false, &[]);
        all.note(answered(1, 5, 3), true, &["a".to_owned(), "b".to_owned()]);
        all.note(answered(1, 5, 4), false, &said("a"));
        let observed = all.find(EndpointId(1), ChangeId(5)).unwrap();
        assert_eq!((observed.looked_at, observed.not_looked_at, observed.differing), (2, 2, 2));
        let rows: Vec<_> = observed
            .sentences
            .iter()
            .map(|one| (one.text.as_str(), one.count, one.last_request, one.last_at.as_seconds()))
            .collect();
        let [third, fourth] = [3, 4].map(RequestId::from_number);
        assert_eq!(rows, [("a", 2, fourth, 4), ("b", 1, third, 3)]);
        assert_eq!(all.find(EndpointId(17), ChangeId(5)), None, "the same lock, and another endpoint");
    }

    #[test]
    fn another_import_begins_anew_and_late_answers_do_not_count() {
        let all = Observations::default();
        all.note(answered(1, 5, 1), true, &said("a"));
        assert_eq!(all.find(EndpointId(1), ChangeId(6)), None);
        all.note(answered(1, 6, 2), true, &[]);
        all.note(answered(1, 5, 3), true, &said("a"));
        let observed = all.find(EndpointId(1), ChangeId(6)).unwrap();
        assert_eq!((observed.looked_at, observed.differing, observed.sentences.len()), (1, 0, 0));
        assert_eq!(all.sentences.load(Relaxed), 0);
    }

    #[test]
    fn the_list_is_short_and_every_difference_counts() {
        let all = Observations::default();
        for n in 0..100 {
            all.note(answered(1, 1, n), true, &said(&format!("difference {n}")));
        }
        all.note(answered(1, 1, 100), true, &said(&"x".repeat(10_000)));
        all.note(answered(1, 1, 101), true, &said("difference 3"));
        let observed = all.find(EndpointId(1), ChangeId(1)).unwrap();
        assert_eq!((observed.sentences.len(), observed.untold, observed.differing), (20, 81, 102));
        assert_eq!(observed.sentences[3].count, 2);
        all.note(answered(2, 1, 1), true, &said(&"x".repeat(10_000)));
        let observed = all.find(EndpointId(2), ChangeId(1)).unwrap();
        assert_eq!(observed.sentences[0].text.len(), SENTENCE_CHARACTERS_MAX);
    }

    #[test]
    fn all_endpoints_together_have_an_end() {
        let all = Observations::default();
        let texts: Vec<String> = (0..20).map(|n| format!("difference {n}")).collect();
        for n in 0..60_000 {
            all.note(answered(n, 1, 1), true, if n < 2_000 { &texts } else { &[] });
        }
        assert_eq!(all.endpoints.load(Relaxed), OBSERVED_ENDPOINTS_MAX);
        assert_eq!(all.sentences.load(Relaxed), SENTENCES_MAX);
        assert_eq!(all.find(EndpointId(1_999), ChangeId(1)).unwrap().untold, 20);
        assert_eq!(all.find(EndpointId(55_000), ChangeId(1)), None);
        // What is gone makes room.
        all.retain(|id| id.0 % 2 == 0);
        assert_eq!(all.endpoints.load(Relaxed), OBSERVED_ENDPOINTS_MAX / 2);
        assert_eq!(all.sentences.load(Relaxed), SENTENCES_MAX / 2);
        all.note(answered(55_001, 1, 1), true, &texts);
        assert_eq!(all.find(EndpointId(55_001), ChangeId(1)).unwrap().sentences.len(), 20);
    }
}
