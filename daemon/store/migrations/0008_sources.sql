-- A source that counts its events itself: nobody else may take a number of it.
ALTER TABLE source ADD COLUMN numbered INTEGER NOT NULL DEFAULT 0;
