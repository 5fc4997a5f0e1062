"""What the test of a model's heads found about their writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from utils.measures.figures import RoleScores


@dataclass(frozen=True, eq=False)
class WritingMeasured:
    """scores: by role, of those that could be tested. untested: why not, in a sentence, by role. lists:
    the share for every list that could be tested, [layer, head], by its name. mean_values: as `WritingTables`, None
    where nothing could be tested. n_columns: how many words were compared. solved: in which share of the sentences the
    model prefers the right name, None where it was not asked."""

    scores: Mapping[str, RoleScores]
    untested: Mapping[str, str]
    lists: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    mean_values: np.ndarray | None = None
    n_columns: int = 0
    solved: float | None = None
