"""Where later heads look once some heads are off: whether they lose their job, or take one over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch

from utils.errors import Notice
from utils.experiments.controls import ControlLayers, HeadSet
from utils.experiments.questions import Method
from utils.heads import HeadId, Shape
from utils.measures.reading import MIN_TOKENS, LeftOut, Reading
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads
from utils.result_cache import Progress, nobody_asks
from utils.scoring import score_text

PATTERN_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class PatternChange:
    """How patterns and role scores differ from those with all heads on.

    moved: [layer, head], the share of its attention, in [0, 1], that a head puts elsewhere: the mean over queries of
    half the summed absolute difference (total variation distance). scores: role -> [layer, head], each head's score
    now; NaN where the text has no evidence, no roles for a text of fewer than three tokens, and no role that patterns
    alone cannot tell.
    """

    heads: HeadSet
    moved: np.ndarray
    scores: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class LaterPatterns:
    """Patterns with heads off, beside those of control draws. Only heads of `first_layer` and later can change."""

    method: Method
    before_scores: Mapping[str, np.ndarray]
    after: PatternChange
    controls: tuple[PatternChange, ...]
    notices: tuple[Notice, ...] = field(default=())
    control_layers: ControlLayers = field(default_factory=ControlLayers)

    @property
    def first_layer(self) -> int:
        """The first layer whose patterns may change: the one after the earliest head that is off."""
        return min(head.layer for head in self.after.heads) + 1

    def most_moved(self, count: int) -> list[HeadId]:
        """The later heads that look elsewhere most, the most moved one first."""
        ranked = Shape(*self.after.moved.shape).ranked(self.after.moved)
        return [head for head in ranked if head.layer >= self.first_layer][:count]


def measure_later_patterns(
    loaded: LoadedModel,
    ids: Sequence[int],
    heads: HeadSet,
    draws: Sequence[HeadSet],
    method: Method,
    replacement: torch.Tensor | None,
    left_out: LeftOut | None = None,
    progress: Progress | None = None,
) -> LaterPatterns:
    """All heads' patterns on a text with some heads off.

    Args: as `switch_off.switch_off`, for the whole text. left_out: places of it that are no evidence.
    """
    patterns = _patterns(loaded, ids, [(), heads, *draws], replacement, progress or nobody_asks)
    before = next(patterns)

    def scores(seen: np.ndarray) -> Mapping[str, np.ndarray]:
        return _scores(Reading(np.array(ids, dtype=np.int64), seen, left_out=left_out))

    after, *controls = (
        PatternChange(off, _moved(before, now), scores(now)) for off, now in zip([heads, *draws], patterns, strict=True)
    )
    return LaterPatterns(method, scores(before), after, tuple(controls))


def _patterns(
    loaded: LoadedModel,
    ids: Sequence[int],
    sets: Sequence[HeadSet],
    replacement: torch.Tensor | None,
    progress: Progress,
) -> Iterator[np.ndarray]:
    """For each set [layer, head, query_pos, key_pos] with it off, as many sets in one pass as memory allows."""
    n_at_once = max(1, PATTERN_BYTES // (4 * loaded.n_layers * loaded.n_heads * len(ids) ** 2))
    for begin in range(0, len(sets), n_at_once):
        rows = sets[begin : begin + n_at_once]
        batch = torch.tensor([list(ids)]).expand(len(rows), -1)
        found = ablate_heads(loaded, batch, rows, replacement, collect_patterns=True, only_last_logits=True)
        progress(begin + len(rows), len(sets))
        yield from found.patterns.numpy()


def _moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(after - before).sum(axis=-1).mean(axis=-1) / 2


def _scores(reading: Reading) -> Mapping[str, np.ndarray]:
    if len(reading.token_ids) < MIN_TOKENS:
        return MappingProxyType({})
    roles = score_text(reading).roles
    return MappingProxyType({role: scores.score for role, scores in roles.items()})
