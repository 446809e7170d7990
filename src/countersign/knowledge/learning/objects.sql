-- A learned answer moves through its states in order, and each state is remembered.

CREATE OR REPLACE FUNCTION keep_learned_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO learned_history (tenant_id, learned_response_id, from_status, to_status, reason, question, answer, actor_id)
    VALUES (NEW.tenant_id, NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.status_reason,
            NEW.question, NEW.answer, current_actor());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_learned_history() IS 'Trigger: remembers the state and wording of a learned answer.';

CREATE OR REPLACE TRIGGER learned_responses_begin BEFORE INSERT ON learned_responses
    FOR EACH ROW WHEN (NEW.status <> 'active') EXECUTE FUNCTION check_transition('learned_response', 'status');
CREATE OR REPLACE TRIGGER learned_responses_transition BEFORE UPDATE OF status ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION check_transition('learned_response', 'status');
CREATE OR REPLACE TRIGGER learned_responses_touch BEFORE UPDATE OF question, answer, status ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER learned_responses_first AFTER INSERT ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION keep_learned_history();
CREATE OR REPLACE TRIGGER learned_responses_history AFTER UPDATE ON learned_responses
    FOR EACH ROW WHEN ((OLD.status, OLD.question, OLD.answer) IS DISTINCT FROM (NEW.status, NEW.question, NEW.answer))
    EXECUTE FUNCTION keep_learned_history();
CREATE OR REPLACE TRIGGER learned_history_insert_only BEFORE UPDATE OR DELETE ON learned_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
