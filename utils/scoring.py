"""How well every head does every role on a text, or pooled over many: one way, offline and in the running app alike.

The formulas belong to the roles' measures (`utils/measures/`); here they are asked and added up, so that every evidence
row counts the same, whatever text it stands in.

Shapes: a pattern is [query_pos, key_pos], causal, rows sum to 1; `patterns` may carry any axes before these two.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.measures.measure import MIN_TOKENS, Evidence, Measure, Reading, RoleScores, RowSums
from utils.roles import ROLES

ROW_SUM_TOLERANCE = 1e-3


def as_ids(tokens: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """Tokens of any hashable kind (ids or strings) as integers that are equal exactly when the tokens are."""
    if isinstance(tokens, np.ndarray) and np.issubdtype(tokens.dtype, np.integer):
        return tokens
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64)


def evidence_for(role_key: str, tokens: Sequence[Hashable] | np.ndarray) -> Evidence:
    """The evidence rows of a role on one text. Raises: KeyError for a key that is not a role."""
    return ROLES[role_key].measure.evidence(as_ids(tokens))


def evidence_in(role_key: str, reading: Reading) -> Evidence:
    """The same for a text that was read: without the rows at places that are no evidence."""
    evidence = evidence_for(role_key, reading.token_ids)
    return evidence if reading.left_out is None else evidence.without(reading.left_out)


def check_patterns(patterns: np.ndarray, n_tokens: int) -> None:
    """Raises ValueError, saying what was wrong, unless patterns are causal, sum to 1 by row, and fit the tokens."""
    if patterns.ndim < 2 or patterns.shape[-2:] != (n_tokens, n_tokens):
        raise ValueError(f"A pattern of {n_tokens} tokens must be [{n_tokens}, {n_tokens}], not {patterns.shape}.")
    if n_tokens < MIN_TOKENS:
        raise ValueError(f"A score needs at least {MIN_TOKENS} tokens, and this text has {n_tokens}.")
    visible = np.tril(np.ones((n_tokens, n_tokens), dtype=patterns.dtype))
    row_sums, visible_sums = patterns.sum(axis=-1), np.einsum("...qk,qk->...q", patterns, visible)
    if not np.isfinite(row_sums).all():
        raise ValueError("The pattern holds values that are not finite numbers.")
    if np.abs(row_sums - visible_sums).max() > ROW_SUM_TOLERANCE:
        raise ValueError("The pattern is not causal: a token puts weight on a later token.")
    if patterns.min() < 0 or np.abs(row_sums - 1).max() > ROW_SUM_TOLERANCE:
        raise ValueError("The pattern's rows are not weights that sum to 1.")


@dataclass(frozen=True, eq=False)
class ScoredText:
    """One text judged for every role that it could be read for: its evidence rows, and all heads' scores."""

    reading: Reading
    evidence: Mapping[str, Evidence]
    roles: Mapping[str, RoleScores]


def score_text(reading: Reading) -> ScoredText:
    """Every role's evidence and scores of every head on one text, for patterns known to be sound (a forward pass).

    Roles that need more than the reading has are left out.
    """
    keys = [key for key, role in ROLES.items() if role.measure.needs <= reading.has]
    evidence = {key: evidence_in(key, reading) for key in keys}
    pool = ScorePool(keys)
    pool.add_judged(reading, evidence)
    return ScoredText(reading, evidence, pool.result())


@dataclass
class _Total:
    """What a role's rows add up to over all texts so far; `axes` are those of the readings, so [layer, head]."""

    measure: Measure
    axes: tuple[int, ...] = ()
    sums: RowSums | None = None

    def scores(self) -> RoleScores:
        """Sums over all rows, divided by their number; NaN scores without a row."""
        sums = self.sums
        if sums is None or sums.n_rows == 0:
            nothing = np.full(self.axes, np.nan)
            return RoleScores(0, nothing, excess=nothing if self.measure.has_chance else None)
        score = np.clip(sums.shares / sums.n_rows, 0.0, 1.0)
        peak = None if sums.peaks is None else np.clip(sums.peaks / sums.n_rows, 0.0, 1.0)
        chance = float(sums.chance / sums.n_rows) if self.measure.has_chance else None
        return RoleScores.of(sums.n_rows, score, chance, peak)


class ScorePool:
    """Adds up evidence rows over many texts, so that every row counts the same, whatever text it stands in."""

    def __init__(self, roles: Iterable[str] | None = None):
        self._totals = {key: _Total(ROLES[key].measure) for key in (ROLES if roles is None else roles)}

    def add(self, reading: Reading, roles: Sequence[str] | None = None) -> None:
        """Add what all heads [layer, head] do on one text for some roles (all of the pool by default)."""
        check_patterns(reading.patterns, len(reading.token_ids))
        keys = self._totals if roles is None else roles
        self.add_judged(reading, {key: evidence_in(key, reading) for key in keys})

    def add_judged(self, reading: Reading, evidence: Mapping[str, Evidence]) -> None:
        """The same for checked patterns and evidence at hand, for the roles that `evidence` names."""
        for total in self._totals.values():
            total.axes = reading.axes
        for kind in dict.fromkeys(type(self._totals[key].measure) for key in evidence):
            asked = {
                key: (self._totals[key].measure, found)
                for key, found in evidence.items()
                if type(self._totals[key].measure) is kind
            }
            for key, sums in kind.sum_rows(reading, asked).items():
                total = self._totals[key]
                total.sums = sums if total.sums is None else total.sums.plus(sums)

    def result(self) -> dict[str, RoleScores]:
        """Pooled scores per role; NaN scores for a role without an evidence row."""
        return {key: total.scores() for key, total in self._totals.items()}
