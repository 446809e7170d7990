"""Models and embedders behind one face, and the ledger of every call. Importing this room imports no LangChain."""
