//! Files that are torn or damaged are refused with the file's name, the cause, and what to do next.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::support::{Platform, Shop, get, post, wait_until};

/// A store in which something stands, without a server.
fn stopped() -> Shop {
    let mut shop = Shop::open();
    for number in 0..30 {
        shop.client(&format!("client {number}"), &serde_json::json!({}));
    }
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert!(post(&shop, "key").status < 400);
    shop.platform.terminate();
    shop.platform.wait_for_end();
    shop
}

/// The same with everything that stood in the write-ahead log, as kill -9 leaves it.
fn killed() -> Shop {
    let mut shop = Shop::open();
    assert_eq!(shop.get("/v1/orders").status, 200);
    shop.platform.kill();
    shop
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(file).unwrap().write_all_at(bytes, at).unwrap();
}

fn assert_refused(platform: &Platform, words: &[&str]) {
    let said = platform.refused_start();
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
}

fn assert_not_backed_up(platform: &Platform, words: &[&str]) {
    let output = platform.run(&["backup", "copy"]);
    assert!(!output.status.success() && !platform.folder().join("copy").exists(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let shop = stopped();
    let file = shop.platform.data().join("tollbar.db");
    let whole = fs::read(&file).unwrap();
    let next = ["tollbar doctor", "tollbar restore"];
    let refused = |words: &[&str]| assert_refused(&shop.platform, &[words, &next].concat());

    overwrite(&file, 0, &[0x55; 64]);
    let damaged = fs::read(&file).unwrap();
    refused(&["tollbar.db is damaged", "not a database"]);
    assert_eq!(fs::read(&file).unwrap(), damaged, "it was not touched");

    // Every page but the first few: met while loading.
    fs::write(&file, &whole).unwrap();
    for page in 4..whole.len() / 4096 {
        overwrite(&file, u64::try_from(page).unwrap() * 4096, &[0xa5; 4096]);
    }
    refused(&["tollbar.db", "malformed"]);
    assert_not_backed_up(&shop.platform, &["tollbar.db: the database is damaged", "tollbar doctor"]);

    fs::write(&file, "").unwrap();
    refused(&["tollbar.db is damaged", "it is empty"]);
    fs::remove_file(&file).unwrap();
    refused(&["tollbar.db is damaged", "it is missing"]);

    fs::write(&file, &whole).unwrap();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn a_damaged_write_ahead_log_is_refused_and_not_ignored() {
    let shop = killed();
    let log = shop.platform.data().join("tollbar.db-wal");
    let whole = fs::read(&log).unwrap();
    assert!(whole.len() > 30_000, "the log holds what was stored last");
    let words = ["tollbar.db-wal is damaged", "tollbar doctor", "tollbar restore"];
    fs::write(&log, "garbage in place of a log, and enough of it").unwrap();
    assert_refused(&shop.platform, &words);
    fs::write(&log, &whole).unwrap();
    overwrite(&log, 9000, &[0xa5; 100]);
    let damaged = fs::read(&log).unwrap();
    assert_not_backed_up(&shop.platform, &words);
    assert_refused(&shop.platform, &words);
    assert_eq!(fs::read(&log).unwrap(), damaged, "it was not touched");
    // The end is what a commit under way leaves: it was not acknowledged.
    fs::write(&log, [&whole[..], &[0xa5; 3000]].concat()).unwrap();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn a_damaged_request_log_keeps_nothing_from_starting() {
    let mut shop = stopped();
    let data = shop.platform.data();
    for (damage, kept) in [(&b"garbage in place of a database"[..], 1), (&[0x55; 8192][..], 2)] {
        overwrite(&data.join("requests.db"), 0, damage);
        shop = Shop { platform: shop.platform.restart(), ..shop };
        let answered = shop.get("/v1/orders");
        assert_eq!(answered.status, 200);
        assert_eq!(shop.look_up(&answered.request_id())["status"], 200, "a new log was begun");
        let aside =
            fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(aside.filter(|name| name.starts_with("requests.db.damaged-")).count(), kept);
        assert!(shop.platform.log().contains("the request log is damaged"), "{}", shop.platform.log());
        shop.platform.terminate();
        shop.platform.wait_for_end();
    }
}

#[test]
fn a_damaged_journal_is_told_and_never_lowers_a_count() {
    let shop = killed();
    let used = 1;
    let journal = shop.platform.data().join("journal");
    let mut files = 0;
    for entry in fs::read_dir(&journal).unwrap() {
        let file = entry.unwrap().path();
        let length = fs::metadata(&file).unwrap().len();
        if length > 0 {
            overwrite(&file, 0, &vec![0xa5; usize::try_from(length).unwrap()]);
            files += 1;
        }
    }
    assert!(files > 0);
    fs::write(journal.join("000000000099-7.log"), "garbage, in the place of some records".repeat(10))
        .unwrap();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    let log = shop.platform.log();
    assert!(
        log.contains("records of the usage journal are damaged") && log.contains("000000000099-7.log"),
        "{log}"
    );
    assert!(shop.used(&shop.client.id) >= used, "raised to what was leased");
    assert_eq!(shop.get("/v1/orders").status, 200);
}

/// The journal's files, oldest first.
fn journal(shop: &Shop) -> Vec<PathBuf> {
    let entries = fs::read_dir(shop.platform.data().join("journal")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_journal_that_is_damaged_while_it_is_written_is_told_and_goes_on() {
    let shop = Shop::open_with(Platform::with().set("gateway.threads", "1"));
    let charged =
        || shop.platform.read(&format!("/usage/{}", shop.client.id))["live"]["charged"].as_u64().unwrap();
    let call = || assert_eq!(shop.get("/v1/orders").status, 200);
    call();
    assert_eq!(charged(), 1);
    let append = |bytes: &[u8]| {
        let mut file = File::options().append(true).open(journal(&shop).last().unwrap()).unwrap();
        file.write_all(bytes).unwrap();
    };
    append(&[0xa5; 32]);
    call();
    assert_eq!(charged(), 2, "what stands behind the damage counts");
    let log = shop.platform.log();
    assert!(log.contains("records of the usage journal are damaged"), "{log}");
    call();
    assert_eq!(journal(&shop).len(), 2, "another file was begun");
    // In the middle of a record, so that no record behind it has its place.
    append(&[0xa5; 7]);
    call();
    charged();
    charged();
    call();
    assert_eq!(charged(), 4, "what came before it was found is lost, and no more");
    fs::write(journal(&shop).last().unwrap(), "").unwrap();
    assert_eq!(charged(), 4);
    call();
    assert_eq!(charged(), 5, "it was cut");
    fs::remove_file(journal(&shop).last().unwrap()).unwrap();
    assert_eq!(charged(), 5);
    let remaining = shop.get("/v1/orders").number("x-allowance-remaining");
    assert_eq!(charged(), 6, "it was taken away");
    assert_eq!(remaining, 100_000 - 7, "what is counted in memory lacks nothing");

    wait_until("the metric tells", || {
        let metrics = get(shop.platform.ops, "/metrics", &[]).text();
        metrics
            .lines()
            .any(|line| line.strip_prefix("tollbar_usage_journal_damage ").is_some_and(|count| count != "0"))
    });
    let doctor = shop.platform.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("damaged records in") && said.contains("the next start raises counts"), "{said}");
    let shop = shop.kill_and_restart();
    assert!(shop.used(&shop.client.id) >= 7, "raised to what was leased");
}

#[test]
fn a_missing_master_secret_is_not_made_anew() {
    let shop = stopped();
    let secret = shop.platform.data().join("master-secret");
    let text = fs::read(&secret).unwrap();
    fs::remove_file(&secret).unwrap();
    assert_refused(
        &shop.platform,
        &["master-secret is missing", "TOLLBAR_MASTER_SECRET", "put back the copy"],
    );
    assert!(!secret.exists());
    fs::write(&secret, text).unwrap();
    assert_refused(&shop.platform, &["is open to other users", "chmod 600"]);
}
