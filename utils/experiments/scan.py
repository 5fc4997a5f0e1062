"""Every head of a model off, one at a time: a map of which ones a guess depends on.

Each row of a batch reads the same text with another head off, so that a scan costs about as much as reading that many
texts. A head that others can replace looks unimportant here; heads that only matter together do too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from utils.errors import Notice
from utils.experiments.controls import HeadSet
from utils.experiments.distribution import Guess, guesses, kl_nats, top_ids
from utils.experiments.questions import Method
from utils.heads import HeadId, Shape
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads
from utils.result_cache import Progress, nobody_asks

TOKENS_AT_ONCE = 1024  # rows x tokens of one pass; larger ones are no faster on a laptop, and others wait longer


@dataclass(frozen=True, eq=False)
class Scan:
    """The effect of each head on what comes after one token.

    kl_nats: [layer, head], KL(all heads on || this one off). prob_change: [layer, head], probability of the first
    guess with the head off less that with all on; negative where the head helps. first_guess: with all heads on.
    """

    method: Method
    position: int
    first_guess: Guess
    kl_nats: np.ndarray
    prob_change: np.ndarray
    notices: tuple[Notice, ...] = field(default=())

    @property
    def strongest(self) -> list[HeadId]:
        """All heads, the largest effect on the guesses first."""
        return Shape(*self.kl_nats.shape).ranked(self.kl_nats)


def scan_heads(
    loaded: LoadedModel,
    ids: Sequence[int],
    method: Method,
    replacement: torch.Tensor | None,
    progress: Progress | None = None,
) -> Scan:
    """Switch every head off by itself and see what comes after the last of these tokens.

    Args: replacement: [layer, head, position, d_head], None for zeros. progress: called with how many heads are done
    and of how many, after each batch; an exception of its own ends the scan.
    """
    effects = measure_effects(loaded, ids, replacement, progress or nobody_asks)
    first_guess = guesses(loaded, effects.logits, [effects.first_id])[0]
    return Scan(method, len(ids) - 1, first_guess, effects.kl_nats, effects.first_probs - first_guess.prob)


@dataclass(frozen=True, eq=False)
class Effects:
    """A scan before its tokens have names.

    Args: logits: [vocabulary], first_id: its likeliest token, with all heads on. kl_nats, first_probs: [layer, head],
    with that head off; the second is the probability of `first_id`.
    """

    logits: torch.Tensor
    first_id: int
    kl_nats: np.ndarray
    first_probs: np.ndarray


def measure_effects(
    loaded: LoadedModel, ids: Sequence[int], replacement: torch.Tensor | None, progress: Progress
) -> Effects:
    """The passes of a scan. Args: as `scan_heads`."""
    text = torch.tensor([list(ids)])
    before = ablate_heads(loaded, text, [()], only_last_logits=True).logits[0, -1]
    first_id = top_ids(before, 1)[0]
    rows: list[HeadSet] = [(head,) for head in loaded.shape.all()]
    n_at_once = max(1, TOKENS_AT_ONCE // len(ids))
    kl, probs = np.empty(len(rows)), np.empty(len(rows))
    for begin in range(0, len(rows), n_at_once):
        off = rows[begin : begin + n_at_once]
        done = slice(begin, begin + len(off))
        logits = ablate_heads(loaded, text.expand(len(off), -1), off, replacement, only_last_logits=True).logits[:, -1]
        kl[done] = kl_nats(before, logits).numpy()
        probs[done] = torch.softmax(logits.double(), dim=-1)[:, first_id].numpy()
        progress(done.stop, len(rows))
    shape = loaded.shape.as_tuple
    return Effects(before, first_id, kl.reshape(shape), probs.reshape(shape))
