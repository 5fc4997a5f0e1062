"""The control: the same experiment on as many other heads, so that an effect can be told from that of any head.

Drawn from the layers of the chosen heads, among heads that do not hold their role; from all layers where those are
too few. The draws are the same for the same question.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection

import numpy as np

from utils.catalogue.schema import ModelCatalogue
from utils.heads import HeadId, Shape

HeadSet = tuple[HeadId, ...]

N_DRAWS = 12
FEWEST = 5  # heads, and different draws, below which all layers are drawn from
SEED = 0


def draw_controls(
    shape: Shape, chosen: HeadSet, excluded: Collection[HeadId] = frozenset(), n_draws: int = N_DRAWS
) -> list[HeadSet]:
    """Up to `n_draws` different sets of as many other heads; fewer, or none, where there are no more.

    Args: excluded: heads that may not be drawn, because they hold the role of the chosen ones.
    """
    pool = _control_pool(shape, chosen, excluded)
    if math.comb(len(pool), len(chosen)) <= n_draws:
        return list(itertools.combinations(pool, len(chosen)))
    rng = np.random.default_rng(SEED)
    draws: dict[HeadSet, None] = {}  # keeps the order and each set once
    while len(draws) < n_draws:
        picked = rng.choice(len(pool), size=len(chosen), replace=False)
        draws[tuple(pool[index] for index in sorted(picked))] = None
    return list(draws)


def _control_pool(shape: Shape, chosen: HeadSet, excluded: Collection[HeadId]) -> list[HeadId]:
    layers = {head.layer for head in chosen}
    everywhere = [head for head in shape.all() if head not in chosen and head not in excluded]
    near = [head for head in everywhere if head.layer in layers]
    is_enough = len(near) >= FEWEST and math.comb(len(near), len(chosen)) >= FEWEST
    return near if is_enough else everywhere


def role_holders(catalogue: ModelCatalogue | None, chosen: HeadSet, role: str | None = None) -> frozenset[HeadId]:
    """Every head that holds the role, or, where none is named, any role of a chosen head; empty without a catalogue."""
    if catalogue is None:
        return frozenset()
    roles = {role} if role else {key for head in chosen for key in catalogue.roles_of(head)}
    return frozenset(head for key in roles for head in catalogue.holders_of(key))
