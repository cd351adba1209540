//! `serve` and `check`: what they say when they cannot.

use std::net::TcpListener;

use serde_json::Value;

use super::{tollbar_in, words};
use crate::support::{Platform, get};

const FREE: &str = "--gateway 127.0.0.1:0 --admin 127.0.0.1:0 --ops 127.0.0.1:0";

#[test]
fn check_names_file_and_line_of_everything_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (config, said) in [
        ("[gateway]\nlisten = \"here\"\n", &["tollbar.toml:2", "gateway.listen"][..]),
        ("[gateway]\n\nlisen = \"127.0.0.1:1\"\n", &["tollbar.toml:3", "lisen", "listen"]),
        ("[gatway]\nlisten = \"127.0.0.1:1\"\n", &["tollbar.toml:1", "gatway", "gateway"]),
        (
            "[tokens]\nlifetime_seconds = 0\n[keys]\nbrand = \"Has Space\"\n",
            &["tollbar.toml:2", "tollbar.toml:4", "2 places"],
        ),
        ("[tokens]\nlifetime_seconds = \"long\"\n", &["tollbar.toml:2", "lifetime_seconds"]),
        ("[gateway]\nlisten = \n", &["tollbar.toml:2"]),
        ("[hosts]\nlive = \"api.example.com\"\n", &["tollbar.toml:2", "sandbox"]),
        ("\u{0}", &["tollbar.toml"]),
    ] {
        std::fs::write(folder.path().join("tollbar.toml"), config).unwrap();
        for command in
            ["check --config tollbar.toml", &format!("serve --config tollbar.toml {FREE} --data none")]
        {
            let ended = tollbar_in(folder.path(), &words(command), &[], "");
            assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{config}: {}", ended.err);
            for word in said {
                assert!(ended.err.contains(word), "`{command}` does not say {word}: {}", ended.err);
            }
        }
        let ended = tollbar_in(folder.path(), &words("check --config tollbar.toml --json"), &[], "");
        let error: Value = serde_json::from_str(&ended.err).unwrap();
        assert!(error["error"]["details"][0]["at"].as_str().unwrap().contains("tollbar.toml"), "{error}");
    }
    assert!(!folder.path().join("none").exists(), "a wrong configuration makes no data folder");
    let unreadable = tollbar_in(folder.path(), &words("check --config missing.toml"), &[], "");
    assert_eq!(unreadable.code, 1);
    assert!(unreadable.err.contains("missing.toml"), "{}", unreadable.err);
    let variable = [("TOLLBAR__TOKENS__LIFETIME_SECOND", "5")];
    let ended = tollbar_in(folder.path(), &["check"], &variable, "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("TOLLBAR__TOKENS__LIFETIME_SECONDS"), "{}", ended.err);
}

#[test]
fn check_shows_every_setting_and_where_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tollbar.toml"), "[tokens]\nlifetime_seconds = 60\n").unwrap();
    let variables = [
        ("TOLLBAR__ADMIN__LISTEN", "0.0.0.0:9000"),
        ("TOLLBAR__GATEWAY__TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1"),
    ];
    let checked =
        tollbar_in(folder.path(), &words("check --config tollbar.toml --json"), &variables, "").ok();
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["ok"], true);
    let setting = |name: &str| {
        let all = checked["settings"].as_array().unwrap();
        let found = all.iter().find(|row| row["setting"] == name).unwrap_or_else(|| panic!("no {name}"));
        (found["value"].clone(), found["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(setting("tokens.lifetime_seconds"), (60.into(), "tollbar.toml:2".to_owned()));
    assert_eq!(setting("admin.listen"), ("0.0.0.0:9000".into(), "TOLLBAR__ADMIN__LISTEN".to_owned()));
    // Nobody else can reach what speaks for the operator, unless it is asked for; and then it is pointed out.
    assert_eq!(setting("gateway.listen"), ("127.0.0.1:8080".into(), "default".to_owned()));
    assert_eq!(setting("ops.listen"), ("127.0.0.1:8082".into(), "default".to_owned()));
    assert_eq!(setting("gateway.threads"), (Value::Null, "default".to_owned()));
    assert_eq!(setting("gateway.trusted_proxies").0, serde_json::json!(["10.0.0.0/8", "192.0.2.1/32"]));
    assert_eq!(checked["warnings"].as_array().unwrap().len(), 1, "{checked}");
    assert!(checked["warnings"][0].as_str().unwrap().contains("admin.listen"), "{checked}");
    let plain = tollbar_in(folder.path(), &["check"], &[], "").ok();
    assert!(plain.starts_with("ok\n") && plain.contains("127.0.0.1:8081"), "{plain}");
}

#[test]
fn serve_says_why_it_cannot_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for (line, said) in [
        (format!("serve {FREE} --gateway 127.0.0.1:{port}"), &["gateway", "listen", "use"][..]),
        (format!("serve {FREE} --admin 127.0.0.1:{port}"), &["admin", "listen", "use"]),
        (format!("serve {FREE} --ops 127.0.0.1:{port}"), &["ops", "listen", "use"]),
        (format!("serve {FREE} --config missing.toml"), &["missing.toml"]),
        (format!("serve {FREE} --data file"), &["file"]),
        (format!("serve {FREE} --data file/below"), &["file/below"]),
        (format!("serve {FREE} --ready-file no/such/folder/ready"), &["no/such/folder/ready"]),
    ] {
        // The last of a repeated option would be refused: the one that is tested takes the other's place.
        let mut line = line;
        for option in ["--gateway", "--admin", "--ops"] {
            if line.matches(option).count() == 2 {
                line = line.replacen(&format!("{option} 127.0.0.1:0"), "", 1);
            }
        }
        let ended = tollbar_in(folder.path(), &words(&line), &[], "");
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "`{line}`: {}", ended.err);
        for word in said {
            assert!(ended.err.contains(word), "`{line}` does not say {word}: {}", ended.err);
        }
    }
    let wrong = tollbar_in(folder.path(), &words("serve --gateway nowhere"), &[], "");
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""), "{}", wrong.err);
    assert!(wrong.err.contains("--gateway") && wrong.err.contains("nowhere"), "{}", wrong.err);
    // What an earlier server left is not taken for this one's.
    std::fs::write(folder.path().join("ready"), "{}").unwrap();
    let line =
        format!("serve {FREE} --ready-file ready").replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
    assert_eq!(tollbar_in(folder.path(), &words(&line), &[], "").code, 1);
    assert!(!folder.path().join("ready").exists() && !folder.path().join("ready.part").exists());
}

#[test]
fn a_second_server_cannot_have_the_same_folder_or_gateway() {
    let platform = Platform::start();
    let data = platform.data();
    let second = [&words("serve")[..], &words(FREE), &["--data", data.to_str().unwrap()]].concat();
    let ended = tollbar_in(platform.folder(), &second, &[], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("in use by another process"), "{}", ended.err);
    let gateway = platform.gateway.to_string();
    let line = format!("serve --gateway {gateway} --admin 127.0.0.1:0 --ops 127.0.0.1:0 --data other");
    let ended = tollbar_in(platform.folder(), &words(&line), &[], "");
    assert_eq!(ended.code, 1, "two of them would share the traffic");
    assert!(ended.err.contains("gateway"), "{}", ended.err);
    // The first one has noticed nothing: commands still find it.
    assert_eq!(get(platform.gateway, "/v1/health", &[]).status, 200);
    let status: Value = serde_json::from_slice(&platform.run(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["gateway"], format!("http://{gateway}"));
}

#[test]
fn the_ready_file_has_the_bound_addresses_and_the_start_is_announced() {
    let mut platform = Platform::start();
    let ready = std::fs::read_to_string(platform.folder().join("ready.json")).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready.as_object().unwrap().keys().collect::<Vec<_>>(), ["gateway", "admin", "ops"]);
    for (name, address) in [("gateway", platform.gateway), ("admin", platform.admin), ("ops", platform.ops)] {
        assert_eq!(ready[name], format!("http://{address}"));
        assert!(address.ip().is_loopback() && address.port() != 0);
        assert!(platform.log().contains(&format!("http://{address}")), "{}", platform.log());
    }
    assert!(!platform.folder().join("ready.json.part").exists());
    assert!(!platform.log().contains(&platform.token), "the operator token is not printed");
    platform.terminate();
    platform.wait_for_end();
    assert!(!platform.folder().join("ready.json").exists(), "it is not ready any more");
    let ended = super::tollbar(&platform, "status");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("no server runs from"), "{}", ended.err);
}

#[test]
fn a_server_that_has_apis_says_what_it_serves() {
    let (platform, _upstream) = super::set_up();
    assert!(platform.log().contains("Next: tollbar import"), "{}", platform.log());
    let platform = platform.stop_and_restart();
    let log = platform.log();
    let again = log.rsplit("is running.").next().unwrap();
    let served = format!("8 endpoints, at http://{}/v1", platform.gateway);
    assert!(again.contains(&served) && !again.contains("tollbar import"), "{again}");
}
