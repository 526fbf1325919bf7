-- What somebody has opened in an emergency, and until when.
CREATE TABLE broken_glass (
    person_id       TEXT NOT NULL,
    consultation_id TEXT NOT NULL,
    patient_id      TEXT NOT NULL,
    at              INTEGER NOT NULL,
    until           INTEGER NOT NULL,
    reason          TEXT NOT NULL
) STRICT;
CREATE INDEX broken_glass_by_person ON broken_glass (person_id, until);
CREATE INDEX broken_glass_by_time ON broken_glass (at);
