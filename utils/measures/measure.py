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


class State(Enum):
    """What one head does for one role on a text that can show it, the strongest first."""

    ACTIVE = "active"
    HERE_AND_THERE = "here_and_there"  # more places than a blind look would hit, yet below its usual level
    CANNOT_TELL = "cannot_tell"  # it did hit a place or two, but so might a blind look
    BELOW_USUAL = "below_usual"  # more than chance in sum and in no single place, or less than its measure asks for
    NOT_SEEN = "not_seen"

    @property
    def rank(self) -> int:
        """0 for the weakest."""
        return len(State) - 1 - list(State).index(self)


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
    nobody asked for them. left_out: places that are no evidence, None where every place is one. windows: how many keys
    back the heads of each layer can see, their own place among them, None without a limit; empty where no layer has
    one, and one entry for a reading of one head.
    """

    token_ids: np.ndarray
    patterns: np.ndarray
    head_values: np.ndarray | None = None
    left_out: LeftOut | None = None
    windows: tuple[int | None, ...] = ()

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
        windows = self.windows[head[0] : head[0] + 1]
        return Reading(self.token_ids, self.patterns[head], values, self.left_out, windows)

    @property
    def window(self) -> int | None:
        """How far back every head of this reading sees; None where that is the whole text.

        Raises: ValueError for layers that see differently far: ask their `sights`.
        """
        (window,) = {self._in_effect(window) for window in self.windows} or {None}
        return window

    def sights(self) -> list[tuple[np.ndarray, Reading]]:
        """The layers that see equally far, by their indexes, with the reading of those alone; one entry for most
        models, and for any text that is no longer than the shortest window."""
        by_window: dict[int | None, list[int]] = {}
        for layer, window in enumerate(self.windows):
            by_window.setdefault(self._in_effect(window), []).append(layer)
        if len(by_window) <= 1:
            return [(np.arange(len(self.patterns)), self)]
        return [(np.array(layers), self._of_layers(layers)) for layers in by_window.values()]

    def _of_layers(self, layers: list[int]) -> Reading:
        values = None if self.head_values is None else self.head_values[layers]
        windows = tuple(self.windows[layer] for layer in layers)
        return replace(self, patterns=self.patterns[layers], head_values=values, windows=windows)

    def _in_effect(self, window: int | None) -> int | None:
        return None if window is None or window >= len(self.token_ids) else window


@dataclass(frozen=True, eq=False)
class Evidence:
    """The rows of one text on which one role can be judged.

    targets: bool [query_pos, key_pos], the predicted keys on evidence rows and empty elsewhere. rows: the evidence
    rows, as query positions. chance: the share of an even head on each of them, zeros for a measure without chance.
    n_left_out: rows that have a prediction, but could not tell this role from another one. n_unread: rows that could
    tell, had the model read what stands there. window: how many keys back the heads see, None without a limit.
    """

    targets: np.ndarray
    rows: np.ndarray
    chance: np.ndarray
    n_left_out: int = 0
    n_unread: int = 0
    window: int | None = None

    @property
    def n_targets(self) -> np.ndarray:
        """|T(q)| of every evidence row: [n_rows]."""
        return np.asarray(self.targets[self.rows].sum(axis=1))

    @property
    def can_rest(self) -> np.ndarray:
        """On which evidence rows attention on the first token is rest: it is in sight there, and not a target."""
        return (n_visible(self.rows, self.window) == self.rows + 1) & ~self.targets[self.rows, 0]

    @property
    def looking_chance(self) -> np.ndarray:
        """What a blind look lands on of T(q), [n_rows]: |T(q)| over the keys in sight but the resting place, so
        |T(q)| / q without a window."""
        return self.n_targets / (n_visible(self.rows, self.window) - self.can_rest)

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
    def every_row(cls, n_tokens: int, window: int | None = None) -> Evidence:
        """Every row but the first, which has no choice, without targets."""
        nothing, rows = np.zeros((n_tokens, n_tokens), dtype=bool), np.arange(1, n_tokens)
        return cls(nothing, rows, np.zeros(len(rows)), window=window)


def n_visible(rows: np.ndarray, window: int | None) -> np.ndarray:
    """How many keys the queries at these positions see, themselves among them."""
    return rows + 1 if window is None else np.minimum(rows + 1, window)


@dataclass(frozen=True, eq=False)
class RowSums:
    """Sums over the evidence rows of one text, [...] per head; they add up over texts.

    n_rows, chance: numbers, or one per layer [layer, 1] where layers see differently far. peaks: None for a measure
    without. look, looking_chance: the attention that is not rest, and chance weighted by it; None for a measure that
    is not about looks.
    """

    n_rows: int | np.ndarray
    shares: np.ndarray
    chance: float | np.ndarray = 0.0
    peaks: np.ndarray | None = None
    look: np.ndarray | None = None
    looking_chance: np.ndarray | None = None

    def plus(self, other: RowSums) -> RowSums:
        """The sums over the rows of both. What one of them lacks, the sum lacks."""
        return RowSums(
            self.n_rows + other.n_rows,
            self.shares + other.shares,
            self.chance + other.chance,
            _sum(self.peaks, other.peaks),
            _sum(self.look, other.look),
            _sum(self.looking_chance, other.looking_chance),
        )


def _sum(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one + other


NEVER = 1e-6  # of the attention on a row: less is what rounding leaves of a head that rests


@dataclass(frozen=True, eq=False)
class Looking:
    """The figures of heads when they look, which is with what they do not leave on the resting place; [layer, head].

    score: of all looking on evidence rows, the share that goes to T(q): a ratio of sums, so a row counts as much as the
    head looks there. chance: what blind looking, with as much on each row, would get. excess: of score over chance, 0
    for an even head however much it rests. look: the mean share of attention that is looking. A head that never looks
    has excess 0.
    """

    score: np.ndarray
    chance: np.ndarray
    excess: np.ndarray
    look: np.ndarray

    def of_layers(self, layers: np.ndarray) -> Looking:
        """The figures of some layers alone, by their indexes."""
        return Looking(self.score[layers], self.chance[layers], self.excess[layers], self.look[layers])

    @classmethod
    def of(cls, sums: RowSums) -> Looking | None:
        """From sums over at least one row; None for a measure that is not about looks."""
        if sums.look is None or sums.looking_chance is None:
            return None
        look, n_rows = sums.look, np.broadcast_to(sums.n_rows, np.shape(sums.look))
        looks = look > NEVER * n_rows
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(looks, sums.looking_chance / look, 0.0)
            score = np.where(looks, np.clip(sums.shares / look, 0.0, 1.0), 0.0)
            mean_look = np.clip(look / n_rows, 0.0, 1.0)
            excess = np.where(chance < 1, excess_over_chance(score, chance), 0.0)
        return cls(score, chance, excess, mean_look)


@dataclass(frozen=True, eq=False)
class RoleScores:
    """All heads' figures for one role, pooled over the evidence rows of one text or many.

    n_rows: the most that any layer has. score, excess, peak: [layer, head]; NaN where there was no evidence row. excess
    and chance are None for a measure without chance, peak is None for a measure without one, looking for one that is
    not about looks, and where only plain scores were recorded. chance: a number, or [layer, 1] where layers see
    differently far.
    """

    n_rows: int
    score: np.ndarray
    chance: float | np.ndarray | None = None
    excess: np.ndarray | None = None
    peak: np.ndarray | None = None
    looking: Looking | None = None

    @classmethod
    def of(
        cls,
        n_rows: int,
        score: np.ndarray,
        chance: float | np.ndarray | None = None,
        peak: np.ndarray | None = None,
        looking: Looking | None = None,
    ) -> RoleScores:
        """With the excess that follows from score and chance."""
        excess = None if chance is None else excess_over_chance(score, chance)
        return cls(n_rows, score, chance, excess, peak, looking)

    def of_layers(self, layers: np.ndarray) -> RoleScores:
        """The figures of some layers alone, by their indexes."""
        chance = self.chance[layers] if isinstance(self.chance, np.ndarray) and self.chance.ndim else self.chance
        return RoleScores(
            self.n_rows,
            self.score[layers],
            chance,
            None if self.excess is None else self.excess[layers],
            None if self.peak is None else self.peak[layers],
            None if self.looking is None else self.looking.of_layers(layers),
        )

    def chance_of(self, head: HeadId) -> float | None:
        """The plain chance of one head."""
        if self.chance is None:
            return None
        return float(np.broadcast_to(self.chance, self.score.shape)[head])


def excess_over_chance(score: Figure, chance: float | np.ndarray) -> Figure:
    """(score - chance) / (1 - chance): 0 for an even head, 1 for an ideal one, negative below chance."""
    return (score - chance) / (1 - chance)  # type: ignore[return-value]


def to_score(excess: Figure, chance: float | np.ndarray) -> Figure:
    """Where an excess stands on the score axis: chance + excess * (1 - chance)."""
    return chance + excess * (1 - chance)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Counts:
    """Places that a head could hit and did hit, [layer, head] each (`luck.py`).

    chances: evidence rows that count. hits: different target keys that were hit. luck: how likely a blind look hits as
    many, in [0, 1]. expected: how many rows blind looking hits on average, at most.
    """

    chances: np.ndarray
    hits: np.ndarray
    luck: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True, eq=False)
class Decision:
    """The live decision on one role for all heads of a model, [layer, head].

    threshold: from where a head counts as active, on the axis of its bar (the score when it looks, where it has one).
    usual: its level in the catalogue, on the same axis; None without a catalogue. state: object [layer, head] of
    `State`, also for heads that are not known for the role. counts: None for a measure that does not count places.
    luck_limit: up to which luck a count is no luck, given how many heads stand on the card.
    """

    threshold: np.ndarray
    usual: np.ndarray | None
    state: np.ndarray
    counts: Counts | None = None
    luck_limit: float | None = None

    @property
    def is_active(self) -> np.ndarray:
        """bool [layer, head]: whether the head does this on the text."""
        return np.asarray(self.state == State.ACTIVE)


def as_states(is_active: np.ndarray) -> np.ndarray:
    """States of a measure that knows only active and below usual."""
    return np.where(is_active, np.array(State.ACTIVE, object), np.array(State.BELOW_USUAL, object))


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
    keys, None for a measure of whole rows; n_more_keys: how many others are predicted. look: the share of attention
    that is not rest, None for a measure that is not about looks. is_chance: whether a hit here would count; is_hit:
    whether it is one."""

    query_pos: int
    share: float
    key_pos: int | None = None
    n_more_keys: int = 0
    look: float | None = None
    is_chance: bool = False
    is_hit: bool = False


@dataclass(frozen=True)
class HeadFigures:
    """What a reason may quote of one head on this text: its name, its figures on the axis of its bar, its state, and
    what was counted (0, 0 and 1 for a measure that counts no places). n_beside: heads on its card."""

    name: str
    score: float
    usual: float
    threshold: float
    state: State = State.BELOW_USUAL
    chances: int = 0
    hits: int = 0
    luck: float = 1.0
    n_beside: int = 1


class Measure(ABC):
    """How a role is measured. Everything here is pure; `Reading` carries what is needed.

    needs: what of a forward pass it reads. has_chance: an even head's score is its yardstick, and the excess over it
    is what decides. has_peak: scores carry the second figure. is_about_rows: it is about whole rows, not about single
    looks from query to key. shows_percent: a row's share is a share of attention, written as a percent. score_means:
    completes "Our score is …". drawn_as: what the grid shows of it, a "stripe" or a "column"; empty for neither.
    copy_offset: how far behind the earlier copy of the query's token the predicted key stands, None where it is not
    about a copy. has_looking: it is about looks, and the figures when a head looks decide.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PATTERNS})
    has_chance: ClassVar[bool] = False
    has_peak: ClassVar[bool] = False
    has_looking: ClassVar[bool] = False
    is_about_rows: ClassVar[bool] = False
    shows_percent: ClassVar[bool] = True
    score_means: ClassVar[str]
    drawn_as: str = ""
    copy_offset: int | None = None

    @abstractmethod
    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        """The rows of a text that can tell. Args: window: how many keys back the heads see, None without a limit."""

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
