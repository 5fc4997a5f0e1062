"""What a measure owes: evidence rows, a score per head, chance, the decision, the proof, and the reasons when grey.

A measure turns what heads do on a text into one **score** in [0, 1] per head: the mean over *evidence rows* of that
row's **share**. Where an even head has a score of its own, that is **chance**, and the **excess** over it,
(score - chance) / (1 - chance), means the same at 6 tokens and at 100 (as Cohen's kappa): 0 for an even head, 1 for an
ideal one. Without a chance level a measure may have a second figure, the **peak**.

Whatever a page, the catalogue or the API must know about a role that depends on how it is measured is asked here, so
that nobody else needs to ask which role it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from utils.heads import HeadId
    from utils.roles import Role
    from utils.tokens import Token

MIN_TOKENS = 3
ROUNDING = 1e-6  # what float32 patterns may cost a score: at its limit a head is active
TokenPart = Literal["query", "key", "both", "evidence"]
Figure = TypeVar("Figure", float, np.ndarray)


class Need(Enum):
    """What a measure reads of a forward pass."""

    PATTERNS = "patterns"
    HEAD_VALUES = "head_values"  # what each head hands to its layer's output projection


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Places of a text that prove nothing, whatever heads do there: bool [position] each.

    queries: rows that are no evidence. keys: a row that predicts one of these is none either.
    """

    queries: np.ndarray
    keys: np.ndarray


@dataclass(frozen=True, eq=False)
class Reading:
    """What measures see of one text.

    token_ids: [position]. patterns: [..., query_pos, key_pos], causal, rows sum to 1; the axes before these two are
    layer and head, or none for one head. head_values: [..., position, d_head] with the same axes before, None where
    nobody asked for them. left_out: places that are no evidence, None where every place is one.
    """

    token_ids: np.ndarray
    patterns: np.ndarray
    head_values: np.ndarray | None = None
    left_out: LeftOut | None = None

    @property
    def has(self) -> frozenset[Need]:
        return frozenset({Need.PATTERNS} if self.head_values is None else Need)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes before query and key: (layers, heads), or () for one head."""
        return self.patterns.shape[:-2]

    def of_head(self, head: HeadId) -> Reading:
        """What one head of all does."""
        values = None if self.head_values is None else self.head_values[head]
        return Reading(self.token_ids, self.patterns[head], values, self.left_out)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The rows of one text on which one role can be judged.

    targets: bool [query_pos, key_pos], the predicted keys on evidence rows and empty elsewhere. rows: the evidence
    rows, as query positions. chance: the share of an even head on each of them, zeros for a measure without chance.
    n_left_out: rows that have a prediction, but could not tell this role from another one. n_unread: rows that could
    tell, had the model read what stands there.
    """

    targets: np.ndarray
    rows: np.ndarray
    chance: np.ndarray
    n_left_out: int = 0
    n_unread: int = 0

    @property
    def is_unread(self) -> bool:
        """Whether there would be rows, had the model read the text in whole characters."""
        return len(self.rows) == 0 and self.n_unread > 0

    def without(self, places: LeftOut) -> Evidence:
        """The rows that neither stand on a place that is left out nor predict one."""
        predicts_one = (self.targets[self.rows] & places.keys).any(axis=1)
        kept = ~(places.queries[self.rows] | predicts_one)
        targets = np.zeros_like(self.targets)
        targets[self.rows[kept]] = self.targets[self.rows[kept]]
        return replace(
            self,
            targets=targets,
            rows=self.rows[kept],
            chance=self.chance[kept],
            n_unread=self.n_unread + int((places.keys[self.rows] | predicts_one).sum()),
        )

    @classmethod
    def every_row(cls, n_tokens: int) -> Evidence:
        """Every row but the first, which has no choice, without targets."""
        return cls(np.zeros((n_tokens, n_tokens), dtype=bool), np.arange(1, n_tokens), np.zeros(max(0, n_tokens - 1)))


@dataclass(frozen=True, eq=False)
class RowSums:
    """Sums over the evidence rows of one text: shares and peaks [...] per head, chance; they add up over texts."""

    n_rows: int
    shares: np.ndarray
    chance: float = 0.0
    peaks: np.ndarray | None = None

    def plus(self, other: RowSums) -> RowSums:
        """The sums over the rows of both. Either both have peaks or none."""
        peaks = None if self.peaks is None or other.peaks is None else self.peaks + other.peaks
        return RowSums(self.n_rows + other.n_rows, self.shares + other.shares, self.chance + other.chance, peaks)


@dataclass(frozen=True, eq=False)
class RoleScores:
    """All heads' figures for one role, pooled over the evidence rows of one text or many.

    score, excess, peak: [layer, head]; NaN where there was no evidence row. excess and chance are None for a measure
    without chance, peak is None for a measure without one.
    """

    n_rows: int
    score: np.ndarray
    chance: float | None = None
    excess: np.ndarray | None = None
    peak: np.ndarray | None = None

    @classmethod
    def of(
        cls, n_rows: int, score: np.ndarray, chance: float | None = None, peak: np.ndarray | None = None
    ) -> RoleScores:
        """With the excess that follows from score and chance."""
        return cls(n_rows, score, chance, None if chance is None else excess_over_chance(score, chance), peak)


def excess_over_chance(score: Figure, chance: float) -> Figure:
    """(score - chance) / (1 - chance): 0 for an even head, 1 for an ideal one, negative below chance."""
    return (score - chance) / (1 - chance)


def to_score(excess: Figure, chance: float) -> Figure:
    """Where an excess stands on the score axis: chance + excess * (1 - chance)."""
    return chance + excess * (1 - chance)


@dataclass(frozen=True, eq=False)
class Decision:
    """The live decision on one role for all heads of a model, [layer, head], all on the score axis.

    threshold: from where a head counts as active. usual: its level in the catalogue, on this text's axis; None without
    a catalogue. is_active: whether it does this on the text, also for heads that are not known for it.
    """

    threshold: np.ndarray
    usual: np.ndarray | None
    is_active: np.ndarray


@dataclass(frozen=True)
class Look:
    """One look back: `weight` is the share of the query's attention that goes to the key, in [0, 1]; is_evidence:
    whether the role's score counts it."""

    query_pos: int
    key_pos: int
    weight: float
    is_evidence: bool = True

    @property
    def is_itself(self) -> bool:
        return self.query_pos == self.key_pos


def looks_of_row(pattern: np.ndarray, query_pos: int, most: int) -> tuple[Look, ...]:
    """What one token looks at, strongest first; of equal weights the earlier key. Args: pattern: of one head."""
    row = pattern[query_pos, : query_pos + 1]
    order = np.argsort(-row, kind="stable")[:most]
    return tuple(Look(query_pos, int(key), float(row[key])) for key in order)


@dataclass(frozen=True)
class EvidenceRow:
    """One place that can tell. share: as the measure counts it, in [0, 1]. key_pos: the strongest of the predicted
    keys, None for a measure of whole rows; n_more_keys: how many others are predicted."""

    query_pos: int
    share: float
    key_pos: int | None = None
    n_more_keys: int = 0


@dataclass(frozen=True)
class HeadFigures:
    """What a reason may quote of one head: its name, score, usual level and threshold on this text."""

    name: str
    score: float
    usual: float
    threshold: float


class Measure(ABC):
    """How a role is measured. Everything here is pure; `Reading` carries what is needed.

    needs: what of a forward pass it reads. has_chance: an even head's score is its yardstick, and the excess over it
    is what decides. has_peak: scores carry the second figure. is_about_rows: it is about whole rows, not about single
    looks from query to key. shows_percent: a row's share is a share of attention, written as a percent. score_means:
    completes "Our score is …". drawn_as: what the grid shows of it, a "stripe" or a "column"; empty for neither.
    copy_offset: how far behind the earlier copy of the query's token the predicted key stands, None where it is not
    about a copy.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PATTERNS})
    has_chance: ClassVar[bool] = False
    has_peak: ClassVar[bool] = False
    is_about_rows: ClassVar[bool] = False
    shows_percent: ClassVar[bool] = True
    score_means: ClassVar[str]
    drawn_as: str = ""
    copy_offset: int | None = None

    @abstractmethod
    def evidence(self, token_ids: np.ndarray) -> Evidence:
        """The rows of a text that can tell."""

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
        """What a role's heads are ordered by, the strongest first: [layer, head]."""
        return scores.score if scores.excess is None else scores.excess

    @abstractmethod
    def holds(self, scores: RoleScores) -> np.ndarray:
        """Which heads hold the role by the catalogue's scores: bool [layer, head]."""

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        """Which heads may stand in for a layer without a holder: bool [layer, head], never also in `holds`."""
        return np.zeros(scores.score.shape, dtype=bool)

    @abstractmethod
    def decide(self, live: RoleScores, evidence: Evidence, usual: RoleScores | None) -> Decision:
        """Which heads are active on a text. Args: live: its scores, with at least one evidence row. usual: from the
        catalogue, None where there is none."""

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
        """Why the role's strongest head is not active, with what it does instead. Args: reading: of that head."""
