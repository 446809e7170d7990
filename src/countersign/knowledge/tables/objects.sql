-- The list of tables that users defined.

CREATE OR REPLACE TRIGGER dynamic_tables_touch BEFORE UPDATE OF name, table_name, description, schema_definition, qdrant_collection,
    embedding_template ON dynamic_tables
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
