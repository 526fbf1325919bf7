CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    envelope_id TEXT NOT NULL UNIQUE,
    consultation_id TEXT NOT NULL,
    to_id TEXT NOT NULL,
    text TEXT NOT NULL,
    sealed TEXT,
    queued_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_attempt_at INTEGER,
    next_attempt_at INTEGER,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'stuck')),
    code TEXT,
    CHECK ((state = 'stuck') = (code IS NOT NULL))
) STRICT;
CREATE INDEX outbox_conversation ON outbox (consultation_id, seq);

CREATE TABLE draft (
    consultation_id TEXT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;

CREATE TABLE read_mark (
    consultation_id TEXT NOT NULL PRIMARY KEY,
    up_to INTEGER NOT NULL
) STRICT;
