"""What a reviewer does with one thing of the inbox, or with several: each kind gives the same verbs its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.errors import Conflict, NotFound
from ..knowledge.learning import service as learning
from . import decisions, service
from .models import AlreadyDecided, Choice, InOtherHands, Item, NoReason, NotToDecide


async def hold(tx: Tx, number: int) -> Item:
    """Takes what waits, or takes it for longer. Raises ``InOtherHands``, ``AlreadyDecided``, ``NoSuchItem``."""
    found = await service.take(tx, number)
    _free(found)
    return found


async def decide(tx: Tx, number: int, choice: Choice) -> None:
    """Does *choice* with one thing: an answer is validated, corrected, rejected, learned; a suspended learned answer is
    renewed (``validate``), renewed in other words (``correct``) or revoked (``reject``).

    Raises ``InOtherHands``, and as ``decisions`` and ``learning`` do.
    """
    found = await service.item(tx, number)
    if found.message is None:
        await _learned(tx, found, choice)
    else:
        if found.outcome is None:
            _free(found)
        await _answer(tx, found.message, choice)


async def decide_all(app: App, caller: Caller, numbers: Sequence[int], choice: Choice) -> tuple[int, int]:
    """Does *choice* with each of *numbers* by itself: how many it was done with, how many were left as they are because
    somebody was faster, has them in hand, or they cannot be decided so."""
    if choice.verb == "reject" and not choice.text.strip():
        raise NoReason()
    done = 0
    for number in numbers:
        try:
            async with app.db.transaction(caller) as tx:
                await decide(tx, number, choice)
            done += 1
        except (Conflict, NotFound, NotToDecide):
            continue
    return done, len(numbers) - done


def _free(found: Item) -> None:
    if found.outcome is not None:
        raise AlreadyDecided.by(found.closed_by_name, found.closed_at, found.outcome)
    if found.held_by is not None:
        raise InOtherHands(who=found.held_by)


async def _answer(tx: Tx, message: UUID, choice: Choice) -> None:
    match choice.verb:
        case "validate":
            await decisions.validate(tx, message)
        case "correct":
            await decisions.correct(tx, message, choice.text)
            if choice.learn:
                await decisions.learn(tx, message, choice.question, seen="validated")
        case "reject":
            await decisions.reject(tx, message, choice.text, seen=choice.seen)
        case "learn":
            await decisions.learn(tx, message, choice.question, seen=choice.seen)


async def _learned(tx: Tx, found: Item, choice: Choice) -> None:
    _free(found)
    assert found.learned is not None
    match choice.verb:
        case "validate":
            await learning.renew(tx, found.learned)
        case "correct":
            await learning.renew(tx, found.learned, question=choice.question, answer=choice.text)
        case "reject":
            await learning.revoke(tx, found.learned, choice.text)
        case "learn":
            raise NotToDecide()
