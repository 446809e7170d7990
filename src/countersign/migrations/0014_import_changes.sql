-- What an import did to the rows of a user's table, so that it can be taken back.

CREATE TABLE import_changes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    import_log_id bigint NOT NULL,
    table_id      bigint NOT NULL,
    row_id        bigint NOT NULL,
    old_values    jsonb,
    left_as       uuid NOT NULL,
    FOREIGN KEY (tenant_id, import_log_id) REFERENCES import_logs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, table_id) REFERENCES dynamic_tables (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE import_changes IS
    'Rows of users'' tables as imports found and left them: old_values is NULL for a row that was added, left_as a fingerprint of the row after.';
CREATE INDEX idx_import_changes_import ON import_changes (import_log_id, id);
CREATE INDEX idx_import_changes_table ON import_changes (table_id);
