-- Personal data of card holders, apart from the journal: encrypted, and gone for good when a row is deleted (the connection
-- overwrites what it deletes). The journal knows a holder by a salted commitment alone (PROTOCOL.md section 5.4).
CREATE TABLE member (
    card       INTEGER PRIMARY KEY,      -- the card that was registered
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    phone_tag  BLOB CHECK (length(phone_tag) = 32),  -- keyed hash of the phone number, to find the card by
    sealed     BLOB NOT NULL,            -- the fields: nonce, then AES-256-GCM over them
    kept_at    INTEGER NOT NULL          -- Unix milliseconds
) STRICT;
CREATE INDEX member_by_phone ON member (phone_tag) WHERE phone_tag IS NOT NULL;
PRAGMA user_version = 1;
