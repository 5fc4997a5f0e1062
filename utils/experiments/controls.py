"""The control: the same experiment on as many other heads, so that an effect can be told from that of any head.

A draw has as many heads in each layer as the tested set. Heads of one layer are alike in what they can still change,
heads of another one are not, so neighbouring layers are taken in only where a layer alone has too few others. Left out
are the tested heads and the holders of the informative roles that are tested. The same question has the same draws.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from utils.catalogue.schema import ModelCatalogue
from utils.heads import HeadId, Shape
from utils.roles import ROLES

HeadSet = tuple[HeadId, ...]

N_DRAWS = 12
FEWEST = 5  # heads, and different draws, below which neighbouring layers are drawn from too
MOST_TRIED = 5000  # ways to take heads one layer after the other, of which many may be the same draw
SEED = 0


@dataclass(frozen=True)
class ControlLayers:
    """Where the heads of a control come from.

    Args: tested: the layers of the tested heads. drawn: all layers that were drawn from, none where there was no head
    to draw. too_small: those of `tested` that alone have too few other heads.
    """

    tested: tuple[int, ...] = ()
    drawn: tuple[int, ...] = ()
    too_small: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """ "from the same layer", "from the same layers", "from layers 16 to 20"; empty without any draw."""
        if not self.drawn:
            return ""
        if set(self.drawn) <= set(self.tested):
            return f"from the same layer{'s' if len(self.tested) > 1 else ''}"
        return f"from {layers_name(self.drawn)}"

    @property
    def reason(self) -> str:
        """Why other layers were drawn from: "layer 18 alone has too few"; empty where none were."""
        if set(self.drawn) <= set(self.tested):
            return ""
        verb = "has" if len(self.too_small) == 1 else "have"
        return f"{layers_name(self.too_small)} alone {verb} too few"


@dataclass(frozen=True)
class Controls:
    """Different sets of other heads, each as large as the tested set, and the layers that they come from."""

    draws: tuple[HeadSet, ...] = ()
    layers: ControlLayers = field(default_factory=ControlLayers)


@dataclass(frozen=True)
class _Zone:
    """A tested layer, `n_tested` of whose heads are tested, and the neighbours up to `reach` layers away from it."""

    layer: int
    n_tested: int
    reach: int
    pool: frozenset[HeadId]

    def is_enough(self, before: Sequence[_Zone]) -> bool:
        """Whether enough heads are left here, and enough ways to take them. Args: before: zones that take theirs
        first."""
        n_taken = sum(min(zone.n_tested, len(zone.pool & self.pool)) for zone in before)
        n_free = max(0, len(self.pool) - n_taken)
        return n_free >= FEWEST and math.comb(n_free, self.n_tested) >= FEWEST


def draw_controls(
    shape: Shape, chosen: HeadSet, excluded: Collection[HeadId] = frozenset(), n_draws: int = N_DRAWS
) -> Controls:
    """Up to `n_draws` different sets of as many other heads; fewer, or none, where there are no more.

    Args: excluded: heads that may not be drawn, because they hold a role of the chosen ones.
    """
    zones, too_small = _zones(shape, chosen, frozenset(chosen) | frozenset(excluded))
    draws = _first_draws(zones, n_draws + 1) if len(_all_heads(zones)) >= len(chosen) else {}
    if len(draws) > n_draws:
        draws = _random_draws(zones, n_draws)
    drawn = {head.layer for head in _all_heads(zones)} if draws else ()
    tested = {head.layer for head in chosen}
    return Controls(tuple(draws), ControlLayers(tuple(sorted(tested)), tuple(sorted(drawn)), too_small))


def role_holders(catalogue: ModelCatalogue | None, chosen: HeadSet, role: str | None = None) -> frozenset[HeadId]:
    """Every head that holds the role, or, where none is named, any role of a chosen head; empty without a catalogue.

    Only informative roles count: most heads of a deep model rest, and without them there would be nobody to compare.
    """
    if catalogue is None:
        return frozenset()
    roles = {role} if role else {key for head in chosen for key in catalogue.roles_of(head)}
    return frozenset(head for key in roles if ROLES[key].is_informative for head in catalogue.holders_of(key))


def layers_name(layers: Sequence[int]) -> str:
    """Layers in a sentence, runs of them joined: "layer 3", "layers 16 to 20", "layers 5 and 17 to 19"."""
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    parts = [part for run in runs for part in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    *first, last = parts
    return f"layer{'s' if len(layers) > 1 else ''} " + (f"{', '.join(first)} and {last}" if first else last)


def _zones(shape: Shape, chosen: HeadSet, forbidden: frozenset[HeadId]) -> tuple[list[_Zone], tuple[int, ...]]:
    """One for each tested layer, narrow ones first, for they take their heads first; and the layers too small alone.

    A zone that is too small grows by a layer on each side.
    """

    def zone(layer: int, reach: int) -> _Zone:
        layers = range(layer - reach, layer + reach + 1)
        pool = frozenset(head for head in shape.all() if head.layer in layers and head not in forbidden)
        return _Zone(layer, counts[layer], reach, pool)

    counts = Counter(head.layer for head in chosen)
    zones = [zone(layer, 0) for layer in sorted(counts)]
    too_small = tuple(each.layer for each in zones if not each.is_enough([]))
    while True:
        zones.sort(key=lambda each: (each.reach, each.layer))
        growing = [
            not each.is_enough(zones[:place]) and each.reach < shape.n_layers for place, each in enumerate(zones)
        ]
        if not any(growing):
            return zones, too_small
        zones = [zone(each.layer, each.reach + grows) for each, grows in zip(zones, growing, strict=True)]


def _all_heads(zones: Sequence[_Zone]) -> frozenset[HeadId]:
    return frozenset().union(*(zone.pool for zone in zones))


def _first_draws(zones: Sequence[_Zone], n_draws: int) -> dict[HeadSet, None]:
    """Different ones, all there are if these are fewer. There must be one."""
    draws: dict[HeadSet, None] = {}
    for draw in itertools.islice(_every_draw(zones), MOST_TRIED):
        draws[draw] = None
        if len(draws) == n_draws:
            break
    return draws


def _every_draw(zones: Sequence[_Zone], taken: HeadSet = ()) -> Iterator[HeadSet]:
    """All of them in order; one may come more than once where zones overlap."""
    if not zones:
        yield tuple(sorted(taken))
        return
    free = sorted(zones[0].pool.difference(taken))
    for part in itertools.combinations(free, zones[0].n_tested):
        yield from _every_draw(zones[1:], taken + part)


def _random_draws(zones: Sequence[_Zone], n_draws: int) -> dict[HeadSet, None]:
    """Different ones, of which there must be as many. The dict keeps their order."""
    rng = np.random.default_rng(SEED)
    draws: dict[HeadSet, None] = {}
    while len(draws) < n_draws:
        taken: list[HeadId] = []
        for zone in zones:
            free = sorted(zone.pool.difference(taken))
            picked = rng.choice(len(free), size=zone.n_tested, replace=False)
            taken += [free[index] for index in picked]
        draws[tuple(sorted(taken))] = None
    return draws
