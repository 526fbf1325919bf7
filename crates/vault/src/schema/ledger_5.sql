-- What the server was asked, from before it was asked until it is known what became of it.
CREATE TABLE doubt (
    key TEXT NOT NULL PRIMARY KEY,
    consultation_id TEXT NOT NULL,
    -- The question, in the words of who asked it.
    question TEXT NOT NULL,
    -- The audit entry of what becomes of it, as JSON; its time and outcome are filled in then.
    entry TEXT NOT NULL
) STRICT;

-- Which version of the record the person saw who decided on a step.
ALTER TABLE outbox ADD COLUMN seen INTEGER;
