-- The inbox: one row for each thing that waits, or waited, for a person. Kept by triggers (review/objects.sql).

CREATE TABLE review_items (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    kind                varchar(20) NOT NULL CHECK (kind IN ('answer', 'learned')),
    message_id          bigint,
    learned_response_id bigint,
    agent_id            bigint NOT NULL,
    reasons             text[] NOT NULL DEFAULT '{}',
    urgency             integer NOT NULL DEFAULT 0 CHECK (urgency >= 0),
    waiting_since       timestamptz NOT NULL DEFAULT now(),
    rank_at             timestamptz NOT NULL,
    claimed_by          bigint REFERENCES users (id),
    claimed_until       timestamptz,
    closed_at           timestamptz,
    closed_by           bigint REFERENCES users (id),
    outcome             varchar(20) CHECK (outcome IN ('validated', 'corrected', 'rejected', 'learned', 'renewed', 'revoked', 'replaced', 'withdrawn')),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, message_id) REFERENCES ai_messages (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, learned_response_id) REFERENCES learned_responses (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_review_subject CHECK (
        (kind = 'answer') = (message_id IS NOT NULL) AND (kind = 'learned') = (learned_response_id IS NOT NULL)),
    CONSTRAINT chk_review_claim CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT chk_review_closed CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
COMMENT ON TABLE review_items IS 'What waits for a person, and what has been decided.';
COMMENT ON COLUMN review_items.rank_at IS 'The place in the queue: since when it would wait if each point of urgency were an hour. Earliest first.';
COMMENT ON COLUMN review_items.claimed_until IS 'Until then it is in the hands of claimed_by, and nobody else gets it.';
CREATE UNIQUE INDEX idx_review_items_message ON review_items (message_id) WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX idx_review_items_learned ON review_items (learned_response_id) WHERE learned_response_id IS NOT NULL AND closed_at IS NULL;
CREATE INDEX idx_review_items_queue ON review_items (tenant_id, rank_at, id) WHERE closed_at IS NULL;
CREATE INDEX idx_review_items_agent ON review_items (tenant_id, agent_id, rank_at, id) WHERE closed_at IS NULL;
CREATE INDEX idx_review_items_claims ON review_items (claimed_by) WHERE closed_at IS NULL AND claimed_by IS NOT NULL;
CREATE INDEX idx_review_items_closed ON review_items (tenant_id, closed_at DESC, id DESC) WHERE closed_at IS NOT NULL;

-- What waited before there was a queue. The owner is no tenant: for this once it sees the rows of all.
ALTER TABLE ai_messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ai_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE learned_responses NO FORCE ROW LEVEL SECURITY;
INSERT INTO review_items (tenant_id, kind, message_id, agent_id, waiting_since, rank_at, closed_at, closed_by, outcome)
SELECT m.tenant_id, 'answer', m.id, s.agent_id, m.created_at, m.created_at, m.validated_at, m.validated_by,
       CASE WHEN m.validation_status = 'validated' AND m.corrected_content IS NOT NULL THEN 'corrected'
            WHEN m.validation_status <> 'pending' THEN m.validation_status END
FROM ai_messages m JOIN ai_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
WHERE m.role = 'assistant' AND m.status = 'complete' AND m.content <> '';
INSERT INTO review_items (tenant_id, kind, learned_response_id, agent_id, reasons, urgency, waiting_since, rank_at)
SELECT l.tenant_id, 'learned', l.id, l.agent_id, '{suspended}', 96, l.suspended_at, l.suspended_at - interval '96 hours'
FROM learned_responses l WHERE l.status = 'suspended' AND l.suspended_at IS NOT NULL;
ALTER TABLE ai_messages FORCE ROW LEVEL SECURITY;
ALTER TABLE ai_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE learned_responses FORCE ROW LEVEL SECURITY;
