"""The logit lens: what the model would say after each layer, if that layer were its last (nostalgebraist 2020).

What stands in the residual stream goes through the final norm and the unembedding, at every token. Before the first
layer that is the embedding alone; after the last it is the model's own answer. Early layers were never trained to be
read in this way, so a strange guess there is no fault.

All layers and tokens go through the unembedding together, a part of the vocabulary at a time: its weights are read
from memory once, and no table of all logits is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from utils.errors import Notice
from utils.experiments.residual_parts import final_norm_of, require_final_norm, unembedding_of
from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_residual
from utils.result_cache import Progress, nobody_asks
from utils.tokens import Token, tokens_from_ids

N_GUESSES = 3
LOGITS_AT_ONCE = 2**21  # rows x tokens of the vocabulary; few enough to stay near the processor
FEWEST_TOKENS = 512  # of one part of the vocabulary


@dataclass(frozen=True, eq=False)
class LogitLens:
    """The likeliest next tokens after each layer and token.

    Args: tokens: [layer + 1][position][guess], likeliest first; entry 0 of the first axis stands before the first
    layer. probs: the same shape, float32. final_probs: [layer + 1, position], the probability there of the token that
    is the model's own first guess in the end.
    """

    tokens: tuple[tuple[tuple[Token, ...], ...], ...]
    probs: np.ndarray
    final_probs: np.ndarray
    notices: tuple[Notice, ...] = field(default=())


def read_lens(
    loaded: LoadedModel, ids: Sequence[int], progress: Progress | None = None, n_guesses: int = N_GUESSES
) -> LogitLens:
    """The lens on a text, from one pass.

    Args: progress: called with parts of the vocabulary done and parts in all.
    Raises: UserError for a model without a final norm; what `progress` raises.
    """
    require_final_norm(loaded)
    stream = capture_residual(loaded, torch.tensor(list(ids)), only_last_logits=True).stream
    norm = final_norm_of(loaded, stream)
    read = norm.linear(stream) + norm.bias
    W_U, bias = unembedding_of(loaded)
    top, totals = _likeliest(read.flatten(0, 1), W_U, bias, n_guesses, progress or nobody_asks)
    totals = totals.unflatten(0, stream.shape[:2])
    top_logits, top_ids = (part.unflatten(0, stream.shape[:2]) for part in top)
    final_ids = top_ids[-1, :, 0]
    final_logits = torch.einsum("lpd,dp->lp", read, W_U[:, final_ids]) + bias[final_ids]
    return LogitLens(
        tokens=tuple(tuple(_named(loaded, row) for row in layer) for layer in top_ids.tolist()),
        probs=(top_logits - totals[..., None]).exp().numpy(),
        final_probs=(final_logits - totals).exp().numpy(),
    )


def _likeliest(
    rows: torch.Tensor, W_U: torch.Tensor, bias: torch.Tensor, count: int, progress: Progress
) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The largest logits of each row and their ids, [row, guess] each, and the logarithm of the sum of all its
    exponentials, [row]. Args: rows: [row, d_model], normed."""
    part_size = max(FEWEST_TOKENS, LOGITS_AT_ONCE // len(rows))
    parts = list(torch.arange(len(bias)).split(part_size))
    logits, ids, totals = [], [], []
    for done, part in enumerate(parts, start=1):
        here = slice(int(part[0]), int(part[-1]) + 1)
        part_logits = torch.addmm(bias[here], rows, W_U[:, here])
        top = part_logits.topk(min(count, len(part)))
        logits.append(top.values)
        ids.append(top.indices + here.start)
        totals.append(part_logits.logsumexp(dim=-1))
        progress(done, len(parts))
    candidates = torch.cat(logits, dim=1)
    best = candidates.topk(min(count, candidates.shape[1]))
    return (best.values, torch.cat(ids, dim=1).gather(1, best.indices)), torch.stack(totals).logsumexp(dim=0)


def _named(loaded: LoadedModel, ids: Sequence[int]) -> tuple[Token, ...]:
    """Each id as a token by itself, not as a neighbour of the others."""
    return tuple(tokens_from_ids(loaded.tokenizer, [token_id])[0] for token_id in ids)
