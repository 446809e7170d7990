-- Conversations branch: an answer is given again, a question is put otherwise, and both stay. Links show one to colleagues.

-- What a message follows: an answer its question, a question the answer before it.
-- The owner is no tenant: for this once it sees the rows of all.
ALTER TABLE ai_messages NO FORCE ROW LEVEL SECURITY;
UPDATE ai_messages m SET reply_to = (
    SELECT max(a.id) FROM ai_messages a WHERE a.session_id = m.session_id AND a.role = 'assistant' AND a.id < m.id)
WHERE m.role = 'user' AND m.reply_to IS NULL;
ALTER TABLE ai_messages FORCE ROW LEVEL SECURITY;

-- An answer that is being written says so again and again: when it falls silent, its process is dead.
ALTER TABLE ai_messages ADD COLUMN written_at timestamptz;
CREATE INDEX idx_ai_messages_streaming ON ai_messages (tenant_id, created_at) WHERE status = 'streaming';

CREATE TABLE session_shares (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    tenant_id       bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    session_id      bigint NOT NULL,
    last_message_id bigint NOT NULL,
    created_by      bigint DEFAULT current_actor() REFERENCES users (id),
    created_at      timestamptz NOT NULL DEFAULT now(),
    revoked_at      timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES ai_sessions (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (session_id, last_message_id) REFERENCES ai_messages (session_id, id)
);
COMMENT ON TABLE session_shares IS 'Links by which colleagues read a conversation up to one message; the uuid is the address, and is never used again once revoked.';
CREATE UNIQUE INDEX idx_session_shares_live ON session_shares (session_id) WHERE revoked_at IS NULL;
