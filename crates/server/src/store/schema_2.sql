-- What lists filter and sort by stands in columns of its own, written by the statement that writes the record: a column
-- that is computed from the record keeps SQLite from answering out of an index alone.
ALTER TABLE consultations RENAME TO consultations_before;
CREATE TABLE consultations (
    id           TEXT PRIMARY KEY NOT NULL,
    record       TEXT NOT NULL,
    patient_id   TEXT NOT NULL,
    physician_id TEXT,
    specialty    TEXT NOT NULL,
    status       TEXT NOT NULL,
    urgency      TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    due_at       TEXT  -- When the next step of an escalation is due, where one is.
) STRICT;
INSERT INTO consultations
    SELECT id, record, patient_id, physician_id, specialty, status, urgency, created_at,
           CASE WHEN status = 'pending' AND record ->> '$.metadata.escalation.state' IS NOT 'no_recipients'
                THEN record ->> '$.metadata.escalation.ackDueAt' END
    FROM consultations_before;
DROP TABLE consultations_before;

-- Each part of what somebody sees has an index in the order of a list, with all that a list filters by: a page and its
-- total are found without reading a record that is not shown.
CREATE INDEX consultations_newest ON consultations (created_at, id, status, specialty, urgency);
CREATE INDEX consultations_by_patient ON consultations (patient_id, created_at, id, status, specialty, urgency);
CREATE INDEX consultations_by_physician
    ON consultations (physician_id, created_at, id, status, specialty, urgency, patient_id)
    WHERE physician_id IS NOT NULL;
CREATE INDEX consultations_by_pool ON consultations (specialty, created_at, id, urgency, patient_id)
    WHERE status = 'pending' AND physician_id IS NULL;
CREATE INDEX consultations_by_due ON consultations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX appointments_by_patient ON appointments (patient_id, date_time, id);
CREATE INDEX appointments_by_physician ON appointments (physician_id, date_time, id);

-- Sealed by the sender; the server cannot open them.
CREATE TABLE attachments (
    id              TEXT PRIMARY KEY NOT NULL,
    consultation_id TEXT NOT NULL,
    from_id         TEXT NOT NULL,
    at              INTEGER NOT NULL,
    bytes           BLOB NOT NULL
) STRICT;
CREATE INDEX attachments_by_consultation ON attachments (consultation_id);

-- A code rests as a keyed fingerprint: six digits alone would be guessed from any hash.
CREATE TABLE kiosk_codes (
    fingerprint BLOB PRIMARY KEY NOT NULL,
    patient_id  TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    tries_left  INTEGER NOT NULL
) STRICT;
