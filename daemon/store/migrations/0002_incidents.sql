-- Incidents (one cause, many owners), what they were told, and reports that are sent.
ALTER TABLE incident ADD COLUMN group_key TEXT;       -- what the radar saw they have in common; NULL: opened by hand
ALTER TABLE incident ADD COLUMN estate_id INTEGER;    -- the scope as rows; NULL: any
ALTER TABLE incident ADD COLUMN building_id INTEGER;
ALTER TABLE incident ADD COLUMN riser TEXT;           -- the last two digits of its units' names
ALTER TABLE incident ADD COLUMN owners INTEGER;       -- different owners when the radar warned
ALTER TABLE incident ADD COLUMN since_at INTEGER;     -- complaints opened before are none of it
ALTER TABLE incident ADD COLUMN resolved_at INTEGER;
ALTER TABLE incident ADD COLUMN resolved_by TEXT;
ALTER TABLE incident ADD COLUMN reason TEXT;          -- why it was closed, what was done
ALTER TABLE incident ADD COLUMN gathers INTEGER NOT NULL DEFAULT 0; -- new complaints in its scope join by themselves
ALTER TABLE incident ADD COLUMN joining INTEGER;      -- complaints up to this id were looked at; NULL: nothing to join (any more)
ALTER TABLE incident ADD COLUMN telling INTEGER;      -- joined tickets up to this id were told; NULL: nothing to tell (any more)
CREATE UNIQUE INDEX incident_group ON incident (group_key) WHERE closed_at IS NULL AND group_key IS NOT NULL;
CREATE INDEX incident_group_any ON incident (group_key);
CREATE INDEX incident_live ON incident (id) WHERE closed_at IS NULL;
CREATE INDEX incident_telling ON incident (id) WHERE telling IS NOT NULL;
CREATE INDEX incident_joining ON incident (id) WHERE joining IS NOT NULL;
-- A rung of the ladders of an incident's tickets: the first ticket that comes to it pages, once.
CREATE TABLE incident_step (
    incident_id INTEGER NOT NULL REFERENCES incident(id), clock TEXT NOT NULL, step INTEGER NOT NULL,
    turn INTEGER NOT NULL, ticket_id INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, clock, step, turn)) STRICT;
CREATE INDEX ticket_incident ON ticket (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX ticket_opened ON ticket (opened_at);
CREATE INDEX ticket_complaint ON ticket (opened_at) WHERE kind = 'complaint';
CREATE INDEX ticket_complaint_closed ON ticket (closed_at) WHERE kind = 'complaint';
-- A report of one day that was sent: once, whatever happens.
CREATE TABLE report_sent (
    kind TEXT NOT NULL, day INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, day)) STRICT;
