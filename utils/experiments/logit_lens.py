"""The logit lens: what the model would say after each layer, if that layer were its last (nostalgebraist 2020).

What stands in the residual stream goes through the final norm and the unembedding, at every token. Before the first
layer that is the embedding alone; after the last it is the model's own answer. Early layers were never trained to be
read in this way, so a strange guess there is no fault.
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
from utils.tokens import Token, tokens_from_ids

N_GUESSES = 3


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


def read_lens(loaded: LoadedModel, ids: Sequence[int], n_guesses: int = N_GUESSES) -> LogitLens:
    """The lens on a text, from one pass. Raises: UserError for a model without a final norm."""
    require_final_norm(loaded)
    captured = capture_residual(loaded, torch.tensor(list(ids)))
    final_ids = captured.logits.argmax(-1, keepdim=True)
    W_U, bias = unembedding_of(loaded)
    tokens, probs, final_probs = [], [], []
    for residual in captured.stream:  # one layer at a time: a whole vocabulary for each token is large
        norm = final_norm_of(loaded, residual)
        layer_probs = torch.softmax((norm.linear(residual) + norm.bias) @ W_U + bias, dim=-1)
        top = layer_probs.topk(min(n_guesses, layer_probs.shape[-1]))
        tokens.append(tuple(_named(loaded, row) for row in top.indices.tolist()))
        probs.append(top.values)
        final_probs.append(layer_probs.gather(-1, final_ids)[:, 0])
    return LogitLens(tuple(tokens), torch.stack(probs).numpy(), torch.stack(final_probs).numpy())


def _named(loaded: LoadedModel, ids: Sequence[int]) -> tuple[Token, ...]:
    """Each id as a token by itself, not as a neighbour of the others."""
    return tuple(tokens_from_ids(loaded.tokenizer, [token_id])[0] for token_id in ids)
