"""Chat: sessions, questions, answers that stream, with their sources and the check of every figure."""
