-- How owners were asked whether they are satisfied, and what they said.
CREATE TABLE survey (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES ticket(id), cycle INTEGER NOT NULL,
    purpose TEXT NOT NULL,                     -- confirm: of the loop; sample: a supervisor rings what staff typed
    person_id INTEGER, channel TEXT NOT NULL,  -- of the last asking
    asks INTEGER NOT NULL DEFAULT 1, message_id INTEGER, callback_id INTEGER,
    state TEXT NOT NULL,                       -- asked, answered, unanswered
    asked_at INTEGER NOT NULL, answered_at INTEGER,
    satisfied INTEGER, score INTEGER, via TEXT, by TEXT, note TEXT,
    UNIQUE (ticket_id, cycle, purpose)) STRICT;
CREATE INDEX survey_callback ON survey (callback_id) WHERE callback_id IS NOT NULL;
CREATE INDEX callback_ticket ON callback (ticket_id) WHERE ended_at IS NULL AND ticket_id IS NOT NULL;
