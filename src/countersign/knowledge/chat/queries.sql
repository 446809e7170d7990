-- open_session
-- Start a conversation with one agent.
INSERT INTO ai_sessions (agent_id, user_id, title, external_session_id, external_context, dispatch)
SELECT a.id, current_actor(), %(title)s::text, %(external_id)s::text, %(external_context)s::jsonb, %(dispatch)s::jsonb
FROM agents a WHERE a.slug = %(slug)s::text AND a.deleted_at IS NULL AND a.is_active
RETURNING uuid;

-- sessions
-- Conversations, newest first: those of one user, or of all; of one agent; with words in their title or what was said.
SELECT s.uuid, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon, a.color AS agent_color, s.title,
       s.message_count, s.status, s.external_session_id, s.external_context,
       s.user_id IS NOT DISTINCT FROM current_actor() AS own, s.dispatch, s.created_at, s.updated_at
FROM ai_sessions s
JOIN agents a ON a.id = s.agent_id
WHERE s.status <> 'deleted'
  AND (%(status)s::text IS NULL OR s.status = %(status)s::text)
  AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
  AND (%(agent)s::text IS NULL OR a.slug = %(agent)s::text)
  AND (%(uuid)s::uuid IS NULL OR s.uuid = %(uuid)s::uuid)
  AND (%(before)s::timestamptz IS NULL OR s.updated_at < %(before)s::timestamptz)
  AND (%(q)s::text IS NULL OR holds_words(s.title, %(q)s::text) OR EXISTS (
        SELECT FROM ai_messages m WHERE m.session_id = s.id AND m.validation_status <> 'rejected'
        AND holds_words(coalesce(m.corrected_content, m.content), %(q)s::text)))
ORDER BY s.updated_at DESC, s.id DESC LIMIT %(limit)s::bigint;

-- messages
-- Messages of a conversation in their order, all of them or as it stands with one of them in it; or one message by its address.
SELECT m.id, m.uuid, s.uuid AS session_uuid, m.role, m.content, m.status, q.uuid AS reply_to, m.rag_context, m.model_used,
       m.provider, m.prompt_version, m.tokens_prompt, m.tokens_completion, m.generation_time_ms, m.validation_status,
       v.name AS validated_by_name, m.validated_at, m.corrected_content, m.created_at,
       ARRAY(SELECT o.uuid FROM ai_messages o WHERE o.session_id = m.session_id AND o.role = m.role
             AND o.reply_to IS NOT DISTINCT FROM m.reply_to ORDER BY o.id) AS versions
FROM ai_messages m
JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
LEFT JOIN ai_messages q ON q.id = m.reply_to
LEFT JOIN users v ON v.id = m.validated_by
WHERE (%(session)s::uuid IS NULL OR s.uuid = %(session)s::uuid)
  AND (%(uuid)s::uuid IS NULL OR m.uuid = %(uuid)s::uuid)
  AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
  AND (%(after)s::bigint IS NULL OR m.id > %(after)s::bigint)
  AND (%(every)s::boolean OR m.id = ANY (ARRAY(SELECT message_path(%(session)s::uuid, %(at)s::uuid))))
ORDER BY m.id LIMIT %(limit)s::bigint;

-- said_before
-- Answers in the caller's newest conversations with an agent that say exactly this, the newest first.
SELECT s.uuid AS session, m.uuid AS answer
FROM (SELECT s.id, s.uuid FROM ai_sessions s JOIN agents a ON a.id = s.agent_id
      WHERE a.slug = %(agent)s::text AND s.user_id = current_actor() AND s.status = 'active'
      ORDER BY s.updated_at DESC LIMIT 200) AS s
JOIN ai_messages m ON m.session_id = s.id
WHERE m.role = 'assistant' AND m.status <> 'streaming' AND m.content = %(content)s::text
ORDER BY m.id DESC LIMIT 10;

-- lock_session
-- The conversation that is asked something, held until the question is stored.
SELECT s.id, a.slug AS agent_slug, s.title, s.message_count
FROM ai_sessions s JOIN agents a ON a.id = s.agent_id
WHERE s.uuid = %(uuid)s::uuid AND s.status = 'active' AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint)
FOR UPDATE OF s;

-- add_exchange
-- Store the question after the message that it follows, an empty answer with an address, to be filled, and the name of a
-- conversation that has none; nothing while an answer is being written there by a process that lives.
WITH place AS (
    SELECT CASE WHEN %(instead_of)s::bigint IS NOT NULL
        THEN (SELECT reply_to FROM ai_messages WHERE id = %(instead_of)s::bigint)
        ELSE (SELECT id FROM ai_messages WHERE session_id = %(session)s::bigint
              AND (%(after)s::uuid IS NULL OR uuid = %(after)s::uuid AND role = 'assistant') ORDER BY id DESC LIMIT 1)
        END AS reply_to
), question AS (
    INSERT INTO ai_messages (session_id, role, content, status, reply_to, regenerated_from)
    SELECT %(session)s::bigint, 'user', %(content)s::text, 'complete', place.reply_to, %(instead_of)s::bigint FROM place
    WHERE (place.reply_to IS NOT NULL OR %(after)s::uuid IS NULL OR %(instead_of)s::bigint IS NOT NULL)
        AND NOT EXISTS (SELECT FROM ai_messages WHERE session_id = %(session)s::bigint AND status = 'streaming'
        AND coalesce(written_at, created_at) > now() - make_interval(secs => %(silence)s::double precision))
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

-- session_of
-- The conversation that a message belongs to.
SELECT s.uuid FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id WHERE m.uuid = %(message)s::uuid;

-- asked_question
-- A question of a conversation that is put otherwise, or that an answer was given to.
SELECT q.id, q.uuid, q.content FROM ai_messages q
WHERE q.session_id = %(session)s::bigint AND q.role = 'user'
  AND (q.uuid = %(message)s::uuid OR q.id = (SELECT reply_to FROM ai_messages WHERE uuid = %(message)s::uuid AND role = 'assistant'));

-- add_version
-- An empty answer beside an earlier one to the same question; nothing while an answer is being written there.
INSERT INTO ai_messages (session_id, role, content, status, reply_to, regenerated_from, prompt_version)
SELECT m.session_id, 'assistant', '', 'streaming', m.reply_to, m.id, %(prompt_version)s::integer
FROM ai_messages m
WHERE m.uuid = %(message)s::uuid AND NOT EXISTS (
    SELECT FROM ai_messages WHERE session_id = m.session_id AND status = 'streaming'
    AND coalesce(written_at, created_at) > now() - make_interval(secs => %(silence)s::double precision))
RETURNING id, uuid;

-- title_session
-- Name a conversation.
UPDATE ai_sessions SET title = left(%(title)s::text, 255), updated_at = now()
WHERE uuid = %(uuid)s::uuid AND (%(user)s::bigint IS NULL OR user_id = %(user)s::bigint);

-- delete_session
-- Hide a conversation from every list.
UPDATE ai_sessions SET status = 'deleted', closed_at = now(), updated_at = now()
WHERE uuid = %(uuid)s::uuid AND status <> 'deleted' AND (%(user)s::bigint IS NULL OR user_id = %(user)s::bigint);

-- history
-- The last messages before a question as they stand after correction, along the branch that leads to it; never rejected or
-- unfinished answers.
SELECT role, content FROM (
    SELECT m.id, m.role, coalesce(m.corrected_content, m.content) AS content
    FROM ai_messages m
    WHERE m.id = ANY (ARRAY(SELECT message_path(%(session)s::uuid, %(question)s::uuid))) AND m.id < %(before)s::bigint
      AND m.role IN ('user', 'assistant') AND m.status IN ('complete', 'stopped')
      AND m.validation_status <> 'rejected' AND m.content <> ''
    ORDER BY m.id DESC LIMIT %(most)s::bigint
) AS last ORDER BY id;

-- keep_answer
-- What there is of an answer that is still being written, so that nothing but the last seconds can be lost.
UPDATE ai_messages SET content = %(content)s::text, written_at = now(),
       rag_context = coalesce(%(rag_context)s::jsonb, rag_context)
WHERE id = %(id)s::bigint AND status = 'streaming';

-- save_answer
-- Fill the answer once; a second writer finds nothing to do. A learned one carries the signature that it was learned with.
UPDATE ai_messages SET content = %(content)s::text, status = %(status)s::text, rag_context = %(rag_context)s::jsonb,
       model_used = %(model)s::text, provider = %(provider)s::text, tokens_prompt = %(tokens_prompt)s::integer,
       tokens_completion = %(tokens_completion)s::integer, generation_time_ms = %(ms)s::integer,
       validation_status = CASE WHEN %(validated_at)s::timestamptz IS NULL THEN validation_status ELSE 'validated' END,
       validated_by = %(validated_by)s::bigint, validated_at = %(validated_at)s::timestamptz
WHERE id = %(id)s::bigint AND status = 'streaming' RETURNING session_id;

-- touch_session
-- A conversation that was just used comes first.
UPDATE ai_sessions SET updated_at = now() WHERE id = %(session)s::bigint;

-- interrupt_answers
-- Answers whose process has fallen silent are said to be interrupted.
UPDATE ai_messages SET status = 'interrupted'
WHERE status = 'streaming' AND coalesce(written_at, created_at) < now() - make_interval(secs => %(silence)s::double precision)
RETURNING id;

-- archive_session
-- Put a conversation away, or take it out again.
UPDATE ai_sessions SET status = %(status)s::text, closed_at = CASE WHEN %(status)s::text = 'active' THEN NULL ELSE now() END
WHERE uuid = %(uuid)s::uuid AND status IN ('active', 'archived') AND (%(user)s::bigint IS NULL OR user_id = %(user)s::bigint);

-- give_feedback
-- What one reader thinks of an answer; a later word replaces the earlier one.
INSERT INTO ai_feedbacks (message_id, user_id, rating, is_helpful, comment)
VALUES (%(message)s::bigint, current_actor(), %(rating)s::smallint, %(is_helpful)s::boolean, %(comment)s::text)
ON CONFLICT (user_id, message_id) DO UPDATE
SET rating = excluded.rating, is_helpful = excluded.is_helpful, comment = excluded.comment;

-- take_feedback_back
-- A reader has no opinion any more.
DELETE FROM ai_feedbacks WHERE message_id = %(message)s::bigint AND user_id = current_actor();

-- feedbacks
-- What the reader thinks of answers.
SELECT m.uuid AS message, f.rating, f.is_helpful, f.comment, f.updated_at
FROM ai_feedbacks f JOIN ai_messages m ON m.id = f.message_id
WHERE f.message_id = ANY (%(messages)s::bigint[]) AND f.user_id = current_actor();

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

-- share_session
-- Let colleagues read a conversation up to its newest message, or the one named, by a link; the link that there is stays.
INSERT INTO session_shares (session_id, last_message_id)
SELECT s.id, m.id FROM ai_sessions s
JOIN LATERAL (SELECT id FROM ai_messages m WHERE m.session_id = s.id AND (%(upto)s::uuid IS NULL OR m.uuid = %(upto)s::uuid)
              ORDER BY id DESC LIMIT 1) AS m ON true
WHERE s.uuid = %(session)s::uuid AND s.status <> 'deleted' AND s.user_id = current_actor()
ON CONFLICT (session_id) WHERE revoked_at IS NULL DO UPDATE SET last_message_id = excluded.last_message_id
RETURNING uuid;

-- revoke_share
-- The link leads nowhere from now on.
UPDATE session_shares h SET revoked_at = now() FROM ai_sessions s
WHERE s.id = h.session_id AND s.uuid = %(session)s::uuid AND h.revoked_at IS NULL
  AND (%(user)s::bigint IS NULL OR s.user_id = %(user)s::bigint);

-- share_of
-- The link to a conversation that is good at this moment, and whether something was said since.
SELECT h.uuid, l.uuid AS upto, h.created_at,
       EXISTS (SELECT FROM ai_messages m WHERE m.session_id = s.id AND m.id > l.id) AS behind
FROM session_shares h JOIN ai_sessions s ON s.id = h.session_id JOIN ai_messages l ON l.id = h.last_message_id
WHERE s.uuid = %(session)s::uuid AND h.revoked_at IS NULL;

-- shared
-- What a link leads to, for everybody of the organisation who has it.
SELECT s.uuid AS session, l.uuid AS upto, l.id AS last_id, s.title, a.slug AS agent_slug, a.name AS agent_name, a.icon AS agent_icon,
       a.color AS agent_color, u.name AS shared_by, h.created_at
FROM session_shares h
JOIN ai_sessions s ON s.id = h.session_id AND s.status <> 'deleted'
JOIN agents a ON a.id = s.agent_id
JOIN ai_messages l ON l.id = h.last_message_id
LEFT JOIN users u ON u.id = h.created_by
WHERE h.uuid = %(share)s::uuid AND h.revoked_at IS NULL;
