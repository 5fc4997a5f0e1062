"""Roles that nobody needs: one for each kind of measure, and one whose own measure reads what heads write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.measures.attention_to import AttentionTo, Prediction
from utils.measures.evenness import Evenness
from utils.measures.evidence import Evidence, EvidenceRow
from utils.measures.figures import RoleScores
from utils.measures.measure import Measure
from utils.measures.reading import Look, Need, Reading
from utils.measures.states import Decision, HeadFigures, as_states
from utils.roles import Role
from utils.tokens import Token


def predict_two_back(token_ids: np.ndarray) -> Prediction:
    """T(q) = {q-2}. Row 2 is ambiguous: its target is also the first token."""
    n = len(token_ids)
    return Prediction(np.eye(n, k=-2, dtype=bool), np.arange(n) == 2)


@dataclass(frozen=True)
class FirstHalf(Measure):
    """How much of what a head hands on at a token lies in the first half of its numbers, as a share of the squares."""

    least: float

    needs = frozenset({Need.PATTERNS, Need.HEAD_VALUES})
    shows_percent = False
    score_means = "how much of what it hands on lies in its first half"

    def evidence(self, token_ids: np.ndarray, window: int | None = None) -> Evidence:
        return Evidence.every_row(len(token_ids), window)

    def row_shares(self, reading: Reading, evidence: Evidence) -> np.ndarray:
        squares = np.square(reading.head_values[..., evidence.rows, :], dtype=np.float64)
        return squares[..., : squares.shape[-1] // 2].sum(axis=-1) / squares.sum(axis=-1)

    def holds(self, scores: RoleScores) -> np.ndarray:
        return scores.score >= self.least

    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        threshold = np.full(live.score.shape, self.least)
        return Decision(threshold, None if usual is None else usual.score, as_states(live.score >= threshold))

    def strongest_looks(self, reading: Reading, evidence: Evidence, most: int) -> tuple[Look, ...]:
        shares = self.row_shares(reading, evidence)
        best = [int(evidence.rows[place]) for place in np.argsort(-shares, kind="stable")[:most]]
        return tuple(Look(row, row, float(reading.patterns[row, row])) for row in best)

    def evidence_rows(self, reading: Reading, evidence: Evidence) -> list[EvidenceRow]:
        shares = self.row_shares(reading, evidence).tolist()
        return [EvidenceRow(row, share) for row, share in zip(evidence.rows.tolist(), shares, strict=True)]

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        return (("Both halves alike", 0.5),)

    def why_grey(self, role: Role, tokens: Sequence[Token]) -> str:
        return "This text is too short to tell what a head writes."

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        return f"{figures.name} writes {figures.score:.2f} into its first half here, and usually {figures.usual:.2f}."


def _role(key: str, name: str, habit: str, measure: Measure) -> Role:
    """An entry with nothing in it but what every entry must have."""
    return Role(
        key=key,
        display_name=name,
        sentence=f"A head that {habit}.",
        habit=habit,
        definition=f"At every token, this head {habit}.",
        formula=f"{name}, for q ≥ 1",
        source=f"Nobody et al. 2026, {name} for a Test",
        trigger="Any text of a few words.",
        requires_repetition=False,
        measure=measure,
    )


TWO_BACK = _role("two_back", "Two back", "looks two tokens back", AttentionTo(predict_two_back))
FLAT = _role("flat", "Flat", "looks nowhere in particular", Evenness())
FIRST_HALF = _role("first_half", "First half", "writes into its first half", FirstHalf(least=0.7))
MADE_UP = {role.key: role for role in (TWO_BACK, FLAT, FIRST_HALF)}
