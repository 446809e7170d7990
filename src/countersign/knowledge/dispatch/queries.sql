-- validated
-- The latest validated questions of each live agent: what people rightly asked it.
SELECT a.slug, q.content AS question
FROM agents a
CROSS JOIN LATERAL (
    SELECT q.content FROM ai_messages m
    JOIN ai_sessions s ON s.id = m.session_id
    JOIN ai_messages q ON q.id = m.reply_to
    WHERE s.agent_id = a.id AND m.role = 'assistant' AND m.validation_status IN ('validated', 'learned')
    ORDER BY m.validated_at DESC LIMIT %(most)s::bigint
) AS q
WHERE a.deleted_at IS NULL AND a.is_active;
