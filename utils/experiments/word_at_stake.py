"""Which word a head writes on a text: where it does its job of writing best, and which other heads do so there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utils.experiments.controls import HeadSet
from utils.experiments.word_cause import LOOKS_FROM
from utils.measures.writes import Writes
from utils.roles import writing_roles

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.heads import HeadId
    from utils.measures.reading import Look, Reading
    from utils.tokens import Token


@dataclass(frozen=True)
class WordAtStake:
    """What one head does at its best row of a text.

    position: of that row. key_pos: where it writes the word and looks most; share: of its attention there that goes to
    tokens where it writes the word. heads: all heads that hold the role and give a tenth of their attention or more to
    such tokens; this head is one of them.
    """

    role: str
    position: int
    key_pos: int
    target: Token
    share: float
    heads: HeadSet


def word_at_stake(analysis: Analysis, catalogue: ModelCatalogue | None, role: str, head: HeadId) -> WordAtStake | None:
    """The word of a role of writing; None where the head writes none on this text, or the role is of another kind.

    Of several words it is the one that the head looks at most; where a name is asked for, the model's own first guess
    if the head writes that, too.
    """
    measure, scored = writing_roles().get(role), analysis.scored
    if measure is None or scored is None or role not in analysis.evidence:
        return None
    evidence = scored.evidence_of(role, head)
    reading = scored.reading.of_head(head)
    looks = measure.strongest_looks(reading, evidence, len(scored.reading.token_ids)) if len(evidence.rows) else ()
    look = _chosen(measure, reading, looks)
    if look is None or look.target is None:
        return None
    shares = measure.shares_of_word(scored.reading, look.query_pos, look.target.id)
    holders = catalogue.holders_of(role) if catalogue is not None else ()
    also = {other for other in holders if shares[other] >= LOOKS_FROM}
    heads = tuple(sorted({head, *also}))
    return WordAtStake(role, look.query_pos, look.key_pos, look.target, float(shares[head]), heads)


def _chosen(measure: Writes, reading: Reading, looks: Sequence[Look]) -> Look | None:
    """The look that is asked about. Args: looks: those of the best row first, strongest first."""
    if not measure.only_names or reading.writing is None:
        return next(iter(looks), None)
    guess = reading.writing.guess.id
    asked_for = (look for look in looks if look.target is not None and look.target.id == guess)
    return next(asked_for, next(iter(looks), None))
