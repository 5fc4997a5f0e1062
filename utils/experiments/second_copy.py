"""What heads that are off cost on the second copy of a repeated text (Olsson et al. 2022).

Each token of the first copy has to be foreseen from what stands before it in general; in the second copy the earlier
copy shows what comes. A head that copies, such as an induction head, lowers the loss there and hardly on the first.
The first token of either copy cannot be foreseen and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from utils.catalogue.inputs import plain_token_ids
from utils.errors import Notice
from utils.experiments.controls import ControlLayers, HeadSet
from utils.experiments.questions import Method
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads
from utils.result_cache import Progress, nobody_asks

SHORTEST_SEGMENT = 2
LOGITS_BYTES = 64 * 2**20


@dataclass(frozen=True)
class CopyLoss:
    """Mean loss in nats per token, on the first and on the second copy."""

    first: float
    second: float


@dataclass(frozen=True)
class CopyDraw:
    """Other heads, off in the same way."""

    heads: HeadSet
    loss: CopyLoss


@dataclass(frozen=True, eq=False)
class SecondCopy:
    """n_segments texts of n_tokens tokens, each said twice, with all heads on and with some off."""

    heads: HeadSet
    method: Method
    n_segments: int
    n_tokens: int
    before: CopyLoss
    after: CopyLoss
    controls: tuple[CopyDraw, ...]
    notices: tuple[Notice, ...] = field(default=())
    control_layers: ControlLayers = field(default_factory=ControlLayers)

    @property
    def rise(self) -> float:
        """By how many nats per token the loss on the second copy rises."""
        return self.after.second - self.before.second

    @property
    def control_rises(self) -> tuple[float, ...]:
        """The same for every draw."""
        return tuple(draw.loss.second - self.before.second for draw in self.controls)


def random_segments(loaded: LoadedModel, n_segments: int, n_tokens: int, seed: int) -> np.ndarray:
    """Random plain tokens, none twice in a segment, without a start mark; [segment, position]."""
    rng, plain = np.random.default_rng(seed), plain_token_ids(loaded.tokenizer)
    return np.stack([rng.choice(plain, n_tokens, replace=False) for _ in range(n_segments)])


def said_twice(segments: np.ndarray, start_mark_id: int | None) -> torch.Tensor:
    """Start mark, segment, segment: [segment, position]. Example: `7 1 5` gives `start 7 1 5 7 1 5`."""
    start = np.full((len(segments), 0 if start_mark_id is None else 1), start_mark_id or 0)
    return torch.from_numpy(np.concatenate([start, segments, segments], axis=1).astype(np.int64))


def measure_second_copy(
    loaded: LoadedModel,
    segments: np.ndarray,
    heads: HeadSet,
    draws: Sequence[HeadSet],
    method: Method,
    replacement: torch.Tensor | None,
    progress: Progress | None = None,
) -> SecondCopy:
    """The loss on both copies with all heads on, with the heads off, and with every draw off.

    Args: segments: ids [segment, position], at least two positions, without start marks. replacement: None for zeros,
    or [layer, head, position, d_head] for start mark and both copies. progress: as `switch_off.switch_off`.
    """
    ids = said_twice(segments, loaded.start_mark_id)
    sets, tell = [(), heads, *draws], progress or nobody_asks
    before, after, *controls = _losses(loaded, ids, sets, replacement, segments.shape[1], tell)
    return SecondCopy(
        heads=heads,
        method=method,
        n_segments=len(segments),
        n_tokens=segments.shape[1],
        before=before,
        after=after,
        controls=tuple(map(CopyDraw, draws, controls)),
    )


def token_losses(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The loss of every token but the first, in nats, [text, position - 1]. Args: logits: [text, position, vocabulary];
    ids: [text, position]."""
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")


def _losses(
    loaded: LoadedModel,
    ids: torch.Tensor,
    sets: Sequence[HeadSet],
    replacement: torch.Tensor | None,
    n_tokens: int,
    progress: Progress,
) -> list[CopyLoss]:
    """For each set of heads the loss with it off, as many sets in one pass as memory allows."""
    set_bytes = 4 * ids.numel() * loaded.config.vocab_size
    n_at_once = max(1, LOGITS_BYTES // set_bytes)
    losses: list[CopyLoss] = []
    for begin in range(0, len(sets), n_at_once):
        batch = sets[begin : begin + n_at_once]
        rows = [off for off in batch for _ in range(len(ids))]
        logits = ablate_heads(loaded, ids.repeat(len(batch), 1), rows, replacement).logits
        losses += [_copy_loss(each, ids, n_tokens) for each in logits.split(len(ids))]
        progress(begin + len(batch), len(sets))
    return losses


def _copy_loss(logits: torch.Tensor, ids: torch.Tensor, n_tokens: int) -> CopyLoss:
    """Args: logits: [segment, position, vocabulary]; ids: [segment, position]."""
    each = token_losses(logits, ids)
    second = each[:, -(n_tokens - 1) :]
    first = each[:, -(2 * n_tokens - 1) : -n_tokens]
    return CopyLoss(float(first.mean()), float(second.mean()))
