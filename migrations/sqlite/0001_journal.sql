-- The journal is the truth: one row an entry, never changed, never deleted.
CREATE TABLE journal (
    idx        INTEGER PRIMARY KEY,   -- journal index, from 1 without a gap
    grp        INTEGER NOT NULL,      -- write group
    terminal   TEXT,                  -- identity of a terminal's request; NULL for acts and due items
    generation INTEGER,
    stan       INTEGER,               -- 0 for an Enroll
    leaf       BLOB NOT NULL,         -- RFC 9162 leaf hash, so that a receipt can be made again from one group's rows
    record     BLOB NOT NULL          -- PROTOCOL.md section 12
) STRICT;
CREATE UNIQUE INDEX journal_identity ON journal (terminal, generation, stan) WHERE terminal IS NOT NULL;

CREATE TABLE seal (
    grp       INTEGER PRIMARY KEY,    -- from 1 without a gap
    first_idx INTEGER NOT NULL,
    last_idx  INTEGER NOT NULL,
    seal      BLOB NOT NULL           -- PROTOCOL.md section 8.1
) STRICT;

-- State as it stood after the entry `watermark`; written lazily, recomputed from the journal when in doubt.
CREATE TABLE snapshot (
    key   BLOB PRIMARY KEY,           -- a kind byte, then the subject
    state BLOB NOT NULL,
    due   INTEGER,                    -- Unix second at which the card's first lot expires; NULL when none does
    hash  BLOB NOT NULL               -- first 16 bytes of SHA-256 over key, state and due
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_due ON snapshot (due) WHERE due IS NOT NULL;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
