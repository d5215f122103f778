-- The first schema. Times are milliseconds UTC, dates are days since 1970, ids are 64-bit.
-- JSON columns (named *_json) hold compact JSON text. Booleans are 0 and 1.

-- ---- registry -------------------------------------------------------------------------------
CREATE TABLE estate (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE building (
    id INTEGER PRIMARY KEY, estate_id INTEGER NOT NULL REFERENCES estate(id),
    name TEXT NOT NULL, steward TEXT,          -- account name of the building steward; may not exist yet
    UNIQUE (estate_id, name)) STRICT;
CREATE TABLE unit (
    id INTEGER PRIMARY KEY, building_id INTEGER NOT NULL REFERENCES building(id),
    name TEXT NOT NULL, area_cm2 INTEGER, delivered_on INTEGER,
    UNIQUE (building_id, name)) STRICT;
CREATE TABLE person (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE,   -- the import's key
    name TEXT NOT NULL, language TEXT, segment TEXT,
    flags TEXT NOT NULL DEFAULT '',            -- words joined by ';'
    tier TEXT, tier_since INTEGER,
    consent_sms INTEGER NOT NULL DEFAULT 1, consent_email INTEGER NOT NULL DEFAULT 1,
    consent_call INTEGER NOT NULL DEFAULT 1, consent_marketing INTEGER NOT NULL DEFAULT 0,
    score INTEGER, score_at INTEGER,           -- last satisfaction
    version INTEGER NOT NULL DEFAULT 1, updated_at INTEGER NOT NULL) STRICT;
CREATE TABLE phone (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person(id),
    e164 TEXT NOT NULL, label TEXT NOT NULL,   -- mobile, home, work …
    raw TEXT NOT NULL, pos INTEGER NOT NULL,
    rev TEXT NOT NULL DEFAULT '',              -- national digits reversed, for "ends with"
    UNIQUE (person_id, e164)) STRICT;
CREATE INDEX phone_e164 ON phone (e164);
CREATE INDEX phone_rev ON phone (rev) WHERE rev <> '';
CREATE TABLE email (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person(id),
    address TEXT NOT NULL, pos INTEGER NOT NULL, UNIQUE (person_id, address)) STRICT;
CREATE INDEX email_address ON email (address);
CREATE TABLE tenure (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person(id),
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    role TEXT NOT NULL, from_on INTEGER, to_on INTEGER,
    UNIQUE (person_id, unit_id, role, from_on)) STRICT;
CREATE INDEX tenure_unit ON tenure (unit_id);
CREATE TABLE vehicle (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person(id),
    plate TEXT NOT NULL, space TEXT, UNIQUE (person_id, plate)) STRICT;

-- ---- people who work here, machines, sign-on --------------------------------------------------
CREATE TABLE account (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, -- person, pbx, monitor, integration, dev
    role TEXT,                                 -- of persons: agent … auditor
    display TEXT, department TEXT, phone TEXT, email TEXT, language TEXT,
    password TEXT,                             -- crypt(3), NULL: none
    home_device TEXT,                          -- user add --device: where they stand until the first sign-on
    disabled INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE token (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account(id),
    digest TEXT NOT NULL UNIQUE,               -- hex SHA-256 of the token; the token itself is not kept
    purpose TEXT NOT NULL,                     -- token, session
    created_at INTEGER NOT NULL, expires_at INTEGER, revoked INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE signon (                          -- one row a person: where they stand
    account_id INTEGER PRIMARY KEY REFERENCES account(id),
    device TEXT, since INTEGER NOT NULL) STRICT;  -- device NULL: signed off
CREATE TABLE shift (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL,
    kind TEXT NOT NULL, UNIQUE (user, from_at, kind)) STRICT;
CREATE INDEX shift_until ON shift (to_at);

-- ---- calls ------------------------------------------------------------------------------------
CREATE TABLE source (                          -- a PBX by name; last_seq: the highest durable event
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_seq INTEGER NOT NULL DEFAULT 0,
    gaps INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE call (
    id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL REFERENCES source(id), call TEXT NOT NULL,
    direction TEXT NOT NULL, state TEXT NOT NULL, disposition TEXT,
    party TEXT, calling TEXT, calling_raw TEXT, called TEXT, queue TEXT, device TEXT,
    agent TEXT, person_id INTEGER, match TEXT, ticket_id INTEGER,
    started_at INTEGER NOT NULL, queued_at INTEGER, answered_at INTEGER, ended_at INTEGER,
    hold_ms INTEGER NOT NULL DEFAULT 0, hung_up_by TEXT,
    offered_json TEXT NOT NULL DEFAULT '[]', transfers_json TEXT NOT NULL DEFAULT '[]',
    gap INTEGER NOT NULL DEFAULT 0,
    live_json TEXT,                            -- what telephony needs to go on after a restart; NULL once cleared
    heard_at INTEGER,                          -- its last sign of life by our clock, not the PBX's
    UNIQUE (source_id, call)) STRICT;
CREATE TABLE device_state (                    -- the last agent state of each device
    source_id INTEGER NOT NULL REFERENCES source(id), device TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
    since INTEGER NOT NULL, PRIMARY KEY (source_id, device)) STRICT;
CREATE INDEX call_live ON call (source_id) WHERE live_json IS NOT NULL;
CREATE INDEX call_party ON call ((id / 1024), party); -- in parts: call_list_json()
CREATE INDEX call_person ON call (person_id);
CREATE TABLE callback (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL, person_id INTEGER, reason TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, calls_json TEXT NOT NULL,
    due_at INTEGER, ticket_id INTEGER, claimed_by TEXT, outcome TEXT, note TEXT,
    created_at INTEGER NOT NULL, ended_at INTEGER) STRICT;
CREATE INDEX callback_open ON callback (number) WHERE ended_at IS NULL;

-- ---- tickets ----------------------------------------------------------------------------------
CREATE TABLE policy_version (                  -- a policy as it was when clocks started under it
    id INTEGER PRIMARY KEY,                    -- the first 63 bits of the SHA-256 of json
    name TEXT NOT NULL, json TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, category TEXT, priority INTEGER NOT NULL,
    person_id INTEGER, caller TEXT, unit_id INTEGER, call_id INTEGER, calls_json TEXT NOT NULL DEFAULT '[]',
    channel TEXT NOT NULL, responder TEXT, about TEXT, -- about: the employee whom a complaint is about
    cycle INTEGER NOT NULL DEFAULT 1, urges INTEGER NOT NULL DEFAULT 0, urged_at INTEGER,
    opened_at INTEGER NOT NULL, resolved_at INTEGER, awaiting_at INTEGER,
    closed_at INTEGER, close_kind TEXT, close_reason TEXT, incident_id INTEGER,
    refusals INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, -- attempts: since awaiting_at
    handover_json TEXT,                        -- the handover under way
    was_set INTEGER NOT NULL DEFAULT 0,        -- bit per field that was set once (a first setting is free)
    policy_id INTEGER NOT NULL REFERENCES policy_version(id), -- frozen: new clocks of the ticket run under it
    last_seq INTEGER NOT NULL DEFAULT 0, last_hash TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX ticket_person ON ticket (person_id, opened_at);
CREATE INDEX ticket_caller ON ticket (caller) WHERE closed_at IS NULL;
CREATE INDEX ticket_responder ON ticket ((id / 1024), responder); -- in parts: ticket_json.c
CREATE INDEX ticket_unit ON ticket ((id / 1024), unit_id);
CREATE INDEX ticket_live ON ticket (id) WHERE closed_at IS NULL;
CREATE TABLE ticket_event (                    -- the history: append-only, hash-chained (docs/history.md)
    ticket_id INTEGER NOT NULL REFERENCES ticket(id), seq INTEGER NOT NULL,
    at INTEGER NOT NULL, by TEXT NOT NULL, kind TEXT NOT NULL,
    data TEXT, salt TEXT, digest TEXT NOT NULL, -- digest = H(salt || data); both go at erasure
    hash TEXT NOT NULL,                        -- H(previous hash, seq, at, by, kind, digest)
    PRIMARY KEY (ticket_id, seq)) STRICT;
CREATE TABLE dispatch (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES ticket(id), n INTEGER NOT NULL,
    department TEXT NOT NULL, assignee TEXT, visit_from INTEGER, visit_to INTEGER, state TEXT NOT NULL,
    accepted_by TEXT, final INTEGER NOT NULL DEFAULT 0, note TEXT, report TEXT,
    sent_at INTEGER NOT NULL, ended_at INTEGER, UNIQUE (ticket_id, n)) STRICT;
CREATE INDEX dispatch_open ON dispatch (department) WHERE ended_at IS NULL;
-- A clock and its next timer in one row: next_at is the next moment at which something happens
-- (a ladder step, the breach, the end of a pause), NULL when nothing more will; done is 1 then.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY, ticket_id INTEGER REFERENCES ticket(id), callback_id INTEGER REFERENCES callback(id),
    name TEXT NOT NULL, dispatch INTEGER, cycle INTEGER NOT NULL, state TEXT NOT NULL,
    policy_id INTEGER NOT NULL REFERENCES policy_version(id), -- the ladder is its
    calendar TEXT NOT NULL,
    span TEXT NOT NULL,                        -- the promise as written: "4h", "10wd"
    share INTEGER NOT NULL DEFAULT 100,        -- percent of span (later cycles shrink)
    extra_ms INTEGER NOT NULL DEFAULT 0,       -- working time added by approved extensions
    started_at INTEGER NOT NULL, due_at INTEGER, ended_at INTEGER,
    paused_reason TEXT, resume_at INTEGER,     -- resume_at: the pause ends by itself (a visit begins)
    breached INTEGER NOT NULL DEFAULT 0, segments INTEGER NOT NULL DEFAULT 0, -- segments: 1 if it has any
    fired TEXT NOT NULL DEFAULT '',            -- how often each step of the ladder was carried out: "1,1,0"
    next_at INTEGER, done INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX clock_due ON clock (next_at) WHERE done = 0;
CREATE INDEX clock_ticket ON clock (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX clock_successor ON clock (id) WHERE name = 'successor' AND ended_at IS NULL;
CREATE INDEX clock_callback ON clock (callback_id) WHERE callback_id IS NOT NULL;
-- Running and paused stretches of a clock; elapsed time is computed from these. A clock that was
-- never paused or re-based has none: it ran from started_at under its calendar.
CREATE TABLE clock_segment (
    id INTEGER PRIMARY KEY, clock_id INTEGER NOT NULL REFERENCES clock(id),
    from_at INTEGER NOT NULL, to_at INTEGER, running INTEGER NOT NULL, calendar TEXT NOT NULL, reason TEXT) STRICT;
CREATE INDEX clock_segment_clock ON clock_segment (clock_id);
CREATE TABLE incident (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, subject TEXT NOT NULL, category TEXT, scope_json TEXT NOT NULL,
    words TEXT, opened_at INTEGER NOT NULL, opened_by TEXT NOT NULL, closed_at INTEGER) STRICT;

-- ---- messages ---------------------------------------------------------------------------------
CREATE TABLE message (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, class TEXT NOT NULL,
    gateway TEXT NOT NULL, recipient TEXT NOT NULL, person_id INTEGER, account TEXT, ticket_id INTEGER,
    template TEXT, provider_template TEXT, params_json TEXT NOT NULL DEFAULT '{}', language TEXT,
    subject TEXT, text TEXT NOT NULL, segments INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL,
    urgent INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER,
    next_at INTEGER,                           -- when to try (again); NULL: not waiting
    expires_at INTEGER, queued_at INTEGER NOT NULL, sent_at INTEGER, delivered_at INTEGER, failed_at INTEGER,
    error TEXT, provider_id TEXT, resend_of INTEGER,
    event_type TEXT, event_json TEXT,
    done INTEGER NOT NULL DEFAULT 0) STRICT;   -- 1 once nothing more is to be sent
CREATE INDEX message_due ON message (gateway, next_at) WHERE done = 0;
CREATE INDEX message_provider ON message (provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient, id);
CREATE INDEX message_ticket ON message (ticket_id);
CREATE INDEX message_person ON message (person_id);
CREATE TABLE receipt (                         -- reports for keys not known (yet)
    id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, key TEXT, state TEXT NOT NULL, at INTEGER NOT NULL,
    error TEXT, provider_id TEXT, kept_at INTEGER NOT NULL) STRICT;
CREATE INDEX receipt_key ON receipt (key);
CREATE INDEX receipt_provider ON receipt (provider_id);
CREATE TABLE inbound (                         -- what owners write back; unique so that a repeat counts once
    id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, provider_id TEXT NOT NULL, sender TEXT NOT NULL,
    recipient TEXT, text TEXT NOT NULL, at INTEGER NOT NULL, reply_to_key TEXT, person_id INTEGER, ticket_id INTEGER,
    UNIQUE (gateway, provider_id)) STRICT;

-- ---- the rest ---------------------------------------------------------------------------------
CREATE TABLE idempotency (                     -- POST with Idempotency-Key: one effect, one answer
    account TEXT NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (account, route, key)) STRICT;
CREATE INDEX idempotency_at ON idempotency (at);
CREATE TABLE audit (                           -- who read or changed what, beside the tickets' own history
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL, object TEXT, data_json TEXT) STRICT;
CREATE INDEX audit_object ON audit (object, at);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, data_json TEXT,
    cleared_at INTEGER) STRICT;
CREATE TABLE plugin_kv (
    instance TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (instance, key)) STRICT;
