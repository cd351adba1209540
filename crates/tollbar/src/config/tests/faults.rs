use super::*;

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
            "[gateway]\nforwarding_header = \"x-forwarded\"",
            "t.toml:2: gateway.forwarding_header: `x-forwarded` is not one of x-forwarded-for, forwarded; did you mean `x-forwarded-for`?",
        ),
        (
            "[gateway]\nproxy_protocol = true",
            "t.toml:2: gateway.proxy_protocol: gateway.trusted_proxies is empty, and only they may send a PROXY header; list them",
        ),
        (
            "[gateway]\nproxy_protocol = \"yes\"",
            "t.toml:2: gateway.proxy_protocol: it must be true or false, not a string",
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
            "[upstream]\nhealth_path = \"healthz\"",
            "t.toml:2: upstream.health_path: `healthz` is not a path; write it like /healthz, or leave it out to ask for none",
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
        (
            "[gateway]\nplain_http = \"yes\"",
            "t.toml:2: gateway.plain_http: it must be true or false, not a string",
        ),
        (
            "[tls]\nmin_version = \"1.1\"",
            "t.toml:2: tls.min_version: `1.1` is not one of 1.2, 1.3; did you mean `1.2`?",
        ),
        ("[tls]\nmin_version = 1.3", "t.toml:2: tls.min_version: it must be a string, not a fraction"),
        (
            "[tls]\ncertificate_files = [\"a\", \"b\"]\nkey_files = [\"c\"]",
            "t.toml:3: tls.key_files: there are 1 keys for 2 certificates; name one key file for each certificate file, in the same order",
        ),
        (
            "[tls]\ncertificate_files = [\"a\"]",
            "t.toml:2: tls.key_files: there are 0 keys for 1 certificates; name one key file for each certificate file, in the same order",
        ),
        (
            "[tls]\ncertificate_files = [\"a\", \"b,c\"]\nkey_files = [\"d\"]",
            "t.toml:2: tls.certificate_files: `b,c` has a comma; give the file another name",
        ),
        (
            "[tls]\nclient_ca_file = \"a\"",
            "t.toml:2: tls.client_ca_file: nothing is checked against it while tls.client_certificates is off; make that optional or required",
        ),
        (
            "[tls]\ncertificate_files = [\"a\"]\nkey_files = [\"b\"]\nclient_certificates = \"required\"",
            "t.toml:4: tls.client_certificates: tls.client_ca_file is missing; name the file with the authorities whose certificates are right",
        ),
        (
            "[tls]\nclient_ca_file = \"a\"\nclient_certificates = \"required\"",
            "t.toml:3: tls.client_certificates: clients bring certificates by TLS only; set tls.certificate_files",
        ),
        (
            "[upstream]\ncertificate_file = \"a\"",
            "t.toml:2: upstream.certificate_file: upstream.key_file is missing; set both, or none",
        ),
        (
            "[upstream]\nkey_file = \"a\"",
            "t.toml:2: upstream.key_file: upstream.certificate_file is missing; set both, or none",
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
fn a_value_and_a_file_are_too_much_whatever_else_is_wrong_and_lines_are_in_order() {
    let text = "[[upstream_credential]]\nvalue_file = \"nope\"\nvalue = \"a\"\nheader = \"Host\"\nbase = \"v1\"\n\
        [gateway]\nthreads = 0\n[hosts]\nlive = \"a.b\"\n[log]\nlevel = \"inof\"";
    let lines: Vec<String> = faults(text).iter().map(|fault| fault.chars().take(44).collect()).collect();
    assert_eq!(
        lines,
        [
            "t.toml:2: upstream_credential.value_file: no",
            "t.toml:3: upstream_credential.value: `value`",
            "t.toml:4: upstream_credential.header: `Host`",
            "t.toml:5: upstream_credential.base: `v1` is ",
            "t.toml:7: gateway.threads: 0 is out of range",
            "t.toml:9: hosts.live: hosts.sandbox is missi",
            "t.toml:11: log.level: `inof` is not one of t",
        ]
    );
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
