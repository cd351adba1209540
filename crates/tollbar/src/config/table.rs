//! The one table of settings.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;

use super::{
    check::{base, brand, health_path, host, limits, own_prefix, public_url, upgrades, within},
    upstream_credential::UpstreamCredential,
    value::{ClientCertificates, Form, ForwardingHeader, LogFormat, LogLevel, TlsVersion, Value},
};

/// One row of the table.
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) form: Form,
    pub(super) type_name: &'static str,
    /// A path in a configuration file begins at that file's folder.
    pub(super) is_path: bool,
    pub(super) limits: Option<(u64, u64)>,
    meaning: &'static [&'static str],
    /// Reads, checks and sets the value.
    pub(super) put: fn(&mut Config, &str) -> Result<(), String>,
    /// `None`: not set.
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// `gateway.listen`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// `TOLLBAR__GATEWAY__LISTEN`.
    pub(super) fn variable(&self) -> String {
        format!("TOLLBAR__{}__{}", self.section.to_uppercase(), self.key.to_uppercase())
    }

    pub(super) fn unit(&self) -> &'static str {
        unit_of(self.key)
    }

    pub(super) fn meaning(&self) -> String {
        self.meaning.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

fn unit_of(key: &str) -> &'static str {
    let units = [
        ("_seconds", "seconds"),
        ("_bytes", "bytes"),
        ("_per_minute", "per minute"),
        ("_per_second", "per second"),
    ];
    units.into_iter().find(|(suffix, _)| key.ends_with(suffix)).map_or("", |(_, unit)| unit)
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])*
        $section:ident: $type:ident {
            $(
                $(#[doc = $doc:literal])*
                $key:ident: $kind:ty = $default:expr $(, from $min:literal to $max:literal)? $(, checked by $rule:path)?;
            )*
        }
    )*) => {
        $(
            $(#[doc = $section_doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub(crate) struct $type { $( $(#[doc = $doc])* pub(crate) $key: $kind, )* }

            impl Default for $type {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*

        /// Everything that an operator can set.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct Config {
            $( $(#[doc = $section_doc])* pub(crate) $section: $type, )*
            /// What is put in for the caller's credentials on the way to an upstream.
            pub(crate) upstream_credentials: Vec<UpstreamCredential>,
            /// Somebody wants `gateway.connections_max` to be what it is, and wants to know if it cannot be.
            pub(crate) connections_max_is_set: bool,
        }

        /// All settings, in the order of the reference.
        pub(super) const SETTINGS: &[Setting] = &[$($(
            Setting {
                section: stringify!($section),
                key: stringify!($key),
                form: <$kind as Value>::FORM,
                type_name: <$kind as Value>::TYPE,
                is_path: <$kind as Value>::IS_PATH,
                limits: [$( Some(($min, $max)), )? None][0],
                meaning: &[$($doc),*],
                put: |config, text| {
                    let value = <$kind as Value>::read(text)
                        $(.map_err(|fault| format!("{fault}; {}", limits($min, $max, unit_of(stringify!($key))))))?
                        ?;
                    $( within(&value, $min, $max, unit_of(stringify!($key)))?; )?
                    $( $rule(&value)?; )?
                    config.$section.$key = value;
                    Ok(())
                },
                show: |config| config.$section.$key.show(),
            },
        )*)*];

        /// All sections and what each is for.
        pub(super) const SECTIONS: &[(&str, &[&str])] = &[$( (stringify!($section), &[$($section_doc),*]), )*];
    };
}

settings! {
    /// Where partners call.
    gateway: Gateway {
        /// Where partners' requests arrive. Port 0 takes a free one.
        listen: SocketAddr = loopback(8080);
        /// How partners reach this gateway, such as `https://api.example.com`; stands in tokens as their issuer. Not set: `http://` (with TLS `https://`) and the address it listens on.
        public_url: Option<String> = None, checked by public_url;
        /// Threads that serve requests. Not set: one for each core.
        threads: Option<usize> = None, from 1 to 1024;
        /// Proxies that are believed when they say for whom they ask, such as `10.0.0.0/8`. Empty: none.
        trusted_proxies: Vec<IpNet> = Vec::new();
        /// The header in which they say it. The other one is not read: they pass it on as the caller wrote it.
        forwarding_header: ForwardingHeader = ForwardingHeader::XForwardedFor;
        /// Whether connections from `trusted_proxies` begin with a PROXY protocol header, version 1 or 2. They are then refused without one; others may not send one.
        proxy_protocol: bool = false;
        /// How long a request's head may take to arrive.
        head_timeout_seconds: u64 = 10, from 1 to 600;
        /// How long a connection may wait for its next request. For its first it may wait as long as for a head.
        idle_timeout_seconds: u64 = 75, from 1 to 3600;
        /// How long a request's body may pause. On the whole it must come faster than 1 KiB a second, so that one byte now and then does not hold a connection.
        body_timeout_seconds: u64 = 30, from 1 to 3600;
        /// How long a caller may take none of its answer's bytes.
        write_timeout_seconds: u64 = 30, from 1 to 3600;
        /// Requests at once on one HTTP/2 connection; more are refused by the protocol, and the client sends them later.
        http2_streams_max: u32 = 100, from 1 to 10000;
        /// Protocols that a client may go on with by `Upgrade`, once the upstream has agreed by `101`; such as `websocket`. Empty: none.
        upgrades: Vec<String> = vec!["websocket".to_owned()], checked by upgrades;
        /// How long requests under way may go on after a stop was asked for.
        drain_seconds: u64 = 30, from 0 to 3600;
        /// Connections open at a time; further ones wait to be accepted. Lowered, with a warning, where the limit of open files does not allow so many.
        connections_max: usize = 10_000, from 1 to 1000000;
        /// Connections open at a time from one address (for IPv6, from one network of 64 bits); further ones are refused. `trusted_proxies` are exempt, since they speak for many: whom their PROXY headers name is counted.
        connections_per_address_max: u32 = 1000, from 1 to 1000000;
        /// Request bodies and answers held in memory at a time, by all requests together. Beyond it a request with a body is refused by `internal_error` with `Retry-After`, and nothing is sent.
        buffer_memory_bytes: usize = 268_435_456, from 1048576 to 1099511627776;
        /// Largest body that is held against an API's document; it is read whole. A larger one is refused, unless the document describes bytes there (`format: binary`, `application/octet-stream`) or says `x-tollbar-check-body: false`: such bodies pass as they come.
        checked_body_limit_bytes: usize = 8_388_608, from 1024 to 67108864;
        /// Whether plain HTTP may be spoken on an address that others reach: only where a trusted proxy in front speaks TLS. On loopback it always may.
        plain_http: bool = false;
        /// Whether HTTP/2 is offered to clients that speak TLS (by ALPN).
        http2: bool = true;
        /// Whether HTTP/2 may also be begun without TLS, by a client that knows of it (h2c with prior knowledge).
        http2_prior_knowledge: bool = false;
    }
    /// TLS for partners, on the gateway's listener. Files are PEM; a relative path begins at the folder of the configuration file. Changed files are taken without a restart; so they are at a SIGHUP.
    tls: Tls {
        /// Certificates, each with its chain behind it. With several, the name that a client asks for decides (SNI); the first is for all other names. Empty: no TLS.
        certificate_files: Vec<PathBuf> = Vec::new();
        /// Their private keys, in the same order.
        key_files: Vec<PathBuf> = Vec::new();
        /// The authorities that clients' certificates must come from.
        client_ca_file: Option<PathBuf> = None;
        /// Whether clients bring a certificate: `off`, `optional` (one that is brought must be right) or `required`. It comes before, and in place of nothing: keys and tokens are needed as ever.
        client_certificates: ClientCertificates = ClientCertificates::Off;
        /// The oldest version of TLS that is spoken.
        min_version: TlsVersion = TlsVersion::V12;
        /// How often the files are looked at for a change.
        reload_seconds: u64 = 10, from 1 to 86400;
    }
    /// The admin API, which the command line uses. It is plain HTTP: keep it on this machine or a private network.
    admin: Admin {
        /// Where the admin API listens.
        listen: SocketAddr = loopback(8081);
    }
    /// Liveness, readiness and metrics, for load balancers and Prometheus. Plain HTTP, no credentials.
    ops: Ops {
        /// Where `/livez`, `/readyz` and `/metrics` listen.
        listen: SocketAddr = loopback(8082);
    }
    /// How paths are divided between an API and Tollbar's own routes.
    routes: Routes {
        /// Stands between an API's base and Tollbar's own routes, such as `/-`, where an API has routes of the same name (`/account`). Empty: nothing.
        own_prefix: String = String::new(), checked by own_prefix;
        /// The base of Tollbar's own routes while nothing is imported, and of a document that names none.
        default_base: String = "/v1".to_owned(), checked by base;
    }
    /// Host names of live and sandbox, if they are told apart by host. Not set: one host serves both, sandbox under `/sandbox`.
    hosts: Hosts {
        /// The host name of live, such as `api.example.com`. Set both or none.
        live: Option<String> = None, checked by host;
        /// The host name of sandbox, such as `sandbox.example.com`.
        sandbox: Option<String> = None, checked by host;
    }
    /// API keys.
    keys: Keys {
        /// What keys begin with, so that people and secret scanners recognise them: `tb_live_...`. 1 to 16 lower-case letters and digits.
        brand: String = "tb".to_owned(), checked by brand;
    }
    /// Access tokens.
    tokens: Tokens {
        /// How long a token is valid.
        lifetime_seconds: u64 = 3600, from 1 to 86400;
    }
    /// Refused credentials.
    authentication: Authentication {
        /// Failed authentications from one address in a minute before further ones are throttled. A valid credential never is.
        failures_per_minute: u32 = 100, from 1 to 1000000;
    }
    /// Connections to upstreams.
    upstream: Upstream {
        /// How long a connection may take to be made.
        connect_timeout_seconds: u64 = 5, from 1 to 300;
        /// How long the head of the upstream's answer may take, and each write of a request to it.
        response_timeout_seconds: u64 = 30, from 1 to 3600;
        /// How long the upstream's answer may pause between bytes of its body; an event stream pauses for long.
        idle_timeout_seconds: u64 = 300, from 1 to 3600;
        /// How long an idle connection is kept. Keep it below the upstream's own limit. 0: none is kept.
        keep_idle_seconds: u64 = 4, from 0 to 600;
        /// Idle connections kept for each thread and address of an upstream.
        idle_connections_max: usize = 256, from 0 to 65536;
        /// Requests under way at a time for each thread and upstream, until their answer begins. As many as an upstream answers in time is found out by its latency, between 8 for all threads together (more where answers are quick) and this; what is beyond is refused by `internal_error` with `Retry-After`, and nothing is sent. Raise it for an API whose callers wait long for an answer.
        concurrency_max: usize = 1024, from 8 to 65536;
        /// The authorities that the certificates of `https://` upstreams must come from (PEM). Not set: those of the system.
        ca_file: Option<PathBuf> = None;
        /// A certificate to show to `https://` upstreams that ask for one, with its chain (PEM). Set it with `key_file`, or set neither.
        certificate_file: Option<PathBuf> = None;
        /// Its private key.
        key_file: Option<PathBuf> = None;
        /// How often the host names of upstreams are resolved again. While that fails, the addresses stay as they were.
        resolve_seconds: u64 = 30, from 1 to 86400;
        /// Exchanges without an answer, in a row, before an address is left out for a time. A connection that cannot be made counts at once.
        eject_after_failures: u32 = 5, from 1 to 1000;
        /// Whether answers 502, 503 and 504 count as exchanges without an answer.
        eject_on_unavailable: bool = false;
        /// A path that each address of each upstream is asked for now and then, such as `/healthz`: one that does not answer with 2xx or 3xx is left out. Not set: none is asked.
        health_path: Option<String> = None, checked by health_path;
        /// How often it is asked.
        health_seconds: u64 = 10, from 1 to 3600;
        /// How long its answer may take.
        health_timeout_seconds: u64 = 5, from 1 to 300;
    }
    /// Requests with an `Idempotency-Key`.
    idempotency: Idempotency {
        /// How long an answer is kept and replayed, from when it came.
        keep_seconds: u64 = 86_400, from 1 to 2592000;
        /// How long a repeat waits for the first request to end.
        wait_seconds: u64 = 30, from 0 to 600;
        /// Largest body of a request with a key; it is read whole, to be compared.
        body_limit_bytes: usize = 1_048_576, from 1024 to 67108864;
        /// Largest answer that is kept; a larger one is delivered, and cannot be replayed.
        answer_limit_bytes: usize = 1_048_576, from 1024 to 67108864;
    }
    /// The log, on standard error.
    log: Log {
        /// What is logged: this and worse.
        level: LogLevel = LogLevel::Info;
        /// The form of its lines.
        format: LogFormat = LogFormat::Text;
    }
    /// The request log, which `tollbar request show` reads. Errors of known clients are always taken into it.
    requests: Requests {
        /// How many days an entry is kept.
        keep_days: u64 = 30, from 1 to 3660;
        /// What the entries may take on the disk; the oldest make room. The files beside it (`-wal`) take some MiB more.
        keep_bytes: u64 = 1_073_741_824, from 16777216 to 1099511627776;
        /// Successful requests kept in a second, at most. What is left out is counted in `tollbar_request_log_successes_left_out`.
        successes_per_second: u32 = 20, from 0 to 1000000;
        /// Refused requests of unknown callers kept in a second, at most; half of them at most from one address. What is left out is counted in `tollbar_request_log_left_out`.
        anonymous_per_second: u32 = 20, from 0 to 1000000;
    }
}

impl Config {
    /// How many threads serve requests.
    pub(crate) fn gateway_threads(&self) -> usize {
        self.gateway.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// How paths and hosts are divided.
    pub(crate) fn route_settings(&self) -> tollbar_core::RouteSettings {
        tollbar_core::RouteSettings {
            hosts: self.hosts.live.clone().zip(self.hosts.sandbox.clone()).map(<[String; 2]>::from),
            own_prefix: self.routes.own_prefix.clone(),
            default_base: self.routes.default_base.clone(),
        }
    }

    /// What is allowed, and probably not meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let listeners = [("admin.listen", self.admin.listen), ("ops.listen", self.ops.listen)];
        listeners
            .into_iter()
            .filter(|(_, address)| !address.ip().is_loopback())
            .map(|(path, address)| {
                format!("{path} is {address}, not a loopback address, and speaks plain HTTP: whoever shares the network can read it")
            })
            .collect()
    }
}
