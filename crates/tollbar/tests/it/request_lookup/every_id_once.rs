//! A request id is given once: over restarts, kills, and an older copy of the data folder that is put back.

use std::{collections::HashSet, path::Path};

use crate::support::{Connection, Shop};

/// Answers in a row of one connection; each has its id.
fn take(shop: &Shop, count: usize, seen: &mut HashSet<String>) {
    let mut connection = Connection::open(shop.platform.gateway);
    for _ in 0..count / 100 {
        connection.send(b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
        for _ in 0..100 {
            let id = connection.receive().request_id();
            assert!(seen.insert(id.clone()), "{id} was given twice, among {}", seen.len());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn no_id_repeats_over_restarts_kills_and_an_older_copy() {
    let mut seen = HashSet::new();
    let mut shop = Shop::open();
    take(&shop, 2000, &mut seen);
    shop = shop.stop_and_restart();
    take(&shop, 2000, &mut seen);
    // A copy while it is stopped.
    shop.platform.terminate();
    shop.platform.wait_for_end();
    let copies = tempfile::tempdir().unwrap();
    let (data, older) = (shop.platform.data(), copies.path().join("older"));
    copy(&data, &older);
    shop = Shop { platform: shop.platform.restart(), ..shop };
    take(&shop, 2000, &mut seen);
    for _ in 0..3 {
        shop = shop.kill_and_restart();
        take(&shop, 1000, &mut seen);
    }
    // The older copy is put back, which knows nothing of the last four runs.
    for _ in 0..2 {
        shop.platform.kill();
        std::fs::remove_dir_all(&data).unwrap();
        copy(&older, &data);
        std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let folder = shop.platform.data();
        assert_eq!(folder, data);
        shop = Shop { platform: shop.platform.restart(), ..shop };
        take(&shop, 2000, &mut seen);
    }
    assert_eq!(seen.len(), 13_000);
}
