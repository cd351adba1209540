-- tollbar.db as the first version made it, with what a short run left and a clean end.
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

INSERT INTO meta VALUES ('boot_id', 'first'), ('clean_end', 'yes'), ('request_ids', 300);
INSERT INTO usage VALUES (-1, 24322, 0, 20787, 1, 3, 0);
INSERT INTO month_counts VALUES (24322, -1, 0, 3);
INSERT INTO month_leases VALUES (24322, -1, 0, 16);
INSERT INTO idempotency VALUES
    (-2, 0, 'key-5', x'f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4', '0000000001f4', 1, x'f4010000', 1796083170000, 1796169570000),
    (-2, 0, 'key-6', x'f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5', '0000000001f5', 0, NULL, 1796083170000, 1796169570000);
PRAGMA user_version = 1;
