-- What waits is a message, or a step of the consultation with what is noted of it.
ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'message' CHECK (kind IN ('message', 'start', 'complete'));
-- Whether the server may have it: an attempt was begun, and nothing says that it was in vain.
ALTER TABLE outbox ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt IN (0, 1));
-- Fills the sentence of the reason why it is stuck.
ALTER TABLE outbox ADD COLUMN detail TEXT;
-- The words as the person is changing them; meanwhile it is not sent.
ALTER TABLE outbox ADD COLUMN edit TEXT;
-- A refusal says that the server does not have it, and an answer that does not read says nothing.
UPDATE outbox SET in_doubt = 1 WHERE attempts > 0 AND (code IS NULL OR code = 'SERVER_FAULT');

-- The latest message that was read here, until the server has confirmed that it was told.
ALTER TABLE read_mark ADD COLUMN owed TEXT;

-- A program that knows messages alone would send a note about a patient to the patient.
UPDATE compatibility SET opens_from = 4;
