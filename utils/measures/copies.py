"""What repeats in a text: arrays bool [query_pos, key_pos] over its token ids."""

from __future__ import annotations

import numpy as np


def earlier_copies(token_ids: np.ndarray) -> np.ndarray:
    """The key holds the same token as the query and stands before it."""
    return np.tril(token_ids[:, None] == token_ids[None, :], k=-1)


def after_earlier_copies(token_ids: np.ndarray) -> np.ndarray:
    """The key stands right after an earlier copy of the query's token.

    Example: in `A B C A` the last query (position 3) has its copy at 0, so its key is position 1, the B.
    """
    targets = np.zeros((len(token_ids), len(token_ids)), dtype=bool)
    targets[:, 1:] = earlier_copies(token_ids)[:, :-1]
    return targets
