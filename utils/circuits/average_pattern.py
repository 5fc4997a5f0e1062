"""Where a head looks on average: its mean pattern over the texts that the catalogue is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.catalogue.engines import PyVeneEngine, read_sequences
from utils.catalogue.run import texts_for
from utils.heads import HeadId
from utils.models.loader import LoadedModel

MOST_POSITIONS = 24
SEED = 0


@dataclass(frozen=True, eq=False)
class AveragePattern:
    """pattern: [query_pos, key_pos], causal, rows sum to 1, read-only: the mean over n_texts texts of this many first
    positions. has_start_mark: whether position 0 is a start mark."""

    head: HeadId
    pattern: np.ndarray
    n_texts: int
    has_start_mark: bool


def mean_patterns(loaded: LoadedModel) -> tuple[np.ndarray, int]:
    """[layer, head, query_pos, key_pos], float32: the mean over the catalogue's texts, and how many those are.

    The texts (`catalogue/inputs.py`) are cut to the length of the shortest, 24 positions at most. Raises: UserError for
    a model that reads too few positions for them.
    """
    inputs = texts_for(loaded, SEED).inputs
    texts = (*inputs.repeated, *inputs.sentences)
    n_positions = min(MOST_POSITIONS, *map(len, texts))
    total = np.zeros((*loaded.shape.as_tuple, n_positions, n_positions))
    for reading in read_sequences(PyVeneEngine(loaded), [text[:n_positions] for text in texts]):
        total += reading.patterns
    mean = (total / len(texts)).astype(np.float32)
    mean.setflags(write=False)
    return mean, len(texts)
