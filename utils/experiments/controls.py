"""The control: the same experiment on as many other heads, so that an effect can be told from that of any head.

A draw has as many heads in each layer as the tested set. Heads of one layer are alike in what they can still change,
heads of another one are not, so neighbouring layers are taken in only where a layer alone has too few others. Left out
are the tested heads and the holders of the informative roles that are tested. The same question has the same draws.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from utils.catalogue.schema import ModelCatalogue
from utils.heads import HeadId, Shape
from utils.roles import ROLES

HeadSet = tuple[HeadId, ...]

N_DRAWS = 12
FEWEST = 5  # heads, and different draws, below which neighbouring layers are drawn from too
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
    """Neighbouring layers, first to last, of which `n_tested` heads are tested and as many are drawn from `pool`."""

    first: int
    last: int
    n_tested: int
    pool: HeadSet

    @property
    def n_ways(self) -> int:
        return math.comb(len(self.pool), self.n_tested)

    @property
    def is_enough(self) -> bool:
        return len(self.pool) >= FEWEST and self.n_ways >= FEWEST


def draw_controls(
    shape: Shape, chosen: HeadSet, excluded: Collection[HeadId] = frozenset(), n_draws: int = N_DRAWS
) -> Controls:
    """Up to `n_draws` different sets of as many other heads; fewer, or none, where there are no more.

    Args: excluded: heads that may not be drawn, because they hold a role of the chosen ones.
    """
    zones, too_small = _zones(shape, chosen, frozenset(chosen) | frozenset(excluded))
    n_ways = math.prod(zone.n_ways for zone in zones)
    tested = tuple(sorted({head.layer for head in chosen}))
    if not n_ways:
        return Controls(layers=ControlLayers(tested, (), too_small))
    draws = _all_draws(zones) if n_ways <= n_draws else _random_draws(zones, n_draws)
    drawn = tuple(sorted({head.layer for zone in zones for head in zone.pool}))
    return Controls(tuple(draws), ControlLayers(tested, drawn, too_small))


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
    """The layers to draw from, with none in two zones; and the layers that alone have too few heads.

    A zone that is too small grows by a layer on each side, and is joined to the zones that it meets.
    """

    def zone(first: int, last: int, n_tested: int) -> _Zone:
        pool = tuple(head for head in shape.all() if first <= head.layer <= last and head not in forbidden)
        return _Zone(first, last, n_tested, pool)

    counts = Counter(head.layer for head in chosen)
    zones = [zone(layer, layer, counts[layer]) for layer in sorted(counts)]
    too_small = tuple(each.first for each in zones if not each.is_enough)
    while not all(each.is_enough for each in zones):
        if zones[0].first == 0 and zones[0].last == shape.n_layers - 1:
            break
        grown: list[_Zone] = []
        for each in zones:
            by = 0 if each.is_enough else 1
            first, last, n_tested = max(0, each.first - by), min(shape.n_layers - 1, each.last + by), each.n_tested
            while grown and grown[-1].last >= first:
                met = grown.pop()
                first, last, n_tested = min(first, met.first), max(last, met.last), n_tested + met.n_tested
            grown.append(zone(first, last, n_tested))
        zones = grown
    return zones, too_small


def _all_draws(zones: Sequence[_Zone]) -> list[HeadSet]:
    ways = itertools.product(*(itertools.combinations(zone.pool, zone.n_tested) for zone in zones))
    return [tuple(itertools.chain(*parts)) for parts in ways]


def _random_draws(zones: Sequence[_Zone], n_draws: int) -> list[HeadSet]:
    rng = np.random.default_rng(SEED)
    draws: dict[HeadSet, None] = {}  # keeps the order and each set once
    while len(draws) < n_draws:
        draw: list[HeadId] = []
        for zone in zones:
            picked = rng.choice(len(zone.pool), size=zone.n_tested, replace=False)
            draw += [zone.pool[index] for index in sorted(picked)]
        draws[tuple(draw)] = None
    return list(draws)
