"""The simplest detectors of heads: plain means over attention patterns, and a threshold that somebody chooses.

After the detectors of ARENA's exercises on the two-layer toy model (McDougall). They are kept apart from
`scoring.py` on purpose, because they measure something else: row 0 counts, where the first token can look at nothing
but itself and every head has 1.0, and there is no chance level. So a short text makes every head look like a
first-token head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from utils.heads import HeadId

PREVIOUS, CURRENT, FIRST = "previous", "current", "first"


def _mean_previous(patterns: np.ndarray) -> np.ndarray:
    """The n - 1 cells one step left of the diagonal; 0 where there is no such cell."""
    if patterns.shape[-1] < 2:
        return np.zeros(patterns.shape[:-2])
    return np.diagonal(patterns, offset=-1, axis1=-2, axis2=-1).mean(axis=-1)


def _mean_current(patterns: np.ndarray) -> np.ndarray:
    return np.diagonal(patterns, axis1=-2, axis2=-1).mean(axis=-1)


def _mean_first(patterns: np.ndarray) -> np.ndarray:
    return patterns[..., 0].mean(axis=-1)


DETECTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    PREVIOUS: _mean_previous,
    CURRENT: _mean_current,
    FIRST: _mean_first,
}


def raw_detector_scores(patterns: np.ndarray) -> dict[str, np.ndarray]:
    """The mean weight on the previous token, on the token itself, and on the first token: [layer, head] in [0, 1].

    Args: patterns: [layer, head, query_pos, key_pos], causal, rows sum to 1.
    Raises: ValueError with the shape received when it is not that.

    Every row counts, row 0 too. Worked example: on three tokens a head that always looks at the first one has the rows
    [1, 0, 0], [1, 0, 0], [1, 0, 0]. It scores 1 for `first`; (1 + 0 + 0) / 3 for `current`, all of it from row 0; and
    (1 + 0) / 2 for `previous`, since the first token is the previous one of the second.
    """
    if patterns.ndim != 4 or patterns.shape[-1] != patterns.shape[-2] or patterns.shape[-1] == 0:
        raise ValueError(f"Patterns must be [layer, head, query_pos, key_pos], not {patterns.shape}.")
    return {name: mean(patterns) for name, mean in DETECTORS.items()}


def detect(scores: Mapping[str, np.ndarray], threshold: float) -> dict[str, list[HeadId]]:
    """The heads whose score is over a threshold, by detector, in order of layer and head.

    Args: scores: detector -> [layer, head]. Worked example: scores [[0.2, 0.9], [0.4, 0.5]] over 0.4 are L0H1 and
    L1H1; 0.4 itself is not over 0.4.
    """
    return {
        name: [HeadId(int(layer), int(head)) for layer, head in np.argwhere(matrix > threshold)]
        for name, matrix in scores.items()
    }
