//! What another document would change of an API in force: for those who call, and for those who sold it.

use tollbar_openapi::{Difference, Differences, Effect, Operation, Pair, pair};

use crate::{Api, EndpointId, EndpointRecord, EndpointSettings};

/// All that is different, endpoint by endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiDifference {
    /// The names of endpoints that are new.
    pub added: Vec<String>,
    /// The names of endpoints that are gone.
    pub gone: Vec<String>,
    /// Endpoints that are in both, and not the same.
    pub changed: Vec<EndpointDifference>,
}

/// What is different about one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDifference {
    /// `GET /v1/orders/{orderId}`.
    pub name: String,
    /// The old name, where the parameters in its path are called otherwise.
    pub was: Option<String>,
    /// What is different; nothing, where it is only the name.
    pub differences: Vec<Difference>,
}

impl ApiDifference {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }

    /// How many differences break what worked. An endpoint that is gone is one.
    pub fn breaking(&self) -> usize {
        let all = self.changed.iter().flat_map(|endpoint| &endpoint.differences);
        self.gone.len() + all.filter(|one| one.effect == Effect::Breaking).count()
    }
}

/// Compares two APIs on one base as they are in force, what is set by hand included. Without an old one all is new.
pub fn compare(old: Option<&Api>, new: &Api) -> ApiDifference {
    let name = |endpoint: &EndpointRecord| {
        format!("{} {}{}", endpoint.operation.method, new.record.base, endpoint.operation.path)
    };
    let mut all = ApiDifference::default();
    let Some(old) = old else {
        all.added = new.endpoints().map(name).collect();
        return all;
    };
    let mut differences = Differences::new(&old.record.schemas, &new.record.schemas);
    for one in pair(&operations(old), &operations(new)) {
        match one {
            Pair::Added(place) => all.added.extend(new.endpoint(place).map(name)),
            Pair::Gone(place) => all.gone.extend(old.endpoint(place).map(name)),
            Pair::Both { old: before, new: after } => {
                let (Some(before), Some(after)) = (old.endpoint(before), new.endpoint(after)) else {
                    continue;
                };
                let mut found = policy(before, after);
                found.extend(differences.of(&before.operation, &after.operation));
                let was = (before.operation.path != after.operation.path).then(|| name(before));
                if !found.is_empty() || was.is_some() {
                    all.changed.push(EndpointDifference { name: name(after), was, differences: found });
                }
            }
        }
    }
    all
}

/// Gives the endpoints of a document the numbers that are known already, without making any: those of the API in force,
/// and those for which something is set by hand. The others stay 0.
pub fn number_as_known<'a>(
    endpoints: &mut [EndpointRecord],
    base: &str,
    old: Option<&Api>,
    settings: impl IntoIterator<Item = &'a EndpointSettings>,
) {
    if let Some(old) = old {
        let new: Vec<Operation> = endpoints.iter().map(|endpoint| endpoint.operation.clone()).collect();
        for one in pair(&operations(old), &new.iter().collect::<Vec<_>>()) {
            let Pair::Both { old: before, new: after } = one else { continue };
            if let (Some(before), Some(after)) = (old.endpoint(before), endpoints.get_mut(after)) {
                after.id = before.id;
            }
        }
    }
    let here: Vec<&EndpointSettings> =
        settings.into_iter().filter(|settings| settings.base == base).collect();
    for endpoint in endpoints.iter_mut().filter(|endpoint| endpoint.id == EndpointId(0)) {
        let known = here.iter().find(|set| {
            set.method == endpoint.operation.method
                && tollbar_openapi::is_same_template(&set.path, &endpoint.operation.path)
        });
        endpoint.id = known.map_or(EndpointId(0), |set| set.endpoint);
    }
}

fn operations(api: &Api) -> Vec<&Operation> {
    api.record.endpoints.iter().map(|endpoint| &endpoint.operation).collect()
}

/// What is sold and switched.
fn policy(old: &EndpointRecord, new: &EndpointRecord) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |effect, text: String| found.push(Difference { effect, text });
    for scope in new.scopes.iter().filter(|scope| !old.scopes.contains(scope)) {
        note(Effect::Breaking, format!("it requires the scope {scope} now"));
    }
    for scope in old.scopes.iter().filter(|scope| !new.scopes.contains(scope)) {
        note(Effect::Compatible, format!("it does not require the scope {scope} any more"));
    }
    match (old.write, new.write) {
        (false, true) => {
            note(Effect::Breaking, "it is a write endpoint now: write access is needed".to_owned())
        }
        (true, false) => note(Effect::Compatible, "it is no write endpoint any more".to_owned()),
        _ => {}
    }
    match (old.idempotency_required, new.idempotency_required) {
        (false, true) => note(Effect::Breaking, "it requires an Idempotency-Key now".to_owned()),
        (true, false) => {
            note(Effect::Compatible, "it does not require an Idempotency-Key any more".to_owned())
        }
        _ => {}
    }
    if old.category != new.category {
        let text = format!("it is of the category {} now (before: {})", new.category, old.category);
        note(Effect::Changed, text);
    }
    if old.resend_unknown != new.resend_unknown {
        let text = if new.resend_unknown {
            "an execution of unknown outcome may be sent again now"
        } else {
            "an execution of unknown outcome is not sent again any more"
        };
        note(Effect::Changed, text.to_owned());
    }
    found
}
