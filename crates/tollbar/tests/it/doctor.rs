//! `tollbar doctor`, with a server and without one.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::{Platform, Shop};

fn examined(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The worst that was found of a subject, and what to do about it.
fn worst(found: &Value, subject: &str) -> (String, String) {
    let of_subject = found["checks"].as_array().unwrap().iter().filter(|check| check["subject"] == subject);
    let worst =
        of_subject.max_by_key(|check| ["ok", "warning", "wrong"].iter().position(|l| check["level"] == *l));
    let worst = worst.unwrap_or_else(|| panic!("{subject} was not looked at: {found}"));
    (worst["level"].as_str().unwrap().to_owned(), worst["advice"].as_str().unwrap_or_default().to_owned())
}

/// Doctor finds this subject wrong, advises this, and ends with 1.
fn assert_wrong(platform: &Platform, subject: &str, advice: &str) {
    let output = platform.run(&["doctor", "--json"]);
    let found = examined(&output);
    let (level, advised) = worst(&found, subject);
    assert_eq!((output.status.code(), level.as_str()), (Some(1), "wrong"), "{found}");
    assert!(advised.contains(advice), "{advised}");
}

#[test]
fn a_healthy_platform_is_well_with_and_without_a_server_and_no_secret_is_told() {
    let shop = Shop::open();
    assert_eq!(shop.get("/v1/orders").status, 200);
    let mut platform = shop.platform;
    let secrets = [
        platform.token.clone(),
        fs::read_to_string(platform.data().join("master-secret")).unwrap().trim().to_owned(),
        shop.client.key,
    ];
    for is_running in [true, false] {
        if !is_running {
            platform.terminate();
            platform.wait_for_end();
        }
        for arguments in [&["doctor"][..], &["doctor", "--full"], &["doctor", "--json"]] {
            let output = platform.run(arguments);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
        }
        let found = examined(&platform.run(&["doctor", "--json"]));
        assert_eq!(found["ok"], true);
        for subject in [
            "data folder",
            "server",
            "tollbar.db",
            "requests.db",
            "journal",
            "outcomes",
            "clock",
            "secrets",
            "certificates",
        ] {
            assert_eq!(worst(&found, subject).0, "ok", "{subject}: {found}");
        }
        assert_eq!(found.to_string().contains("serves at"), is_running, "{found}");
    }
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let mut platform = Platform::start();
    let data = platform.data();
    let mode =
        |name: &str, mode| fs::set_permissions(data.join(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("requests.db", 0o644);
    assert_wrong(&platform, "data folder", "chmod");
    mode("requests.db", 0o600);
    platform.terminate();
    platform.wait_for_end();
    fs::rename(data.join("master-secret"), data.join("elsewhere")).unwrap();
    assert_wrong(&platform, "secrets", "put the copy");
    fs::write(data.join("master-secret"), "11".repeat(32)).unwrap();
    mode("master-secret", 0o600);
    assert_wrong(&platform, "secrets", "another store's");
    fs::rename(data.join("elsewhere"), data.join("master-secret")).unwrap();
    let database = fs::read(data.join("tollbar.db")).unwrap();
    fs::write(data.join("tollbar.db"), &database[..database.len() / 2]).unwrap();
    assert_wrong(&platform, "tollbar.db", "tollbar restore");
    fs::write(data.join("tollbar.db"), "").unwrap();
    assert_wrong(&platform, "tollbar.db", "tollbar restore");
    fs::write(data.join("tollbar.db"), database).unwrap();
    fs::write(data.join("requests.db"), "garbage").unwrap();
    assert_wrong(&platform, "requests.db", "move requests.db* out of the folder");
    fs::remove_file(data.join("requests.db")).unwrap();
    assert_eq!(platform.run(&["doctor"]).status.code(), Some(0));
}

#[test]
fn what_is_another_users_is_not_said_to_be_missing() {
    let shop = Shop::open();
    let own = shop.platform.folder().join("own");
    // Only root can play another user; everybody else looks at a folder of root's.
    let is_root = rustix::process::geteuid().is_root();
    let data = if is_root { shop.platform.data() } else { PathBuf::from("/usr") };
    let mut command = Command::new(&own);
    command.args(["doctor", "--data"]).arg(&data).env_clear();
    // It may be where only root can go.
    fs::copy(env!("CARGO_BIN_EXE_tollbar"), &own).unwrap();
    if is_root {
        fs::set_permissions(shop.platform.folder(), fs::Permissions::from_mode(0o711)).unwrap();
        command.current_dir("/").uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(said.contains("who may not look into it") && !said.contains("none yet"), "{said}");
}

#[test]
fn it_looks_at_the_configuration_that_it_is_given() {
    let platform = Platform::start();
    let file = platform.folder().join("tls.toml");
    fs::write(&file, "[tls]\ncertificate_files = [\"none.pem\"]\nkey_files = [\"none.key\"]\n").unwrap();
    let output = platform.run(&["doctor", "--json", "--config", file.to_str().unwrap()]);
    let found = examined(&output);
    assert_eq!(
        (output.status.code(), worst(&found, "certificates").0.as_str()),
        (Some(1), "wrong"),
        "{found}"
    );
    fs::write(&file, "[gateway]\nconections_max = 1\n").unwrap();
    let found = examined(&platform.run(&["doctor", "--json", "--config", file.to_str().unwrap()]));
    assert_eq!(worst(&found, "configuration").0, "wrong", "{found}");
    let remote = platform.run(&["doctor", "--admin", "http://127.0.0.1:1"]);
    assert_eq!(remote.status.code(), Some(2), "{remote:?}");
}
