-- Old groups leave `journal` for files (PROTOCOL.md section 13.2). An entry is in one of both places, or while it leaves in both.
CREATE TABLE archive (
    number    INTEGER PRIMARY KEY,    -- from 1 without a gap
    file      TEXT NOT NULL UNIQUE,
    first_grp INTEGER NOT NULL,
    last_grp  INTEGER NOT NULL,
    first_idx INTEGER NOT NULL,
    last_idx  INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    sha256    BLOB NOT NULL,          -- of the file
    proof     BLOB NOT NULL           -- SHA-256 of its signed index
) STRICT;

-- Identities of the requests that left: a repeat, reversal or refund may name any STAN for ever.
CREATE TABLE archived (
    terminal   TEXT NOT NULL,
    generation INTEGER NOT NULL,
    stan       INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    PRIMARY KEY (terminal, generation, stan)
) STRICT, WITHOUT ROWID;
