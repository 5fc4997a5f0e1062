"""What a head writes of what it looks at: the share of its attention that goes to tokens it copies, holds back, or
follows on from.

**In the catalogue** every head is tested with single words (`utils/writing/measuring.py`): its score is the share of
words that hit (`written.py`). Chance is 1 / columns, and the head holds the job by the excess over it, as everywhere.
Where order matters, it must also be .25 better than for the item before: a head that knows a list, and not its order,
holds nothing. Passing on a name is measured on whole sentences.

**On a text** the score of a row q is the sum of A[q, k] * hit(k), and that of the text is its best row. A head is
**active** when this is at least the larger of `MIN_SCORE`, .3, and half of its own catalogued score, and when it also
pushes there by `MIN_PUSH`, .3 logits, or more: a look that writes next to nothing does no job. Else it is **below
usual** where it does it with a tenth of its attention or more, and **not seen**.

Ideas: Wang et al. 2022 (name movers, negative name movers), McDougall et al. 2023 (copy suppression), Gould et al. 2023
(successor heads). The formulas are Headlight's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils.measures.attention_to import USUAL_SHARE
from utils.measures.evidence import Evidence, EvidenceRow, n_visible
from utils.measures.figures import ROUNDING, RoleScores, RowSums
from utils.measures.holding import holds_in_full, stands_in
from utils.measures.measure import Measure
from utils.measures.reading import Look, Need, Reading
from utils.measures.states import Decision, HeadFigures, State
from utils.measures.written import Write, Writing, Written
from utils.writing import reasons

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token

MIN_SCORE = 0.3
MIN_PUSH = 0.3  # logits
NOTICED = 0.1  # of a row's attention; less is not worth a word
BETTER_THAN_BACKWARDS = 0.25


@dataclass(frozen=True)
class Writes(Measure):
    """What a head writes of the tokens it looks at.

    write: which way. only_names: only first names count, and only where the next word is to be one, which is at the
    last token of a text whose likeliest next token is a first name.
    """

    write: Write
    only_names: bool = False

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PATTERNS, Need.WRITING})
    has_chance: ClassVar[bool] = True
    takes_best: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    score_means: ClassVar[str] = "the share of its attention that goes to tokens it would write so"

    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        return Evidence.every_row(len(token_ids), window)

    def evidence_in(self, reading: Reading) -> Evidence:
        """The rows from which a key with a target is in sight; with names only the last row."""
        places = np.arange(len(reading.token_ids))
        counts, queries = self._keys(reading), np.ones(len(places), dtype=bool)
        n_unread, left_out = 0, reading.left_out
        if left_out is not None:
            n_unread = 0 if self._is_choosy else int(left_out.keys.sum())
            is_told = self.only_names and not left_out.queries.all()  # a chat's answer begins after its template
            counts = counts & ~left_out.keys
            queries = ~(left_out.keys if is_told else left_out.queries)
        if self.only_names:
            queries = queries & (places == places[-1])
        in_sight = (places <= places[:, None]) & (places > (places - n_visible(places, reading.window))[:, None])
        targets = in_sight & counts & queries[:, None]
        rows = np.flatnonzero(targets.any(axis=1))
        chance = np.full(len(rows), 1 / _writing(reading).n_columns)
        return Evidence(targets, rows, chance, n_unread=n_unread, window=reading.window)

    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        return self._hits_of_rows(reading, evidence).sum(axis=-1)

    @classmethod
    def sum_rows(cls, reading: Reading, asked: Mapping[str, tuple[Measure, Evidence]]) -> Mapping[str, RowSums]:
        """The best row of each head, as one row."""
        return {key: _best_row(measure.row_shares(reading, found), found) for key, (measure, found) in asked.items()}

    def holds(self, scores: RoleScores) -> np.ndarray:
        return holds_in_full(self.strength(scores)) & _is_forward(scores)

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        return stands_in(np.where(_is_forward(scores), self.strength(scores), 0.0), self.holds(scores))

    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        catalogued = np.zeros_like(live.score) if usual is None else usual.score
        threshold = np.maximum(MIN_SCORE, USUAL_SHARE * catalogued)
        is_active = (live.score >= threshold - ROUNDING) & (self._best_push(reading, evidence) >= MIN_PUSH - ROUNDING)
        if self.only_names and not _writing(reading).asks_for_name:
            is_active = np.zeros_like(is_active)
        state = np.full(live.score.shape, State.NOT_SEEN, dtype=object)
        state[live.score >= NOTICED] = State.BELOW_USUAL
        state[is_active] = State.ACTIVE
        return Decision(threshold, None if usual is None else usual.score, state)

    def strongest_looks(self, reading: Reading, evidence: Evidence, most: int) -> tuple[Look, ...]:
        """Looks at tokens that hit, those of the best row first."""
        shares, cells = self.row_shares(reading, evidence), self._hits_of_rows(reading, evidence)
        if not len(shares):
            return ()
        best = int(shares.argmax())
        places, keys = np.nonzero(cells)
        order = np.lexsort((-cells[places, keys], places != best))[:most]
        return tuple(self._look(reading, int(evidence.rows[places[at]]), int(keys[at])) for at in order)

    def evidence_rows(self, reading: Reading, evidence: Evidence) -> list[EvidenceRow]:
        cells = self._hits_of_rows(reading, evidence)
        found = []
        for row, hit in zip(evidence.rows.tolist(), cells, strict=True):
            key, share = int(hit.argmax()), float(hit.sum())
            if hit[key] == 0:
                found.append(EvidenceRow(row, 0.0))
                continue
            look, n_more = self._look(reading, row, key), int((hit >= NOTICED).sum()) - int(hit[key] >= NOTICED)
            found.append(EvidenceRow(row, share, key, n_more, push=look.push, target=look.target))
        return found

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        return (("Chance, for a head that writes anything", chance),)

    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        if self.only_names:
            return reasons.no_name(tokens)
        return reasons.nothing_in_order(tokens) if self.write is Write.NEXT else reasons.NOTHING_TO_WRITE

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        """In this order: no name is asked for, it rests, it pushes too little, it does it with too little; and where
        in the text it would do it."""
        writing, cut = _writing(reading), self.better_cut(reading, figures.threshold)
        elsewhere = "" if cut is None else f" {reasons.stronger_elsewhere(figures.name, cut)}"
        return self._why_here(figures, reading, evidence, has_start, writing) + elsewhere

    def _why_here(
        self, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool, writing: Writing
    ) -> str:
        if self.only_names and not writing.asks_for_name:
            return reasons.asks_for_no_name(writing.guess)
        if not len(evidence.rows):
            return reasons.writes_nothing(figures)
        least_rest = float(reading.patterns[evidence.rows, 0].min())
        if least_rest > 1 - figures.threshold:
            return reasons.rests_there(figures, least_rest, has_start)
        if figures.score >= figures.threshold - ROUNDING:
            push = self.push_of_row(reading, evidence, self.best_row(reading, evidence))
            return reasons.pushes_little(figures, push, self.write)
        return reasons.writes_little(figures) if figures.score >= NOTICED else reasons.writes_nothing(figures)

    def better_cut(self, reading: Reading, threshold: float) -> int | None:
        """With names only: the earlier row, if any, at which a name is asked for and the head would be active."""
        if not self.only_names:
            return None
        writing, written = _writing(reading), self._written(reading)
        cells = np.where(written.hits & writing.is_name, reading.patterns, 0.0)
        shares, pushes = cells.sum(axis=-1), (cells * written.logits).sum(axis=-1) * writing.scale
        lights = writing.asks & (shares >= threshold) & (self.write.sign * pushes >= MIN_PUSH)
        earlier = np.flatnonzero(lights[:-1])
        return int(earlier[shares[earlier].argmax()]) if len(earlier) else None

    def best_row(self, reading: Reading, evidence: Evidence) -> int:
        """The row that decides. Args: reading: of one head. evidence: with a row."""
        return int(evidence.rows[int(self.row_shares(reading, evidence).argmax())])

    def looks_of_row(self, reading: Reading, evidence: Evidence, row: int) -> tuple[Look, ...]:
        """Every look from a row that counts, the strongest first: their weights add up to the row's share, what they
        push to its push. Args: reading: of one head."""
        cells = self.cells_that_count(reading, evidence)[row] * reading.patterns[row]
        keys = np.argsort(-cells, kind="stable")[: int(np.count_nonzero(cells))]
        return tuple(self._look(reading, row, key) for key in keys.tolist())

    def cells_that_count(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        """bool [..., query_pos, key_pos]: where a look counts, since the head would write so of what stands there."""
        return np.asarray(evidence.targets & self._written(reading).hits[..., None, :])

    def push_of_row(self, reading: Reading, evidence: Evidence, row: int) -> float:
        """What a head adds from a row to all tokens that hit, in logits; for suppression what it takes away."""
        return self.write.sign * sum(look.push or 0.0 for look in self.looks_of_row(reading, evidence, row))

    def shares_of_word(self, reading: Reading, row: int, target_id: int) -> np.ndarray:
        """The attention that each head gives from a row to keys at which it writes this word: [layer, head]."""
        written = self._written(reading)
        is_word = np.array([target is not None and target.id == target_id for target in written.targets])
        counted = written.hits & (is_word & self._keys(reading))
        return np.asarray(np.where(counted, reading.patterns[..., row, :], 0.0).sum(axis=-1))

    def _best_push(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        """The same at every head's best row: [layer, head]."""
        written, writing = self._written(reading), _writing(reading)
        best = self.row_shares(reading, evidence).argmax(axis=-1)
        rows = evidence.rows[best]
        patterns = np.take_along_axis(reading.patterns, rows[..., None, None], axis=-2)[..., 0, :]
        pushed = np.where(evidence.targets[rows] & written.hits, patterns * written.logits, 0.0).sum(axis=-1)
        return np.asarray(self.write.sign * pushed * np.take_along_axis(writing.scale, rows, axis=-1))

    def _hits_of_rows(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        """A[q, k] * hit(k) of every evidence row: [..., n_rows, key_pos]."""
        counted = self.cells_that_count(reading, evidence)[..., evidence.rows, :]
        return np.where(counted, reading.patterns[..., evidence.rows, :], 0.0)

    def _look(self, reading: Reading, row: int, key: int) -> Look:
        """One look of one head, with what it pushes there."""
        written, weight = self._written(reading), float(reading.patterns[row, key])
        push = weight * float(written.logits[key]) * float(_writing(reading).scale[row])
        return Look(row, key, weight, push=push, target=written.targets[key])

    @property
    def _is_choosy(self) -> bool:
        """Whether only some words count, none of which a piece of a character could be."""
        return self.only_names or self.write is Write.NEXT

    def _keys(self, reading: Reading) -> np.ndarray:
        has_target = self._written(reading).has_target
        return has_target & _writing(reading).is_name if self.only_names else has_target

    def _written(self, reading: Reading) -> Written:
        return _writing(reading).ways[self.write]


def _writing(reading: Reading) -> Writing:
    assert reading.writing is not None, "only a reading with what heads write is asked"
    return reading.writing


def _best_row(shares: np.ndarray, evidence: Evidence) -> RowSums:
    if not len(evidence.rows):
        return RowSums(0, np.zeros(shares.shape[:-1]))
    return RowSums(1, shares.max(axis=-1).astype(np.float64), float(evidence.chance.mean()))


def _is_forward(scores: RoleScores) -> np.ndarray | bool:
    """Whether a head is so much better for the item after than for the one before, where that was tested."""
    return True if scores.backwards is None else scores.score - scores.backwards >= BETTER_THAN_BACKWARDS - ROUNDING
