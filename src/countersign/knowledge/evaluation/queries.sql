-- add_run
-- A measurement that waits for its job, of an agent as it is or with changes.
INSERT INTO evaluation_runs (agent_id, changes, note, seen, prompt_version, model, questions)
VALUES (%(agent)s::bigint, %(changes)s::jsonb, %(note)s::text, %(seen)s::text, %(version)s::integer, %(model)s::text, %(questions)s::integer)
RETURNING id;

-- await_job
-- Names the job that does a measurement.
UPDATE evaluation_runs SET job_id = %(job)s::bigint WHERE id = %(id)s::bigint;

-- begin_run
-- A job takes a measurement up, again if the one before it was killed.
UPDATE evaluation_runs SET status = 'running', embedder = coalesce(%(embedder)s::text, embedder)
WHERE id = %(id)s::bigint AND status IN ('pending', 'running')
RETURNING id;

-- pairs
-- The newest questions to an agent whose answers people signed: the answer as it was corrected, and the entries that it cites.
-- A learned answer that was served is the copy of one, not another one.
SELECT m.id AS message_id, coalesce(m.rag_context ->> 'query', q.content) AS question, coalesce(m.corrected_content, m.content) AS signed,
       coalesce((SELECT array_agg(DISTINCT source.value ->> 'id') FROM jsonb_array_elements(m.rag_context -> 'sources') AS source(value)
                 WHERE source.value ->> 'kind' <> 'quote'
                   AND position('[' || (source.value ->> 'n') || ']' IN coalesce(m.corrected_content, m.content)) > 0), '{}') AS wanted
FROM ai_messages m
JOIN ai_sessions s ON s.id = m.session_id AND s.agent_id = %(agent)s::bigint AND s.status <> 'deleted'
JOIN ai_messages q ON q.id = m.reply_to
WHERE m.validation_status IN ('validated', 'learned') AND m.role = 'assistant'
  AND NOT m.rag_context @? '$.learned[*] ? (@.direct == true)'
ORDER BY m.validated_at DESC, m.id DESC LIMIT %(most)s::integer;

-- answered
-- The questions of a measurement that have been answered already.
SELECT coalesce(array_agg(message_id), '{}') FROM evaluation_results WHERE run_id = %(run)s::bigint;

-- add_result
-- One question of a measurement is answered; nothing if it was before.
INSERT INTO evaluation_results (run_id, message_id, question, signed, live, tried)
VALUES (%(run)s::bigint, %(message)s::bigint, %(question)s::text, %(signed)s::text, %(live)s::jsonb, %(tried)s::jsonb)
ON CONFLICT (run_id, message_id) DO NOTHING;

-- end_run
-- A measurement is whole, with what it comes to.
UPDATE evaluation_runs SET status = 'completed', summary = %(summary)s::jsonb, questions = %(questions)s::integer, ended_at = now()
WHERE id = %(id)s::bigint AND status = 'running';

-- runs
-- Measurements of one agent, newest first, or one by its number.
SELECT r.id, r.agent_id, r.changes, r.note, r.seen, r.prompt_version, r.model, r.embedder, r.status, r.questions, r.summary, r.error,
       r.job_id, r.decision, d.name AS decided_by, r.decided_at, r.published_version, u.name AS author, r.created_at, r.ended_at,
       (SELECT count(*) FROM evaluation_results e WHERE e.run_id = r.id) AS done
FROM evaluation_runs r LEFT JOIN users u ON u.id = r.created_by LEFT JOIN users d ON d.id = r.decided_by
WHERE r.agent_id = %(agent)s::bigint AND (%(id)s::bigint IS NULL OR r.id = %(id)s::bigint)
  AND (%(before)s::bigint IS NULL OR r.id < %(before)s::bigint)
ORDER BY r.id DESC LIMIT %(most)s::integer;

-- results
-- What was answered in a measurement, in the order of its questions.
SELECT message_id, question, signed, live, tried FROM evaluation_results WHERE run_id = %(run)s::bigint ORDER BY id;

-- decide
-- The author publishes a trial or drops it, once.
UPDATE evaluation_runs SET decision = %(decision)s::text, decided_by = current_actor(), decided_at = now(),
    published_version = %(version)s::integer
WHERE id = %(id)s::bigint AND status = 'completed' AND changes IS NOT NULL AND decision IS NULL
RETURNING id;

-- lock_run
-- A trial that is about to be decided, held until the commit.
SELECT decision FROM evaluation_runs WHERE id = %(id)s::bigint FOR UPDATE;
