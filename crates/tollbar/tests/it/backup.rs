//! Backup and restore, while it serves and while it does not.

use std::{
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::JoinHandle,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Platform, Shop, SmallDisk, in_own_namespace, is_replay, post, request, wait_until};

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    said(output)
}

fn refused(output: &Output, words: &[&str]) {
    assert!(!output.status.success(), "{output:?}");
    for word in words {
        assert!(said(output).contains(word), "`{word}` in: {}", said(output));
    }
}

/// Makes a backup beside the data folder.
fn back_up(platform: &Platform, name: &str) -> PathBuf {
    let folder = platform.folder().join(name);
    succeeded(&platform.run(&["backup", folder.to_str().unwrap()]));
    folder
}

fn restore(platform: &Platform, backup: &Path, more: &[&str]) -> Output {
    platform.run(&[&["restore", backup.to_str().unwrap()], more].concat())
}

/// Every file below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found
}

/// Callers who want 200 and nothing else.
struct Callers(Vec<JoinHandle<()>>, Arc<(AtomicBool, AtomicUsize)>);

impl Callers {
    fn start(shop: &Shop) -> Self {
        let shared = Arc::new((AtomicBool::new(false), AtomicUsize::new(0)));
        let threads = (0..4).map(|_| {
            let (shared, gateway, key) = (shared.clone(), shop.platform.gateway, shop.client.key.clone());
            std::thread::spawn(move || {
                while !shared.0.load(SeqCst) {
                    let response = request(gateway, "GET", "/v1/orders", &[("X-API-Key", &key)], b"");
                    assert_eq!(response.status, 200, "{response:?}");
                    shared.1.fetch_add(1, SeqCst);
                }
            })
        });
        Self(threads.collect(), shared)
    }

    fn wait_for_more(&self, more: usize) {
        let wanted = self.1.1.load(SeqCst) + more;
        wait_until("more requests are answered", || {
            assert!(!self.0.iter().any(JoinHandle::is_finished), "a caller met a failure");
            self.1.1.load(SeqCst) >= wanted
        });
    }

    fn stop(self) {
        self.1.0.store(true, SeqCst);
        self.0.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn busy() -> Shop {
    let shop = Shop::open();
    shop.platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 4_000_000 }));
    let client = shop.client("bulk", &json!({ "tier": "bulk", "allowance": 1_000_000_000 }));
    Shop { client, ..shop }
}

#[test]
fn a_backup_under_load_disturbs_nobody_and_is_restored_whole() {
    let shop = busy();
    assert!(post(&shop, "before").status < 400);
    let callers = Callers::start(&shop);
    callers.wait_for_more(100);
    let at_least = shop.used(&shop.client.id);
    let told = shop.platform.run(&["backup", "copy", "--with-requests"]);
    let at_most = u64::try_from(shop.live.count()).unwrap() + 4;
    callers.wait_for_more(100);
    callers.stop();
    let told = succeeded(&told);
    for word in ["master-secret", "tollbar.toml", "operator token", "tollbar restore"] {
        assert!(told.contains(word), "`{word}` in: {told}");
    }
    let backup = shop.platform.folder().join("copy");
    let secrets = [
        fs::read_to_string(shop.platform.data().join("master-secret")).unwrap(),
        shop.platform.token.clone(),
        shop.client.key.clone(),
    ];
    for file in files(&backup) {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        let bytes = fs::read(&file).unwrap();
        for secret in &secrets {
            let secret = secret.trim().as_bytes();
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "a secret in {}", file.display());
        }
    }
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o700);
    let audit = shop.platform.read("/audit?limit=1");
    assert_eq!(audit["entries"][0]["action"], "backup.make", "{audit}");

    // Another folder, with the master secret and nothing else.
    let other = TempDir::new().unwrap();
    let data = other.path().join("data");
    let output = shop.platform.run_with(&["restore", "copy"], &[]);
    refused(&output, &["--replace"]);
    fs::create_dir(&data).unwrap();
    let elsewhere = std::process::Command::new(env!("CARGO_BIN_EXE_tollbar"))
        .arg("restore")
        .arg(&backup)
        .arg("--data")
        .arg(&data)
        .output()
        .unwrap();
    assert!(succeeded(&elsewhere).contains("put the master secret"), "{elsewhere:?}");
    fs::copy(shop.platform.data().join("master-secret"), data.join("master-secret")).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let builder = Platform::with();
    let process = builder.command(other.path()).spawn().unwrap();
    let restored = Platform::wait_for_start(other, builder, process);
    let shop = Shop { platform: restored, ..shop };
    assert!(is_replay(&post(&shop, "before")), "what was answered is replayed");
    let used = shop.used(&shop.client.id);
    assert!((at_least..=at_most).contains(&used), "{used} is not in {at_least}..={at_most}");
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(shop.used(&shop.client.id), used + 1, "to the unit");
    let entries = shop.platform.read("/audit?limit=1");
    assert_eq!(entries["entries"][0]["action"], "platform.restore", "{entries}");
    assert!(!shop.platform.data().join("restored.json").exists());
}

#[test]
fn a_restore_while_it_serves_is_taken_over_without_losing_a_request() {
    let mut shop = busy();
    let backup = back_up(&shop.platform, "copy");
    shop.client("later", &json!({}));
    let ids: Vec<String> = (0..50).map(|_| shop.get("/v1/orders").request_id()).collect();
    let callers = Callers::start(&shop);
    callers.wait_for_more(50);
    refused(&restore(&shop.platform, &backup, &[]), &["--replace", "moved aside"]);
    let told = succeeded(&restore(&shop.platform, &backup, &["--replace"]));
    assert!(told.contains("tollbar serve --take-over"), "{told}");
    for word in ["counts", "keys", "Idempotency-Key", "Request ids do not repeat"] {
        assert!(told.contains(word), "`{word}` in: {told}");
    }
    let doctor: Value = serde_json::from_slice(&shop.platform.run(&["doctor", "--json"]).stdout).unwrap();
    assert!(doctor.to_string().contains("a restored copy waits"), "{doctor}");
    assert_eq!(shop.platform.admin("GET", "/clients/later", None).status, 200, "nothing is taken yet");
    shop.platform.take_over(&[]);
    callers.wait_for_more(50);
    callers.stop();
    assert_eq!(shop.platform.admin("GET", "/clients/later", None).status, 404);
    assert!(shop.platform.log().contains("a restored backup was taken"), "{}", shop.platform.log());
    let new: Vec<String> = (0..50).map(|_| shop.get("/v1/orders").request_id()).collect();
    assert!(new.iter().all(|id| !ids.contains(id)), "a request id was given twice");
    // The store of before is there, whole: it can be put back as it is.
    let replaced = fs::read_dir(shop.platform.data()).unwrap().map(|entry| entry.unwrap().path());
    let replaced =
        replaced.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("replaced-"));
    let replaced: Vec<PathBuf> = replaced.collect();
    assert_eq!(replaced.len(), 1);
    assert!(replaced[0].join("tollbar.db").exists() && replaced[0].join("journal").is_dir());
}

#[test]
fn a_restore_that_is_killed_anywhere_is_ended_by_the_next_start() {
    let mut shop = Shop::open();
    let backup = back_up(&shop.platform, "copy");
    shop.client("later", &json!({}));
    shop.platform.kill();
    let data = shop.platform.data();
    for seen in ["lock", "restore-moving", "restore-applying", "tollbar.db-wal", "running.json"] {
        // The server of before was killed: its folder is free, so that the backup is laid ready by hand as under a server.
        let holder = File::open(data.join("lock")).unwrap();
        holder.lock().unwrap();
        let told = succeeded(&restore(&shop.platform, &backup, &["--replace"]));
        assert!(told.contains("laid ready"), "{told}");
        drop(holder);
        let _ = fs::remove_file(data.join("running.json"));
        let mut process = Platform::with().command(shop.platform.folder()).spawn().unwrap();
        wait_until("the start has come so far, or further", || {
            data.join(seen).exists() || data.join("running.json").exists()
        });
        process.kill().unwrap();
        process.wait().unwrap();
        shop = Shop { platform: shop.platform.restart(), ..shop };
        assert_eq!(shop.platform.admin("GET", "/clients/later", None).status, 404, "killed at {seen}");
        assert_eq!(shop.get("/v1/orders").status, 200, "killed at {seen}");
        let left =
            fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> =
            left.filter(|name| name.starts_with("restore-") || name == "restored.json").collect();
        assert!(left.is_empty(), "{left:?}");
        shop.client("later", &json!({}));
        shop.platform.kill();
    }
}

#[test]
fn what_a_restore_that_was_broken_off_has_copied_takes_no_room_from_the_next() {
    in_own_namespace(
        "backup::what_a_restore_that_was_broken_off_has_copied_takes_no_room_from_the_next",
        || {
            let (platform, _disk) = SmallDisk::start(Platform::with(), 40);
            let backup = back_up(&platform, "copy");
            let left = platform.data().join("restore-staged.part");
            fs::create_dir(&left).unwrap();
            fs::write(left.join("tollbar.db"), vec![1; 30 << 20]).unwrap();
            let is_told = || said(&platform.run(&["doctor"])).contains("one was broken off");
            assert!(is_told());
            let told = succeeded(&restore(&platform, &backup, &["--replace"]));
            assert!(told.contains("laid ready"), "{told}");
            assert!(!left.exists() && !is_told());
        },
    );
}

#[test]
fn a_command_on_a_copy_of_the_folder_does_not_reach_the_server_of_the_original() {
    let shop = Shop::open();
    let copy = shop.platform.folder().join("copied");
    fs::create_dir(&copy).unwrap();
    for name in ["running.json", "operator-token", "lock"] {
        fs::copy(shop.platform.data().join(name), copy.join(name)).unwrap();
    }
    let run = |command: &str| {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_tollbar"));
        process.args([command, "--data"]).arg(&copy).env_clear().output().unwrap()
    };
    refused(&run("status"), &["no server has the folder", "is a copy"]);
    // Also while something has the copy, as a backup of it does.
    let holder = File::open(copy.join("lock")).unwrap();
    holder.lock().unwrap();
    refused(&run("status"), &["no server has the folder", "is a copy"]);
    let doctor = said(&run("doctor"));
    assert!(!doctor.contains("serves at") && doctor.contains("does not say where it serves"), "{doctor}");
}

#[test]
fn a_start_waits_for_a_backup_of_the_stopped_folder() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    let holder = File::create(data.join("lock")).unwrap();
    holder.lock().unwrap();
    let builder = Platform::with();
    let process = builder.command(folder.path()).spawn().unwrap();
    let threads = PathBuf::from(format!("/proc/{}/task", process.id()));
    wait_until("the start waits for the folder", || {
        let threads = fs::read_dir(&threads).unwrap().filter_map(Result::ok);
        let mut names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        names.any(|name| name.trim() == "folder-lock")
    });
    drop(holder);
    let platform = Platform::wait_for_start(folder, builder, process);
    succeeded(&platform.run(&["status"]));
}

#[test]
fn a_copy_that_somebody_began_to_delete_is_told_and_not_taken() {
    let mut shop = Shop::open();
    let backup = back_up(&shop.platform, "copy");
    shop.client("later", &json!({}));
    succeeded(&restore(&shop.platform, &backup, &["--replace"]));
    let staged = shop.platform.data().join("restore-staged");
    fs::remove_file(staged.join("tollbar.db")).unwrap();
    let doctor = said(&shop.platform.run(&["doctor"]));
    assert!(doctor.contains("restore-staged/ are missing"), "{doctor}");
    shop.platform.take_over(&[]);
    assert_eq!(shop.platform.admin("GET", "/clients/later", None).status, 200, "the store of before");
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert!(shop.platform.log().contains("it is not taken"), "{}", shop.platform.log());
}

#[test]
fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let mut shop = Shop::open();
    let backup = back_up(&shop.platform, "copy");
    shop.platform.terminate();
    shop.platform.wait_for_end();
    let before = files(&shop.platform.data()).len();
    let platform = &shop.platform;
    let put = |name: &str, bytes: &[u8]| fs::write(backup.join(name), bytes).unwrap();
    let manifest = fs::read(backup.join("manifest.json")).unwrap();
    let database = fs::read(backup.join("tollbar.db")).unwrap();
    let is_refused = |words: &[&str]| refused(&restore(platform, &backup, &["--replace"]), words);

    File::options().write(true).open(backup.join("tollbar.db")).unwrap().write_all_at(b"x", 5000).unwrap();
    is_refused(&["tollbar.db", "is not as it was when the backup was made"]);
    fs::remove_file(backup.join("tollbar.db")).unwrap();
    is_refused(&["tollbar.db: it is missing"]);
    fs::create_dir(backup.join("tollbar.db")).unwrap();
    is_refused(&["tollbar.db: it is no file"]);
    fs::remove_dir(backup.join("tollbar.db")).unwrap();
    put("tollbar.db", &database);
    put("manifest.json", b"{");
    is_refused(&["manifest.json", "damaged"]);
    let text = String::from_utf8(manifest.clone()).unwrap();
    put("manifest.json", text.replace("\"tollbar.db\",", "\"../tollbar.db\",").as_bytes());
    is_refused(&["manifest.json", "which is no file of a backup"]);
    put("manifest.json", text.replace("\"format\": 1", "\"format\": 2").as_bytes());
    is_refused(&["format 2", "use the version that made it"]);
    fs::remove_file(backup.join("manifest.json")).unwrap();
    is_refused(&["manifest.json", "not finished"]);
    put("manifest.json", &manifest);
    refused(
        &restore(platform, &backup.join("tollbar.db"), &["--replace"]),
        &["is a file", "name the folder of the backup"],
    );
    let secret = platform.data().join("master-secret");
    let text = fs::read(&secret).unwrap();
    fs::write(&secret, "22".repeat(32)).unwrap();
    is_refused(&["does not open this backup"]);
    fs::write(&secret, text).unwrap();
    assert_eq!(files(&platform.data()).len(), before, "nothing was changed");
    assert!(succeeded(&restore(platform, &backup, &["--replace"])).contains("What was there is in"));
}

#[test]
fn a_stopped_folder_is_backed_up_too_and_a_bad_place_is_refused() {
    let mut shop = Shop::open();
    assert_eq!(shop.get("/v1/orders").status, 200);
    let platform = &shop.platform;
    fs::create_dir(platform.folder().join("full")).unwrap();
    fs::write(platform.folder().join("full/file"), "x").unwrap();
    // A folder of somebody else's making is refused, and not changed.
    fs::create_dir(platform.folder().join("open")).unwrap();
    fs::set_permissions(platform.folder().join("open"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("full", platform.folder().join("link")).unwrap();
    let inside = platform.data().join("backup");
    for (folder, words) in [
        ("full", &["not empty"][..]),
        (inside.to_str().unwrap(), &["in the data folder"]),
        ("nowhere/backup", &["the folder above it"]),
        ("open", &["other users may enter it", "chmod 700"]),
        ("link", &["symbolic link"]),
    ] {
        refused(&platform.run(&["backup", folder]), words);
        assert!(!platform.folder().join(folder).join("manifest.json").exists());
    }
    let unreadable = std::ffi::OsStr::from_bytes(b"no-text-\xff");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tollbar"));
    command.arg("backup").arg(platform.folder().join(unreadable)).arg("--data").arg(platform.data());
    refused(&command.output().unwrap(), &["is no UTF-8 text"]);
    assert!(!inside.exists());
    let relative = platform.admin("POST", "/backups", Some(&json!({ "folder": "here" })));
    assert_eq!(relative.status, 409);
    assert!(relative.text().contains("must be absolute"), "{relative:?}");
    shop.platform.kill();
    let backup = back_up(&shop.platform, "stopped");
    let manifest: Value = serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["with_requests"], false);
    succeeded(&restore(&shop.platform, &backup, &["--replace"]));
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    assert_eq!(shop.used(&shop.client.id), 1, "what the journal held is in it");
    assert_eq!(shop.get("/v1/orders").status, 200);
}
