"""What is searchable: entries, their words (BM25), their vectors (pgvector or Qdrant), and who keeps them."""
