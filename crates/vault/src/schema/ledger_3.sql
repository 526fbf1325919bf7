-- Step 2 made the tables of the audit log; here it begins.
INSERT INTO audit_log (only, log_id) VALUES (1, randomblob(16));

-- What this workstation is to the server, and the server to it.
CREATE TABLE device (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    -- Under which name the server keeps the heads of the log. A restored ledger gets another.
    id TEXT NOT NULL,
    -- Signs what retention leaves in the log; made when it is first needed.
    checkpoint_seed BLOB CHECK (length(checkpoint_seed) = 32),
    -- The key that the server signs with, as it was when it was first seen.
    server_key BLOB CHECK (length(server_key) = 32),
    -- The policy as it was last signed.
    policy TEXT
) STRICT;
INSERT INTO device (only, id) VALUES (1, lower(hex(randomblob(16))));

CREATE TABLE compatibility (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    -- Programs whose last step is this or a later one may open the file, whatever steps it has had since.
    opens_from INTEGER NOT NULL
) STRICT;
INSERT INTO compatibility VALUES (1, 3);
