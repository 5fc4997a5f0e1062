"""Is a role active on this text? The one place of the live decision: every page, the API and the catalogue's promises
read its answer. How a role decides belongs to its measure (`utils/measures/`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.measures.states import Counts, Decision, State
from utils.roles import ROLES
from utils.scoring import over_layers

if TYPE_CHECKING:
    from utils.catalogue.schema import ModelCatalogue
    from utils.measures.figures import RoleScores
    from utils.scoring import Part, ScoredText


def decide(scored: ScoredText | None, catalogue: ModelCatalogue | None) -> Mapping[str, Decision]:
    """For every role that the text has evidence for, what heads do: thresholds, usual levels, states.

    A role's card shows so many heads together as the catalogue lists for it, and luck is held against that number; so
    is that of heads which are not on the card. Without a catalogue no head has a usual level, the threshold is that of
    a head that nobody knows, and luck is held against all heads. Nothing is decided on a text that is too short to be
    scored (None).
    """
    if scored is None:
        return {}
    roles = [key for key, live in scored.roles.items() if live.n_rows]
    if catalogue is None:
        return {key: decide_role(scored, key, None, scored.roles[key].score.size) for key in roles}
    return {key: decide_role(scored, key, catalogue.usual(key), len(catalogue.heads_of(key))) for key in roles}


def decide_role(scored: ScoredText, role: str, usual: RoleScores | None, n_beside: int) -> Decision:
    """What every head does for one role. Args: usual, n_beside: as `Measure.decide`."""
    parts = [part for part in scored.parts if len(part.evidence[role].rows)]
    decided = [_decide_part(scored.roles[role], part, role, usual, n_beside) for part in parts]
    return decided[0] if len(scored.parts) == 1 else _joined(scored.roles[role].score.shape, parts, decided)


def _decide_part(live: RoleScores, part: Part, role: str, usual: RoleScores | None, n_beside: int) -> Decision:
    def own(scores: RoleScores) -> RoleScores:
        return scores if len(part.layers) == len(scores.score) else scores.of_layers(part.layers)

    return ROLES[role].measure.decide(
        own(live), part.reading, part.evidence[role], None if usual is None else own(usual), n_beside
    )


def _joined(shape: tuple[int, ...], parts: Sequence[Part], decided: Sequence[Decision]) -> Decision:
    """The decisions of layers that see differently far as one; NaN, not seen and no chance where a layer has no row."""

    def joined(values: Sequence[Any], empty: Any) -> np.ndarray:
        return over_layers(shape, parts, values, empty)

    first = decided[0]
    return Decision(
        threshold=joined([each.threshold for each in decided], np.nan),
        usual=None if first.usual is None else joined([each.usual for each in decided], np.nan),
        state=joined([each.state for each in decided], State.NOT_SEEN),
        counts=None if first.counts is None else _joined_counts(joined, [each.counts for each in decided]),
        luck_limit=first.luck_limit,
    )


def _joined_counts(joined: Callable[..., np.ndarray], counts: Sequence[Counts | None]) -> Counts:
    chances, hits, luck, expected = (
        joined([getattr(each, name) for each in counts], empty)
        for name, empty in (("chances", 0.0), ("hits", 0.0), ("luck", 1.0), ("expected", 0.0))
    )
    return Counts(chances, hits, luck, expected)
