"""A head's two circuits on the tokens of a text: which token would look at which, and what each makes the head write.

Tokens stand for themselves here, without position and context: each token's embedding takes the place of the residual
stream and passes through the layer's own norm. That is exact in the first layer of a model without learned positions,
and leaves out, further up, whatever earlier layers have added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch

from utils.circuits.embeddings import embed, final_norm_unscaled
from utils.circuits.weights import as_read, layer_weights
from utils.errors import Notice
from utils.experiments.direct_logits import N_PUSHES, Push
from utils.experiments.residual_parts import require_final_norm, unembedding_of
from utils.forward_pass import EncodedPrompt
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.tokens import Token, tokens_from_ids

MOST_TOKENS = 24


@dataclass(frozen=True, eq=False)
class TokenCircuits:
    """One head on the different tokens of a text.

    Args: tokens: in order of first appearance, at most 24, without a start mark; n_left_out: how many more there are.
    looks_for: [query token, key token], read-only: attention scores before softmax, biases included, above the mean of
    the row. With `through`, an earlier head, the key side first passes through that head's OV circuit: the key then
    stands for a place at which that head has written its token, for a previous-token head the one after it.
    writes: for each token (by its place in `tokens`) the tokens that the head pushes up most when it looks there,
    strongest first; `logit` is above the mean over the vocabulary and before the scale of the final norm, so it
    compares pushes of one head and no more.
    """

    head: HeadId
    through: HeadId | None
    tokens: tuple[Token, ...]
    n_left_out: int
    looks_for: np.ndarray
    writes: Mapping[int, tuple[Push, ...]]
    notices: tuple[Notice, ...] = field(default=())


def compute_token_circuits(
    loaded: LoadedModel, read: EncodedPrompt, head: HeadId, through: HeadId | None
) -> TokenCircuits:
    """Both circuits of a head on a text. Args: through: a head of an earlier layer, or None.

    Raises: UserError for a model whose stream no single norm joins to the logits.
    """
    require_final_norm(loaded)
    tokens, n_left_out = _different_tokens(loaded, read.ids)
    embedded = embed(loaded, torch.tensor([token.id for token in tokens], dtype=torch.long))
    return TokenCircuits(
        head=head,
        through=through,
        tokens=tokens,
        n_left_out=n_left_out,
        looks_for=_looks_for(loaded, embedded, head, through),
        writes=MappingProxyType(dict(enumerate(_pushes(loaded, _written(loaded, embedded, head))))),
        notices=read.notices,
    )


def _different_tokens(loaded: LoadedModel, ids: Sequence[int]) -> tuple[tuple[Token, ...], int]:
    all_tokens = tokens_from_ids(loaded.tokenizer, ids, has_start_mark=loaded.start_mark_id is not None)
    different: dict[int, Token] = {}
    for token in all_tokens:
        if not token.is_start:
            different.setdefault(token.id, token)
    tokens = tuple(different.values())
    return tokens[:MOST_TOKENS], max(0, len(tokens) - MOST_TOKENS)


def _looks_for(loaded: LoadedModel, embedded: torch.Tensor, head: HeadId, through: HeadId | None) -> np.ndarray:
    heads = layer_weights(loaded, head.layer)
    found = embedded if through is None else _written(loaded, embedded, through)
    queries = as_read(loaded, head.layer, embedded) @ heads.W_Q[head.head] + heads.query_bias[head.head]
    keys = as_read(loaded, head.layer, found) @ heads.W_K[head.head] + heads.key_bias[head.head]
    scores = heads.score_scale * queries @ keys.T
    centred: np.ndarray = (scores - scores.mean(dim=1, keepdim=True)).numpy()
    centred.setflags(write=False)
    return centred


def _written(loaded: LoadedModel, embedded: torch.Tensor, head: HeadId) -> torch.Tensor:
    """What a head adds to the stream when it looks at one token only, [token, d_model]."""
    heads = layer_weights(loaded, head.layer)
    values = as_read(loaded, head.layer, embedded) @ heads.W_V[head.head] + heads.value_bias[head.head]
    return values @ heads.W_O[head.head]


def _pushes(loaded: LoadedModel, written: torch.Tensor) -> list[tuple[Push, ...]]:
    """The tokens whose logits rise most. Args: written: [token, d_model]."""
    W_U, _ = unembedding_of(loaded)
    logits = final_norm_unscaled(loaded, written.shape[1]).linear(written) @ W_U
    top = (logits - logits.mean(dim=1, keepdim=True)).topk(min(N_PUSHES, logits.shape[1]))
    return [
        tuple(
            Push(tokens_from_ids(loaded.tokenizer, [token_id])[0], logit)
            for token_id, logit in zip(ids, values, strict=True)
        )
        for ids, values in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]
