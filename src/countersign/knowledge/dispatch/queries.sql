-- validated
-- The latest validated questions of each live agent: what people rightly asked it.
SELECT a.slug, q.content AS question
FROM agents a
CROSS JOIN LATERAL (
    SELECT q.content FROM ai_messages m
    JOIN ai_sessions s ON s.id = m.session_id
    JOIN ai_messages q ON q.id = m.reply_to
    WHERE s.agent_id = a.id AND m.role = 'assistant' AND m.validation_status IN ('validated', 'learned') AND s.status <> 'deleted'
    ORDER BY m.validated_at DESC LIMIT %(most)s::bigint
) AS q
WHERE a.deleted_at IS NULL AND a.is_active;

-- shared_words
-- Which share of the question's words each text holds, best first; a word that few texts hold counts more.
WITH asked AS (
    -- « a » and « l » are left of « à » and « l'agent »: they tell nothing.
    SELECT word FROM unnest(tsvector_to_array(index_words(%(question)s::text))) AS word WHERE length(word) > 2
), held AS (
    SELECT DISTINCT t.slug, word
    FROM unnest(%(slugs)s::text[], %(texts)s::text[]) AS t (slug, text)
    CROSS JOIN LATERAL unnest(tsvector_to_array(index_words(t.text))) AS word
), weighed AS (
    SELECT a.word, ln(1 + cardinality(%(slugs)s::text[])::double precision / (1 + count(h.slug))) AS weight
    FROM asked a LEFT JOIN held h ON h.word = a.word GROUP BY a.word
)
SELECT h.slug, sum(w.weight) / (SELECT sum(weight) FROM weighed) AS share
FROM weighed w JOIN held h ON h.word = w.word
GROUP BY h.slug ORDER BY share DESC, h.slug;
