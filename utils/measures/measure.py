"""What a measure owes: evidence rows, a score per head, chance, the decision, the proof, and the reasons when grey.

A measure turns what heads do on a text into one **score** in [0, 1] per head: the mean over *evidence rows* of that
row's **share**. Where an even head has a score of its own, that is **chance**, and the **excess** over it,
(score - chance) / (1 - chance), means the same at 6 tokens and at 100 (as Cohen's kappa): 0 for an even head, 1 for an
ideal one. A measure of looks has the same three once more for *when the head looks* (`Looking`), and those decide.
Without a chance level a measure may have a second figure, the **peak**.

Whatever a page, the catalogue or the API must know about a role that depends on how it is measured is asked here, so
that nobody else needs to ask which role it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils.measures.evidence import Evidence, EvidenceRow
from utils.measures.figures import RoleScores, RowSums
from utils.measures.reading import Look, Need, Reading
from utils.measures.states import Decision, HeadFigures

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token


class Measure(ABC):
    """How a role is measured. Everything here is pure; `Reading` carries what is needed.

    needs: what of a forward pass it reads. has_chance: an even head's score is its yardstick, and the excess over it
    is what decides. has_peak: scores carry the second figure. is_about_rows: it is about whole rows, not about single
    looks from query to key. shows_percent: a row's share is a share of attention, written as a percent. score_means:
    completes "Our score is …". drawn_as: what the grid shows of it, a "stripe" or a "column"; empty for neither.
    copy_offset: how far behind the earlier copy of the query's token the predicted key stands, None where it is not
    about a copy. has_looking: it is about looks, and the figures when a head looks decide. takes_best: the score of a
    text is that of its best row and not the mean of all. writes: it reads what a head writes, not only where it looks.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PATTERNS})
    has_chance: ClassVar[bool] = False
    has_peak: ClassVar[bool] = False
    has_looking: ClassVar[bool] = False
    takes_best: ClassVar[bool] = False
    writes: ClassVar[bool] = False
    is_about_rows: ClassVar[bool] = False
    shows_percent: ClassVar[bool] = True
    score_means: ClassVar[str]
    drawn_as: str = ""
    copy_offset: int | None = None

    @abstractmethod
    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        """The rows of a text that can tell. Args: window: how many keys back the heads see, None without a limit."""

    def evidence_in(self, reading: Reading) -> Evidence:
        """The same for a text that was read by heads that see equally far: without the rows at places that are no
        evidence."""
        evidence = self.evidence(reading.token_ids, reading.window)
        return evidence if reading.left_out is None else evidence.without(reading.left_out)

    @abstractmethod
    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        """The share of every evidence row, [..., n_rows], in the order of `evidence.rows`; their mean is the score."""

    @classmethod
    def sum_rows(cls, reading: Reading, asked: Mapping[str, tuple[Measure, Evidence]]) -> Mapping[str, RowSums]:
        """Sums of one text for several roles of this kind of measure at once, by role key."""
        return {
            key: RowSums(
                len(evidence.rows),
                measure.row_shares(reading, evidence).sum(axis=-1, dtype=np.float64),
                float(evidence.chance.sum()),
            )
            for key, (measure, evidence) in asked.items()
        }

    def strength(self, scores: RoleScores) -> np.ndarray:
        """What a role's heads are ordered by, the strongest first: [layer, head]. The excess when they look, where
        that is known."""
        if scores.looking is not None:
            return scores.looking.excess
        return scores.score if scores.excess is None else scores.excess

    @abstractmethod
    def holds(self, scores: RoleScores) -> np.ndarray:
        """Which heads hold the role by the catalogue's scores: bool [layer, head]."""

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        """Which heads may stand in for a layer without a holder: bool [layer, head], never also in `holds`."""
        return np.zeros(scores.score.shape, dtype=bool)

    @abstractmethod
    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        """What heads do on a text. Args: live: their scores on it. reading: of heads that see equally far. evidence:
        with at least one row. usual: from the catalogue, None where there is none. n_beside: how many heads are shown
        together: the more, the less luck may explain one of them."""

    def better_cut(self, reading: Reading, threshold: float) -> int | None:
        """Where a text could be cut so that a head is active; None where that would change nothing, or nobody can say.
        Args: reading: of that head. threshold: from where it counts as active."""
        return None

    @abstractmethod
    def strongest_looks(self, reading: Reading, evidence: Evidence, most: int) -> tuple[Look, ...]:
        """What proves the role on a text, strongest first. Args: reading: of one head; evidence: with a row."""

    def focus(self, reading: Reading, evidence: Evidence, looks: Sequence[Look]) -> Look:
        """The look that tells most. Args: reading: of one head. looks: as `strongest_looks`, at least one."""
        return looks[0]

    def arcs(self, reading: Reading, focus: Look, looks: Sequence[Look], most: int) -> tuple[Look, ...]:
        """What is drawn around the focused look, strongest first. Args: as `focus`."""
        return tuple(looks[:most])

    def counted_cells(self, evidence: Evidence) -> np.ndarray:
        """bool [query_pos, key_pos]: looks that the score counts."""
        return evidence.targets

    @abstractmethod
    def evidence_rows(self, reading: Reading, evidence: Evidence) -> list[EvidenceRow]:
        """Every evidence row of one head, in the order of the text; the mean of their shares is the score."""

    @abstractmethod
    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        """What a score is held against, as words and a number, None where the words say it all. Args: reading: of one
        head."""

    @abstractmethod
    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        """Why a text of three tokens or more has no evidence row, in a sentence made from the text."""

    @abstractmethod
    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        """Why the role's strongest head is not active, by its state, with what it does instead. Args: reading: of that
        head."""
