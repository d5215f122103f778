-- What became of what owners write: confirmed, not_satisfied, reopened, noted, opened, opted_out,
-- kept. NULL: written before this was told.
ALTER TABLE inbound ADD COLUMN became TEXT;
