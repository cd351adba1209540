//! The catalogue in memory: which API and endpoint a path belongs to, and in which environment.

use std::{collections::BTreeMap, sync::Arc};

use tollbar_contract::{Environment, version_of_base};
use tollbar_openapi::{Checks, CompileError, Find, RouteConflict, Router};

use crate::{ApiRecord, EndpointId, EndpointRecord, EndpointSettings};

/// How paths and hosts are divided, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// Host names of live and sandbox. Without them one host serves both: live at `{base}`, sandbox at
    /// `/sandbox{base}`.
    pub hosts: Option<[String; 2]>,
    /// Stands between `{base}` and our own routes; empty by default.
    pub own_prefix: String,
    /// The base that our own routes have while nothing is imported.
    pub default_base: String,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self { hosts: None, own_prefix: String::new(), default_base: "/v1".to_owned() }
    }
}

impl RouteSettings {
    /// The URL of a base in an environment, as partners write it, by the URL under which they reach the gateway.
    pub fn base_url(&self, public_url: &str, environment: Environment, base: &str) -> String {
        match &self.hosts {
            Some(hosts) => {
                let scheme = public_url.split("://").next().unwrap_or("https");
                format!("{scheme}://{}{base}", hosts[environment.index()])
            }
            None if environment == Environment::Sandbox => format!("{public_url}{SANDBOX_PREFIX}{base}"),
            None => format!("{public_url}{base}"),
        }
    }
}

/// What stands before the base in sandbox paths.
pub const SANDBOX_PREFIX: &str = "/sandbox";
const METADATA_PREFIX: &str = "/.well-known/oauth-authorization-server";

/// The routes that are Tollbar's own, under each base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnRoute {
    /// Is the platform up: for partners.
    Health,
    /// What a client may know of itself.
    Account,
    /// The token endpoint, RFC 6749.
    Token,
    /// RFC 7009.
    Revoke,
    /// RFC 7662.
    Introspect,
    /// RFC 7517.
    Jwks,
    /// RFC 8414.
    Metadata,
}

impl OwnRoute {
    const UNDER_BASE: [(&'static str, Self); 6] = [
        ("/health", Self::Health),
        ("/account", Self::Account),
        ("/oauth/token", Self::Token),
        ("/oauth/revoke", Self::Revoke),
        ("/oauth/introspect", Self::Introspect),
        ("/oauth/jwks", Self::Jwks),
    ];

    /// The paths under a base that are ours.
    pub fn paths() -> impl Iterator<Item = &'static str> {
        Self::UNDER_BASE.into_iter().map(|(path, _)| path)
    }

    /// The methods it answers, for `Allow`.
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Health | Self::Account | Self::Jwks | Self::Metadata => "GET, HEAD, OPTIONS",
            Self::Token | Self::Revoke | Self::Introspect => "POST, OPTIONS",
        }
    }
}

/// One imported API, ready to route. Copies share what was built.
#[derive(Clone)]
pub struct Api {
    /// As it is stored: what the document says. What is in force for an endpoint is [`Api::endpoint`].
    pub record: Arc<ApiRecord>,
    /// Those endpoints for which something is set by hand, as they are in force.
    set: BTreeMap<usize, EndpointRecord>,
    router: Arc<Router>,
    checks: Arc<Checks>,
}

/// Why an API cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiFault {
    /// Two endpoints match the same requests.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Routes(Vec<RouteConflict>),
    /// What its requests are held against is no schema.
    #[error("{0}")]
    Schemas(#[from] CompileError),
}

impl Api {
    /// Builds the router, and compiles the schemas.
    pub fn new(record: ApiRecord) -> Result<Self, ApiFault> {
        let routes = record.endpoints.iter().enumerate();
        let router =
            Router::build(routes.map(|(n, e)| (e.operation.method.as_str(), e.operation.path.as_str(), n)))
                .map_err(ApiFault::Routes)?;
        let checks = Checks::build(record.endpoints.iter().map(|e| &e.operation), &record.schemas)?;
        let (router, checks) = (Arc::new(router), Arc::new(checks));
        Ok(Self { record: Arc::new(record), set: BTreeMap::new(), router, checks })
    }

    /// The same API under these settings by hand, and no others.
    #[must_use]
    pub fn with_settings(&self, settings: &BTreeMap<EndpointId, EndpointSettings>) -> Self {
        let said = self.record.endpoints.iter().enumerate();
        let set = said.filter_map(|(n, said)| Some((n, settings.get(&said.id)?.over(said))));
        Self { set: set.collect(), ..self.clone() }
    }

    /// The same with another record of the same operations: what was built stays.
    #[must_use]
    pub fn with_record(self, change: impl FnOnce(&mut ApiRecord)) -> Self {
        let mut record = self.record;
        change(Arc::make_mut(&mut record));
        Self { record, ..self }
    }

    /// The endpoint for a method and the path after the base. `HEAD` is `GET` where the document has no `HEAD`.
    pub fn find(&self, method: &str, path: &str) -> Find {
        match self.router.find(method, path) {
            Find::MethodNotAllowed { allow } if method == "HEAD" && allow.iter().any(|m| m == "GET") => {
                self.router.find("GET", path)
            }
            found => found,
        }
    }

    /// What requests to the endpoints are held against.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// An endpoint by the number that a match gave, as it is in force.
    pub fn endpoint(&self, id: usize) -> Option<&EndpointRecord> {
        self.set.get(&id).or_else(|| self.record.endpoints.get(id))
    }

    /// All endpoints as they are in force, in the document's order.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointRecord> {
        self.record.endpoints.iter().enumerate().map(|(n, said)| self.set.get(&n).unwrap_or(said))
    }
}

/// The imported APIs, longest base first.
#[derive(Clone, Default)]
pub struct Catalogue {
    apis: Vec<Arc<Api>>,
}

/// What a path is, before anyone has asked who is calling.
pub struct Location<'a> {
    /// The environment that is called.
    pub environment: Environment,
    /// The base path it is under, if any.
    pub base: Option<&'a str>,
    /// The API there, if one is imported and has an upstream for the environment.
    pub api: Option<&'a Arc<Api>>,
    /// The rest of the path: `/orders/1`.
    pub rest: &'a str,
    /// Which of our own routes it is.
    pub own: Option<OwnRoute>,
}

impl Location<'_> {
    /// `meta.version`.
    pub fn version(&self) -> &str {
        version_of_base(self.base.unwrap_or_default())
    }
}

impl Catalogue {
    /// Imports an API, or replaces the one on its base.
    pub fn put(&mut self, api: Arc<Api>) {
        self.remove(&api.record.base);
        self.apis.push(api);
        self.apis.sort_by_key(|api| std::cmp::Reverse(api.record.base.len()));
    }

    /// Takes away the API on a base.
    pub fn remove(&mut self, base: &str) {
        self.apis.retain(|api| api.record.base != base);
    }

    /// All of them.
    pub fn apis(&self) -> &[Arc<Api>] {
        &self.apis
    }

    /// The API on exactly this base.
    pub fn find_base(&self, base: &str) -> Option<&Arc<Api>> {
        self.apis.iter().find(|api| api.record.base == base)
    }

    /// The bases that exist: those of the APIs, or the default one.
    pub fn bases<'a>(&'a self, settings: &'a RouteSettings) -> impl Iterator<Item = &'a str> {
        let default = self.apis.is_empty().then_some(settings.default_base.as_str());
        self.apis.iter().map(|api| api.record.base.as_str()).chain(default)
    }

    /// Says what a raw path is. Prefixes are compared byte for byte.
    pub fn locate<'a>(&'a self, settings: &'a RouteSettings, host: &str, path: &'a str) -> Location<'a> {
        let (environment, known_host) = match &settings.hosts {
            None if under(path, SANDBOX_PREFIX).is_some() || is_sandbox_metadata(path) => {
                (Environment::Sandbox, true)
            }
            None => (Environment::Live, true),
            Some([live, sandbox]) => {
                let host = without_port(host);
                let is_sandbox = host.eq_ignore_ascii_case(sandbox);
                let environment = if is_sandbox { Environment::Sandbox } else { Environment::Live };
                (environment, is_sandbox || host.eq_ignore_ascii_case(live))
            }
        };
        let nowhere = Location { environment, base: None, api: None, rest: path, own: None };
        if !known_host {
            return nowhere;
        }
        let prefix =
            if settings.hosts.is_none() && environment == Environment::Sandbox { SANDBOX_PREFIX } else { "" };
        if let Some(rest) = path.strip_prefix(METADATA_PREFIX).and_then(|rest| rest.strip_prefix(prefix)) {
            let base = self.bases(settings).find(|base| *base == rest);
            return Location { base, own: base.map(|_| OwnRoute::Metadata), ..nowhere };
        }
        let Some(path) = path.strip_prefix(prefix) else { return nowhere };
        let found = self.bases(settings).find_map(|base| Some((base, under(path, base)?)));
        let Some((base, rest)) = found else { return nowhere };
        let own = rest.strip_prefix(settings.own_prefix.as_str()).and_then(|rest| {
            OwnRoute::UNDER_BASE.into_iter().find(|(own, _)| *own == rest).map(|(_, route)| route)
        });
        let api = self.find_base(base).filter(|api| !api.record.upstreams[environment.index()].is_empty());
        Location { environment, base: Some(base), api, rest, own }
    }
}

/// The rest of a path under a prefix that ends at a segment's end.
fn under<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_sandbox_metadata(path: &str) -> bool {
    path.strip_prefix(METADATA_PREFIX).is_some_and(|rest| under(rest, SANDBOX_PREFIX).is_some())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use tollbar_openapi::SchemaSet;

    use super::*;
    use crate::{ChangeId, OnUpstream5xx, Timestamp, UpstreamErrors};

    fn api(base: &str, sandbox: bool) -> Arc<Api> {
        Arc::new(
            Api::new(ApiRecord {
                format: crate::API_FORMAT,
                base: base.into(),
                title: String::new(),
                version: String::new(),
                upstreams: [
                    vec!["http://u".into()],
                    sandbox.then(|| "http://s".into()).into_iter().collect(),
                ],
                upstream_errors: UpstreamErrors::Wrap,
                on_upstream_5xx: OnUpstream5xx::Store,
                observe: false,
                endpoints: vec![],
                schemas: SchemaSet::default(),
                imported_at: Timestamp::default(),
                change: ChangeId(0),
            })
            .unwrap(),
        )
    }

    fn described(catalogue: &Catalogue, settings: &RouteSettings, host: &str, path: &str) -> String {
        let at = catalogue.locate(settings, host, path);
        let api = at.api.map_or("-", |api| &api.record.base);
        format!("{} {} {api} {} {:?}", at.environment, at.base.unwrap_or("-"), at.rest, at.own)
    }

    #[test]
    fn a_path_says_environment_base_and_rest() {
        let mut catalogue = Catalogue::default();
        catalogue.put(api("/v1", true));
        catalogue.put(api("/v1/shop", false));
        let settings = RouteSettings::default();
        for (path, expected) in [
            ("/v1/orders", "live /v1 /v1 /orders None"),
            ("/v1", "live /v1 /v1  None"),
            ("/v1/shop/items", "live /v1/shop /v1/shop /items None"),
            ("/v1/shopping", "live /v1 /v1 /shopping None"),
            ("/v10/orders", "live - - /v10/orders None"),
            ("/V1/orders", "live - - /V1/orders None"),
            ("/%761/orders", "live - - /%761/orders None"),
            ("/sandbox/v1/orders", "sandbox /v1 /v1 /orders None"),
            ("/sandbox/v1/shop/items", "sandbox /v1/shop - /items None"),
            ("/sandbox", "sandbox - - /sandbox None"),
            ("/sandboxes", "live - - /sandboxes None"),
            ("/v1/health", "live /v1 /v1 /health Some(Health)"),
            ("/sandbox/v1/oauth/token", "sandbox /v1 /v1 /oauth/token Some(Token)"),
            (
                "/.well-known/oauth-authorization-server/v1",
                "live /v1 - /.well-known/oauth-authorization-server/v1 Some(Metadata)",
            ),
            (
                "/.well-known/oauth-authorization-server/sandbox/v1",
                "sandbox /v1 - /.well-known/oauth-authorization-server/sandbox/v1 Some(Metadata)",
            ),
            (
                "/.well-known/oauth-authorization-server/v3",
                "live - - /.well-known/oauth-authorization-server/v3 None",
            ),
        ] {
            assert_eq!(described(&catalogue, &settings, "h", path), expected, "{path}");
        }
    }

    #[test]
    fn with_hosts_the_host_alone_decides() {
        let mut catalogue = Catalogue::default();
        catalogue.put(api("/v1", true));
        let hosts = Some(["api.x".to_owned(), "sandbox.x".to_owned()]);
        let settings = RouteSettings { hosts, ..RouteSettings::default() };
        for (host, path, expected) in [
            ("api.x", "/v1/o", "live /v1 /v1 /o None"),
            ("API.x:8080", "/v1/o", "live /v1 /v1 /o None"),
            ("sandbox.x", "/v1/o", "sandbox /v1 /v1 /o None"),
            ("sandbox.x", "/sandbox/v1/o", "sandbox - - /sandbox/v1/o None"),
            ("api.x", "/sandbox/v1/o", "live - - /sandbox/v1/o None"),
            ("other.x", "/v1/o", "live - - /v1/o None"),
        ] {
            assert_eq!(described(&catalogue, &settings, host, path), expected, "{host} {path}");
        }
    }

    #[test]
    fn own_routes_exist_before_an_import_and_can_be_moved() {
        let catalogue = Catalogue::default();
        let settings = RouteSettings { own_prefix: "/-".into(), ..RouteSettings::default() };
        assert!(catalogue.locate(&settings, "", "/v1/-/health").own.is_some());
        assert!(catalogue.locate(&settings, "", "/v1/health").own.is_none());
    }
}
