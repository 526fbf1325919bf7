CREATE TABLE compatibility (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    -- Programs whose last step is this or a later one may open the file, whatever steps it has had since.
    opens_from INTEGER NOT NULL
) STRICT;
INSERT INTO compatibility VALUES (1, 2);
