"""Every table, column, index, default and example query of the two seed documents is there, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.schema.conftest import Desk, People
from tests.schema.test_delivery import Job

COLUMNS = {
    "users": "id uuid tenant_id name email email_verified_at password remember_token created_at updated_at deleted_at",
    "roles": "id name slug description is_system created_at updated_at",
    "permissions": "id name slug group_name description created_at",
    "user_roles": "id user_id role_id created_at",
    "role_permissions": "id role_id permission_id",
    "api_tokens": "id user_id name token abilities last_used_at expires_at created_at updated_at",
    "tenants": "id uuid name slug domain settings is_active created_at updated_at deleted_at",
    "agents": "id tenant_id name slug description icon color system_prompt qdrant_collection retrieval_mode hydration_config ollama_host "
    "ollama_port model fallback_model context_window_size max_tokens temperature is_active created_at updated_at deleted_at",
    "system_prompt_versions": "id agent_id version system_prompt change_note created_by created_at",
    "ai_sessions": "id uuid agent_id user_id tenant_id external_session_id external_context title message_count status closed_at created_at updated_at",
    "ai_messages": "id uuid session_id role content rag_context model_used tokens_prompt tokens_completion generation_time_ms "
    "validation_status validated_by validated_at corrected_content created_at",
    "ai_feedbacks": "id message_id user_id rating is_helpful comment created_at",
    "ouvrages": "id tenant_id parent_id path depth code name description type category subcategory unit unit_price currency "
    "default_quantity technical_specs is_indexed indexed_at qdrant_point_id import_source import_id created_at updated_at deleted_at",
    "ouvrage_components": "id parent_id component_id quantity unit sort_order created_at",
    "dynamic_tables": "id tenant_id name table_name description schema_definition qdrant_collection embedding_template row_count "
    "indexed_count created_by created_at updated_at",
    "import_logs": "id tenant_id source_type source_name target_table status total_rows imported_rows failed_rows errors started_at "
    "completed_at created_by created_at",
    "webhooks": "id tenant_id name url secret events is_active retry_count timeout_seconds last_triggered_at success_count failure_count "
    "created_at updated_at",
    "webhook_logs": "id webhook_id event payload status_code response_body response_time_ms status error_message attempt_number created_at",
    "audit_logs": "id user_id user_email ip_address user_agent action auditable_type auditable_id old_values new_values tags created_at",
    "tasks": "tasks_id monday_item_id title repository_url internal_status updated_at",
    "task_runs": "tasks_runs_id task_id celery_task_id started_at",
    "run_steps": "run_steps_id task_run_id node_name",
    "run_step_checkpoints": "checkpoint_id step_id",
    "ai_interactions": "ai_interactions_id run_step_id ai_provider token_usage",
    "ai_code_generations": "ai_code_generations_id task_run_id generated_code files_modified",
    "ai_cost_tracking": "ai_cost_tracking_id task_id provider model total_tokens cost_usd created_at",
    "human_validations": "human_validations_id validation_id task_id generated_code files_modified status test_results pr_info expires_at",
    "human_validation_responses": "human_validation_responses_id human_validation_id validation_id response_status should_merge "
    "validated_by validated_at validation_duration_seconds",
    "validation_actions": "validation_actions_id human_validation_id action_type merge_commit_hash",
    "test_results": "test_results_id task_run_id pytest_report coverage_percentage",
    "pull_requests": "pull_requests_id task_id github_pr_number github_pr_url pr_status",
    "webhook_events": "webhook_events_id source payload received_at",
    "application_logs": "application_logs_id level source_component message",
    "performance_metrics": "performance_metrics_id task_id total_duration_seconds total_ai_cost ai_processing_time_seconds "
    "testing_time_seconds recorded_at",
    "system_config": "system_config_id key value",
    "validation_dashboard": "status is_urgent has_test_failures files_count validation_comments",
    "validation_history": "validated_by merge_commit_hash",
    "workflow_metrics_summary": "total_runs success_rate avg_cost_usd avg_duration_seconds",
}
INDEXES = """
idx_users_email idx_users_tenant idx_users_uuid idx_api_tokens_token idx_api_tokens_user idx_agents_slug idx_agents_tenant
idx_agents_active idx_prompt_versions_agent idx_ai_sessions_uuid idx_ai_sessions_agent idx_ai_sessions_user
idx_ai_sessions_external idx_ai_sessions_created idx_ai_messages_session idx_ai_messages_role idx_ai_messages_validation
idx_ai_messages_created idx_ai_messages_pending idx_ai_feedbacks_message idx_ai_feedbacks_rating idx_ouvrages_parent
idx_ouvrages_path idx_ouvrages_code idx_ouvrages_type idx_ouvrages_indexed idx_ouvrages_tenant idx_ouvrages_search
idx_ouvrage_components_parent idx_ouvrage_components_component idx_dynamic_tables_tenant idx_dynamic_tables_name
idx_import_logs_tenant idx_import_logs_status idx_import_logs_created idx_webhooks_tenant idx_webhooks_active
idx_webhook_logs_webhook idx_webhook_logs_status idx_webhook_logs_created idx_audit_logs_user idx_audit_logs_auditable
idx_audit_logs_action idx_audit_logs_created idx_tasks_monday_item_id idx_tasks_internal_status_partial
idx_human_validations_validation_id idx_human_validations_task_id idx_human_validations_status idx_human_validations_expires_at
idx_human_validations_status_expires idx_task_runs_celery idx_task_runs_task_started"""
DEFAULTS = {
    "agents.icon": "'robot'::character varying",
    "agents.color": "'#3B82F6'::character varying",
    "agents.retrieval_mode": "'TEXT_ONLY'::character varying",
    "agents.context_window_size": "10",
    "agents.max_tokens": "2048",
    "agents.temperature": "0.7",
    "agents.is_active": "true",
    "ai_sessions.status": "'active'::character varying",
    "ai_messages.validation_status": "'pending'::character varying",
    "ouvrages.currency": "'EUR'::character varying",
    "ouvrages.default_quantity": "1",
    "ouvrages.technical_specs": "'{}'::jsonb",
    "ouvrages.is_indexed": "false",
    "ouvrage_components.quantity": "1",
    "webhooks.retry_count": "3",
    "webhooks.timeout_seconds": "30",
    "webhook_logs.attempt_number": "1",
    "api_tokens.abilities": """'["*"]'::jsonb""",
    "audit_logs.tags": "'{}'::character varying[]",
}
FUNCTIONS = "mark_expired_validations sync_validation_status get_validation_stats cleanup_old_data trg_touch_updated_at"
STATS = (
    "total_validations pending_validations approved_validations rejected_validations expired_validations "
    "avg_validation_time_minutes urgent_validations"
)


async def test_every_column_of_the_seeds(own: Desk) -> None:
    found: dict[str, set[str]] = {}
    for table, column in await own.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    ):
        found.setdefault(table, set()).add(column)
    missing = {t: wanted for t, c in COLUMNS.items() if (wanted := set(c.split()) - found.get(t, set()))}
    assert missing == {}
    assert {"fournitures", "main_oeuvres"} <= found.keys()


async def test_what_the_seeds_store_is_in_tables_and_only_their_reports_are_views(own: Desk) -> None:
    kinds = dict(
        await own.rows("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public'")
    )
    views = {name for name in COLUMNS if kinds[name] == "VIEW"}
    assert views == {"validation_dashboard", "validation_history", "workflow_metrics_summary"}


async def test_every_index_default_and_function_of_the_seeds(own: Desk) -> None:
    indexes = {row[0] for row in await own.rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}
    assert set(INDEXES.split()) - indexes == set()
    defaults = dict(
        await own.rows(
            "SELECT table_name || '.' || column_name, column_default FROM information_schema.columns WHERE table_schema = 'public'"
        )
    )
    assert {name: defaults[name] for name in DEFAULTS} == DEFAULTS
    functions = {
        row[0] for row in await own.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    }
    assert set(FUNCTIONS.split()) <= functions
    cursor = await own.connection.execute("SELECT * FROM get_validation_stats()")
    assert [column.name for column in cursor.description or ()] == STATS.split()
    assert await own.value("SELECT pg_get_partkeydef('webhook_events'::regclass)") == "RANGE (received_at)"
    triggers = await own.rows(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'trg_touch_updated_at'::regproc"
    )
    assert {("tasks",), ("system_config",)} <= set(triggers)
    assert await own.value("SELECT value > '0' FROM system_config WHERE key = 'schema_version'")


QUERIES = [
    (match[1].strip(), match[2].strip())
    for match in re.finditer(
        r"^-- (.+)\n((?:(?!--).*\n?)+)", (Path(__file__).parent / "seed_queries.sql").read_text(), re.MULTILINE
    )
]


@pytest.fixture
async def worked(app: Desk, people: People) -> Desk:
    """The application in a tenant where one run was approved and merged."""
    job = await Job.start(app, people)
    await job.decide("approved")
    await job.merge()
    await job.finish("succeeded", "merged")
    return app


async def test_every_example_query_of_the_seed_runs_on_real_rows(worked: Desk) -> None:
    assert len(QUERIES) == 13
    silent = {"Pending and urgent", "Marked as expired", "Weekly cleaning", "History of one person"}
    for title, query in QUERIES:
        rows = await worked.rows(query.rstrip(";"))
        assert rows or title in silent, title
