-- What a record said when a learned answer was suspended for it: the other half of the difference that a person looks at.

ALTER TABLE learned_dependencies ADD COLUMN found jsonb;
ALTER TABLE learned_dependencies ADD COLUMN changed_at timestamptz;
ALTER TABLE learned_dependencies ADD CONSTRAINT chk_found_when CHECK (found IS NULL OR changed_at IS NOT NULL);
COMMENT ON COLUMN learned_dependencies.found IS 'What the row says since changed_at instead of snapshot; NULL with a changed_at: it is gone.';
