"""How much dearer ordinary text is without a head: the rise of the loss on the catalogue's sentences.

On ordinary text one head alone matters little, and a few dozen sentences tell a small rise badly, so the rise goes with
its standard error, and can be told from nothing only where it is two of them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from utils.catalogue.causes import is_sure
from utils.errors import Notice
from utils.experiments.reference_values import TOKENS_AT_ONCE, TokenIds, padded
from utils.experiments.rerun import read_again, read_first, with_own_first
from utils.experiments.second_copy import token_losses
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.result_cache import Progress, nobody_asks

LOGITS_BYTES = 160 * 2**20


@dataclass(frozen=True)
class NaturalRise:
    """The loss on ordinary text, in nats per token.

    Args: before: with all heads on. rise: by how much it rises without the head, negative where it falls.
    standard_error: of the rise, over the texts. n_tokens: that were to be foreseen, in all texts together.
    """

    head: HeadId
    n_texts: int
    n_tokens: int
    before: float
    rise: float
    standard_error: float
    notices: tuple[Notice, ...] = field(default=())

    @property
    def is_sure(self) -> bool:
        """Whether the rise can be told from no change at all."""
        return is_sure(self.rise, self.standard_error)


def measure_natural_rise(
    loaded: LoadedModel,
    texts: Sequence[TokenIds],
    head: HeadId,
    mean: torch.Tensor,
    progress: Progress | None = None,
) -> NaturalRise:
    """Every text with all heads on and with this one off; every token but the first of a text counts the same.

    Args: texts: two or more of two tokens or more, after their start marks. mean: what stands in for heads that are off
    behind position 0, [layer, head, d_head]. progress: called with texts read and texts in all, after each pass.
    """
    tell, ordered = progress or nobody_asks, sorted(texts, key=len)
    counts, losses, rises = [], [], []
    while ordered:
        batch = ordered[-_texts_at_once(loaded, len(ordered[-1])) :]
        ordered = ordered[: -len(batch)]
        before, after = _losses(loaded, batch, head, mean)
        counts += [len(ids) - 1 for ids in batch]
        losses += before.tolist()
        rises += (after - before).tolist()
        tell(len(texts) - len(ordered), len(texts))
    n_tokens = sum(counts)
    rise = sum(rises) / n_tokens
    return NaturalRise(head, len(texts), n_tokens, sum(losses) / n_tokens, rise, _error_of_ratio(rises, counts))


def _losses(
    loaded: LoadedModel, texts: Sequence[TokenIds], head: HeadId, mean: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses of each text with the head on and off, [text] each."""
    ids = padded(texts)
    first = read_first(loaded, ids, ids.shape[1])
    again = read_again(loaded, first, head, with_own_first(first.head_values, mean))
    is_text = torch.arange(1, ids.shape[1])[None] < torch.tensor([[len(text)] for text in texts])
    on, off = ((token_losses(logits, ids).double() * is_text).sum(dim=1) for logits in (first.logits, again))
    return on, off


def _error_of_ratio(rises: Sequence[float], counts: Sequence[int]) -> float:
    """The standard error of the sum of rises over the sum of tokens, where whole texts were drawn."""
    each, sizes = np.array(rises), np.array(counts)
    away = each - sizes * (each.sum() / sizes.sum())
    n_texts = len(each)
    return float(np.sqrt((away**2).sum() * n_texts / (n_texts - 1)) / sizes.sum())


def _texts_at_once(loaded: LoadedModel, longest: int) -> int:
    n_tokens = min(TOKENS_AT_ONCE, LOGITS_BYTES // (4 * loaded.config.vocab_size))
    return max(1, n_tokens // longest)
