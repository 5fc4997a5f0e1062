"""Where the heads of a toy model look at one token of a text, and which head could have left a note for them.

A note is what an earlier head wrote at a place: the induction head of a later layer finds the place by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.measures.copies import after_earlier_copies, earlier_copies
from utils.measures.reading import Look
from utils.roles import OTHER, ROLES
from utils.toy.pair import DUPLICATE_TOKEN, INDUCTION, PREVIOUS_TOKEN

if TYPE_CHECKING:
    from utils.toy.pair import ToyModel

LEAST_LOOK = 0.2  # of a head's attention, from which it is said to look somewhere


@dataclass(frozen=True)
class HeadLook:
    """One head at one token: where it looks.

    role: what such a look is. is_job: that is one of the head's jobs. copy_pos: the earlier copy of the token that
    reads. writer: the head of an earlier layer that looked from the key to that copy, and so could leave the note that
    the key comes after it; None without one.
    """

    head: HeadId
    role: str
    query_pos: int
    key_pos: int
    weight: float
    copy_pos: int
    is_job: bool = True
    writer: HeadId | None = None

    @property
    def colour(self) -> str:
        """The role whose colour it has: none for a head that does this by the way."""
        return self.role if self.is_job else OTHER

    @property
    def follower_pos(self) -> int:
        """What came after the earlier copy."""
        return self.copy_pos + 1


def look_at(model: ToyModel, query_pos: int) -> HeadLook | None:
    """The induction head's look, or in a model without one the strongest look back at this token."""
    return induction_look(model) or strongest_look(model, query_pos)


def told_position(model: ToyModel) -> int | None:
    """The token that shows best what a model does: the one its induction head looks from, else the last with evidence.

    None where induction cannot show on the text.
    """
    look = induction_look(model)
    if look is not None:
        return look.query_pos
    evidence = model.analysis.evidence.get(INDUCTION)
    return int(evidence.rows[-1]) if evidence is not None and len(evidence.rows) else None


def induction_look(model: ToyModel) -> HeadLook | None:
    """The look of the strongest induction head, with the head that could have left it a note; None without one.

    At the last token, after which the model guesses, if it looks from there as induction does; else at a telling one.
    """
    shown = model.demonstration()
    if shown.head is None or shown.focus is None or shown.copy_pos is None:
        return None
    focus, copy_pos = shown.focus, shown.copy_pos
    last = last_look(model, shown.head)
    if last is not None:
        focus, copy_pos = last, last.key_pos - 1
    writer = note_writer(model, shown.head, copy_pos)
    return HeadLook(shown.head, INDUCTION, focus.query_pos, focus.key_pos, focus.weight, copy_pos, writer=writer)


def last_look(model: ToyModel, head: HeadId) -> Look | None:
    """Where a head looks most, from the last token, of what followed its copies; None below 20 %, or without any."""
    forward, evidence = model.analysis.forward, model.analysis.evidence.get(INDUCTION)
    query_pos = len(forward.tokens) - 1
    if evidence is None or query_pos not in evidence.rows:
        return None
    keys = np.flatnonzero(after_earlier_copies(np.array(forward.token_ids))[query_pos])
    key_pos = int(keys[forward.patterns[head][query_pos, keys].argmax()])
    weight = float(forward.patterns[head][query_pos, key_pos])
    return Look(query_pos, key_pos, weight) if weight >= LEAST_LOOK else None


def note_writer(model: ToyModel, reader: HeadId, copy_pos: int) -> HeadId | None:
    """The previous-token head before a reader's layer that looks most from what followed a token to that token.

    None where no such head gives it 20 % of its attention.
    """
    patterns = model.analysis.forward.patterns
    writers = [entry.id for entry in model.levels if entry.id.layer < reader.layer and PREVIOUS_TOKEN in entry.jobs]
    best = max(writers, key=lambda head: patterns[head][copy_pos + 1, copy_pos], default=None)
    return best if best is not None and patterns[best][copy_pos + 1, copy_pos] >= LEAST_LOOK else None


def note_pair(model: ToyModel) -> tuple[HeadId, HeadId] | None:
    """The previous-token head and the induction head that reads it: those of the induction look, else the strongest.

    None where the model lacks one of the two in layers that follow each other.
    """
    look = induction_look(model)
    if look is not None and look.writer is not None:
        return look.writer, look.head
    if model.catalogue is None:
        return None
    readers = [head.id for head in model.catalogue.heads_of(INDUCTION)]
    writers = [head.id for head in model.catalogue.heads_of(PREVIOUS_TOKEN)]
    pairs = ((writer, reader) for reader in readers for writer in writers if writer.layer < reader.layer)
    return next(pairs, None)


def strongest_look(model: ToyModel, query_pos: int) -> HeadLook | None:
    """The head that looks most at an earlier copy of a token, or at what followed one; None below 20 %.

    A copy that is the token before, or what followed it where that is the token itself, proves nothing and is left
    out.
    """
    token_ids = np.array(model.analysis.forward.token_ids)
    copies, followers = earlier_copies(token_ids)[query_pos], after_earlier_copies(token_ids)[query_pos]
    looks = [
        _strongest(model, role, query_pos, keys) for role, keys in ((DUPLICATE_TOKEN, copies), (INDUCTION, followers))
    ]
    best = max((look for look in looks if look is not None), key=lambda look: look.weight, default=None)
    return best if best is not None and best.weight >= LEAST_LOOK else None


def _strongest(model: ToyModel, role: str, query_pos: int, is_key: np.ndarray) -> HeadLook | None:
    """The strongest look from a token to one of the keys that a role about copies predicts."""
    keys = np.flatnonzero(is_key)
    keys = keys[keys < query_pos - 1]
    if len(keys) == 0:
        return None
    weights = model.analysis.forward.patterns[:, :, query_pos, keys]
    layer, head, index = (int(place) for place in np.unravel_index(weights.argmax(), weights.shape))
    key_pos, offset = int(keys[index]), ROLES[role].measure.copy_offset or 0
    is_job = model.catalogue is not None and role in model.catalogue.roles_of(HeadId(layer, head))
    return HeadLook(HeadId(layer, head), role, query_pos, key_pos, float(weights.max()), key_pos - offset, is_job)
