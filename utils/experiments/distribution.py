"""Next-token distributions: their most likely tokens, and how far one is from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from utils.tokens import Token, tokens_from_ids

if TYPE_CHECKING:
    from utils.models.loader import LoadedModel


@dataclass(frozen=True)
class Guess:
    """A token that may come next: its probability in [0, 1], and its logit."""

    token: Token
    prob: float
    logit: float


def top_ids(logits: torch.Tensor, count: int) -> list[int]:
    """The likeliest tokens' ids, likeliest first. Args: logits: [vocabulary]."""
    return logits.topk(min(count, len(logits))).indices.tolist()


def guesses(loaded: LoadedModel, logits: torch.Tensor, ids: Sequence[int]) -> tuple[Guess, ...]:
    """Probability and logit of the tokens with these ids, in that order. Args: logits: [vocabulary]."""
    probs = torch.softmax(logits.double(), dim=-1)
    return tuple(
        Guess(tokens_from_ids(loaded.tokenizer, [token_id])[0], float(probs[token_id]), float(logits[token_id]))
        for token_id in ids
    )


def kl_nats(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """KL(before || after) in nats, at least 0: what is lost by expecting `after` where `before` holds.

    Args: logits [..., vocabulary] of the same shape, or of shapes that broadcast. Returns: [...], float64.
    """
    log_before, log_after = (torch.log_softmax(logits.double(), dim=-1) for logits in (before, after))
    return (log_before.exp() * (log_before - log_after)).sum(-1).clamp(min=0)
