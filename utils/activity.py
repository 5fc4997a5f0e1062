"""Is a role active on this text? The one place of the live decision: every page, the API and the catalogue's promises
read its answer. How a role decides belongs to its measure (`utils/measures/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from utils.measures.measure import Decision
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.catalogue.schema import ModelCatalogue
    from utils.scoring import ScoredText


def decide(scored: ScoredText | None, catalogue: ModelCatalogue | None) -> Mapping[str, Decision]:
    """For every role that the text has evidence for, which heads do it: thresholds, usual levels, active or not.

    Without a catalogue no head has a usual level, and the threshold is that of a head that nobody knows. Nothing is
    decided on a text that is too short to be scored (None).
    """
    if scored is None:
        return {}
    return {
        key: ROLES[key].measure.decide(live, scored.evidence[key], catalogue.usual(key) if catalogue else None)
        for key, live in scored.roles.items()
        if live.n_rows
    }
