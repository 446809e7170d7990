-- open_session
-- Start a conversation with one agent.
INSERT INTO ai_sessions (agent_id, user_id, title, external_session_id, external_context, dispatch)
SELECT a.id, current_actor(), %(title)s::text, %(external_id)s::text, %(external_context)s::jsonb, %(dispatch)s::jsonb
FROM agents a WHERE a.slug = %(slug)s::text AND a.deleted_at IS NULL AND a.is_active
RETURNING uuid;

-- sessions
-- Conversations, newest first: those of one user, or of all; of one agent; with a word in their title or questions.
SELECT s.uuid, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon, a.color AS agent_color, s.title,
       s.message_count, s.status, s.external_session_id, s.external_context,
       s.user_id IS NOT DISTINCT FROM current_actor() AS own, s.dispatch, s.created_at, s.updated_at
FROM ai_sessions s
JOIN agents a ON a.id = s.agent_id
WHERE s.status <> 'deleted'
  AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
  AND (%(agent)s::text IS NULL OR a.slug = %(agent)s::text)
  AND (%(uuid)s::uuid IS NULL OR s.uuid = %(uuid)s::uuid)
  AND (%(before)s::timestamptz IS NULL OR s.updated_at < %(before)s::timestamptz)
  AND (%(q)s::text IS NULL OR s.title ILIKE '%%' || %(q)s::text || '%%' OR EXISTS (
        SELECT FROM ai_messages m WHERE m.session_id = s.id AND m.role = 'user' AND m.content ILIKE '%%' || %(q)s::text || '%%'))
ORDER BY s.updated_at DESC, s.id DESC LIMIT %(limit)s::bigint;

-- messages
-- Messages of a conversation in their order, or one message by its address.
SELECT m.id, m.uuid, s.uuid AS session_uuid, m.role, m.content, m.status, q.uuid AS reply_to, m.rag_context, m.model_used,
       m.provider, m.prompt_version, m.tokens_prompt, m.tokens_completion, m.generation_time_ms, m.validation_status,
       v.name AS validated_by_name, m.validated_at, m.corrected_content, m.created_at
FROM ai_messages m
JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
LEFT JOIN ai_messages q ON q.id = m.reply_to
LEFT JOIN users v ON v.id = m.validated_by
WHERE (%(session)s::uuid IS NULL OR s.uuid = %(session)s::uuid)
  AND (%(uuid)s::uuid IS NULL OR m.uuid = %(uuid)s::uuid)
  AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
  AND (%(after)s::bigint IS NULL OR m.id > %(after)s::bigint)
ORDER BY m.id LIMIT %(limit)s::bigint;

-- lock_session
-- The conversation that is asked something, held until the question is stored.
SELECT s.id, a.slug AS agent_slug, s.title, s.message_count
FROM ai_sessions s JOIN agents a ON a.id = s.agent_id
WHERE s.uuid = %(uuid)s::uuid AND s.status = 'active' AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
FOR UPDATE OF s;

-- add_exchange
-- Store the question, an empty answer with an address, to be filled, and the name of a conversation that has none; nothing
-- while an answer is being written there that has not run out of time.
WITH question AS (
    INSERT INTO ai_messages (session_id, role, content, status)
    SELECT %(session)s::bigint, 'user', %(content)s::text, 'complete' WHERE NOT EXISTS (
        SELECT FROM ai_messages WHERE session_id = %(session)s::bigint AND status = 'streaming'
        AND created_at > now() - make_interval(secs => %(seconds)s::double precision))
    RETURNING id, uuid
), answer AS (
    INSERT INTO ai_messages (session_id, role, content, status, reply_to, prompt_version)
    SELECT %(session)s::bigint, 'assistant', '', 'streaming', question.id, %(prompt_version)s::integer FROM question
    RETURNING id, uuid
), named AS (
    UPDATE ai_sessions SET title = left(%(title)s::text, 255), updated_at = now()
    WHERE id = %(session)s::bigint AND title IS NULL AND EXISTS (SELECT FROM question)
)
SELECT question.id AS question_id, question.uuid AS question, answer.id AS answer_id, answer.uuid AS answer FROM question, answer;

-- title_session
-- Name a conversation.
UPDATE ai_sessions SET title = left(%(title)s::text, 255), updated_at = now()
WHERE uuid = %(uuid)s::uuid AND (%(user)s::bigint IS NULL OR user_id = %(user)s::bigint);

-- delete_session
-- Hide a conversation from every list.
UPDATE ai_sessions SET status = 'deleted', closed_at = now(), updated_at = now()
WHERE uuid = %(uuid)s::uuid AND status <> 'deleted' AND (%(user)s::bigint IS NULL OR user_id = %(user)s::bigint);

-- history
-- The last messages before a question as they stand after correction; never rejected or unfinished answers.
SELECT role, content FROM (
    SELECT m.id, m.role, coalesce(m.corrected_content, m.content) AS content
    FROM ai_messages m
    WHERE m.session_id = %(session)s::bigint AND m.id < %(before)s::bigint AND m.role IN ('user', 'assistant')
      AND m.status IN ('complete', 'stopped') AND m.validation_status <> 'rejected' AND m.content <> ''
    ORDER BY m.id DESC LIMIT %(most)s::bigint
) AS last ORDER BY id;

-- save_answer
-- Fill the answer once; a second writer finds nothing to do.
UPDATE ai_messages SET content = %(content)s::text, status = %(status)s::text, rag_context = %(rag_context)s::jsonb,
       model_used = %(model)s::text, provider = %(provider)s::text, tokens_prompt = %(tokens_prompt)s::integer,
       tokens_completion = %(tokens_completion)s::integer, generation_time_ms = %(ms)s::integer
WHERE id = %(id)s::bigint AND status = 'streaming' RETURNING session_id;

-- touch_session
-- A conversation that was just used comes first.
UPDATE ai_sessions SET updated_at = now() WHERE id = %(session)s::bigint;

-- interrupt_answers
-- Answers whose process died are said to be interrupted.
UPDATE ai_messages SET status = 'interrupted'
WHERE status = 'streaming' AND created_at < now() - make_interval(secs => %(seconds)s::double precision) RETURNING id;

-- validated_questions
-- The newest questions whose answers were validated, with those of their cited entries that can still be found.
SELECT m.rag_context ->> 'query' AS question, array_agg(DISTINCT e.id) AS relevant
FROM ai_messages m
JOIN ai_sessions s ON s.id = m.session_id
JOIN agents a ON a.id = s.agent_id AND a.qdrant_collection = %(collection)s::text
CROSS JOIN LATERAL jsonb_array_elements(m.rag_context -> 'sources') AS source(value)
JOIN index_entries e ON e.collection = %(collection)s::text AND e.deleted_at IS NULL
    AND e.id = CASE WHEN source.value ->> 'kind' <> 'quote' THEN (source.value ->> 'id')::uuid END
WHERE m.validation_status IN ('validated', 'learned') AND m.role = 'assistant'
  AND position('[' || (source.value ->> 'n') || ']' IN coalesce(m.corrected_content, m.content)) > 0
GROUP BY m.id
ORDER BY max(m.validated_at) DESC
LIMIT 200;
