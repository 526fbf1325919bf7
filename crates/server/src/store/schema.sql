-- Records rest as the JSON that is served; what lists filter and sort by is generated from it, so the two cannot
-- drift apart. Message content inside a record is always an envelope.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE consultations (
    id           TEXT PRIMARY KEY NOT NULL,
    record       TEXT NOT NULL,
    patient_id   TEXT AS (record ->> 'patientId'),
    physician_id TEXT AS (record ->> 'physicianId'),
    specialty    TEXT AS (record ->> 'specialty'),
    status       TEXT AS (record ->> 'status'),
    urgency      TEXT AS (record ->> 'urgency'),
    created_at   TEXT AS (record ->> 'createdAt')
) STRICT;
CREATE INDEX consultations_by_patient ON consultations (patient_id, created_at);
CREATE INDEX consultations_by_physician ON consultations (physician_id, created_at);
CREATE INDEX consultations_by_pool ON consultations (status, specialty, created_at);

CREATE TABLE messages (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    record          TEXT NOT NULL,
    consultation_id TEXT AS (record ->> 'consultationId'),
    from_id         TEXT AS (record ->> 'fromId'),
    to_id           TEXT AS (record ->> 'toId'),
    envelope_id     TEXT AS (record ->> '$.metadata.envelopeId'),
    at              TEXT AS (record ->> 'timestamp')
) STRICT;
CREATE UNIQUE INDEX messages_once ON messages (consultation_id, from_id, envelope_id);
CREATE INDEX messages_in_order ON messages (consultation_id, at, seq);

CREATE TABLE appointments (
    id           TEXT PRIMARY KEY NOT NULL,
    record       TEXT NOT NULL,
    patient_id   TEXT AS (record ->> 'patientId'),
    physician_id TEXT AS (record ->> 'physicianId'),
    date_time    TEXT AS (record ->> 'dateTime')
) STRICT;
CREATE INDEX appointments_in_order ON appointments (date_time);

CREATE TABLE patients (
    id     TEXT PRIMARY KEY NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE physicians (
    id     TEXT PRIMARY KEY NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE accounts (
    code   TEXT PRIMARY KEY NOT NULL,
    place  INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY NOT NULL,
    person     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE answers (
    who    TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest BLOB NOT NULL,
    status INTEGER NOT NULL,
    body   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (who, key)
) STRICT;
CREATE INDEX answers_by_age ON answers (at);

CREATE TABLE events (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    audience TEXT NOT NULL
) STRICT;
