"""What one head writes: how much it adds to every next token's logit by itself, before later layers react to it.

Direct logit attribution (Elhage et al. 2021): the head's part of the residual stream through the final norm, its
scale frozen, and the unembedding. Checked by the identity of `residual_parts.py` at every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from utils.errors import Notice
from utils.experiments.residual_parts import split_residual
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.tokens import Token, tokens_from_ids

N_PUSHES = 5


@dataclass(frozen=True)
class Push:
    """A token that a head makes likelier or less likely. logit: what it adds, above its mean over the vocabulary."""

    token: Token
    logit: float


@dataclass(frozen=True, eq=False)
class DirectLogits:
    """What a head writes at one position about the next token.

    up: the tokens it pushes up most, down: those it pushes down most, strongest first. Adding the same to all logits
    changes no probability, so each figure is less the head's mean over the vocabulary. first_guess: the same for the
    model's own first guess. identity_error: largest difference between the logits of all parts of the model added up
    and the model's own.
    """

    head: HeadId
    position: int
    up: tuple[Push, ...]
    down: tuple[Push, ...]
    first_guess: Push
    identity_error: float
    notices: tuple[Notice, ...] = field(default=())


def head_direct_logits(loaded: LoadedModel, ids: Sequence[int], head: HeadId, n_pushes: int = N_PUSHES) -> DirectLogits:
    """What a head writes at the last of these tokens. Raises: UserError as `residual_parts.split_residual`."""
    parts = split_residual(loaded, list(ids))
    logits = parts.direct_logits(parts.heads[head])
    logits = logits - logits.mean()
    first_id = int(parts.logits.argmax())

    def pushes(order: torch.Tensor) -> tuple[Push, ...]:
        return tuple(
            _push(loaded, logits, token_id) for token_id in order.topk(min(n_pushes, len(order))).indices.tolist()
        )

    return DirectLogits(
        head=head,
        position=len(ids) - 1,
        up=pushes(logits),
        down=pushes(-logits),
        first_guess=_push(loaded, logits, first_id),
        identity_error=parts.identity_error,
    )


def _push(loaded: LoadedModel, logits: torch.Tensor, token_id: int) -> Push:
    return Push(tokens_from_ids(loaded.tokenizer, [token_id])[0], float(logits[token_id]))
