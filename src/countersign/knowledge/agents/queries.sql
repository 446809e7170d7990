-- agents
-- Live agents, active ones or all: all, those that match a word, or one by its slug.
SELECT a.id, a.name, a.slug, a.description, a.icon, a.color, a.language, a.system_prompt,
       a.prompt_version,
       a.qdrant_collection, a.retrieval_mode, a.hydration_config, a.source_template, a.ollama_host, a.ollama_port, a.model,
       a.fallback_model, a.context_window_size, a.max_tokens, a.temperature, a.top_k, a.min_score, a.learned_min_score,
       a.direct_answer, a.strict, a.is_active, a.created_at, a.updated_at
FROM agents a
WHERE a.deleted_at IS NULL AND (a.is_active OR %(inactive)s::boolean)
  AND (%(slug)s::text IS NULL OR a.slug = %(slug)s::text)
  AND (%(q)s::text IS NULL OR a.name ILIKE '%%' || %(q)s::text || '%%' OR a.description ILIKE '%%' || %(q)s::text || '%%')
ORDER BY a.is_active DESC, a.name, a.id;

-- agent_by_id
-- One live agent, whatever it is called now.
SELECT a.slug FROM agents a WHERE a.id = %(id)s::bigint AND a.deleted_at IS NULL;

-- lock_agent
-- The agent that is about to change, held until the commit.
SELECT a.id FROM agents a WHERE a.slug = %(slug)s::text AND a.deleted_at IS NULL FOR UPDATE;

-- prompt_versions
-- What the agent was told, newest first, who changed it, and the trial that it was published from.
SELECT v.version, v.system_prompt, v.change_note, u.name AS author, v.created_at,
       (SELECT max(r.id) FROM evaluation_runs r
        WHERE r.agent_id = v.agent_id AND r.published_version = v.version AND r.changes ? 'system_prompt') AS trial
FROM system_prompt_versions v
LEFT JOIN users u ON u.id = v.created_by
WHERE v.agent_id = %(agent)s::bigint AND (%(version)s::integer IS NULL OR v.version = %(version)s::integer)
ORDER BY v.version DESC;

-- note_change
-- Why the prompt changes, for the version that the trigger writes in this transaction.
SELECT set_config('countersign.change_note', coalesce(%(note)s::text, ''), true);

-- add_agent
-- A new agent, unless a live one has its slug.
INSERT INTO agents (name, slug, description, icon, color, language, system_prompt, qdrant_collection, retrieval_mode,
                    hydration_config, source_template, ollama_host, ollama_port, model, fallback_model, context_window_size,
                    max_tokens, temperature, top_k, min_score, learned_min_score, direct_answer, strict, is_active)
SELECT a.name, a.slug, a.description, a.icon, a.color, a.language, a.system_prompt, a.qdrant_collection, a.retrieval_mode,
       a.hydration_config, a.source_template, a.ollama_host, a.ollama_port, a.model, a.fallback_model, a.context_window_size,
       a.max_tokens, a.temperature, a.top_k, a.min_score, a.learned_min_score, a.direct_answer, a.strict, a.is_active
FROM jsonb_populate_record(NULL::agents, %(values)s::jsonb) AS a
WHERE NOT EXISTS (SELECT FROM agents other WHERE other.slug = a.slug AND other.deleted_at IS NULL)
ON CONFLICT DO NOTHING
RETURNING id;

-- change_agent
-- Every field that people set, at once; nothing when a live agent has the new slug.
UPDATE agents SET
    (name, slug, description, icon, color, language, system_prompt, qdrant_collection, retrieval_mode, hydration_config,
     source_template, ollama_host, ollama_port, model, fallback_model, context_window_size, max_tokens, temperature, top_k,
     min_score, learned_min_score, direct_answer, strict, is_active)
  = (SELECT a.name, a.slug, a.description, a.icon, a.color, a.language, a.system_prompt, a.qdrant_collection, a.retrieval_mode,
            a.hydration_config, a.source_template, a.ollama_host, a.ollama_port, a.model, a.fallback_model,
            a.context_window_size, a.max_tokens, a.temperature, a.top_k, a.min_score, a.learned_min_score, a.direct_answer,
            a.strict, a.is_active
     FROM jsonb_populate_record(NULL::agents, %(values)s::jsonb) AS a)
WHERE id = %(id)s::bigint AND deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM agents other WHERE other.id <> %(id)s::bigint AND other.deleted_at IS NULL
                  AND other.slug = %(values)s::jsonb ->> 'slug')
RETURNING id;

-- delete_agent
-- Takes an agent out of use; what it said, and what it was told, stays.
UPDATE agents SET deleted_at = now(), is_active = false WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- lock_slugs
-- Whoever makes agents or moves them is alone with it until the commit, in this organisation.
SELECT pg_advisory_xact_lock(hashtextextended('countersign.agents.' || current_tenant(), 0));

-- like_slugs
-- Slugs that begin so, of live agents.
SELECT coalesce(array_agg(slug::text), '{}') FROM agents WHERE deleted_at IS NULL AND starts_with(slug, %(slug)s::text);

-- sharers
-- Other live agents that search a collection.
SELECT a.name, a.retrieval_mode, a.hydration_config ->> 'table' AS "table"
FROM agents a
WHERE a.qdrant_collection = %(collection)s::text AND a.deleted_at IS NULL AND a.id IS DISTINCT FROM %(id)s::bigint
ORDER BY a.name;

-- other_kinds
-- What else than rows of one kind a collection holds.
SELECT coalesce(array_agg(DISTINCT e.kind::text), '{}') FROM index_entries e
WHERE e.collection = %(collection)s::text AND e.kind <> %(kind)s::text AND e.deleted_at IS NULL;
