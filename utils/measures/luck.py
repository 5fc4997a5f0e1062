"""Luck, counted: how likely blind looking hits as many places as a head did.

A row is a **chance** when the head looks there at all (look >= .1) and at most half of what it could look at is
predicted. The head **hits** it when more than half of its looking goes to the predicted keys T(q). Blind looking, which
picks a key without knowing the text, hits with chance at most p(q) = |T(q)| / q: it can give no more than one key over
half, and that key is a target as often as any other.

Counted are *different target keys* (of every hit row the heaviest target), because a head that looks at one key from
many rows made one choice and not many. The probability of so many hits by blind looks on all chances is the tail of a
Poisson-binomial distribution (one term per row, each with its own p); the counted number is at most the number of rows
hit, so the tail is no less than the truth.

With m heads shown together, one of them passes a limit of .05 by luck m times as often, so a count is no luck from
.05 / m down (Bonferroni).
"""

from __future__ import annotations

import numpy as np

from utils.measures.evidence import Evidence
from utils.measures.figures import ROUNDING
from utils.measures.reading import Reading
from utils.measures.states import Counts

LEAST_LOOK = 0.1
HIT_SHARE = 0.5
MOST_PREDICTED = 0.5  # of the keys that a head may look at
LUCK_RATE = 0.05


def luck_limit(n_beside: int) -> float:
    """How likely luck may be at most for one of so many heads that are shown together."""
    return LUCK_RATE / max(1, n_beside)


def count(reading: Reading, evidence: Evidence) -> Counts:
    """Chances, hits and luck of every head on the evidence rows of one text. Args: reading: of heads that see equally
    far."""
    is_chance, is_hit = chances_and_hits(*masses(reading, evidence), evidence)
    hits = _n_different_keys(reading, evidence, is_hit)
    blind = np.where(is_chance, evidence.looking_chance, 0.0)  # one term per chance; a sum of 1/13 and 1/14 is .148
    return Counts(is_chance.sum(axis=-1), hits, tail(blind, hits), blind.sum(axis=-1))


def masses(reading: Reading, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """On every evidence row the attention on T(q), and look(q), the attention that is not rest: [..., n_rows] each.

    look(q) is 1 - A[q, 0], and 1 where the first token is no resting place.
    """
    queries, keys, begins = _cells(evidence)
    mass = np.add.reduceat(reading.patterns[..., queries, keys], begins, axis=-1)
    resting = np.where(evidence.can_rest, reading.patterns[..., evidence.rows, 0].astype(np.float64), 0.0)
    return mass, np.clip(1.0 - resting, 0.0, 1.0)


def chances_and_hits(mass: np.ndarray, look: np.ndarray, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Which evidence rows count, and which of those are hit: bool [..., n_rows] each. Args: by `masses`."""
    is_chance = (look >= LEAST_LOOK - ROUNDING) & (evidence.looking_chance <= MOST_PREDICTED)
    return is_chance, is_chance & (mass > HIT_SHARE * look)


def _cells(evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query and key of every predicted cell, row by row, and where in that list each evidence row begins."""
    places, keys = np.nonzero(evidence.targets[evidence.rows])
    return evidence.rows[places], keys, np.searchsorted(places, np.arange(len(evidence.rows)))


def heaviest_targets(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The target key with most attention of every row, int [...]. Args: both [..., key_pos], of the same rows."""
    return np.asarray(np.where(targets, rows, -1).argmax(axis=-1))


def _n_different_keys(reading: Reading, evidence: Evidence, is_hit: np.ndarray) -> np.ndarray:
    """How many different keys the hit rows of each head have, of each row the target with most attention: int [...]."""
    is_seen = np.zeros((*is_hit.shape[:-1], evidence.targets.shape[1]), dtype=bool)
    *head, place = np.nonzero(is_hit)
    rows = evidence.rows[place]
    is_seen[*head, heaviest_targets(reading.patterns[*head, rows], evidence.targets[rows])] = True
    return np.asarray(is_seen.sum(axis=-1))


def tail(chances: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """P(at least `hits` of the rows come out), when each does with its own chance and none knows of another.

    Args: chances: [..., n_rows] in [0, 1]. hits: int [...]. Returns: [...]; 1.0 for no hits.

    Example: two rows with chances 1/13 and 1/14, both hit: 1/182 = .00549.
    """
    flat, found = hits.reshape(-1), np.ones(hits.size)
    some = np.flatnonzero(flat)  # no hit is certain
    if len(some):
        found[some] = _tail_of_some(np.moveaxis(chances, -1, 0).reshape(chances.shape[-1], -1)[:, some], flat[some])
    return found.reshape(hits.shape)


def _tail_of_some(chances: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """The same for heads with a hit. Args: chances: [n_rows, head]."""
    most = int(hits.max())
    n_so_far = np.zeros((most + 1, len(hits)))  # how likely so many rows came out; the last entry: that many or more
    n_so_far[0] = 1.0
    for n_before, chance in enumerate(chances):
        reached = min(n_before + 1, most)
        one_more = n_so_far[:reached] * chance
        n_so_far[:reached] -= one_more
        n_so_far[1 : reached + 1] += one_more
    at_least = np.flip(np.flip(n_so_far, axis=0).cumsum(axis=0), axis=0)
    return np.clip(at_least[hits, np.arange(len(hits))], 0.0, 1.0)
