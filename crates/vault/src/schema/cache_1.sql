CREATE TABLE consultation (
    id TEXT NOT NULL PRIMARY KEY,
    patient_id TEXT NOT NULL,
    physician_id TEXT,
    specialty TEXT NOT NULL,
    status TEXT NOT NULL,
    triage INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    declined_by TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX consultation_queue ON consultation (triage, created_at, id) WHERE status = 'pending';
CREATE INDEX consultation_mine ON consultation (physician_id, triage, created_at, id)
    WHERE status NOT IN ('completed', 'cancelled');
CREATE INDEX consultation_closed ON consultation (physician_id, updated_at DESC, id)
    WHERE status IN ('completed', 'cancelled');
CREATE INDEX consultation_physician ON consultation (physician_id);
CREATE INDEX consultation_patient ON consultation (patient_id, created_at DESC, id);

CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    consultation_id TEXT NOT NULL,
    from_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    envelope_id TEXT,
    at INTEGER NOT NULL,
    text TEXT,
    unreadable INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX message_conversation ON message (consultation_id, at, id);
CREATE INDEX message_sealed ON message (consultation_id, at, id) WHERE text IS NULL AND unreadable = 0;
CREATE INDEX message_envelope ON message (envelope_id) WHERE envelope_id IS NOT NULL;

CREATE TABLE appointment (
    id TEXT NOT NULL PRIMARY KEY,
    patient_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX appointment_day ON appointment (at, id);
CREATE INDEX appointment_patient ON appointment (patient_id, at, id);

CREATE TABLE patient (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE physician (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;

CREATE TABLE message_key (
    consultation_id TEXT NOT NULL PRIMARY KEY,
    kid TEXT NOT NULL,
    key BLOB NOT NULL
) STRICT;

CREATE TABLE sync_state (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    last_event TEXT,
    synced_at INTEGER
) STRICT;
INSERT INTO sync_state (only) VALUES (1);

-- What the index's rows stand for. The index keeps words, not texts: those are in the tables above.
CREATE TABLE search_entry (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    consultation_id TEXT,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX search_entry_consultation ON search_entry (consultation_id) WHERE consultation_id IS NOT NULL;
CREATE VIRTUAL TABLE search_index USING fts5 (
    text,
    content = '',
    contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
