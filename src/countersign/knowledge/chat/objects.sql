-- Sessions count their messages; an answer that was given is not rewritten, it is corrected beside the original.

CREATE OR REPLACE FUNCTION count_messages() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE ai_sessions SET message_count = message_count + 1 WHERE id = NEW.session_id;
    ELSE
        UPDATE ai_sessions SET message_count = message_count - 1 WHERE id = OLD.session_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_messages() IS 'Trigger: message_count is true.';

CREATE OR REPLACE FUNCTION keep_message() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.session_id, NEW.role, NEW.tenant_id, NEW.created_at) IS DISTINCT FROM (OLD.session_id, OLD.role, OLD.tenant_id, OLD.created_at)
       OR OLD.status <> 'streaming' AND (NEW.content, NEW.rag_context, NEW.prompt_version)
           IS DISTINCT FROM (OLD.content, OLD.rag_context, OLD.prompt_version) THEN
        RAISE EXCEPTION 'message-fixed' USING ERRCODE = 'P0409',
            DETAIL = 'What was said stays as it was said. Write a correction instead.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION keep_message() IS 'Trigger: content and sources are fixed once the message is complete.';

CREATE OR REPLACE TRIGGER ai_sessions_begin BEFORE INSERT ON ai_sessions
    FOR EACH ROW WHEN (NEW.status <> 'active') EXECUTE FUNCTION check_transition('ai_session', 'status');
CREATE OR REPLACE TRIGGER ai_sessions_transition BEFORE UPDATE OF status ON ai_sessions
    FOR EACH ROW EXECUTE FUNCTION check_transition('ai_session', 'status');
CREATE OR REPLACE TRIGGER ai_sessions_touch BEFORE UPDATE ON ai_sessions
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

CREATE OR REPLACE TRIGGER ai_messages_begin BEFORE INSERT ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION check_transition('ai_message', 'status');
CREATE OR REPLACE TRIGGER ai_messages_begin_pending BEFORE INSERT ON ai_messages
    FOR EACH ROW WHEN (NEW.validation_status <> 'pending') EXECUTE FUNCTION check_transition('answer_validation', 'validation_status');
CREATE OR REPLACE TRIGGER ai_messages_transition BEFORE UPDATE OF status ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION check_transition('ai_message', 'status');
CREATE OR REPLACE TRIGGER ai_messages_validation BEFORE UPDATE OF validation_status ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION check_transition('answer_validation', 'validation_status');
CREATE OR REPLACE TRIGGER ai_messages_keep BEFORE UPDATE ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION keep_message();
CREATE OR REPLACE TRIGGER ai_messages_count AFTER INSERT OR DELETE ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION count_messages();

CREATE OR REPLACE TRIGGER ai_feedbacks_touch BEFORE UPDATE ON ai_feedbacks
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

CREATE OR REPLACE FUNCTION holds_words(said text, wanted text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(bool_and(position(word IN lower(unaccent(coalesce(said, '')))) > 0), true)
    FROM regexp_split_to_table(lower(unaccent(btrim(wanted))), '\s+') AS word
$$;
COMMENT ON FUNCTION holds_words(text, text) IS 'Whether every word is somewhere in what was said, whatever its case and accents.';

CREATE OR REPLACE FUNCTION message_path(session uuid, at uuid) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE whole AS MATERIALIZED (
        SELECT m.id, m.uuid, m.reply_to FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id WHERE s.uuid = session
    ), below AS (
        SELECT id FROM whole WHERE uuid = at
        UNION ALL
        SELECT w.id FROM whole w JOIN below b ON w.reply_to = b.id
    ), path AS (
        SELECT id, reply_to FROM whole WHERE id = (
            SELECT max(id) FROM (SELECT id FROM below UNION ALL SELECT id FROM whole WHERE at IS NULL) AS ends)
        UNION ALL
        SELECT m.id, m.reply_to FROM ai_messages m JOIN path p ON m.id = p.reply_to
    )
    SELECT id FROM path
$$;
COMMENT ON FUNCTION message_path(uuid, uuid) IS
    'The messages of a conversation as it stands: from its newest one, or the newest after one of them, back to the beginning.';
