-- Deliveries to one webhook go out one after the other, so that a receiver who hangs holds up nobody but itself.

ALTER TABLE jobs ADD COLUMN lane varchar(200);
COMMENT ON COLUMN jobs.lane IS 'Jobs of one lane are done one after the other, by whichever worker; NULL: none waits for another.';
CREATE UNIQUE INDEX idx_jobs_lane ON jobs (tenant_id, lane) WHERE lane IS NOT NULL AND status = 'running';
CREATE INDEX idx_jobs_lane_waiting ON jobs (tenant_id, lane, run_at, id) WHERE lane IS NOT NULL AND status = 'queued';
