//! Blocks of numbers that were never given before.

use tollbar_core::port::RequestIdStore as _;

use super::support::{folder, open, wait};

#[test]
fn blocks_never_overlap_over_reopening() {
    let folder = folder();
    let mut next = 0;
    for count in [1, 1000, 7] {
        let store = open(folder.path());
        for _ in 0..3 {
            assert_eq!(wait(store.lease_request_ids(count, 0)).unwrap(), next);
            next += count;
        }
    }
}

#[test]
fn blocks_asked_for_at_once_are_different() {
    let folder = folder();
    let store = open(folder.path());
    let mut firsts: Vec<u64> = std::thread::scope(|scope| {
        let ask = || {
            scope.spawn(|| (0..20).map(|_| wait(store.lease_request_ids(10, 0)).unwrap()).collect::<Vec<_>>())
        };
        let threads: Vec<_> = (0..4).map(|_| ask()).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    firsts.sort_unstable();
    assert_eq!(firsts, (0..80).map(|block| block * 10).collect::<Vec<_>>());
}

#[test]
fn a_lease_can_be_asked_to_skip_ahead_and_never_goes_back() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(wait(store.lease_request_ids(10, 1000)).unwrap(), 1000);
    assert_eq!(wait(store.lease_request_ids(10, 500)).unwrap(), 1010);
    assert_eq!(wait(store.lease_request_ids(10, 1020)).unwrap(), 1020);
    assert_eq!(wait(store.lease_request_ids(10, 5000)).unwrap(), 5000);
    assert_eq!(wait(store.leased_request_ids()).unwrap(), 5010, "none from here on was given");
}
