use std::path::PathBuf;

use tollbar_contract::Environment;

use super::{
    load::Draft,
    table::SETTINGS,
    value::{LogFormat, LogLevel},
    *,
};

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
head_timeout_seconds = 1
idle_timeout_seconds = 2
body_timeout_seconds = 3
write_timeout_seconds = 4
drain_seconds = 0
connections_max = 1_000
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
successes_per_second = 0
anonymous_per_second = 1
"#;
    let loaded = loaded(text, &[], &[]).unwrap();
    let config = &loaded.config;
    assert_eq!(config.gateway.trusted_proxies.len(), 2);
    assert_eq!(
        (config.gateway_threads(), config.gateway.drain_seconds, config.gateway.connections_max),
        (4, 0, 1000)
    );
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:0");
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
fn each_fault_has_its_line_and_says_what_would_be_right() {
    for (text, expected) in [
        (
            "[gateway]\nlisten = \"here\"",
            "t.toml:2: gateway.listen: `here` is not an address and port; write it like 127.0.0.1:8080 or [::1]:8080 (port 0 takes a free one)",
        ),
        (
            "[gateway]\nlisten = \":8080\"",
            "t.toml:2: gateway.listen: `:8080` has no address; write 127.0.0.1:8080 for this machine only, or 0.0.0.0:8080 for everyone",
        ),
        ("[gateway]\nlisten = 8080", "t.toml:2: gateway.listen: it must be a string, not a whole number"),
        ("[gateway]\n\nthreads = 0", "t.toml:3: gateway.threads: 0 is out of range; it must be 1 to 1024"),
        ("[gateway]\nthreads = \"4\"", "t.toml:2: gateway.threads: it must be a whole number, not a string"),
        ("[gateway]\nthreads = 1.5", "t.toml:2: gateway.threads: it must be a whole number, not a fraction"),
        ("[gateway]\nthreads = -1", "t.toml:2: gateway.threads: -1 is negative; it must be 1 to 1024"),
        (
            "[gateway]\ntrusted_proxies = [\n  \"10.0.0.0/8\",\n  \"10.0.0.1/8\",\n]",
            "t.toml:4: gateway.trusted_proxies: `10.0.0.1/8` has bits set beyond its prefix; did you mean 10.0.0.0/8?",
        ),
        (
            "[gateway]\ntrusted_proxies = \"10.0.0.0/8\"",
            "t.toml:2: gateway.trusted_proxies: it must be a list of strings, not a string",
        ),
        (
            "[gateway]\ntrusted_proxies = [1]",
            "t.toml:2: gateway.trusted_proxies: an entry is a string in quotes, not a whole number",
        ),
        (
            "[gateway]\nidle_timeout_seconds = 99999",
            "t.toml:2: gateway.idle_timeout_seconds: 99999 is out of range; it must be 1 to 3600 seconds",
        ),
        (
            "[gateway]\npublic_url = \"api.example.com\"",
            "t.toml:2: gateway.public_url: `api.example.com` is not a base URL; write it like https://api.example.com, without a path or a slash at the end",
        ),
        (
            "[gateway]\npublic_url = \"https://a/b\"",
            "t.toml:2: gateway.public_url: `https://a/b` is not a base URL; write it like https://api.example.com, without a path or a slash at the end",
        ),
        (
            "[authentication]\nfailures_per_minute = 99999999999",
            "t.toml:2: authentication.failures_per_minute: 99999999999 is too large; it must be 1 to 1000000 per minute",
        ),
        (
            "[idempotency]\nbody_limit_bytes = 10",
            "t.toml:2: idempotency.body_limit_bytes: 10 is out of range; it must be 1024 to 67108864 bytes",
        ),
        (
            "[keys]\nbrand = \"My_Brand\"",
            "t.toml:2: keys.brand: `My_Brand` cannot begin a key; it must be 1 to 16 lower-case letters and digits",
        ),
        (
            "[routes]\nown_prefix = \"own/\"",
            "t.toml:2: routes.own_prefix: `own/` is not a path; write it like /- or /platform (no slash at the end), or leave it empty",
        ),
        (
            "[routes]\ndefault_base = \"/sandbox\"",
            "t.toml:2: routes.default_base: `/sandbox` begins with /sandbox, which is where sandbox lives",
        ),
        (
            "[routes]\ndefault_base = \"v1\"",
            "t.toml:2: routes.default_base: `v1` is not a base path; write it like /v1 (no slash at the end), or \"\" for the root",
        ),
        (
            "[hosts]\nlive = \"API.example.com:80\"\nsandbox = \"s.example.com\"",
            "t.toml:2: hosts.live: `API.example.com:80` is not a host name; write it like api.example.com, in lower case, without scheme and port",
        ),
        (
            "[hosts]\nlive = \"api.example.com\"",
            "t.toml:2: hosts.live: hosts.sandbox is missing; set both hosts, or none",
        ),
        (
            "[hosts]\nlive = \"a.b\"\nsandbox = \"a.b\"",
            "t.toml:3: hosts.sandbox: `a.b` is the host of live too; they must differ",
        ),
        (
            "[admin]\nlisten = \"0.0.0.0:8080\"",
            "t.toml:2: admin.listen: 0.0.0.0:8080 is taken by gateway.listen (127.0.0.1:8080); give each listener its own port",
        ),
        (
            "[log]\nlevel = \"inof\"",
            "t.toml:2: log.level: `inof` is not one of trace, debug, info, warn, error; did you mean `info`?",
        ),
        ("[gatway]\n", "t.toml:1: there is no section [gatway]; did you mean `gateway`?"),
        ("[zzzzzzzz]\n", "t.toml:1: there is no section [zzzzzzzz]"),
        ("[gateway]\nlisen = \"x\"", "t.toml:2: there is no setting gateway.lisen; did you mean `listen`?"),
        (
            "[gateway]\nbrand = \"x\"",
            "t.toml:2: there is no setting gateway.brand; `brand` belongs to [keys]",
        ),
        (
            "listen = \"x\"",
            "t.toml:1: `listen` stands in no section; `listen` belongs to [gateway] or [admin] or [ops]",
        ),
        ("gateway = 1", "t.toml:1: `gateway` is a section; write [gateway] on a line of its own"),
        (
            "[upstream_credential]\nbase = \"/v1\"",
            "t.toml:1: write [[upstream_credential]], with two brackets: there can be several",
        ),
        (
            "\n[[upstream_credential]]\nvalue = \"x\"",
            "t.toml:2: this upstream_credential has no `base`, such as base = \"/v1\"",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"",
            "t.toml:1: this upstream_credential has no `value` and no `value_file`",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\\nb\"",
            "t.toml:3: upstream_credential.value: it is empty, or has characters that a header field cannot have",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\"\nvalue_file = \"secret\"",
            "t.toml:4: upstream_credential.value_file: `value` and `value_file` are both given; keep one",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue_file = \"nope\"",
            "t.toml:3: upstream_credential.value_file: nope cannot be read: No such file or directory (os error 2)",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\"\nheader = \"Host\"",
            "t.toml:4: upstream_credential.header: `Host` is set by Tollbar itself, and cannot carry a credential",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\"\nenvironment = \"prod\"",
            "t.toml:4: upstream_credential.environment: `prod` is not an environment; it is live or sandbox",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\"\nenviroment = \"live\"",
            "t.toml:4: there is no setting upstream_credential.enviroment; did you mean `environment`?",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = 1",
            "t.toml:3: upstream_credential.value: it must be a string, not a whole number",
        ),
        (
            "[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"a\"\n[[upstream_credential]]\nbase = \"/v1\"\nvalue = \"b\"\nenvironment = \"live\"",
            "t.toml:4: there is already an upstream_credential authorization for /v1 in live and sandbox",
        ),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn syntax_errors_have_their_line() {
    for (text, line) in
        [("[gateway\n", 1), ("[gateway]\nlisten = \n", 2), ("[gateway]\nthreads = 1\nthreads = 2\n", 3)]
    {
        let faults = faults(text);
        assert!(faults[0].starts_with(&format!("t.toml:{line}: ")), "{faults:?}");
    }
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    let text = "[keys]\nbrand = \"\"\n[gateway]\nthreads = 0\nlisen = \"x\"\n[nonsense]\n";
    let variables =
        [("TOLLBAR__TOKENS__LIFETIME_SECONDS", "soon"), ("TOLLBAR__TOKEN__LIFETIME_SECONDS", "60")];
    let faults = loaded(text, &variables, &[flag("--ops", "ops.listen", "ops")]).map(|_| ()).unwrap_err();
    assert_eq!(
        faults,
        [
            "t.toml:2: keys.brand: `` cannot begin a key; it must be 1 to 16 lower-case letters and digits",
            "t.toml:4: gateway.threads: 0 is out of range; it must be 1 to 1024",
            "t.toml:5: there is no setting gateway.lisen; did you mean `listen`?",
            "t.toml:6: there is no section [nonsense]",
            "TOLLBAR__TOKENS__LIFETIME_SECONDS: tokens.lifetime_seconds: `soon` is not a whole number; it must be 1 to 86400 seconds",
            "TOLLBAR__TOKEN__LIFETIME_SECONDS: there is no such setting; did you mean `TOLLBAR__TOKENS__LIFETIME_SECONDS`?",
            "--ops: ops.listen: `ops` is not an address and port; write it like 127.0.0.1:8080 or [::1]:8080 (port 0 takes a free one)",
        ]
    );
    let all = load(None, &[("TOLLBAR__A", "1"), ("TOLLBAR__B", "2")].into_iter().collect(), &[]).unwrap_err();
    assert_eq!(
        all.to_string(),
        "the configuration is wrong in 2 places:\n  TOLLBAR__A: there is no such setting\n  TOLLBAR__B: there is no such setting"
    );
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
