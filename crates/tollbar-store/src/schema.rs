//! The tables. Forward only: a migration that was released is never edited, a new one is added.

/// `tollbar.db`, from an empty file on.
pub(crate) const MAIN: &[&str] =
    &[MAIN_1, MAIN_2, MAIN_3, MAIN_USAGE_OUTCOMES, MAIN_CORRECTIONS, MAIN_OUTCOMES, MAIN_PAST_TERMS];

/// `requests.db`, from an empty file on.
pub(crate) const REQUEST_LOG: &[&str] = &[REQUEST_LOG_1];

// `client` is the number behind a client's id, with the sign bit used; `month` counts from the year 0; `day` from
// the epoch; points in time are milliseconds since the epoch; `environment` is 0 for live and 1 for sandbox.
const MAIN_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE clients (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE keys (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE oauth (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE revoked_tokens (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
CREATE TABLE tiers (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE switches (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE apis (id TEXT PRIMARY KEY, body TEXT NOT NULL, document BLOB);
CREATE TABLE signing_keys (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT, base TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    UNIQUE (base, method, path));

CREATE TABLE idempotency (
    client INTEGER NOT NULL, environment INTEGER NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL,
    request_id TEXT NOT NULL, state INTEGER NOT NULL, sealed BLOB, started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, PRIMARY KEY (client, environment, key));
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE usage (
    client INTEGER NOT NULL, month INTEGER NOT NULL, environment INTEGER NOT NULL, day INTEGER NOT NULL,
    endpoint INTEGER NOT NULL, charged INTEGER NOT NULL, given_back INTEGER NOT NULL,
    PRIMARY KEY (client, month, environment, day, endpoint)) WITHOUT ROWID;
CREATE TABLE month_counts (
    month INTEGER NOT NULL, client INTEGER NOT NULL, environment INTEGER NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (month, client, environment)) WITHOUT ROWID;
CREATE TABLE month_leases (
    month INTEGER NOT NULL, client INTEGER NOT NULL, environment INTEGER NOT NULL, leased INTEGER NOT NULL,
    PRIMARY KEY (month, client, environment)) WITHOUT ROWID;
CREATE TABLE journal_files (
    name TEXT PRIMARY KEY, offset INTEGER NOT NULL, newest INTEGER NOT NULL) WITHOUT ROWID;
";

// The secrets that the rest is stored under, each wrapped under the master secret. A store that was there before has none;
// whoever knows the master secret puts them there at the next start.
const MAIN_2: &str = "
CREATE TABLE keyring (id TEXT PRIMARY KEY, body TEXT NOT NULL);
";

// What is set for endpoints by hand, by the endpoint's number.
const MAIN_3: &str = "
CREATE TABLE endpoint_settings (id TEXT PRIMARY KEY, body TEXT NOT NULL);
";

// What was charged, by its outcome: 2xx, 3xx, 4xx, 5xx, not sent. What no outcome was seen of is the rest. `unclassed` is what was
// charged before outcomes were told apart.
const MAIN_USAGE_OUTCOMES: &str = "
ALTER TABLE usage ADD COLUMN ended_2xx INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN ended_3xx INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN ended_4xx INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN ended_5xx INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN not_sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN unclassed INTEGER NOT NULL DEFAULT 0;
UPDATE usage SET unclassed = charged;
";

// `kind` is 0 for an account manager and 1 for a power failure; only the first has a change. `month_counts` holds what was
// charged and not given back and what power failures added, so that leases bound it; the corrections of account managers
// stand here alone. What an earlier version raised after a power failure is the difference to the rows.
const MAIN_CORRECTIONS: &str = "
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY, client INTEGER NOT NULL, month INTEGER NOT NULL, environment INTEGER NOT NULL,
    kind INTEGER NOT NULL, units INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER, change INTEGER);
CREATE INDEX corrections_by_client ON corrections (client, month);
CREATE INDEX corrections_by_month ON corrections (month) WHERE kind = 0;
CREATE INDEX corrections_without_time ON corrections (id) WHERE at IS NULL;
INSERT INTO corrections (client, month, environment, kind, units, reason)
SELECT m.client, m.month, m.environment, 1, m.used - coalesce(u.used, 0),
  'the power may have failed: what was leased is taken to be used (recorded at an upgrade)'
FROM month_counts m LEFT JOIN (
  SELECT client, month, environment, sum(charged - given_back) AS used FROM usage GROUP BY client, month, environment
) u ON u.client = m.client AND u.month = m.month AND u.environment = m.environment
WHERE m.used <> coalesce(u.used, 0);
";

// What operators need of a keyed request whose outcome is unknown. The indexes have only those that are under way, unknown or
// settled by an operator (`settled_by`: the number of that change), however many have been answered.
const MAIN_OUTCOMES: &str = "
ALTER TABLE idempotency ADD COLUMN endpoint INTEGER;
ALTER TABLE idempotency ADD COLUMN why INTEGER;
ALTER TABLE idempotency ADD COLUMN cause TEXT;
ALTER TABLE idempotency ADD COLUMN settled_by INTEGER;
CREATE INDEX idempotency_unknown ON idempotency (started_at, client, environment) WHERE state = 0;
CREATE INDEX idempotency_by_request ON idempotency (request_id) WHERE state = 0 OR settled_by IS NOT NULL;
";

// The terms that a client had before `month`, in which they were changed. What was changed before this table was there is not known.
const MAIN_PAST_TERMS: &str = "
CREATE TABLE past_terms (
    client INTEGER NOT NULL, month INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (client, month)) WITHOUT ROWID;
";

// `seq` is the order of writing, without gaps: its span is the number of rows.
const REQUEST_LOG_1: &str = "
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, client TEXT, code TEXT,
    body TEXT NOT NULL);
CREATE INDEX requests_by_time ON requests (at);
CREATE INDEX requests_by_client ON requests (client, at) WHERE client IS NOT NULL;
CREATE INDEX requests_by_code ON requests (code, at) WHERE code IS NOT NULL;
";
