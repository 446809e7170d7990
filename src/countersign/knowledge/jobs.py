"""Everything of this family that works in the background: importing this module registers its jobs and sources."""

from .agents import jobs as agents_jobs
from .chat import jobs as chat_jobs
from .chat import probes as chat_probes
from .documents import indexing as documents_indexing
from .documents import jobs as documents_jobs
from .evaluation import jobs as evaluation_jobs
from .imports import jobs as imports_jobs
from .imports import undoing as imports_undoing
from .learning import indexing as learning_indexing
from .learning import jobs as learning_jobs
from .ouvrages import indexing as ouvrages_indexing
from .tables import indexing as tables_indexing

__all__ = [
    "agents_jobs",
    "chat_jobs",
    "chat_probes",
    "documents_indexing",
    "documents_jobs",
    "evaluation_jobs",
    "imports_jobs",
    "imports_undoing",
    "learning_indexing",
    "learning_jobs",
    "ouvrages_indexing",
    "tables_indexing",
]
