"""How well every head does every role on a text, or pooled over many: one way, offline and in the running app alike.

The formulas belong to the roles' measures (`utils/measures/`); here they are asked and added up, so that every evidence
row counts the same, whatever text it stands in.

Shapes: a pattern is [query_pos, key_pos], causal, rows sum to 1; `patterns` may carry any axes before these two.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.measures.evidence import Evidence
from utils.measures.figures import Looking, RoleScores, RowSums
from utils.measures.measure import Measure
from utils.measures.reading import MIN_TOKENS, Reading
from utils.roles import REST, ROLES

if TYPE_CHECKING:
    from utils.heads import HeadId

ROW_SUM_TOLERANCE = 1e-3


def as_ids(tokens: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """Tokens of any hashable kind (ids or strings) as integers that are equal exactly when the tokens are."""
    if isinstance(tokens, np.ndarray) and np.issubdtype(tokens.dtype, np.integer):
        return tokens
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64)


def evidence_for(role_key: str, tokens: Sequence[Hashable] | np.ndarray, window: int | None = None) -> Evidence:
    """The evidence rows of a role on one text. Args: window: how many keys back heads see, None without a limit.

    Raises: KeyError for a key that is not a role.
    """
    return ROLES[role_key].measure.evidence(as_ids(tokens), window)


def evidence_in(role_key: str, reading: Reading) -> Evidence:
    """The same for a text that was read by heads that see equally far; see `Measure.evidence_in`."""
    return ROLES[role_key].measure.evidence_in(reading)


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
class Part:
    """What layers that see equally far make of one text. layers: their indexes. reading: of those layers alone."""

    layers: np.ndarray
    reading: Reading
    evidence: Mapping[str, Evidence]


@dataclass(frozen=True, eq=False)
class ScoredText:
    """One text judged for every role that it could be read for: its evidence rows, and all heads' scores.

    parts: one, but where layers see differently far; the first has the layers that see furthest.
    """

    reading: Reading
    parts: tuple[Part, ...]
    roles: Mapping[str, RoleScores]

    @property
    def evidence(self) -> Mapping[str, Evidence]:
        """The evidence rows of every role for the layers that see furthest, which is all layers in most models."""
        return self.parts[0].evidence

    def evidence_of(self, role: str, head: HeadId) -> Evidence:
        """The evidence rows of a role in the layer of one head."""
        return next(part for part in self.parts if head.layer in part.layers).evidence[role]

    @property
    def rests(self) -> np.ndarray:
        """Of every head the share of attention that it leaves on the first token, [layer, head]; NaN where no row
        can tell."""
        return self.roles[REST].score


def score_text(reading: Reading) -> ScoredText:
    """Every role's evidence and scores of every head on one text, for patterns known to be sound (a forward pass).

    Roles that need more than the reading has are left out.
    """
    keys = [key for key, role in ROLES.items() if role.measure.needs <= reading.has]
    parts, pool = parts_of(reading, keys), ScorePool(keys)
    pool.add_judged(reading.axes, parts)
    return ScoredText(reading, parts, pool.result())


def parts_of(reading: Reading, roles: Iterable[str]) -> tuple[Part, ...]:
    """The evidence rows of some roles on one text, for all layers or for each kind of sight."""
    roles = tuple(roles)
    parts = [Part(layers, part, {key: evidence_in(key, part) for key in roles}) for layers, part in reading.sights()]
    return tuple(sorted(parts, key=lambda part: part.reading.window is not None))


@dataclass
class _Total:
    """What a role's rows add up to over all texts so far; `axes` are those of the readings, so [layer, head]."""

    measure: Measure
    axes: tuple[int, ...] = ()
    sums: RowSums | None = None

    def scores(self) -> RoleScores:
        """Sums over all rows, divided by their number; NaN scores without a row."""
        sums, most = self.sums, 0 if self.sums is None else int(np.max(self.sums.n_rows))
        if sums is None or most == 0:
            nothing = np.full(self.axes, np.nan)
            return RoleScores(0, nothing, excess=nothing if self.measure.has_chance else None)
        n_rows = sums.n_rows if np.ndim(sums.n_rows) == 0 else np.where(sums.n_rows > 0, sums.n_rows, np.nan)
        score = np.clip(sums.shares / n_rows, 0.0, 1.0)
        peak = None if sums.peaks is None else np.clip(sums.peaks / n_rows, 0.0, 1.0)
        chance = sums.chance / n_rows if self.measure.has_chance else None
        return RoleScores.of(most, score, chance, peak, Looking.of(sums))


class ScorePool:
    """Adds up evidence rows over many texts, so that every row counts the same, whatever text it stands in."""

    def __init__(self, roles: Iterable[str] | None = None):
        self._totals = {key: _Total(ROLES[key].measure) for key in (ROLES if roles is None else roles)}

    def add(self, reading: Reading, roles: Sequence[str] | None = None) -> None:
        """Add what all heads [layer, head] do on one text for some roles (by default all of the pool for which the text
        was read)."""
        check_patterns(reading.patterns, len(reading.token_ids))
        can_be_told = [key for key, total in self._totals.items() if total.measure.needs <= reading.has]
        self.add_judged(reading.axes, parts_of(reading, can_be_told if roles is None else roles))

    def add_judged(self, axes: tuple[int, ...], parts: Sequence[Part]) -> None:
        """The same for checked patterns and evidence at hand, for the roles that the parts name."""
        for total in self._totals.values():
            total.axes = axes
        sums = [self._sums_of(part) for part in parts]
        for key in sums[0]:
            whole = sums[0][key] if len(parts) == 1 else _joined(axes, parts, [each[key] for each in sums])
            total = self._totals[key]
            total.sums = whole if total.sums is None else total.sums.plus(whole)

    def _sums_of(self, part: Part) -> dict[str, RowSums]:
        """Sums of one part, measured together by roles of the same kind of measure."""
        found: dict[str, RowSums] = {}
        measures = {key: self._totals[key].measure for key in part.evidence}
        kinds: dict[type[Measure], None] = dict.fromkeys(type(measure) for measure in measures.values())
        for kind in kinds:
            asked = {key: (measure, part.evidence[key]) for key, measure in measures.items() if type(measure) is kind}
            found.update(kind.sum_rows(part.reading, asked))
        return found

    def result(self) -> dict[str, RoleScores]:
        """Pooled scores per role; NaN scores for a role without an evidence row."""
        return {key: total.scores() for key, total in self._totals.items()}


def over_layers(shape: tuple[int, ...], parts: Sequence[Part], values: Sequence[Any], empty: Any) -> np.ndarray:
    """One array for all layers, from what each part has for its own; `empty` where no part has any."""
    whole = np.full(shape, empty, dtype=float if isinstance(empty, float) else object)
    for part, value in zip(parts, values, strict=True):
        whole[part.layers] = value
    return whole


def _joined(axes: tuple[int, ...], parts: Sequence[Part], sums: Sequence[RowSums]) -> RowSums:
    """The sums of layers that see differently far as those of the whole model; [layer, 1] where one number holds for a
    layer."""

    def joined(name: str) -> np.ndarray | None:
        values = [getattr(each, name) for each in sums]
        if values[0] is None:
            return None
        return over_layers(axes if np.ndim(values[0]) else (axes[0], 1), parts, values, 0.0)

    return RowSums(**{field.name: joined(field.name) for field in fields(RowSums)})  # type: ignore[arg-type]
