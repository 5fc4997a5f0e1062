"""Evenness: how evenly a head spreads its attention over all that it can see.

**Score**: the mean over rows of entropy / log(n), n the keys that the row sees (q + 1 without a window), which is 1 for
an even head at every length. **Peak**: the mean over rows of (largest weight - 1/n) / (1 - 1/n), 0 for an even row and
1 when one key has all.

Held, and active on a text, when the score is at least 0.85 and the peak at most 0.35: a head with standard-normal
logits has .80 to .85, and a peak of .37 at 6 tokens, .20 at 40. A head that prefers what is near (as with ALiBi) is
even on a short text and not on a long one, so the catalogue judges passages of 60 tokens or more. There is no chance
level, since an even head is what is looked for, and no luck limit: a head with weak random logits honestly is diffuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils import reasons
from utils.measures.evidence import Evidence, EvidenceRow, n_visible
from utils.measures.figures import ROUNDING, RoleScores, RowSums
from utils.measures.measure import Measure
from utils.measures.reading import Look, Reading, looks_of_row
from utils.measures.states import Decision, HeadFigures, as_states

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token

MIN_SCORE = 0.85
MAX_PEAK = 0.35


@dataclass(frozen=True)
class Evenness(Measure):
    """Evenness of whole rows; see the module."""

    has_peak: ClassVar[bool] = True
    is_about_rows: ClassVar[bool] = True
    shows_percent: ClassVar[bool] = False
    score_means: ClassVar[str] = "how even its attention is"

    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        return Evidence.every_row(len(token_ids), window)

    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        return np.take(normalised_entropy(reading.patterns, reading.window), evidence.rows - 1, axis=-1)

    @classmethod
    def sum_rows(cls, reading: Reading, asked: Mapping[str, tuple[Measure, Evidence]]) -> Mapping[str, RowSums]:
        """Score and peak of every evidence row."""
        entropy = normalised_entropy(reading.patterns, reading.window)
        peaks = row_peaks(reading.patterns, reading.window)

        def summed(shares: np.ndarray, evidence: Evidence) -> np.ndarray:
            return np.take(shares, evidence.rows - 1, axis=-1).sum(axis=-1, dtype=np.float64)

        return {
            key: RowSums(len(evidence.rows), summed(entropy, evidence), peaks=summed(peaks, evidence))
            for key, (_, evidence) in asked.items()
        }

    def holds(self, scores: RoleScores) -> np.ndarray:
        return is_even(scores.score, scores.peak)

    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        return Decision(
            threshold=np.full(live.score.shape, MIN_SCORE),
            usual=None if usual is None else usual.score,
            state=as_states(is_even(live.score, live.peak)),
        )

    def strongest_looks(self, reading: Reading, evidence: Evidence, most: int) -> tuple[Look, ...]:
        """The most even row, with its largest weight."""
        return (_most_even(reading, evidence.rows),)

    def focus(self, reading: Reading, evidence: Evidence, looks: Sequence[Look]) -> Look:
        """The most even row in the second half of the text: the later, the more there was to choose."""
        late = evidence.rows[evidence.rows >= len(reading.token_ids) // 2]
        return _most_even(reading, late if len(late) else evidence.rows)

    def arcs(self, reading: Reading, focus: Look, looks: Sequence[Look], most: int) -> tuple[Look, ...]:
        """All that the focused row sees."""
        return looks_of_row(reading.patterns, focus.query_pos, most)

    def counted_cells(self, evidence: Evidence) -> np.ndarray:
        counted = np.zeros_like(evidence.targets)
        counted[evidence.rows] = True
        return counted

    def evidence_rows(self, reading: Reading, evidence: Evidence) -> list[EvidenceRow]:
        shares = self.row_shares(reading, evidence)
        return [EvidenceRow(*row) for row in zip(evidence.rows.tolist(), shares.tolist(), strict=True)]

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        peaks = row_peaks(reading.patterns, reading.window)
        peak = float((peaks if reading.left_out is None else peaks[~reading.left_out.queries[1:]]).mean())
        return (
            (f"An even head has 1.00; diffuse from {MIN_SCORE:.2f}", None),
            (f"Largest weight above even, at most {MAX_PEAK:.2f}", peak),
        )

    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        return reasons.TOO_SHORT_TO_TELL

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        return (
            "Here these heads put most weight on few tokens, so they spread less than usual: "
            f"{figures.name} scores {figures.score:.2f}, usually {figures.usual:.2f}."
        )


def is_even(score: np.ndarray, peak: np.ndarray | None) -> np.ndarray:
    """Whether rows are even enough (score) and no weight stands out (peak); both limits must hold.

    Without peaks, as in the records of a training, the score alone tells.
    """
    is_spread = np.asarray(score) >= MIN_SCORE - ROUNDING
    return is_spread if peak is None else is_spread & (np.asarray(peak) <= MAX_PEAK + ROUNDING)


def normalised_entropy(patterns: np.ndarray, window: int | None = None) -> np.ndarray:
    """Entropy of each row divided by the log of how many keys it sees: [..., query_pos - 1], without row 0.

    Not divided by the log of the text's length: an even head scores 1 at every length.
    """
    rows = patterns[..., 1:, :]
    entropy = -(rows * np.log(np.maximum(rows, np.finfo(rows.dtype).tiny))).sum(axis=-1)
    return entropy / np.log(_seen(patterns, window)).astype(rows.dtype)


def row_peaks(patterns: np.ndarray, window: int | None = None) -> np.ndarray:
    """How far each row's largest weight stands above even: 0 for an even row, 1 when one key has all; without row 0."""
    even = (1 / _seen(patterns, window)).astype(patterns.dtype)
    return (patterns[..., 1:, :].max(axis=-1) - even) / (1 - even)


def _seen(patterns: np.ndarray, window: int | None) -> np.ndarray:
    """How many keys each row but the first sees."""
    return n_visible(np.arange(1, patterns.shape[-1]), window)


def _most_even(reading: Reading, rows: np.ndarray) -> Look:
    """The most even of some rows of one head, at the key it gives most. Args: rows: 1 or later, at least one."""
    pattern = reading.patterns
    query_pos = int(rows[normalised_entropy(pattern, reading.window)[rows - 1].argmax()])
    key_pos = int(pattern[query_pos].argmax())
    return Look(query_pos, key_pos, float(pattern[query_pos, key_pos]))
