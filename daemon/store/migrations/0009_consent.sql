-- What the bearer of a number or address took back ("STOP"), whoever it belongs to. A digest: it
-- outlives the erasure of the person and of what they wrote.
CREATE TABLE opt_out (
    digest TEXT NOT NULL,                      -- SHA-256 of the address in lower case, hex
    consent TEXT NOT NULL,                     -- sms, email, marketing
    at INTEGER NOT NULL, PRIMARY KEY (digest, consent)) STRICT;
-- E-mail addresses are one address however they are written.
DROP INDEX email_address;
CREATE INDEX email_address ON email (lower(address));
DROP INDEX message_recipient;
CREATE INDEX message_recipient ON message (lower(recipient), id);
