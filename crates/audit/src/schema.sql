CREATE TABLE audit_log (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    log_id BLOB NOT NULL CHECK (length(log_id) = 16)
) STRICT;
CREATE TRIGGER audit_log_once BEFORE INSERT ON audit_log WHEN EXISTS (SELECT 1 FROM audit_log)
BEGIN SELECT RAISE(ABORT, 'the audit log has begun'); END;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log keeps its name'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log keeps its name'); END;

-- What is hashed is stored once, as it is hashed; what is searched is computed from it, so that the two cannot differ.
-- The positions are those of encoding.rs, 32 bytes of previous hash before them.
CREATE TABLE audit_entry (
    seq INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    portion INTEGER AS (seq >> 12) VIRTUAL,
    at INTEGER AS (CAST(substr(sealed, 50, 15) AS INTEGER)) VIRTUAL,
    actor_bytes INTEGER AS (CAST(substr(sealed, 65, 4) AS INTEGER)) VIRTUAL,
    actor TEXT AS (
        CASE substr(sealed, 65, 4) WHEN x'2d2d2d2d' THEN NULL
        ELSE CAST(substr(sealed, 69, actor_bytes) AS TEXT) END
    ) VIRTUAL,
    action_bytes INTEGER AS (CAST(substr(sealed, 69 + actor_bytes, 4) AS INTEGER)) VIRTUAL,
    action TEXT AS (CAST(substr(sealed, 73 + actor_bytes, action_bytes) AS TEXT)) VIRTUAL,
    patient_bytes INTEGER AS (CAST(substr(sealed, 73 + actor_bytes + action_bytes, 4) AS INTEGER)) VIRTUAL,
    patient TEXT AS (
        CASE substr(sealed, 73 + actor_bytes + action_bytes, 4) WHEN x'2d2d2d2d' THEN NULL
        ELSE CAST(substr(sealed, 77 + actor_bytes + action_bytes, patient_bytes) AS TEXT) END
    ) VIRTUAL
) STRICT;
-- New entries touch the few pages of their own portion, however long the log is: an index over all of it would have
-- each entry write a page of its own (search.rs).
CREATE INDEX audit_entry_at ON audit_entry (portion, at);
CREATE INDEX audit_entry_actor ON audit_entry (portion, actor, action) WHERE actor IS NOT NULL;
CREATE INDEX audit_entry_action ON audit_entry (portion, action);
CREATE INDEX audit_entry_patient ON audit_entry (portion, patient) WHERE patient IS NOT NULL;

CREATE TABLE audit_checkpoint (
    first_kept INTEGER NOT NULL PRIMARY KEY,
    hash_before BLOB NOT NULL,
    removed INTEGER NOT NULL,
    at INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_checkpoint_forward BEFORE INSERT ON audit_checkpoint
WHEN NEW.first_kept <= (SELECT coalesce(max(first_kept), 1) FROM audit_checkpoint)
    OR NEW.hash_before IS NOT (SELECT hash FROM audit_entry WHERE seq = NEW.first_kept - 1)
BEGIN SELECT RAISE(ABORT, 'a checkpoint stands behind an entry, after all others'); END;
CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint stays'); END;
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint stays'); END;

-- REPLACE deletes without asking the triggers on DELETE, so the next number alone is let in.
CREATE TRIGGER audit_entry_next BEFORE INSERT ON audit_entry
WHEN NEW.seq IS NOT 1 + coalesce(
    (SELECT max(seq) FROM audit_entry),
    (SELECT max(first_kept) - 1 FROM audit_checkpoint),
    0
)
BEGIN SELECT RAISE(ABORT, 'an audit entry follows the last one'); END;
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'an audit entry stays as it is'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
WHEN OLD.seq >= (SELECT coalesce(max(first_kept), 1) FROM audit_checkpoint)
BEGIN SELECT RAISE(ABORT, 'an audit entry stays until a checkpoint stands for it'); END;

-- The server's side: the latest anchor of each workstation.
CREATE TABLE audit_anchor (
    device_id TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    head BLOB NOT NULL,
    at INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_anchor_once BEFORE INSERT ON audit_anchor
WHEN EXISTS (SELECT 1 FROM audit_anchor WHERE device_id = NEW.device_id)
BEGIN SELECT RAISE(ABORT, 'an anchor is moved, not replaced'); END;
CREATE TRIGGER audit_anchor_forward BEFORE UPDATE ON audit_anchor
WHEN NEW.device_id <> OLD.device_id OR NEW.count < OLD.count OR (NEW.count = OLD.count AND NEW.head <> OLD.head)
BEGIN SELECT RAISE(ABORT, 'an anchor does not go back'); END;
CREATE TRIGGER audit_anchor_no_delete BEFORE DELETE ON audit_anchor
BEGIN SELECT RAISE(ABORT, 'an anchor stays'); END;

-- The workstation's side: the latest anchor of this log, as the server counter-signed it.
CREATE TABLE audit_remembered (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    device_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    head BLOB NOT NULL,
    at INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_remembered_once BEFORE INSERT ON audit_remembered
WHEN EXISTS (SELECT 1 FROM audit_remembered)
BEGIN SELECT RAISE(ABORT, 'an anchor is moved, not replaced'); END;
CREATE TRIGGER audit_remembered_forward BEFORE UPDATE ON audit_remembered
WHEN NEW.count < OLD.count OR (NEW.count = OLD.count AND NEW.head <> OLD.head)
BEGIN SELECT RAISE(ABORT, 'an anchor does not go back'); END;
CREATE TRIGGER audit_remembered_no_delete BEFORE DELETE ON audit_remembered
BEGIN SELECT RAISE(ABORT, 'an anchor stays'); END;
