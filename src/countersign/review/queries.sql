-- waiting
-- What waits, worst first, after a place in that order: of one agent, for one reason, for longer than so many days.
SELECT r.id, r.kind, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon, a.color AS agent_color, r.reasons,
       r.urgency, r.waiting_since, r.rank_at,
       left(coalesce(q.content, l.question, ''), 200) AS question,
       CASE WHEN r.claimed_by <> current_actor() AND r.claimed_until > now() THEN c.name END AS held_by,
       r.outcome, r.closed_at, NULL::text AS closed_by_name
FROM review_items r
JOIN agents a ON a.id = r.agent_id
LEFT JOIN ai_messages m ON m.id = r.message_id
LEFT JOIN ai_messages q ON q.id = m.reply_to
LEFT JOIN learned_responses l ON l.id = r.learned_response_id
LEFT JOIN users c ON c.id = r.claimed_by
WHERE r.closed_at IS NULL AND r.tenant_id = current_tenant()
  AND (%(agent)s::text IS NULL OR r.agent_id = (SELECT id FROM agents WHERE slug = %(agent)s::text AND deleted_at IS NULL))
  AND (%(reason)s::text IS NULL OR %(reason)s::text = ANY (r.reasons))
  AND (%(days)s::integer IS NULL OR r.waiting_since < now() - make_interval(days => %(days)s::integer))
  AND r.rank_at < now() - make_interval(days => coalesce(%(days)s::integer, -1)) -- what is older stands higher: the order ends the search
  AND (%(after_rank)s::timestamptz IS NULL OR (r.rank_at, r.id) > (%(after_rank)s::timestamptz, %(after_id)s::bigint))
ORDER BY r.rank_at, r.id LIMIT %(limit)s::bigint;

-- decided
-- What was decided, newest first, before a place in that order.
SELECT r.id, r.kind, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon, a.color AS agent_color, r.reasons,
       r.urgency, r.waiting_since, r.rank_at,
       left(coalesce(q.content, l.question, ''), 200) AS question, NULL::text AS held_by,
       r.outcome, r.closed_at, c.name AS closed_by_name
FROM review_items r
JOIN agents a ON a.id = r.agent_id
LEFT JOIN ai_messages m ON m.id = r.message_id
LEFT JOIN ai_messages q ON q.id = m.reply_to
LEFT JOIN learned_responses l ON l.id = r.learned_response_id
LEFT JOIN users c ON c.id = r.closed_by
WHERE r.closed_at IS NOT NULL AND r.outcome <> 'withdrawn' AND r.tenant_id = current_tenant()
  AND (%(outcome)s::text IS NULL OR r.outcome = %(outcome)s::text)
  AND (%(agent)s::text IS NULL OR r.agent_id = (SELECT id FROM agents WHERE slug = %(agent)s::text AND deleted_at IS NULL))
  AND (%(reason)s::text IS NULL OR %(reason)s::text = ANY (r.reasons))
  AND (%(days)s::integer IS NULL OR r.waiting_since < now() - make_interval(days => %(days)s::integer))
  AND (%(after_at)s::timestamptz IS NULL OR (r.closed_at, r.id) < (%(after_at)s::timestamptz, %(after_id)s::bigint))
ORDER BY r.closed_at DESC, r.id DESC LIMIT %(limit)s::bigint;

-- take_next
-- The next one that nobody has in hand goes into the caller's hands: two who ask at once get two.
WITH here AS (
    SELECT rank_at, id FROM review_items WHERE id = %(after)s::bigint
), found AS (
    SELECT r.id FROM review_items r
    WHERE r.closed_at IS NULL AND r.tenant_id = current_tenant() AND r.id IS DISTINCT FROM %(after)s::bigint
      AND (r.claimed_by IS NULL OR r.claimed_by = current_actor() OR r.claimed_until <= now())
      AND (%(agent)s::text IS NULL OR r.agent_id = (SELECT id FROM agents WHERE slug = %(agent)s::text AND deleted_at IS NULL))
      AND (%(reason)s::text IS NULL OR %(reason)s::text = ANY (r.reasons))
      AND (%(days)s::integer IS NULL OR r.waiting_since < now() - make_interval(days => %(days)s::integer))
      AND r.rank_at < now() - make_interval(days => coalesce(%(days)s::integer, -1)) -- what is older stands higher: the order ends the search
      AND (NOT %(below)s::boolean OR (r.rank_at, r.id) > (SELECT rank_at, id FROM here))
    ORDER BY r.rank_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED
)
SELECT found.id FROM found WHERE claim_review(found.id, %(seconds)s::integer);

-- take
-- One of them goes into the caller's hands, if nobody else has it.
SELECT claim_review(%(id)s::bigint, %(seconds)s::integer);

-- let_go
-- Whatever else the caller had in hand is free again.
UPDATE review_items SET claimed_by = NULL, claimed_until = NULL
WHERE claimed_by = current_actor() AND closed_at IS NULL AND id <> ALL (%(except)s::bigint[]);

-- item
-- One thing of the inbox, waiting or decided.
SELECT r.id, r.kind, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon, a.color AS agent_color, r.reasons,
       r.urgency, r.waiting_since, r.rank_at, coalesce(q.content, l.question, '') AS question,
       CASE WHEN r.claimed_by <> current_actor() AND r.claimed_until > now() THEN c.name END AS held_by,
       r.outcome, r.closed_at, d.name AS closed_by_name, m.uuid AS message, r.learned_response_id AS learned,
       r.claimed_until, m.rejection_reason
FROM review_items r
JOIN agents a ON a.id = r.agent_id
LEFT JOIN ai_messages m ON m.id = r.message_id
LEFT JOIN ai_messages q ON q.id = m.reply_to
LEFT JOIN learned_responses l ON l.id = r.learned_response_id
LEFT JOIN users c ON c.id = r.claimed_by
LEFT JOIN users d ON d.id = r.closed_by
WHERE r.id = %(id)s::bigint;

-- feedbacks
-- What readers thought of an answer, newest first.
SELECT u.name AS who, f.rating, f.is_helpful, f.comment, f.updated_at
FROM ai_feedbacks f JOIN ai_messages m ON m.id = f.message_id LEFT JOIN users u ON u.id = f.user_id
WHERE m.uuid = %(message)s::uuid ORDER BY f.updated_at DESC LIMIT 20;

-- count_waiting
-- How many wait, counted up to a limit.
SELECT count(*) FROM (
    SELECT FROM review_items WHERE closed_at IS NULL AND tenant_id = current_tenant() LIMIT %(most)s::bigint) AS counted;

-- hold_answer
-- An answer is locked until the decision; what was decided is read after, for a join would still show what was before.
SELECT m.id FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
WHERE m.uuid = %(uuid)s::uuid FOR UPDATE OF m;

-- answer
-- An answer and what was decided on it.
SELECT m.id, m.uuid, m.role, m.status, m.validation_status, v.name AS decided_by, m.validated_at AS decided_at,
       m.corrected_content, m.content
FROM ai_messages m LEFT JOIN users v ON v.id = m.validated_by
WHERE m.id = %(id)s::bigint;

-- decide
-- The decision of the caller; nothing when the answer is no longer as they saw it.
SELECT decide_answer(%(id)s::bigint, %(seen)s::text, %(status)s::text, %(content)s::text, %(reason)s::text);

-- done_today
-- What was decided since a moment, by outcome.
SELECT outcome, count(*)::integer AS many FROM review_items
WHERE closed_at >= %(since)s::timestamptz AND tenant_id = current_tenant() AND outcome <> 'withdrawn' GROUP BY outcome ORDER BY many DESC;

-- course
-- Day by day: how many waited at its end, how many were decided, and the median of hours from waiting to decision. What was
-- decided before the first day is not read.
WITH days AS (
    SELECT begins, day FROM unnest(%(begins)s::timestamptz[]) WITH ORDINALITY AS d (begins, day)
), came AS (
    SELECT width_bucket(waiting_since, %(begins)s::timestamptz[]) AS day, count(*) AS many
    FROM review_items WHERE tenant_id = current_tenant() AND (closed_at IS NULL OR closed_at >= (%(begins)s::timestamptz[])[1]) GROUP BY 1
), went AS (
    SELECT width_bucket(closed_at, %(begins)s::timestamptz[]) AS day, count(*) AS many,
           count(*) FILTER (WHERE outcome <> 'withdrawn') AS decided,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_at - waiting_since) FILTER (WHERE outcome <> 'withdrawn') AS median
    FROM review_items WHERE tenant_id = current_tenant() AND closed_at >= (%(begins)s::timestamptz[])[1] GROUP BY 1
)
SELECT days.begins AS day,
       (coalesce((SELECT many FROM came WHERE day = 0), 0)
        + sum(coalesce(came.many, 0) - coalesce(went.many, 0)) OVER (ORDER BY day))::integer AS waiting,
       coalesce(went.decided, 0)::integer AS decided, round(extract(epoch FROM went.median) / 3600, 3) AS hours
FROM days LEFT JOIN came USING (day) LEFT JOIN went USING (day) ORDER BY day;
