"""Who holds a role whose strength is an excess over chance: the limits that every such measure shares."""

from __future__ import annotations

import numpy as np

HOLD_EXCESS = 0.4  # held in full above
WEAK_EXCESS = 0.25  # held weakly above, by the best head of a layer in which none holds it in full


def holds_in_full(excess: np.ndarray) -> np.ndarray:
    """bool [layer, head]."""
    return np.asarray(excess > HOLD_EXCESS)


def stands_in(excess: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Which heads stand in for a layer without a holder: bool [layer, head]. Args: full: who holds it in full."""
    is_best = np.arange(full.shape[1]) == excess.argmax(axis=1)[:, None]
    layer_has_none = ~full.any(axis=1, keepdims=True)
    return np.asarray(is_best & layer_has_none & (excess > WEAK_EXCESS))
