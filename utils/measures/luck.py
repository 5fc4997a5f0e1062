"""What a head with random logits exceeds in at most 5 % of cases on given evidence rows: the luck limit L.

One row of a short text proves little, many rows prove much, and L says how much. It comes from `N_DRAWS` heads with
random logits of standard deviation 3 (spikier than most heads, so L is careful), with a fixed seed. Because draws only
estimate a 95th percentile, the upper end of its 99.8 % confidence interval is taken (Hahn & Meeker 1991, order
statistics), here the 95.7th. The logits of one row are exchangeable, so L depends only on how many keys each row sees
and how many of them are targets.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from utils.measures.measure import Evidence, excess_over_chance

N_DRAWS = 10_000
LOGIT_STD = 3.0
LUCK_RATE = 0.05
SEED = 20260


def luck_limit(evidence: Evidence) -> float:
    """L: the excess that a random-logit head exceeds in at most 5 % of cases on these rows.

    About .87 for one row of 6 tokens and .36 for one of 20; near 0 for many rows. 1.0 without a row.
    """
    n_targets = evidence.targets[evidence.rows].sum(axis=1)
    return _luck_limit(tuple(zip(evidence.rows.tolist(), n_targets.tolist(), strict=True)))


@lru_cache(maxsize=1024)
def _luck_limit(rows: tuple[tuple[int, int], ...]) -> float:
    """The same from (query_pos, number of targets) of each evidence row."""
    if not rows:
        return 1.0
    scores = sum(random_head_mass(query_pos, n_targets) for query_pos, n_targets in rows) / len(rows)
    chance = sum(n_targets / (query_pos + 1) for query_pos, n_targets in rows) / len(rows)
    rank = _careful_rank()
    limit = float(np.partition(np.asarray(scores), rank)[rank])
    return min(1.0, excess_over_chance(limit, chance))


def _careful_rank() -> int:
    """Index among the sorted draws of the upper confidence limit for their 95th percentile."""
    spread = 3.09 * math.sqrt(LUCK_RATE * (1 - LUCK_RATE) / N_DRAWS)
    return math.ceil(N_DRAWS * (1 - LUCK_RATE + spread))


@lru_cache(maxsize=1024)
def random_head_mass(query_pos: int, n_targets: int) -> np.ndarray:
    """Attention mass that random-logit heads put on `n_targets` of the `query_pos` + 1 keys in sight: [N_DRAWS].

    The softmax of a row is weight / sum of weights. The targets' weights are drawn for this row; the rest of the sum
    is read from one table of running sums, started at another draw for every row, so that rows are independent.
    """
    n_others = query_pos + 1 - n_targets
    logits = np.random.default_rng((SEED, query_pos, n_targets)).standard_normal((n_targets, N_DRAWS), np.float32)
    on_targets = np.exp(LOGIT_STD * logits).sum(axis=0)
    table = _running_sums(max(128, 1 << (n_others - 1).bit_length()))
    on_others = np.roll(table[n_others - 1], 997 * query_pos)
    mass = on_targets / (on_targets + on_others)
    mass.flags.writeable = False
    return mass


@lru_cache(maxsize=1)
def _running_sums(n_keys: int) -> np.ndarray:
    """Sums of the first 1 … n_keys random weights exp(3 z): [n_keys, N_DRAWS]; a longer table begins with a shorter."""
    logits = np.random.default_rng(SEED).standard_normal((n_keys, N_DRAWS), np.float32)
    return np.cumsum(np.exp(LOGIT_STD * logits), axis=0, dtype=np.float32)
