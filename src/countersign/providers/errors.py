"""What can go wrong with a model, each with what to do about it."""

from __future__ import annotations

from typing import ClassVar

from ..kernel.errors import Unavailable


class ModelError(Unavailable):
    """The model did not answer. Try again in a moment."""

    # Whether the fallback model may serve instead, as long as no token has been seen.
    another_may_serve: ClassVar[bool] = False

    def after(self, earlier: str) -> None:
        """Puts what had failed *earlier* before what failed now."""
        self.detail = earlier + self.detail
        self.args = (self.detail,)


class ModelUnreachable(ModelError):
    """The model's server does not answer. Start it, or check COUNTERSIGN_MODEL_URL."""

    another_may_serve = True


class ModelTimeout(ModelError):
    """The model took too long. Ask something shorter, choose a smaller model, or raise COUNTERSIGN_ANSWER_TIMEOUT."""

    status = 504
    another_may_serve = True


class ModelNotFound(ModelError):
    """The server does not have this model. Pull it, or choose another one in COUNTERSIGN_MODEL."""

    another_may_serve = True


class ModelBroken(ModelError):
    """The model's server failed. Look at its log, then try again."""

    status = 502
    another_may_serve = True


class ModelRefused(ModelError):
    """The model's server refuses the request. Check COUNTERSIGN_MODEL_API_KEY and the model's name."""

    status = 502


class ModelBusy(ModelError):
    """The model's server takes no more requests now. Wait a moment, or raise the limit of your account there."""


class PromptTooLong(ModelError):
    """The prompt is longer than the model can read. Shorten the question, or use fewer sources or messages."""

    status = 422


class UnreadableReply(ModelError):
    """What the server sent is not an answer. Check that COUNTERSIGN_MODEL_URL leads to a model server."""

    status = 502


class AnswerCut(ModelError):
    """The connection to the model broke in the middle of the answer. Ask again."""

    status = 502


class EmbedderError(Unavailable):
    """The embedder did not answer. Try again in a moment."""


class EmbedderUnreachable(EmbedderError):
    """The embedder does not answer. Start its server, or check COUNTERSIGN_EMBEDDER_URL."""


class EmbedderRefused(EmbedderError):
    """The embedder's server refuses the request. Check COUNTERSIGN_EMBEDDER and COUNTERSIGN_EMBEDDER_API_KEY."""

    status = 502


class EmbedderChanged(EmbedderError):
    """The embedder answers with vectors of another size than before. Reindex, or restore COUNTERSIGN_EMBEDDER."""

    status = 502
