-- webhooks
-- Live webhooks by name: all, or one by its number.
SELECT id, name, url, events, is_active, retry_count, timeout_seconds, last_triggered_at, success_count, failure_count,
       consecutive_failures, deactivated_reason, previous_secret_expires_at, created_at, updated_at
FROM webhooks
WHERE deleted_at IS NULL AND (%(id)s::bigint IS NULL OR id = %(id)s::bigint)
ORDER BY name, id;

-- add_webhook
-- A new webhook with its sealed secret.
INSERT INTO webhooks (name, url, secret, events, retry_count, timeout_seconds)
VALUES (%(name)s::text, %(url)s::text, %(secret)s::text, %(events)s::jsonb, %(retry_count)s::integer, %(timeout_seconds)s::integer)
RETURNING id;

-- change_webhook
-- Its new values; to activate it again forgets the failures.
UPDATE webhooks
SET name = %(name)s::text, url = %(url)s::text, events = %(events)s::jsonb, retry_count = %(retry_count)s::integer,
    timeout_seconds = %(timeout_seconds)s::integer, is_active = %(is_active)s::boolean,
    consecutive_failures = CASE WHEN %(is_active)s::boolean AND NOT is_active THEN 0 ELSE consecutive_failures END,
    deactivated_reason = CASE WHEN %(is_active)s::boolean THEN NULL ELSE deactivated_reason END
WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- delete_webhook
-- Nothing is sent to it any more; its log stays.
UPDATE webhooks SET deleted_at = now(), is_active = false WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- rotate_secret
-- A new secret; the former one signs too for a while.
UPDATE webhooks
SET previous_secret = secret, secret = %(secret)s::text,
    previous_secret_expires_at = now() + make_interval(secs => %(overlap)s::double precision)
WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- subscribed
-- Active webhooks that want this event.
SELECT id FROM webhooks
WHERE is_active AND deleted_at IS NULL AND events ?| ARRAY[%(event)s::text, '*']
ORDER BY id;

-- target
-- Where to send, and whether this attempt was already made by a worker that died after it.
SELECT w.url, w.is_active, w.retry_count, w.timeout_seconds, w.secret,
       CASE WHEN w.previous_secret_expires_at > now() THEN w.previous_secret END AS previous_secret,
       EXISTS (SELECT FROM webhook_logs l WHERE l.webhook_id = w.id AND l.delivery_id = %(delivery)s::text
               AND l.attempt_number = %(attempt)s::integer) AS already_sent
FROM webhooks w
WHERE w.id = %(id)s::bigint AND w.deleted_at IS NULL;

-- add_log
-- One attempt, as it went.
INSERT INTO webhook_logs (webhook_id, delivery_id, event, payload, status_code, response_body, response_time_ms, status,
                          error_message, attempt_number, next_attempt_at)
VALUES (%(webhook)s::bigint, %(delivery)s::text, %(event)s::text, %(payload)s::jsonb, %(status_code)s::integer,
        %(body)s::text, %(milliseconds)s::integer, %(status)s::text, %(error)s::text, %(attempt)s::integer,
        now() + make_interval(secs => %(delay)s::double precision));

-- count_success
-- The receiver took it.
UPDATE webhooks SET success_count = success_count + 1, consecutive_failures = 0, last_triggered_at = now()
WHERE id = %(id)s::bigint;

-- count_failure
-- The receiver did not take it; returns how many times in a row.
UPDATE webhooks
SET failure_count = failure_count + 1, consecutive_failures = consecutive_failures + 1, last_triggered_at = now()
WHERE id = %(id)s::bigint
RETURNING consecutive_failures;

-- deactivate
-- Switched off with the reason, once.
UPDATE webhooks SET is_active = false, deactivated_reason = %(reason)s::text WHERE id = %(id)s::bigint AND is_active;

-- deliveries
-- Attempts of a webhook that went so and are of that event, newest first, before one of them.
SELECT id, webhook_id, delivery_id, event, payload, status_code, response_body, response_time_ms, status, error_message,
       attempt_number, next_attempt_at, created_at
FROM webhook_logs
WHERE webhook_id = %(webhook)s::bigint AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
  AND (%(status)s::text IS NULL OR status = %(status)s::text) AND (%(event)s::text IS NULL OR event = %(event)s::text)
  AND (%(delivery)s::text IS NULL OR delivery_id = %(delivery)s::text)
ORDER BY id DESC LIMIT %(most)s::integer;

-- waiting
-- Deliveries of a webhook that are still to be made, and those of them whose time has come.
SELECT count(*) AS total, count(*) FILTER (WHERE run_at < now() + interval '5 seconds') AS due
FROM jobs WHERE lane = %(lane)s::text AND status IN ('queued', 'running');

-- last_attempt
-- The newest attempt of one delivery.
SELECT id, webhook_id, delivery_id, event, payload, status_code, response_body, response_time_ms, status, error_message,
       attempt_number, next_attempt_at, created_at
FROM webhook_logs
WHERE webhook_id = %(webhook)s::bigint AND delivery_id = %(delivery)s::text
ORDER BY attempt_number DESC, id DESC LIMIT 1;
