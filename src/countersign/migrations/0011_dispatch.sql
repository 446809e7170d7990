-- A conversation whose agent was chosen for its question keeps the choice and its reason.

ALTER TABLE ai_sessions ADD COLUMN dispatch jsonb CHECK (jsonb_typeof(dispatch) = 'object');
COMMENT ON COLUMN ai_sessions.dispatch IS
    'How the agent was chosen when none was named: {agent, reason, candidates: [{slug, name, score, validated}]}.';
