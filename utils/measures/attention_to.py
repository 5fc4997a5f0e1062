"""Attention that goes to a predicted set: the share of a row's attention on the keys T(q) that a role predicts.

A row is *evidence* unless T(q) is empty, is everything the row can see, or is *ambiguous*, which means that another
role would look there too. Ambiguous rows are left out as a whole: dropping only the doubtful target would punish a head
that looks at the latest copy.

**Score**: the mean over evidence rows of the attention mass on T(q), summed over the copies. **Chance**: |T(q)| /
(q + 1), what an even head puts there.

**Held** when the catalogued excess is over 0.4; a layer in which no head does may enter its best one when that is over
0.25, **weakly**. **Active** on a text when the excess there reaches E, the largest of

- `MIN_EXCESS`, 0.2: less is too little to call a job;
- half of the head's own catalogued excess: a head is compared with itself;
- L, the luck limit (`luck.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils import reasons
from utils.measures.luck import luck_limit
from utils.measures.measure import (
    ROUNDING,
    Decision,
    Evidence,
    EvidenceRow,
    HeadFigures,
    Look,
    Measure,
    Reading,
    RoleScores,
    RowSums,
    to_score,
)

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token

HOLD_EXCESS = 0.4
WEAK_EXCESS = 0.25
MIN_EXCESS = 0.2
USUAL_SHARE = 0.5
NEARLY = 0.9


@dataclass(frozen=True, eq=False)
class Prediction:
    """Where a role says that attention should go on one sequence.

    targets: bool [query_pos, key_pos], true on T(q). ambiguous: bool [query_pos], true on rows to leave out.
    """

    targets: np.ndarray
    ambiguous: np.ndarray


@dataclass(frozen=True)
class AttentionTo(Measure):
    """Attention to the keys that `predicts` gives for each query of a text.

    why_ambiguous: for a role that needs repetition, why a text that repeats tokens still has no evidence row; a general
    sentence without it. copy_offset, drawn_as: see `Measure`.
    """

    predicts: Callable[[np.ndarray], Prediction]
    copy_offset: int | None = None
    drawn_as: str = ""
    why_ambiguous: Callable[[np.ndarray], str] | None = None

    has_chance: ClassVar[bool] = True
    score_means: ClassVar[str] = "the share of attention that goes there"

    def evidence(self, token_ids: np.ndarray) -> Evidence:
        prediction = self.predicts(token_ids)
        n_targets = prediction.targets.sum(axis=1)
        visible = np.arange(1, len(token_ids) + 1)
        is_evidence = (n_targets > 0) & (n_targets < visible) & ~prediction.ambiguous
        rows = np.flatnonzero(is_evidence)
        n_left_out = int((n_targets > 0).sum()) - len(rows)
        return Evidence(
            prediction.targets & is_evidence[:, None], rows, n_targets[rows] / visible[rows], max(0, n_left_out)
        )

    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        return np.where(evidence.targets[evidence.rows], reading.patterns[..., evidence.rows, :], 0).sum(axis=-1)

    @classmethod
    def sum_rows(cls, reading: Reading, asked: Mapping[str, tuple[Measure, Evidence]]) -> Mapping[str, RowSums]:
        """All roles' target sums in one matrix product: [heads, n * n] @ [n * n, roles]."""
        patterns, evidence = reading.patterns, {key: found for key, (_measure, found) in asked.items()}
        masks = np.stack([found.targets.ravel() for found in evidence.values()], axis=1).astype(patterns.dtype)
        sums = (patterns.reshape(-1, masks.shape[0]) @ masks).reshape(*reading.axes, len(evidence))
        return {
            key: RowSums(len(found.rows), sums[..., index].astype(np.float64), float(found.chance.sum()))
            for index, (key, found) in enumerate(evidence.items())
        }

    def holds(self, scores: RoleScores) -> np.ndarray:
        return self.strength(scores) > HOLD_EXCESS

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        excess, full = self.strength(scores), self.holds(scores)
        is_best = np.arange(full.shape[1]) == excess.argmax(axis=1)[:, None]
        layer_has_none = ~full.any(axis=1, keepdims=True)
        return is_best & layer_has_none & (excess > WEAK_EXCESS)

    def decide(self, live: RoleScores, evidence: Evidence, usual: RoleScores | None) -> Decision:
        chance = live.chance or 0.0
        excess = np.zeros_like(live.score) if usual is None else self.strength(usual)
        threshold = to_score(active_from(evidence, excess), chance)
        return Decision(
            threshold=threshold,
            usual=None if usual is None else to_score(excess, chance),
            is_active=live.score >= threshold - ROUNDING,
        )

    def strongest_looks(self, reading: Reading, evidence: Evidence, most: int) -> tuple[Look, ...]:
        """The predicted cells of a head's pattern."""
        queries, keys = np.nonzero(evidence.targets)
        weights = reading.patterns[queries, keys]
        order = np.argsort(-weights, kind="stable")[:most]
        return tuple(Look(int(queries[at]), int(keys[at]), float(weights[at])) for at in order)

    def focus(self, reading: Reading, evidence: Evidence, looks: Sequence[Look]) -> Look:
        """A telling look: at the last token if that is half as strong as the strongest, since the guess is made there.

        Else the latest of the looks that are nearly as strong as the strongest: the later, the more there was to
        choose.
        """
        strongest, last = looks[0].weight, len(reading.token_ids) - 1
        at_end = [look for look in looks if look.query_pos == last and look.weight >= strongest / 2]
        nearly = (look for look in looks if look.weight >= NEARLY * strongest)
        return at_end[0] if at_end else max(nearly, key=lambda look: look.query_pos)

    def evidence_rows(self, reading: Reading, evidence: Evidence) -> list[EvidenceRow]:
        targets = evidence.targets[evidence.rows]
        shares = self.row_shares(reading, evidence)
        keys = np.where(targets, reading.patterns[evidence.rows], -1).argmax(axis=-1)
        more = targets.sum(axis=-1) - 1
        rows = zip(evidence.rows.tolist(), shares.tolist(), keys.tolist(), more.tolist(), strict=True)
        return [EvidenceRow(*row) for row in rows]

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        return (("Chance, for an evenly spread head", chance),)

    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        if not role.requires_repetition:
            return reasons.TOO_SHORT_TO_TELL
        token_ids = np.array([token.id for token in tokens])
        if reasons.has_copies(token_ids):
            return self.why_ambiguous(token_ids) if self.why_ambiguous is not None else reasons.AMBIGUOUS_REPEATS
        return reasons.nothing_repeats(tokens, role.lacks)

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        sentence = reasons.below_usual(figures)
        if figures.score >= figures.usual:
            return f"{sentence} {reasons.could_be_luck(len(evidence.rows))}"
        return f"{sentence} {reasons.what_it_does_instead(reading.patterns, evidence.rows, has_start)}"


def active_from(evidence: Evidence, catalogued_excess: np.ndarray | float) -> np.ndarray:
    """E, the excess from which a head counts as active on these evidence rows; in (0, 1].

    Args: catalogued_excess: of one head, or an array of any shape.
    """
    floor = max(MIN_EXCESS, luck_limit(evidence))
    return np.maximum(floor, USUAL_SHARE * np.asarray(catalogued_excess))
