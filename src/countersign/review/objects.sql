-- The inbox follows what it is about: whatever waits for a person is in it, in the transaction that made it wait.

-- ── Why an answer is urgent ──────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION answer_reasons(p_context jsonb, p_content text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(reason ORDER BY place), '{}') FROM (VALUES
        (1, 'unsupported', p_context @? '$.checks.numbers[*] ? (@.status == "unsupported")'),
        (2, 'no-source', NOT coalesce(p_context @? '$.sources[*]', false)),
        (3, 'uncited', p_context @? '$.sources[*]' AND p_content !~ '\[\d'),
        (4, 'weak', p_context @? '$.sources[*].score ? (@ != null)'
                    AND NOT p_context @? '$.sources[*] ? (@.score >= 0.75 || @.kind == "quote")'),
        (5, 'degraded', coalesce(p_context ->> 'degraded', '') <> '')
    ) AS known (place, reason, holds) WHERE holds
$$;
COMMENT ON FUNCTION answer_reasons(jsonb, text) IS
    'What speaks against an answer by itself: figures not found, no source, none cited, none that stands out, half a search.';

CREATE OR REPLACE FUNCTION answer_urgency(p_reasons text[], p_context jsonb, p_negative integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT (SELECT coalesce(sum(points), 0) FROM (VALUES ('unsupported', 72), ('no-source', 24), ('uncited', 24), ('weak', 24), ('degraded', 12))
            AS known (reason, points) WHERE reason = ANY (p_reasons))::integer
         + 24 * least(4, greatest(0, jsonb_array_length(
               jsonb_path_query_array(coalesce(p_context, '{}'), '$.checks.numbers[*] ? (@.status == "unsupported")')) - 1))
         + 48 * least(3, p_negative)
$$;
COMMENT ON FUNCTION answer_urgency(text[], jsonb, integer) IS 'How much sooner an answer comes to a person, in hours of waiting.';

-- ── What waits ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION queue_answers(p_messages bigint[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO review_items (tenant_id, kind, message_id, agent_id, reasons, urgency, waiting_since, rank_at)
    SELECT m.tenant_id, 'answer', m.id, s.agent_id, reasons, urgency, m.created_at, m.created_at - make_interval(hours => urgency)
    FROM ai_messages m
    JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
    CROSS JOIN LATERAL (SELECT count(*)::integer AS negative FROM ai_feedbacks f
                        WHERE f.message_id = m.id AND (f.is_helpful IS FALSE OR f.rating <= 2)) AS said
    CROSS JOIN LATERAL (SELECT answer_reasons(m.rag_context, m.content)
                            || CASE WHEN negative > 0 THEN '{negative}'::text[] ELSE '{}' END AS reasons) AS why
    CROSS JOIN LATERAL (SELECT answer_urgency(reasons, m.rag_context, negative) AS urgency) AS much
    WHERE m.id = ANY (p_messages) AND m.role = 'assistant' AND m.status = 'complete' AND m.content <> ''
      AND m.validation_status = 'pending'
    ON CONFLICT (message_id) WHERE message_id IS NOT NULL DO UPDATE
    SET reasons = excluded.reasons, urgency = excluded.urgency, rank_at = excluded.rank_at,
        closed_at = NULL, closed_by = NULL, outcome = NULL
    WHERE (review_items.reasons, review_items.urgency, review_items.closed_at) IS DISTINCT FROM (excluded.reasons, excluded.urgency, NULL::timestamptz)
$$;
COMMENT ON FUNCTION queue_answers(bigint[]) IS 'Puts answers that wait into the inbox, at the place that they deserve now.';

CREATE OR REPLACE FUNCTION review_answer() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.validation_status = 'pending' THEN
        PERFORM queue_answers(ARRAY[NEW.id]);
    ELSE
        UPDATE review_items SET claimed_by = NULL, claimed_until = NULL, closed_at = NEW.validated_at, closed_by = NEW.validated_by,
               outcome = CASE WHEN NEW.validation_status = 'validated' AND NEW.corrected_content IS NOT NULL THEN 'corrected'
                              ELSE NEW.validation_status END
        WHERE message_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION review_answer() IS 'Trigger: an answer that is complete waits, one that is decided does no longer.';

CREATE OR REPLACE TRIGGER ai_messages_review_new AFTER INSERT ON ai_messages
    FOR EACH ROW WHEN (NEW.role = 'assistant' AND NEW.status = 'complete') EXECUTE FUNCTION review_answer();
CREATE OR REPLACE TRIGGER ai_messages_review AFTER UPDATE OF status, validation_status, corrected_content ON ai_messages
    FOR EACH ROW WHEN (NEW.role = 'assistant' AND (OLD.status, OLD.validation_status, OLD.corrected_content)
                       IS DISTINCT FROM (NEW.status, NEW.validation_status, NEW.corrected_content))
    EXECUTE FUNCTION review_answer();

CREATE OR REPLACE FUNCTION review_feedback() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM queue_answers(ARRAY[CASE TG_OP WHEN 'DELETE' THEN OLD.message_id ELSE NEW.message_id END]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION review_feedback() IS 'Trigger: what readers think of an answer moves it in the inbox.';
CREATE OR REPLACE TRIGGER ai_feedbacks_review AFTER INSERT OR UPDATE OR DELETE ON ai_feedbacks
    FOR EACH ROW EXECUTE FUNCTION review_feedback();

CREATE OR REPLACE FUNCTION review_session() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status = 'deleted' THEN
        UPDATE review_items r SET claimed_by = NULL, claimed_until = NULL, closed_at = now(), closed_by = current_actor(), outcome = 'withdrawn'
        FROM ai_messages m WHERE m.session_id = NEW.id AND r.message_id = m.id AND r.closed_at IS NULL;
    ELSE
        PERFORM queue_answers(ARRAY(SELECT id FROM ai_messages WHERE session_id = NEW.id));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION review_session() IS 'Trigger: answers of a conversation that is deleted wait no longer; they wait again when it comes back.';
CREATE OR REPLACE TRIGGER ai_sessions_review AFTER UPDATE OF status ON ai_sessions
    FOR EACH ROW WHEN ((OLD.status = 'deleted') <> (NEW.status = 'deleted')) EXECUTE FUNCTION review_session();

CREATE OR REPLACE FUNCTION review_learned() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status = 'suspended' THEN
        INSERT INTO review_items (tenant_id, kind, learned_response_id, agent_id, reasons, urgency, rank_at)
        VALUES (NEW.tenant_id, 'learned', NEW.id, NEW.agent_id, '{suspended}', 96, now() - interval '96 hours')
        ON CONFLICT DO NOTHING;
    ELSE
        UPDATE review_items SET claimed_by = NULL, claimed_until = NULL, closed_at = now(), closed_by = current_actor(),
               outcome = CASE NEW.status WHEN 'active' THEN 'renewed' ELSE NEW.status END
        WHERE learned_response_id = NEW.id AND closed_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION review_learned() IS 'Trigger: a learned answer that is suspended waits for a person.';
CREATE OR REPLACE TRIGGER learned_responses_review AFTER UPDATE OF status ON learned_responses
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION review_learned();

-- ── Who has it in hand ───────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION claim_review(p_item bigint, p_seconds integer) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$
    UPDATE review_items SET claimed_by = current_actor(), claimed_until = now() + make_interval(secs => p_seconds)
    WHERE id = p_item AND closed_at IS NULL
      AND (claimed_by IS NULL OR claimed_by = current_actor() OR claimed_until <= now())
    RETURNING true
$$;
COMMENT ON FUNCTION claim_review(bigint, integer) IS 'Takes one thing into the caller''s hands for so long; NULL when it is in others'' or is decided.';

-- ── The decision on an answer: who and when, always, and once ────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION keep_decision() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.validation_status = OLD.validation_status
       AND (NEW.validated_by, NEW.validated_at, NEW.rejection_reason) IS DISTINCT FROM (OLD.validated_by, OLD.validated_at, OLD.rejection_reason)
       OR NEW.corrected_content IS DISTINCT FROM OLD.corrected_content
          AND OLD.validation_status <> 'pending' THEN
        RAISE EXCEPTION 'decision-fixed' USING ERRCODE = 'P0409',
            DETAIL = 'What was decided stays as it was decided.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION keep_decision() IS 'Trigger: who decided, when and how changes only with another decision.';
CREATE OR REPLACE TRIGGER ai_messages_decision BEFORE UPDATE OF validation_status, validated_by, validated_at, corrected_content, rejection_reason ON ai_messages
    FOR EACH ROW EXECUTE FUNCTION keep_decision();

CREATE OR REPLACE FUNCTION decide_answer(p_message bigint, p_seen text, p_status text, p_content text, p_reason text) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$
    UPDATE ai_messages SET validation_status = p_status, validated_by = current_actor(), validated_at = now(),
           corrected_content = coalesce(p_content, corrected_content),
           rejection_reason = CASE p_status WHEN 'rejected' THEN p_reason END
    WHERE id = p_message AND validation_status = p_seen
    RETURNING true
$$;
COMMENT ON FUNCTION decide_answer(bigint, text, text, text, text) IS
    'The caller''s decision on an answer that still stands as they saw it; NULL when somebody was faster.';
