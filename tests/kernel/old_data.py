"""Rows as an older version would have left them, for the tests of migrations: what each migration added, in plain SQL.

A new migration that adds tables gets rows here; a test says so when it has none.
"""

from __future__ import annotations

from typing import Any

import psycopg

TENANT = "SELECT set_config('countersign.tenant_id', '1', false);"
HASH = "repeat('ab', 32)"

ADDED: dict[int, str] = {
    1: f"""
        INSERT INTO tenants (name, slug) VALUES ('Autre', 'autre');
        INSERT INTO users (name, email, password) VALUES ('Zoé', 'Zoe@Example.fr', '!'), ('Deleted', 'gone@example.fr', '!');
        UPDATE users SET deleted_at = now() WHERE name = 'Deleted';
        INSERT INTO users (tenant_id, name, email, password) SELECT id, 'Other', 'other@example.fr', '!' FROM tenants WHERE slug = 'autre';
        INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.name = 'Zoé' AND r.slug = 'super-admin';
        INSERT INTO roles (name, slug) VALUES ('Chiffreur', 'chiffreur');
        INSERT INTO role_permissions (role_id, permission_id)
        SELECT r.id, p.id FROM roles r, permissions p WHERE r.slug = 'chiffreur' AND p.slug = 'ouvrages.view';
        INSERT INTO api_tokens (user_id, name, token) SELECT id, 'erp', {HASH} FROM users WHERE name = 'Zoé';
        INSERT INTO user_sessions (user_id, token_hash, csrf_secret, expires_at)
        SELECT id, sha256('cookie'), sha256('csrf'), now() + interval '1 h' FROM users WHERE name = 'Zoé';
        INSERT INTO sign_in_attempts (email, ip, succeeded) VALUES ('zoe@example.fr', '192.0.2.1', false);
    """,
    2: """
        INSERT INTO jobs (name, args) VALUES ('old.waiting', '{"a": 1}');
        INSERT INTO jobs (name) VALUES ('old.running');
        UPDATE jobs SET status = 'running', attempts = 1, lease_until = now() WHERE name = 'old.running';
        INSERT INTO events (name, data) VALUES ('message.created', '{}');
        INSERT INTO audit_logs (action, auditable_type, created_at) VALUES ('x', 'user', now()), ('x', 'user', '2020-01-15');
        INSERT INTO application_logs (level, source_component, message) VALUES ('INFO', 'old', 'x');
        INSERT INTO secrets (name, ciphertext, key_id) VALUES ('github', 'x', 'k');
    """,
    3: """
        INSERT INTO agents (name, slug, system_prompt, qdrant_collection) VALUES ('Support', 'support', 'Réponds.', 'support');
        INSERT INTO system_prompt_versions (agent_id, version, system_prompt)
        SELECT id, 1, system_prompt FROM agents a
        WHERE NOT EXISTS (SELECT FROM system_prompt_versions v WHERE v.agent_id = a.id);
        INSERT INTO ai_sessions (agent_id, user_id, title)
        SELECT a.id, u.id, 'Prix' FROM agents a, users u WHERE u.name = 'Zoé';
        INSERT INTO ai_messages (session_id, role, content) SELECT id, 'user', 'Quel prix ?' FROM ai_sessions;
        INSERT INTO ai_messages (session_id, role, content, rag_context) SELECT id, 'assistant', '45,50 €', '{}' FROM ai_sessions;
        INSERT INTO ai_feedbacks (message_id, user_id, rating)
        SELECT m.id, u.id, 5 FROM ai_messages m, users u WHERE m.role = 'assistant' AND u.name = 'Zoé';
    """,
    4: f"""
        INSERT INTO ouvrages (code, name, type, unit, unit_price) VALUES
            ('CLO-1', 'Cloison', 'compose', 'm²', 45.5), ('PLA-1', 'Plaque', 'fourniture', 'm²', 4.2);
        INSERT INTO ouvrage_components (parent_id, component_id, quantity)
        SELECT c.id, p.id, 2.1 FROM ouvrages c, ouvrages p WHERE c.code = 'CLO-1' AND p.code = 'PLA-1';
        INSERT INTO ouvrage_history (ouvrage_id, operation, changed) SELECT id, 'updated', '{{unit_price}}' FROM ouvrages;
        INSERT INTO documents (agent_id, collection, title, source, media_type, sha256, status)
        SELECT id, 'support', 'Guide', 'guide.md', 'text/markdown', {HASH}, 'ready' FROM agents;
        INSERT INTO document_chunks (document_id, position, content, content_hash) SELECT id, 0, 'Texte', 'h' FROM documents;
        INSERT INTO dynamic_tables (name, table_name, schema_definition) VALUES ('Litiges', 'litiges', '{{"columns": []}}');
        INSERT INTO import_logs (source_type, target_table) VALUES ('csv', 'ouvrages');
        INSERT INTO import_errors (import_log_id, row_number, error) SELECT id, 3, 'x' FROM import_logs;
    """,
    5: """
        INSERT INTO index_collections (name, generation, physical, backend, embedder, dimensions)
        VALUES ('support', 1, 'support_1', 'pgvector', 'old', 384);
        INSERT INTO index_entries (collection, kind, source_table, source_id, content)
        SELECT 'support', 'document', 'document_chunks', id, content FROM document_chunks ON CONFLICT DO NOTHING;
        INSERT INTO index_corpora (collection, kind) VALUES ('support', 'document') ON CONFLICT DO NOTHING;
        INSERT INTO index_terms (corpus_id, term, entries) SELECT id, 'texte', 1 FROM index_corpora LIMIT 1;
        INSERT INTO index_postings (entry_no, term_id, times, words)
        SELECT e.no, t.id, 1, 1 FROM index_entries e, index_terms t LIMIT 1;
        INSERT INTO vector_tables (name, dimensions) VALUES ('support_1', 384);
    """,
    6: """
        INSERT INTO learned_responses (point_id, agent_id, message_id, question, answer, validated_by, validated_at)
        SELECT gen_random_uuid(), s.agent_id, m.id, 'Quel prix ?', '45,50 €', s.user_id, now()
        FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id WHERE m.role = 'assistant';
        INSERT INTO learned_dependencies (learned_response_id, source_table, row_id, columns, columns_hash, snapshot)
        SELECT l.id, 'ouvrages', o.id, '{unit_price}', 'h', '{}' FROM learned_responses l, ouvrages o WHERE o.code = 'CLO-1';
        INSERT INTO learned_history (learned_response_id, to_status, question, answer)
        SELECT id, 'active', question, answer FROM learned_responses l
        WHERE NOT EXISTS (SELECT FROM learned_history h WHERE h.learned_response_id = l.id);
    """,
    7: """
        INSERT INTO webhooks (name, url, secret) VALUES ('ERP', 'https://erp.example/hook', 'sealed');
        INSERT INTO webhook_logs (webhook_id, event, payload, status, created_at)
        SELECT id, 'message.created', '{}', 'success', at FROM webhooks, unnest(ARRAY[now(), '2020-01-15']) AS at;
    """,
    8: """
        INSERT INTO tasks (source, title, monday_item_id) VALUES ('monday', 'Corriger le total', 42);
        INSERT INTO task_runs (task_id, run_number) SELECT tasks_id, 1 FROM tasks;
        INSERT INTO run_steps (task_run_id, node_name, step_order) SELECT tasks_runs_id, 'run_tests', 1 FROM task_runs;
        INSERT INTO run_step_checkpoints (step_id) SELECT run_steps_id FROM run_steps;
        INSERT INTO ai_interactions (run_step_id, ai_provider, model_name, operation, success)
        SELECT run_steps_id, 'ollama', 'mistral', 'debug', true FROM run_steps;
        INSERT INTO ai_cost_tracking (ai_interaction_id, provider, model, operation_type, cost_usd)
        SELECT ai_interactions_id, 'ollama', 'mistral', 'debug', 0.01 FROM ai_interactions;
        INSERT INTO ai_code_generations (task_run_id) SELECT tasks_runs_id FROM task_runs;
        INSERT INTO test_results (task_run_id, head_sha, passed, status) SELECT tasks_runs_id, 'abc', false, 'failed' FROM task_runs;
        INSERT INTO pull_requests (task_id, repository, github_pr_number, pr_title, head_sha, base_branch, feature_branch)
        SELECT tasks_id, 'o/r', 1, 'x', 'abc', 'main', 'fix' FROM tasks;
        INSERT INTO human_validations (validation_id, task_id, original_request, expires_at)
        SELECT 'val_1_1', tasks_id, 'x', now() + interval '2 days' FROM tasks;
        INSERT INTO webhook_events (source, delivery_key, payload) VALUES ('monday', 'k', '{}');
        INSERT INTO webhook_keys (source, delivery_key) VALUES ('monday', 'k');
        INSERT INTO performance_metrics (task_id, task_run_id) SELECT task_id, tasks_runs_id FROM task_runs;
    """,
    9: """
        INSERT INTO import_staging (row_number, code) VALUES (1, 'A');
    """,
    10: """
        INSERT INTO jobs (name, lane) VALUES ('webhooks.deliver', 'webhook:1');
    """,
    11: """
        UPDATE ai_sessions SET dispatch = '{"agent": "a", "reason": "only", "candidates": []}';
    """,
    12: """
        INSERT INTO import_files (name, kind) VALUES ('prix.csv', 'csv');
        INSERT INTO import_file_parts (file_id, position, content) SELECT id, 0, 'code' FROM import_files;
        INSERT INTO import_mappings (name, target_table, mapping) VALUES ('Fournisseur', 'ouvrages', '{}');
    """,
    13: """
        INSERT INTO document_pieces (document_id, position, data) SELECT id, 0, 'x' FROM documents;
    """,
    14: """
        INSERT INTO import_changes (import_log_id, table_id, row_id, left_as)
        SELECT l.id, t.id, 1, gen_random_uuid() FROM import_logs l, dynamic_tables t;
    """,
    15: """
        UPDATE learned_dependencies SET found = '{}', changed_at = now();
    """,
    16: """
        UPDATE document_chunks SET page = 1, last_page = 2;
    """,
    17: """
        INSERT INTO session_shares (session_id, last_message_id) SELECT session_id, max(id) FROM ai_messages GROUP BY session_id;
    """,
    18: """
        INSERT INTO evaluation_runs (agent_id, seen, prompt_version) SELECT id, '"1"', 1 FROM agents LIMIT 1;
        INSERT INTO evaluation_results (run_id, message_id, question, signed, live)
        SELECT r.id, m.id, 'x', 'y', '{}' FROM evaluation_runs r, ai_messages m WHERE m.role = 'assistant' LIMIT 1;
    """,
    19: """
        INSERT INTO review_items (kind, message_id, agent_id, rank_at) SELECT 'answer', m.id, s.agent_id, now()
        FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id ORDER BY m.id LIMIT 1
        ON CONFLICT DO NOTHING;
    """,
}


def added_by(version: int) -> str:
    """Statements that fill what migration *version* added; AssertionError when nobody has written them."""
    assert version in ADDED, f"tests/kernel/old_data.py has no rows for migration {version:04}"
    return TENANT + ADDED[version]


async def row_counts(connection: psycopg.AsyncConnection[Any]) -> dict[str, int]:
    """Number of rows of every table of ours (partitions counted with their parent)."""
    tables = await (
        await connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('public', 'dynamic')"
        )
    ).fetchall()
    counts: dict[str, int] = {}
    for (table,) in tables:
        row = await (await connection.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()
        assert row is not None
        counts[table] = row[0]
    return counts
