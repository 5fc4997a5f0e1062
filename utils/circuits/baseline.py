"""How well heads with random weights fit each other: what a composition score is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from utils.circuits.pair_products import pair_fits, writer_factors
from utils.circuits.spectra import triangle

N_DRAWN = 16  # writers, and as many readers: 256 pairs
SEED = 0


@dataclass(frozen=True)
class RandomFit:
    """Pairs of heads with Gaussian weights. mean, spread: of their scores, the spread one standard deviation.
    breadth: the mean effective rank of their products."""

    mean: float
    spread: float
    breadth: float


@lru_cache(maxsize=64)
def random_fit(d_model: int, d_head: int) -> RandomFit:
    """The fit of random heads of this size, from 256 pairs drawn with a fixed seed; the mean is near 1/sqrt(d_model).

    It is the same for Q, K and V, since all weights are drawn alike.
    """
    generator = torch.Generator().manual_seed(SEED)
    W_V, W_O, W_Q, W_K = torch.randn(4, N_DRAWN, d_model, d_head, generator=generator)
    scores, breadths = pair_fits(writer_factors(W_V, W_O.mT), W_Q @ triangle(W_K).mT)
    return RandomFit(float(scores.mean()), float(scores.std()), float(breadths.mean()))
