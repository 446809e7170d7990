-- message_to_learn
-- An answer with what it was asked, held until it is learned.
SELECT m.id, m.uuid, m.role, m.status, m.validation_status, s.agent_id, a.slug AS agent_slug,
       coalesce(m.rag_context ->> 'query', q.content, '') AS question, coalesce(m.corrected_content, m.content) AS answer,
       m.corrected_content IS NOT NULL AS corrected, m.rag_context, m.prompt_version, m.model_used, m.validated_by, m.validated_at
FROM ai_messages m
JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
JOIN agents a ON a.id = s.agent_id
LEFT JOIN ai_messages q ON q.id = m.reply_to
WHERE m.uuid = %(uuid)s::uuid
FOR UPDATE OF m;

-- sign_message
-- The answer is learned, by whoever validated it before or by who learns it.
UPDATE ai_messages SET validation_status = 'learned', validated_by = coalesce(validated_by, current_actor()),
       validated_at = coalesce(validated_at, now())
WHERE id = %(id)s::bigint
RETURNING validated_by, validated_at;

-- next_id
-- The number of the next learned answer, which names its point too.
SELECT nextval(pg_get_serial_sequence('learned_responses', 'id'));

-- add_learned
-- A question and its validated answer.
INSERT INTO learned_responses (id, point_id, agent_id, message_id, question, answer, validated_by, validated_at, prompt_version, model)
OVERRIDING SYSTEM VALUE
VALUES (%(id)s::bigint, %(point)s::uuid, %(agent)s::bigint, %(message)s::bigint, %(question)s::text, %(answer)s::text,
        %(validated_by)s::bigint, coalesce(%(validated_at)s::timestamptz, now()), %(prompt_version)s::integer, %(model)s::text);

-- agent_of
-- The live agent by its slug.
SELECT id, slug FROM agents WHERE slug = %(slug)s::text AND deleted_at IS NULL;

-- lock_learned
-- Whoever changes a learned answer is alone with it until the commit.
SELECT id FROM learned_responses WHERE id = %(id)s::bigint FOR UPDATE;

-- below
-- Ouvrages that these are made of, at any depth.
SELECT coalesce(array_agg(id), '{}') FROM learned_below(%(ids)s::bigint[]) AS below(id);

-- costs
-- What ouvrages cost by their composition now.
SELECT ouvrage_id AS id, cost FROM ouvrage_costs(%(ids)s::bigint[]);

-- facts
-- What live records say now.
SELECT row_id, facts FROM learned_facts(current_tenant(), %(table)s::text, %(rows)s::bigint[]);

-- depend
-- A learned answer rests on these columns of these records, as they are now.
INSERT INTO learned_dependencies (learned_response_id, source_table, row_id, columns, columns_hash, snapshot)
SELECT %(learned)s::bigint, %(table)s::text, f.row_id, w.columns, encode(sha256(convert_to(s.snapshot::text, 'UTF8')), 'hex'), s.snapshot
FROM (SELECT (value ->> 0)::bigint AS row_id, ARRAY(SELECT jsonb_array_elements_text(value -> 1)) AS columns
      FROM jsonb_array_elements(%(wanted)s::jsonb)) AS w
JOIN learned_facts(current_tenant(), %(table)s::text, %(rows)s::bigint[]) AS f ON f.row_id = w.row_id
CROSS JOIN LATERAL (SELECT learned_pick(f.facts, w.columns) AS snapshot) AS s
WHERE cardinality(w.columns) > 0
ON CONFLICT (learned_response_id, source_table, row_id) DO NOTHING;

-- watch
-- A table of users is watched from now on.
SELECT watch_learned_table(%(table)s::text);

-- held_by
-- Records that a learned answer rests on, with the columns it uses.
SELECT source_table, row_id, columns FROM learned_dependencies WHERE learned_response_id = %(learned)s::bigint;

-- undepend
-- A learned answer rests on nothing until it is told anew.
DELETE FROM learned_dependencies WHERE learned_response_id = %(learned)s::bigint;

-- dependencies
-- What a learned answer rests on: what it said then, and what it said when it changed.
SELECT d.source_table, d.row_id,
       coalesce(d.snapshot ->> 'code', d.snapshot ->> 'title', d.snapshot ->> 'name', d.source_table || ' ' || d.row_id) AS label,
       CASE d.source_table
           WHEN 'ouvrages' THEN '/records/ouvrages/' || d.row_id
           WHEN 'document_chunks' THEN (SELECT '/records/documents/' || x.uuid FROM document_chunks c JOIN documents x ON x.id = c.document_id
                                        WHERE c.id = d.row_id AND x.deleted_at IS NULL)
           ELSE (SELECT '/records/tables/' || t.name || '/rows/' || d.row_id FROM dynamic_tables t WHERE t.table_name = d.source_table)
       END AS url, d.snapshot AS before, d.found, d.changed_at
FROM learned_dependencies d
WHERE d.learned_response_id = %(learned)s::bigint
ORDER BY d.changed_at IS NULL, d.id;

-- set_wording
-- Another wording of a question and its answer.
UPDATE learned_responses SET question = %(question)s::text, answer = %(answer)s::text WHERE id = %(id)s::bigint;

-- set_status
-- Another state, with the reason.
UPDATE learned_responses SET status = %(status)s::text, status_reason = %(reason)s::text,
       suspended_at = CASE %(status)s::text WHEN 'suspended' THEN now() END
WHERE id = %(id)s::bigint;

-- renew
-- Valid again, signed by who looked at it.
UPDATE learned_responses SET status = 'active', status_reason = NULL, suspended_at = NULL, validated_by = current_actor(), validated_at = now()
WHERE id = %(id)s::bigint;

-- history
-- Every state and wording that a learned answer had, newest first.
SELECT h.from_status, h.to_status, h.reason, h.question, h.answer, u.name AS actor, h.created_at
FROM learned_history h LEFT JOIN users u ON u.id = h.actor_id
WHERE h.learned_response_id = %(learned)s::bigint
ORDER BY h.id DESC;

-- read_entries
-- Learned answers of one agent as the index reads them: by their question.
SELECT l.id AS source_id, left(l.question, 500) AS title, NULL::text AS code, '/learned/' || l.id AS url, l.question AS content,
       jsonb_build_object('db_id', l.id, 'agent_id', l.agent_id, 'agent_slug', a.slug, 'message_id', l.message_id, 'question', l.question,
           'answer', l.answer, 'validated_by', l.validated_by, 'validated_at', l.validated_at, 'tenant_id', l.tenant_id) AS payload
FROM learned_responses l JOIN agents a ON a.id = l.agent_id
WHERE l.status = 'active' AND l.agent_id = %(agent)s::bigint AND (%(ids)s::bigint[] IS NULL OR l.id = ANY (%(ids)s::bigint[]));

-- candidates
-- Learned answers that are in use, with the sources of the answers that they were learned from; the newest first.
SELECT l.id, l.question, l.answer, u.name AS validated_by_name, l.validated_by, l.validated_at,
       m.rag_context -> 'sources' AS sources, m.rag_context -> 'hydrated_data' AS hydrated
FROM learned_responses l
JOIN users u ON u.id = l.validated_by
LEFT JOIN ai_messages m ON m.id = l.message_id
WHERE l.id = ANY (%(ids)s::bigint[]) AND l.agent_id = %(agent)s::bigint AND l.status = 'active'
ORDER BY l.validated_at DESC, l.id DESC;

-- count_served
-- It was served once more in the place of a model's answer; nothing when it is not in use any more.
UPDATE learned_responses SET served_count = served_count + 1, last_served_at = now()
WHERE id = %(id)s::bigint AND status = 'active' RETURNING validated_by AS by, validated_at AS at;

-- learned
-- Learned answers by their numbers, or those that hold some words, of an agent, in a state; the newest first, or those that served most.
SELECT l.id, l.point_id, l.agent_id, a.slug AS agent_slug, a.name AS agent_name, m.uuid AS message, l.question, l.answer,
       l.validated_by, u.name AS validated_by_name, l.validated_at, l.prompt_version, l.model, l.embedder, l.status,
       l.status_reason, l.suspended_at, l.replaced_by, l.served_count, l.last_served_at, l.created_at, l.updated_at
FROM learned_responses l
JOIN agents a ON a.id = l.agent_id
JOIN users u ON u.id = l.validated_by
LEFT JOIN ai_messages m ON m.id = l.message_id
WHERE (%(ids)s::bigint[] IS NULL OR l.id = ANY (%(ids)s::bigint[]))
  AND (%(q)s::text IS NULL OR holds_words(l.question || ' ' || l.answer, %(q)s::text))
  AND (%(agent)s::text IS NULL OR a.slug = %(agent)s::text)
  AND (%(status)s::text IS NULL OR l.status = %(status)s::text)
  AND (%(before)s::bigint IS NULL OR l.id < %(before)s::bigint)
ORDER BY CASE WHEN %(used)s::boolean THEN l.served_count END DESC NULLS LAST, l.id DESC
LIMIT %(limit)s::integer OFFSET %(offset)s::integer;

-- count_learned
-- How many learned answers a list holds.
SELECT count(*) FROM learned_responses l JOIN agents a ON a.id = l.agent_id
WHERE (%(q)s::text IS NULL OR holds_words(l.question || ' ' || l.answer, %(q)s::text))
  AND (%(agent)s::text IS NULL OR a.slug = %(agent)s::text)
  AND (%(status)s::text IS NULL OR l.status = %(status)s::text);

-- saved
-- How many questions were answered without a model on each of the last days, the oldest first.
SELECT day::date AS day, (SELECT count(*) FROM ai_messages m
                          WHERE m.created_at >= day AND m.created_at < day + interval '1 day' AND m.role = 'assistant'
                            AND m.rag_context ->> 'notice' = 'learned')::integer AS times
FROM generate_series(date_trunc('day', now()) - make_interval(days => %(days)s::integer - 1), date_trunc('day', now()), interval '1 day') AS day
ORDER BY day;

-- open_questions
-- What an agent has learned and may still use, the oldest first.
SELECT id, question FROM learned_responses
WHERE agent_id = %(agent)s::bigint AND status IN ('active', 'suspended') ORDER BY id;

-- replace
-- A newer answer to the same question takes its place.
UPDATE learned_responses o SET status = 'replaced', replaced_by = n.id, suspended_at = NULL
FROM learned_responses n
WHERE o.id = ANY (%(old)s::bigint[]) AND n.id = %(new)s::bigint AND n.status = 'active' AND o.agent_id = n.agent_id
  AND o.id < n.id AND o.status IN ('active', 'suspended')
RETURNING o.id;
