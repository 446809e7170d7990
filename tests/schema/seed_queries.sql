-- Version of the schema
SELECT * FROM system_config WHERE key = 'schema_version';

-- Marked as expired
SELECT mark_expired_validations();

-- Statistics
SELECT * FROM get_validation_stats();

-- Weekly cleaning
SELECT cleanup_old_data();

-- Dashboard
SELECT * FROM validation_dashboard;

-- Pending and urgent
SELECT * FROM validation_dashboard WHERE status = 'pending' AND is_urgent = TRUE;

-- History of one person
SELECT * FROM validation_history WHERE validated_by = 'john_doe';

-- History with its actions
SELECT * FROM validation_history;

-- Workflows, dearest first
SELECT * FROM workflow_metrics_summary ORDER BY avg_cost_usd DESC;

-- Runs by day
SELECT DATE(recorded_at) AS date, COUNT(*) AS workflows, AVG(total_duration_seconds) AS avg_duration, SUM(total_ai_cost) AS total_cost
FROM performance_metrics
WHERE recorded_at >= NOW() - INTERVAL '7 days'
GROUP BY DATE(recorded_at)
ORDER BY date DESC;

-- Decisions by person
SELECT validated_by, COUNT(*) AS total_validations,
       COUNT(*) FILTER (WHERE response_status = 'approved') AS approved,
       COUNT(*) FILTER (WHERE response_status = 'rejected') AS rejected,
       AVG(validation_duration_seconds) / 60.0 AS avg_minutes
FROM human_validation_responses
WHERE validated_at >= NOW() - INTERVAL '30 days'
GROUP BY validated_by
ORDER BY total_validations DESC;

-- Cost by provider
SELECT provider, model, COUNT(*) AS calls, SUM(total_tokens) AS total_tokens, SUM(cost_usd) AS total_cost
FROM ai_cost_tracking
WHERE created_at >= NOW() - INTERVAL '7 days'
GROUP BY provider, model
ORDER BY total_cost DESC;

-- Slowest workflows
SELECT t.title, t.repository_url, pm.total_duration_seconds, pm.ai_processing_time_seconds, pm.testing_time_seconds, pm.total_ai_cost
FROM performance_metrics pm
JOIN tasks t ON pm.task_id = t.tasks_id
WHERE pm.recorded_at >= NOW() - INTERVAL '7 days'
ORDER BY pm.total_duration_seconds DESC
LIMIT 10;
