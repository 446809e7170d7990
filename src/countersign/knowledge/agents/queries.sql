-- agents
-- Live, active agents: all, those that match a word, or one by its slug.
SELECT a.id, a.name, a.slug, a.description, a.icon, a.color, a.language, a.system_prompt,
       a.prompt_version,
       a.qdrant_collection, a.retrieval_mode, a.hydration_config, a.ollama_host, a.ollama_port, a.model, a.fallback_model,
       a.context_window_size, a.max_tokens, a.temperature, a.top_k, a.min_score, a.strict, a.is_active,
       a.created_at, a.updated_at
FROM agents a
WHERE a.deleted_at IS NULL AND a.is_active
  AND (%(slug)s::text IS NULL OR a.slug = %(slug)s::text)
  AND (%(q)s::text IS NULL OR a.name ILIKE '%%' || %(q)s::text || '%%' OR a.description ILIKE '%%' || %(q)s::text || '%%')
ORDER BY a.name, a.id;

-- prompt_versions
-- What the agent was told, newest first, and who changed it.
SELECT v.version, v.system_prompt, v.change_note, u.name AS author, v.created_at
FROM system_prompt_versions v
LEFT JOIN users u ON u.id = v.created_by
WHERE v.agent_id = %(agent)s::bigint
ORDER BY v.version DESC;

-- add_agent
-- A new agent, unless a live one has its slug.
INSERT INTO agents (name, slug, description, icon, color, language, system_prompt, qdrant_collection, retrieval_mode,
                    hydration_config, max_tokens, temperature, strict, top_k)
SELECT a.name, a.slug, a.description, a.icon, a.color, a.language, a.system_prompt, a.qdrant_collection, a.retrieval_mode,
       a.hydration_config, a.max_tokens, a.temperature, a.strict, a.top_k
FROM jsonb_to_record(%(values)s::jsonb) AS a(
    name text, slug text, description text, icon text, color text, language text, system_prompt text,
    qdrant_collection text, retrieval_mode text, hydration_config jsonb, max_tokens integer, temperature numeric,
    strict boolean, top_k integer)
WHERE NOT EXISTS (SELECT FROM agents other WHERE other.slug = a.slug AND other.deleted_at IS NULL)
ON CONFLICT DO NOTHING
RETURNING id;
