-- `user` is reserved in PostgreSQL: there SELECT user is the session's own. Nothing ever read or
-- wrote plugin_kv.
ALTER TABLE shift RENAME COLUMN user TO account;
DROP TABLE plugin_kv;
