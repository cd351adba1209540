use std::path::PathBuf;

use tollbar_contract::Environment;

use super::{
    load::Draft,
    table::SETTINGS,
    value::{ClientCertificates, ForwardingHeader, LogFormat, LogLevel, TlsVersion},
    *,
};

mod faults;

/// Loads a text as if it were the file `t.toml`.
fn loaded(text: &str, variables: &[(&str, &str)], flags: &[Flag]) -> Result<Loaded, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("secret"), "Bearer from-a-file\n").unwrap();
    let variables = variables.iter().copied().collect();
    let prefix = format!("{}/", folder.path().display());
    load(Some(&path), &variables, flags)
        .map_err(|Faults(faults)| faults.iter().map(|fault| fault.to_string().replace(&prefix, "")).collect())
}

fn faults(text: &str) -> Vec<String> {
    loaded(text, &[], &[]).map(|_| ()).expect_err(text)
}

fn flag(name: &'static str, path: &'static str, value: &str) -> Flag {
    Flag { name, path, value: value.to_owned() }
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let loaded = load(None, &Variables::default(), &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.gateway.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(loaded.config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(loaded.config.ops.listen.to_string(), "127.0.0.1:8082");
    assert_eq!(loaded.config.route_settings(), tollbar_core::RouteSettings::default());
    assert!(loaded.config.gateway_threads() >= 1);
    assert!(loaded.config.warnings().is_empty());
    assert!(loaded.effective().iter().all(|(_, _, origin)| origin == "default"));
}

/// It is lowered without a word where nobody has asked for it.
#[test]
fn a_number_of_connections_is_wanted_by_whoever_writes_it_even_if_it_is_the_default() {
    for (text, is_set) in
        [("", false), ("[gateway]\nthreads = 2", false), ("[gateway]\nconnections_max = 10_000", true)]
    {
        assert_eq!(loaded(text, &[], &[]).unwrap().config.connections_max_is_set, is_set, "{text}");
    }
    let variable = [("TOLLBAR__GATEWAY__CONNECTIONS_MAX", "7")];
    assert!(loaded("", &variable, &[]).unwrap().config.connections_max_is_set);
}

#[test]
fn every_setting_is_read_from_a_file() {
    let text = r#"
[gateway]
listen = "0.0.0.0:80"
public_url = "https://api.example.com"
threads = 4
trusted_proxies = [
  "10.0.0.0/8", # the load balancers
  "2001:db8::/32",
]
forwarding_header = "forwarded"
proxy_protocol = true
head_timeout_seconds = 1
idle_timeout_seconds = 2
body_timeout_seconds = 3
checked_body_limit_bytes = 2048
write_timeout_seconds = 4
drain_seconds = 0
connections_max = 1_000
connections_per_address_max = 10
buffer_memory_bytes = 2_000_000
http2_streams_max = 7
upgrades = ["x"]
plain_http = true
http2 = false
http2_prior_knowledge = true
[tls]
certificate_files = ["a.pem", "/etc/b.pem"]
key_files = ["a.key", "/etc/b.key"]
client_ca_file = "sub/ca.pem"
client_certificates = "optional"
min_version = "1.3"
reload_seconds = 1
[admin]
listen = "localhost:0"
[ops]
listen = "[::1]:9000"
[routes]
own_prefix = "/-"
default_base = ""
[hosts]
live = "api.example.com"
sandbox = "sandbox.example.com"
[keys]
brand = "acme"
[tokens]
lifetime_seconds = 900
[authentication]
failures_per_minute = 7
[upstream]
connect_timeout_seconds = 1
response_timeout_seconds = 2
idle_timeout_seconds = 3
keep_idle_seconds = 0
idle_connections_max = 0
concurrency_max = 99
ca_file = "ca.pem"
certificate_file = "us.pem"
key_file = "us.key"
resolve_seconds = 9
eject_after_failures = 2
eject_on_unavailable = true
health_path = "/healthz"
health_seconds = 8
health_timeout_seconds = 1
[idempotency]
keep_seconds = 60
wait_seconds = 0
body_limit_bytes = 0x10000
answer_limit_bytes = 2048
[[upstream_credential]]
base = "/v1"
value = "Bearer abc"
[[upstream_credential]]
base = "/"
environment = "sandbox"
header = "X-Api-Token"
value_file = "secret"
[log]
level = "debug"
format = "json"
[requests]
keep_days = 7
keep_bytes = 20000000
successes_per_second = 0
anonymous_per_second = 1
"#;
    let loaded = loaded(text, &[], &[]).unwrap();
    let config = &loaded.config;
    assert_eq!(config.gateway.trusted_proxies.len(), 2);
    assert_eq!(config.gateway.forwarding_header, ForwardingHeader::Forwarded);
    assert!(config.gateway.proxy_protocol);
    assert_eq!(
        (config.gateway_threads(), config.gateway.drain_seconds, config.gateway.connections_max),
        (4, 0, 1000)
    );
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:0");
    assert_eq!(
        (config.gateway.plain_http, config.gateway.http2, config.gateway.http2_prior_knowledge),
        (true, false, true)
    );
    assert_eq!(config.tls.client_certificates, ClientCertificates::Optional);
    assert_eq!((config.tls.min_version, config.tls.reload_seconds), (TlsVersion::V13, 1));
    // Beside the file that names them.
    let folder = config.tls.certificate_files[0].parent().unwrap();
    assert!(folder.is_absolute() && config.tls.certificate_files[0].ends_with("a.pem"), "{config:?}");
    assert_eq!(config.tls.certificate_files[1], PathBuf::from("/etc/b.pem"));
    assert_eq!(config.tls.key_files, [folder.join("a.key"), "/etc/b.key".into()]);
    assert_eq!(config.tls.client_ca_file, Some(folder.join("sub/ca.pem")));
    assert_eq!(config.upstream.ca_file, Some(folder.join("ca.pem")));
    let shown = [config.upstream.certificate_file.clone(), config.upstream.key_file.clone()];
    assert_eq!(shown, [Some(folder.join("us.pem")), Some(folder.join("us.key"))]);
    assert_eq!(config.idempotency.body_limit_bytes, 65_536);
    assert_eq!((config.log.level, config.log.format), (LogLevel::Debug, LogFormat::Json));
    let routes = config.route_settings();
    assert_eq!(routes.hosts, Some(["api.example.com".to_owned(), "sandbox.example.com".to_owned()]));
    assert_eq!((routes.own_prefix.as_str(), routes.default_base.as_str()), ("/-", ""));
    let [first, second] = config.upstream_credentials.as_slice() else { panic!("two credentials") };
    assert_eq!(
        (first.base.as_str(), first.environment, first.header.as_str()),
        ("/v1", None, "authorization")
    );
    assert_eq!(first.value, "Bearer abc");
    assert_eq!((second.base.as_str(), second.environment), ("", Some(Environment::Sandbox)));
    assert_eq!(second.value, "Bearer from-a-file");
    assert!(!format!("{config:?}").contains("abc"), "a secret is not printed");
    // Only what was written differs from the defaults, and everything was written.
    for (path, _, origin) in loaded.effective() {
        assert!(origin.contains("t.toml:"), "{path} comes from {origin}");
    }
    let shown = loaded.effective();
    let of = |path: &str| shown.iter().find(|(found, _, _)| found == path).unwrap();
    assert!(of("gateway.public_url").2.ends_with("t.toml:4"));
    assert_eq!(of("gateway.trusted_proxies").1.as_deref(), Some("10.0.0.0/8, 2001:db8::/32"));
    assert_eq!(of("upstream_credential[1]").1.as_deref(), Some("x-api-token for / in sandbox"));
    assert!(shown.iter().all(|(_, value, _)| !value.as_deref().unwrap_or_default().contains("Bearer")));
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let text = "[gateway]\nlisten = \"127.0.0.1:1\"\nthreads = 1\ndrain_seconds = 1\n";
    let variables = [
        ("TOLLBAR__GATEWAY__LISTEN", "127.0.0.1:2"),
        ("TOLLBAR__GATEWAY__THREADS", "2"),
        ("TOLLBAR__GATEWAY__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("TOLLBAR_TOKEN", "not a setting"),
    ];
    let loaded = loaded(text, &variables, &[flag("--gateway", "gateway.listen", "127.0.0.1:3")]).unwrap();
    let shown = loaded.effective();
    let of = |path: &str| {
        let (_, value, origin) = shown.iter().find(|(found, _, _)| found == path).unwrap();
        (value.as_deref().unwrap(), origin.rsplit('/').next().unwrap())
    };
    assert_eq!(of("gateway.listen"), ("127.0.0.1:3", "--gateway"));
    assert_eq!(of("gateway.threads"), ("2", "TOLLBAR__GATEWAY__THREADS"));
    assert_eq!(
        of("gateway.trusted_proxies"),
        ("10.0.0.0/8, 192.0.2.1/32", "TOLLBAR__GATEWAY__TRUSTED_PROXIES")
    );
    assert_eq!(of("gateway.drain_seconds"), ("1", "t.toml:4"));
    assert_eq!(of("tokens.lifetime_seconds"), ("3600", "default"));
}

#[test]
fn an_empty_variable_takes_a_value_away() {
    let text = "[gateway]\nthreads = 3\n";
    let loaded = loaded(text, &[("TOLLBAR__GATEWAY__THREADS", "")], &[]).unwrap();
    assert_eq!(loaded.config.gateway.threads, None);
}

#[test]
fn a_credential_in_a_variable_is_pointed_to_the_file() {
    let variables = [("TOLLBAR__UPSTREAM_CREDENTIAL__VALUE", "x")].into_iter().collect();
    let fault = load(None, &variables, &[]).unwrap_err().to_string();
    assert!(fault.contains("upstream credentials are set in a file"), "{fault}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let fault = load(Some(&PathBuf::from("no/such.toml")), &Variables::default(), &[]).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "the configuration is wrong:\n  no/such.toml: it cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn plain_http_beyond_this_machine_is_warned_of() {
    let loaded =
        loaded("[admin]\nlisten = \"0.0.0.0:8081\"\n[ops]\nlisten = \"10.0.0.1:8082\"", &[], &[]).unwrap();
    let warnings = loaded.config.warnings();
    assert_eq!(
        warnings[0],
        "admin.listen is 0.0.0.0:8081, not a loopback address, and speaks plain HTTP: whoever shares the network can read it"
    );
    assert!(warnings[1].starts_with("ops.listen is 10.0.0.1:8082"));
}

#[test]
fn every_default_is_within_its_own_limits_and_reads_back() {
    let mut draft = Draft::default();
    for setting in SETTINGS {
        if let Some(text) = (setting.show)(&Config::default()) {
            assert_eq!((setting.put)(&mut draft.config, &text), Ok(()), "{}", setting.path());
        }
        if let Some((min, max)) = setting.limits {
            for (number, is_right) in
                [(Some(min), true), (Some(max), true), (min.checked_sub(1), false), (Some(max + 1), false)]
            {
                let Some(number) = number else { continue };
                let put = (setting.put)(&mut Config::default(), &number.to_string());
                assert_eq!(put.is_ok(), is_right, "{} = {number}", setting.path());
            }
        }
        assert!(setting.meaning().ends_with('.'), "{} has a meaning", setting.path());
    }
    assert_eq!(draft.config, Config::default());
}

#[test]
fn the_reference_page_has_every_setting() {
    let page = reference_page();
    for setting in SETTINGS {
        assert!(page.contains(&format!("| `{}` | ", setting.key)), "{}", setting.path());
    }
    assert!(page.contains("| `drain_seconds` | number (seconds), 0 to 3600 | `30` | How long requests under way may go on after a stop was asked for. |"), "{page}");
    assert!(page.contains("| `listen` | address:port | `127.0.0.1:8080` | "), "{page}");
    assert!(page.contains("| `own_prefix` | text | `\"\"` | "), "{page}");
    assert!(page.contains("| `value_file` | "), "{page}");
}

#[test]
fn plain_http_for_others_is_refused_unless_it_is_meant() {
    let said = "is not a loopback address, and without TLS whoever shares the network can read keys and tokens; \
        set tls.certificate_files and tls.key_files, or gateway.plain_http = true if a trusted proxy in front speaks TLS";
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let listen = format!("[gateway]\nlisten = \"{address}\"\n");
        assert_eq!(faults(&listen), [format!("t.toml:2: gateway.listen: {address} {said}")]);
        let by_flag =
            loaded("", &[], &[flag("--gateway", "gateway.listen", address)]).map(|_| ()).unwrap_err();
        assert_eq!(by_flag, [format!("--gateway: gateway.listen: {address} {said}")]);
        assert!(loaded(&format!("{listen}plain_http = true"), &[], &[]).is_ok(), "{address}");
        let tls = format!("{listen}[tls]\ncertificate_files = [\"a\"]\nkey_files = [\"b\"]");
        assert!(loaded(&tls, &[], &[]).is_ok(), "{address}");
    }
    for address in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "localhost:80"] {
        assert!(loaded(&format!("[gateway]\nlisten = \"{address}\""), &[], &[]).is_ok(), "{address}");
    }
}

#[test]
fn files_in_a_variable_begin_at_the_working_folder_and_are_taken_away_by_nothing() {
    let variables = [
        ("TOLLBAR__TLS__CERTIFICATE_FILES", "a.pem, /b.pem"),
        ("TOLLBAR__TLS__KEY_FILES", "a.key,/b.key"),
        ("TOLLBAR__UPSTREAM__CA_FILE", ""),
        ("TOLLBAR__GATEWAY__HTTP2", "false"),
    ];
    let loaded = loaded("[upstream]\nca_file = \"ca.pem\"", &variables, &[]).unwrap();
    assert_eq!(loaded.config.tls.certificate_files, [PathBuf::from("a.pem"), "/b.pem".into()]);
    assert_eq!((loaded.config.upstream.ca_file.as_ref(), loaded.config.gateway.http2), (None, false));
    assert_eq!(loaded.typed("gateway.http2", Some("false")), serde_json::json!(false));
    assert_eq!(
        loaded.typed("tls.certificate_files", Some("a.pem, /b.pem")),
        serde_json::json!(["a.pem", "/b.pem"])
    );
}
