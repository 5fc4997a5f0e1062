"""Attention that goes to a predicted set: the share of a row's attention on the keys T(q) that a role predicts.

A row is *evidence* unless T(q) is empty, is everything the row can see, or is *ambiguous*, which means that another
role would look there too. Ambiguous rows are left out as a whole: dropping only the doubtful target would punish a head
that looks at the latest copy.

**Score**: the mean over evidence rows of the attention mass on T(q), summed over the copies. **Chance**: |T(q)| /
(q + 1), what an even head puts there. These are plain figures, as other tools give them. They decide nothing, because a
head that rests on the first token between two uses would look idle:

**When it looks** (`Looking`): look(q) = 1 - A[q, 0] is the attention that is not rest. Score = sum of mass / sum of
look, over evidence rows; chance = sum of look |T(q)|/q / sum of look; excess x = (score - chance) / (1 - chance).

**Held** when the catalogued x is over 0.4 and the head looks with a tenth of its attention or more; a layer in which no
head does may enter its best one when that is over 0.25, **weakly**. On a text a head is

- **active** when its hits are no luck (`luck.py`) and x reaches E, the larger of `MIN_EXCESS`, 0.2 (less is too little
  to call a job), and half of the head's own catalogued x (a head is compared with itself);
- **here and there** when its hits are no luck and x stays below E;
- **cannot tell** when it hit something and a blind look might have done as well;
- **below usual** when it had chances and hit nothing, although x is 0.2 or more; **not seen** when it hit nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils import reasons
from utils.measures import luck
from utils.measures.evidence import Evidence, EvidenceRow, n_visible
from utils.measures.figures import ROUNDING, RoleScores, RowSums, to_score
from utils.measures.holding import holds_in_full, stands_in
from utils.measures.measure import Measure
from utils.measures.reading import Look, Reading
from utils.measures.states import Counts, Decision, HeadFigures, State

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token

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
    has_looking: ClassVar[bool] = True
    score_means: ClassVar[str] = "the share of attention that goes there"

    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        prediction, places = self.predicts(token_ids), np.arange(len(token_ids))
        visible = n_visible(places, window)
        targets = prediction.targets & (places > (places - visible)[:, None])
        n_targets = targets.sum(axis=1)
        is_evidence = (n_targets > 0) & (n_targets < visible) & ~prediction.ambiguous
        rows = np.flatnonzero(is_evidence)
        n_left_out = int((n_targets > 0).sum()) - len(rows)
        chance = n_targets[rows] / visible[rows]
        return Evidence(targets & is_evidence[:, None], rows, chance, max(0, n_left_out), window=window)

    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        return np.where(evidence.targets[evidence.rows], reading.patterns[..., evidence.rows, :], 0).sum(axis=-1)

    @classmethod
    def sum_rows(cls, reading: Reading, asked: Mapping[str, tuple[Measure, Evidence]]) -> Mapping[str, RowSums]:
        """All roles' target sums in one matrix product, [heads, n * n] @ [n * n, roles], and all sums of rest in
        another, of the first column: [heads, n] @ [n, 2 * roles]."""
        patterns, evidence = reading.patterns, {key: found for key, (_measure, found) in asked.items()}
        n = patterns.shape[-1]
        masks = np.stack([found.targets.ravel() for found in evidence.values()], axis=1).astype(patterns.dtype)
        sums = (patterns.reshape(-1, n * n) @ masks).reshape(*reading.axes, len(evidence)).astype(np.float64)
        weights = np.concatenate([_rest_weights(found, n) for found in evidence.values()], axis=1)
        rest = (patterns[..., 0].reshape(-1, n).astype(np.float64) @ weights).reshape(*reading.axes, -1, 2)
        return {
            key: RowSums(
                len(found.rows),
                sums[..., index],
                float(found.chance.sum()),
                look=np.maximum(0.0, len(found.rows) - rest[..., index, 0]) if cls.has_looking else None,
                looking_chance=np.maximum(0.0, found.looking_chance.sum() - rest[..., index, 1]),
            )
            for index, (key, found) in enumerate(evidence.items())
        }

    def holds(self, scores: RoleScores) -> np.ndarray:
        return holds_in_full(self.strength(scores)) & _looks_enough(scores)

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        return stands_in(np.where(_looks_enough(scores), self.strength(scores), 0.0), self.holds(scores))

    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        assert live.looking is not None, "a text that was read has figures for looking"
        excess, chance = live.looking.excess, live.looking.chance
        catalogued = np.zeros_like(excess) if usual is None else self.strength(usual)
        counts = luck.count(reading, evidence)
        return Decision(
            threshold=to_score(active_from(catalogued), chance),
            usual=None if usual is None else to_score(catalogued, chance),
            state=states(excess, active_from(catalogued), counts, n_beside),
            counts=counts,
            luck_limit=luck.luck_limit(n_beside),
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
        mass, look = luck.masses(reading, evidence)
        is_chance, is_hit = luck.chances_and_hits(mass, look, evidence)
        keys = luck.heaviest_targets(reading.patterns[evidence.rows], evidence.targets[evidence.rows])
        columns = (evidence.rows, mass, keys, evidence.n_targets - 1, look, is_chance, is_hit)
        rows = [EvidenceRow(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
        return rows if self.has_looking else [replace(row, look=None, is_chance=False, is_hit=False) for row in rows]

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        return (("Chance, for a blind look", chance),)

    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        if not role.requires_repetition:
            return reasons.TOO_SHORT_TO_TELL
        token_ids = np.array([token.id for token in tokens])
        if reasons.has_copies(token_ids):
            return self.why_ambiguous(token_ids) if self.why_ambiguous is not None else reasons.AMBIGUOUS_REPEATS
        return reasons.nothing_repeats(tokens, role.lacks)

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        if figures.state is State.HERE_AND_THERE:
            return reasons.here_and_there(figures)
        if figures.state is State.CANNOT_TELL:
            return reasons.could_be_luck(figures)
        if not figures.chances:
            return reasons.no_chance(figures, has_start)
        instead = reasons.what_it_does_instead(reading.patterns, evidence.rows, has_start)
        if figures.state is State.BELOW_USUAL:
            return f"{reasons.in_no_place(figures)} {instead}"
        return f"{reasons.not_seen(figures, len(evidence.rows))} {instead}"


def active_from(catalogued_excess: np.ndarray | float) -> np.ndarray:
    """E, the excess when it looks from which a head counts as active, where its hits are no luck; in (0, 1].

    Args: catalogued_excess: of one head, or an array of any shape.
    """
    return np.maximum(MIN_EXCESS, USUAL_SHARE * np.asarray(catalogued_excess))


def _looks_enough(scores: RoleScores) -> np.ndarray | bool:
    """Whether a head's figures stand on more than the little that it looks."""
    return True if scores.looking is None else scores.looking.look >= luck.LEAST_LOOK - ROUNDING


def _rest_weights(evidence: Evidence, n_tokens: int) -> np.ndarray:
    """What one row's attention on the first token takes from the sums of look, and of look times chance: [n, 2]."""
    weights = np.zeros((n_tokens, 2))
    weights[evidence.rows, 0] = evidence.can_rest
    weights[evidence.rows, 1] = evidence.can_rest * evidence.looking_chance
    return weights


def states(excess: np.ndarray, needed: np.ndarray | float, counts: Counts, n_beside: int) -> np.ndarray:
    """What heads do, object [layer, head]; at a limit a head passes. Args: excess: when they look. needed: E. n_beside:
    as `Measure.decide`."""
    limit = luck.luck_limit(n_beside)
    is_counted = counts.luck <= limit + ROUNDING * limit
    state = np.full(excess.shape, State.NOT_SEEN, dtype=object)
    state[(counts.chances > 0) & (counts.hits == 0) & (excess >= MIN_EXCESS)] = State.BELOW_USUAL
    state[counts.hits > 0] = State.CANNOT_TELL
    state[is_counted] = State.HERE_AND_THERE
    state[is_counted & (excess >= needed - ROUNDING)] = State.ACTIVE
    return state
