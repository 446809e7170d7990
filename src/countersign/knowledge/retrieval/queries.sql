-- bound_statements
-- No hydration may hold a connection for longer than this.
SELECT set_config('statement_timeout', '2000', true);
