//! What to try: commands that work exactly as printed, and what to expect of each.

use tollbar_contract::Code;

use super::{
    page::Demo,
    setup::{TRIAL_ALLOWANCE, TRIAL_RATE},
};

/// Commands that belong together.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) steps: Vec<Step>,
}

/// A command, and what it shows.
pub(super) struct Step {
    /// The statuses that come, in order; none for a command of Tollbar's own.
    pub(super) statuses: Vec<u16>,
    /// The error that comes, at last.
    pub(super) code: Option<Code>,
    pub(super) expect: &'static str,
    pub(super) command: String,
}

/// A curl command, the URL on its first line and one option on each further one.
fn curl(url: &str, options: &[&str]) -> String {
    let options: String = options.iter().map(|option| format!(" \\\n  {option}")).collect();
    format!("curl -i '{url}'{options}")
}

fn good(status: u16, expect: &'static str, command: String) -> Step {
    Step { statuses: vec![status], code: None, expect, command }
}

fn refusal(code: Code, expect: &'static str, command: String) -> Step {
    Step { statuses: vec![code.status()], code: Some(code), expect, command }
}

impl Demo<'_> {
    /// Everything to try, in the order in which it works.
    pub(super) fn groups(&self) -> Vec<Group> {
        vec![
            Group { title: "Calling", steps: self.calling() },
            Group { title: "A write that happens once", steps: self.writing() },
            Group { title: "OAuth2 tokens", steps: self.tokens() },
            Group { title: "Refusals that say what to do", steps: self.refusals() },
            Group { title: "Rate and allowance", steps: self.metering() },
            Group { title: "The operator's side", steps: self.operating() },
        ]
    }

    fn calling(&self) -> Vec<Step> {
        vec![
            good(200, "the carrier's shipments, with what is left of rate and allowance in the head", {
                curl(&self.live("/shipments?limit=2"), &[&self.key()])
            }),
            good(200, "the same in the sandbox: test data, a key and meters of its own", {
                curl(&self.sandbox("/shipments?limit=2"), &[&self.sandbox_key()])
            }),
            good(200, "events as they happen, not gathered on the way", {
                curl(&self.live("/tracking/LP-1002/events"), &[&self.key()]).replacen("-i", "-iN", 1)
            }),
            good(200, "what a client may know of itself", curl(&self.live("/account"), &[&self.key()])),
        ]
    }

    fn writing(&self) -> Vec<Step> {
        let book = |weight_grams: u32| {
            let body = format!("-d '{{\"to\":\"Ada Marsh, Leeds\",\"weight_grams\":{weight_grams}}}'");
            // Another start brings another key.
            let key = format!("-H 'Idempotency-Key: {}'", self.stage.main.live_key_id);
            let json = "-H 'Content-Type: application/json'";
            curl(&self.live("/shipments"), &[&self.key(), json, &key, &body])
        };
        vec![
            good(201, "a shipment is booked", book(900)),
            good(201, "the same again: the same shipment, and Idempotent-Replayed: true", book(900)),
            refusal(Code::IdempotencyConflict, "the same key for something else", book(950)),
        ]
    }

    fn tokens(&self) -> Vec<Step> {
        let url = self.live("/oauth/token");
        let user = format!("-u '{}:{}'", self.stage.oauth_id, self.stage.oauth_secret);
        let (grant, scope) = ("-d grant_type=client_credentials", "-d scope=tracking:read");
        let token = "sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'";
        vec![
            good(200, "an access token", curl(&url, &[&user, grant, scope])),
            good(200, "a token and its use", {
                let asked =
                    format!("TOKEN=$(curl -s '{url}' \\\n  {user} \\\n  {grant} {scope} \\\n  | {token})");
                let used = curl(&self.live("/tracking/LP-1002"), &["-H \"Authorization: Bearer $TOKEN\""]);
                format!("{asked}\n{used}")
            }),
        ]
    }

    fn refusals(&self) -> Vec<Step> {
        let heavy = "-d '{\"to\":\"Tomas Berg, Bergen\",\"weight_grams\":240000}'";
        vec![
            refusal(Code::MissingCredentials, "no credential at all", curl(&self.live("/shipments"), &[])),
            refusal(Code::CredentialEnvironmentMismatch, "a live key in the sandbox", {
                curl(&self.sandbox("/shipments"), &[&self.key()])
            }),
            refusal(Code::ScopeMissing, "the message names the scope", {
                curl(&self.live("/reports/volume?year=2026&month=11"), &[&self.key()])
            }),
            refusal(Code::InvalidRequest, "the message names both parameters", {
                curl(&self.live("/shipments?limit=500&status=lost"), &[&self.key()])
            }),
            refusal(Code::RequestRejected, "the API behind has its own opinion", {
                curl(&self.live("/shipments"), &[&self.key(), "-H 'Content-Type: application/json'", heavy])
            }),
        ]
    }

    fn metering(&self) -> Vec<Step> {
        let times = |count: u64, url: &str, key: &str| {
            let numbers: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
            let print = "-s -o /dev/null -w '%{http_code}\\n'";
            format!("for n in {}; do curl {print} \\\n  '{url}' \\\n  {key}; done", numbers.join(" "))
        };
        let statuses = |good: u64| (0..good).map(|_| 200).chain([429]).collect();
        let (trial, rate) = (&self.stage.trial, u64::from(TRIAL_RATE));
        vec![
            Step {
                statuses: statuses(rate),
                code: Some(Code::RateLimitExceeded),
                expect: "corner-shop has a small tier",
                command: times(rate + 1, &self.sandbox("/shipments"), &key_header(&trial.sandbox_key)),
            },
            Step {
                statuses: statuses(TRIAL_ALLOWANCE),
                code: Some(Code::ApiUsageAllowanceExceeded),
                expect: "and little is left of its month",
                command: times(TRIAL_ALLOWANCE + 1, &self.live("/shipments"), &key_header(&trial.live_key)),
            },
        ]
    }

    fn operating(&self) -> Vec<Step> {
        let run = |expect: &'static str, arguments: &str| {
            let command = format!("{} \\\n  {arguments}", self.tollbar());
            Step { statuses: Vec::new(), code: None, expect, command }
        };
        let track = || curl(&self.live("/tracking/LP-1002"), &[&self.key()]);
        vec![
            run("one category is switched off", "switch off category tracking --message 'Back at noon.'"),
            refusal(Code::EndpointDisabled, "with the operator's words", track()),
            run("and on again, at once", "switch on category tracking"),
            good(200, "as before", track()),
            run(
                "why was an earlier request, from the demo's start, refused (scope_missing)? stage by stage",
                &format!("request show {}", self.stage.refused_id),
            ),
            run("what the month's bill adds up from", &format!("usage {}", self.stage.main.name)),
        ]
    }

    fn live(&self, path: &str) -> String {
        format!("{}/v1{path}", self.urls.gateway)
    }

    fn sandbox(&self, path: &str) -> String {
        format!("{}/sandbox/v1{path}", self.urls.gateway)
    }

    fn key(&self) -> String {
        key_header(&self.stage.main.live_key)
    }

    fn sandbox_key(&self) -> String {
        key_header(&self.stage.main.sandbox_key)
    }
}

fn key_header(key: &str) -> String {
    format!("-H 'X-API-Key: {key}'")
}
