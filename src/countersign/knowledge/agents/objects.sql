-- Every prompt an agent ever had, numbered without gaps.

CREATE OR REPLACE FUNCTION number_prompt() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.prompt_version := CASE
        WHEN TG_OP = 'INSERT' THEN 1
        WHEN NEW.system_prompt IS DISTINCT FROM OLD.system_prompt THEN OLD.prompt_version + 1
        ELSE OLD.prompt_version END;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION number_prompt() IS 'Trigger: the version counts changes of the prompt and cannot be set by hand.';

CREATE OR REPLACE FUNCTION keep_prompt() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO system_prompt_versions (tenant_id, agent_id, version, system_prompt, change_note, created_by)
    VALUES (NEW.tenant_id, NEW.id, NEW.prompt_version, NEW.system_prompt,
            nullif(current_setting('countersign.change_note', true), ''), current_actor());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_prompt() IS
    'Trigger: stores the new prompt with its author; the note comes from the setting countersign.change_note.';

CREATE OR REPLACE FUNCTION refuse_prompt_by_hand() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'prompt-version-by-hand' USING ERRCODE = 'P0409',
        DETAIL = 'Prompt versions are written by changing the agent''s prompt.';
END $$;
COMMENT ON FUNCTION refuse_prompt_by_hand() IS 'Trigger: only a change of the agent makes a version.';

CREATE OR REPLACE TRIGGER agents_number_prompt BEFORE INSERT OR UPDATE ON agents
    FOR EACH ROW EXECUTE FUNCTION number_prompt();
CREATE OR REPLACE TRIGGER agents_keep_first_prompt AFTER INSERT ON agents
    FOR EACH ROW EXECUTE FUNCTION keep_prompt();
CREATE OR REPLACE TRIGGER agents_keep_prompt AFTER UPDATE ON agents
    FOR EACH ROW WHEN (NEW.system_prompt IS DISTINCT FROM OLD.system_prompt) EXECUTE FUNCTION keep_prompt();
CREATE OR REPLACE TRIGGER agents_touch BEFORE UPDATE ON agents FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER system_prompt_versions_by_trigger BEFORE INSERT ON system_prompt_versions
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_prompt_by_hand();
CREATE OR REPLACE TRIGGER system_prompt_versions_insert_only BEFORE UPDATE OR DELETE ON system_prompt_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
