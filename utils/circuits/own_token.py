"""Whether a head looks for its own token, told from its matches on a text, and a place of the text that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from utils.forward_pass import ForwardPass

STRIPE_FROM = 0.5  # the share of rows whose best match is on the diagonal, from which it is called a stripe


@dataclass(frozen=True)
class Place:
    """A place in a text: the token at query_pos was there before, at key_pos - 1, and key_pos followed it."""

    query_pos: int
    key_pos: int


def diagonal_share(looks_for: np.ndarray) -> float:
    """The share of rows [query token, key token] whose best match is their own token, in [0, 1]."""
    return float((looks_for.argmax(axis=1) == np.arange(len(looks_for))).mean())


def looks_for_own_token(looks_for: np.ndarray) -> bool:
    """Whether at least half of the rows [query token, key token] match their own token best."""
    return diagonal_share(looks_for) >= STRIPE_FROM


def text_place(forward: ForwardPass) -> Place | None:
    """The last place whose token stood there before, with at least one token between; None without any.

    Example: in `A B C A` it is position 3 with key position 1, the B that followed the earlier A.
    """
    ids = list(forward.token_ids)
    first = 1 if forward.has_start_mark else 0
    for query_pos in range(len(ids) - 1, 1, -1):
        if not forward.tokens[query_pos].is_typed:
            continue
        copies = [pos for pos in range(first, query_pos - 1) if ids[pos] == ids[query_pos]]
        if copies:
            return Place(query_pos, copies[-1] + 1)
    return None
